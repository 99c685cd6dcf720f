"""Derive predictions from real market data, as JSON lines for `--signals`.

From options flow (default): in each minute and over the `--window` minutes before its end, the
side that paid more premium is the signal, and its share of all premium the confidence. Calls
dominate: BUY. Puts dominate: SHORT. A share under `--share`, or less premium than
`--min-premium`: NEUTRAL.

From bars (`--from-bars`), where no flow is at hand: the return of the close over the `--window`,
in units of what chance alone would do (the standard deviation of the one-minute returns of the
last `--volatility` bars, times the square root of the window), read as a normal deviate z. The
confidence is the probability of a smaller |z|, the signal its sign, with the same `--share`.

A bar is labelled with its start and known at its end, so a prediction carries the end: it looks
ahead of nothing. Only the regular session, 09:30 to 16:00 New York, is used, and every session
starts with empty windows. None of this claims to predict prices.

Example:
    python derive_predictions.py FLOW.parquet --out predictions.jsonl
    python derive_predictions.py MINUTES.parquet --from-bars --symbol SPY --out predictions.jsonl
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections import deque
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from orderloom.feeds import Bar, FeedError, read_items
from orderloom.instant import NS_PER_SECOND
from orderloom.signals import Prediction, PredictionRecord, Signal, write_records
from orderloom.signals.book import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = 60 * NS_PER_SECOND
FLOW_COLUMNS = ("ts_utc", "underlying", "call_premium", "put_premium")


class Flow(NamedTuple):
    """One minute of option premium (dollars), labelled with its start (UTC ns)."""

    start: int
    symbol: str
    call_premium: float
    put_premium: float


def session_of(start: int) -> date | None:
    """The New York day of a regular-session minute; None for any other minute."""
    local = datetime.fromtimestamp(start // NS_PER_SECOND, UTC).astimezone(NEW_YORK)
    return local.date() if time(9, 30) <= local.time() < time(16) else None


def read_flow(path: Path) -> list[Flow]:
    """The rows of a flow file in time order."""
    import polars as pl  # noqa: PLC0415

    frame = pl.read_parquet(path)
    missing = [name for name in FLOW_COLUMNS if name not in frame.columns]
    if missing:
        raise FeedError(f"{path}: expected options flow, it lacks {', '.join(missing)}")
    at = pl.col("ts_utc").dt.cast_time_unit("ns").dt.epoch("ns")
    rows = frame.with_columns(ts_utc=at).select(FLOW_COLUMNS).sort("ts_utc")
    return [Flow(*row) for row in rows.iter_rows()]


def from_flow(
    flows: list[Flow], *, window: int, share: float, premium_min: float
) -> Iterator[PredictionRecord]:
    """One prediction a minute with trades, from the premium of the last `window` minutes."""
    recent: deque[Flow] = deque()
    session = None
    for flow in flows:
        today = session_of(flow.start)
        if today is None:
            continue
        if today != session:
            recent.clear()
            session = today
        recent.append(flow)
        while recent[0].start <= flow.start - window * MINUTE:
            recent.popleft()
        calls = sum(each.call_premium for each in recent)
        puts = sum(each.put_premium for each in recent)
        total = calls + puts
        if total <= 0:
            continue
        dominant = max(calls, puts) / total
        is_clear = dominant >= share and total >= premium_min
        signal = (Signal.BUY if calls >= puts else Signal.SHORT) if is_clear else Signal.NEUTRAL
        yield record(
            flow.symbol,
            signal,
            dominant,
            (puts / total, 0.0, calls / total),
            flow.start + MINUTE,
            None,
            {"call_premium": calls, "put_premium": puts},
        )


def from_bars(
    bars: list[Bar], *, window: int, share: float, volatility: int
) -> Iterator[PredictionRecord]:
    """One prediction a bar, once `volatility` bars of the session have been seen."""
    closes: deque[float] = deque(maxlen=volatility + 1)
    session = None
    for bar in bars:
        today = session_of(bar.start)
        if today is None:
            continue
        if today != session:
            closes.clear()
            session = today
        closes.append(bar.close)
        if len(closes) <= volatility:
            continue
        prices = list(closes)
        returns = [math.log(b / a) for a, b in itertools.pairwise(prices)]
        chance = statistics.stdev(returns) * math.sqrt(window)
        if chance == 0:
            continue
        z = math.log(prices[-1] / prices[-1 - window]) / chance
        confidence = math.erf(abs(z) / math.sqrt(2))
        direction = Signal.BUY if z >= 0 else Signal.SHORT
        signal = direction if confidence >= share else Signal.NEUTRAL
        up = (1 + math.erf(z / math.sqrt(2))) / 2
        yield record(
            bar.symbol, signal, confidence, (1 - up, 0.0, up), bar.end, bar.close, {"momentum_z": z}
        )


def record(
    symbol: str,
    signal: Signal,
    confidence: float,
    probabilities: tuple[float, float, float],
    at: int,
    price: float | None,
    features: dict[str, float],
) -> PredictionRecord:
    """A prediction made and served at `at`; `probabilities` are those of down, flat and up."""
    prediction = Prediction(
        ticker=symbol,
        signal=signal,
        numeric=NUMERIC[signal],
        confidence=round(confidence, 6),
        probabilities=tuple(round(each, 6) for each in probabilities),
        predicted_at=at,
        stock_price=price,
        features={name: round(value, 6) for name, value in features.items()},
        id=f"derived-{symbol}-{at // NS_PER_SECOND}",
    )
    return PredictionRecord(prediction, at)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", type=Path, help="options flow, or bars with --from-bars")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines to write")
    parser.add_argument("--from-bars", action="store_true", help="momentum of bars, not flow")
    parser.add_argument("--symbol", help="only this symbol")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day, included")
    parser.add_argument("--window", type=int, default=5, help="minutes looked back (%(default)s)")
    parser.add_argument(
        "--share", type=float, default=0.7, help="least confidence of a signal (%(default)s)"
    )
    parser.add_argument(
        "--min-premium", type=float, default=100_000, help="dollars in the window (%(default)s)"
    )
    parser.add_argument(
        "--volatility", type=int, default=30, help="bars behind the deviation (%(default)s)"
    )
    options = parser.parse_args(argv)
    if not 0 <= options.share <= 1:
        parser.error(f"--share must be from 0 to 1, was {options.share}")
    if not 1 <= options.window <= options.volatility:
        parser.error("--window must be from 1 to --volatility")
    return options


def main(argv: list[str] | None = None) -> int:
    """Derive, write, and say how many of which signal."""
    options = arguments(argv)

    def is_wanted(start: int, symbol: str) -> bool:
        day = session_of(start)
        return (
            day is not None
            and (options.symbol is None or symbol == options.symbol)
            and (options.first is None or day >= options.first)
            and (options.last is None or day <= options.last)
        )

    try:
        if options.from_bars:
            bars = [item for item in read_items(options.input) if isinstance(item, Bar)]
            wanted = [bar for bar in bars if is_wanted(bar.start, bar.symbol)]
            symbols = sorted({bar.symbol for bar in wanted})
            records = [
                each
                for symbol in symbols
                for each in from_bars(
                    [bar for bar in wanted if bar.symbol == symbol],
                    window=options.window,
                    share=options.share,
                    volatility=options.volatility,
                )
            ]
        else:
            flows = [flow for flow in read_flow(options.input) if is_wanted(flow[0], flow[1])]
            symbols = sorted({flow.symbol for flow in flows})
            records = [
                each
                for symbol in symbols
                for each in from_flow(
                    [flow for flow in flows if flow.symbol == symbol],
                    window=options.window,
                    share=options.share,
                    premium_min=options.min_premium,
                )
            ]
    except (FeedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    records.sort(key=lambda each: each.served_at)
    written = write_records(options.out, records)
    counts = {
        str(signal): sum(each.prediction.signal is signal for each in records) for signal in NUMERIC
    }
    print(f"{options.out}: {written} predictions, {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

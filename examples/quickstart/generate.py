"""Generate the sample data that ship with orderloom: a market session and its predictions.

The prices are invented; only the tickers are real. The same seed gives the same bytes, and a
test holds the committed files to that. README.md beside this file tells the story they hold.

    python examples/quickstart/generate.py [DIRECTORY]
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEED = 7
# 2026-03-10, 09:30 to 16:00 in New York, which is on daylight time: UTC - 4 hours.
OPEN = datetime(2026, 3, 10, 13, 30, tzinfo=UTC)
MINUTES = 390
SAMPLES = Path(__file__).parents[2] / "python" / "orderloom" / "samples"

HEADER = """\
# Generated sample data: every price and volume is invented (examples/quickstart/generate.py).
# Minute bars of one regular session, labelled with their start. No market ever traded like this.
ts_utc,symbol,open,high,low,close,volume
"""


@dataclass(frozen=True)
class Series:
    """One symbol: closes in cents at some minutes, straight lines between, noise around them."""

    symbol: str
    noise: int
    volume: int
    closes: tuple[tuple[int, int], ...]


def minute(clock: str) -> int:
    """Minutes from the open to a New York time of day."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes) - (9 * 60 + 30)


def closes(**cents: int) -> tuple[tuple[int, int], ...]:
    """Corner points as `at_HHMM=cents`."""
    return tuple((minute(f"{name[3:5]}:{name[5:]}"), value) for name, value in cents.items())


SERIES = (
    Series(
        "AAPL",
        noise=5,
        volume=60_000,
        closes=closes(
            at_0930=19_980, at_1000=20_000, at_1100=20_440, at_1130=20_520, at_1230=21_130,
            at_1300=21_060, at_1430=21_020, at_1515=21_060, at_1559=21_050,
        ),
    ),
    Series(
        "MSFT",
        noise=10,
        volume=35_000,
        closes=closes(
            at_0930=40_020, at_0952=40_000, at_1012=39_360, at_1130=39_300, at_1300=39_400,
            at_1345=39_780, at_1559=39_700,
        ),
    ),
    Series(
        "TSLA",
        noise=8,
        volume=80_000,
        closes=closes(
            at_0930=25_060, at_1020=25_000, at_1140=24_120, at_1300=24_200, at_1559=24_160,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A prediction at a New York time of day, served from `served` on where that is later."""

    clock: str
    ticker: str
    signal: str
    confidence: float
    served: str | None = None


STORY = (
    Told("09:31", "AAPL", "NEUTRAL", 0.55),
    Told("09:31", "MSFT", "NEUTRAL", 0.61),
    Told("09:31", "TSLA", "NEUTRAL", 0.52),
    Told("09:50", "AAPL", "BUY", 0.62),
    Told("09:52", "MSFT", "BUY", 0.85),
    Told("10:00", "AAPL", "BUY", 0.91),
    Told("10:16", "MSFT", "BUY", 0.93),
    Told("10:20", "TSLA", "SHORT", 0.92),
    Told("10:20", "TSLA", "SHORT", 0.92, served="10:21"),
    Told("10:30", "AAPL", "SHORT", 0.88),
    Told("11:30", "MSFT", "BUY", 0.90, served="11:36"),
    Told("12:00", "TSLA", "NEUTRAL", 0.58),
    Told("13:00", "MSFT", "BUY", 0.84),
    Told("13:15", "AAPL", "NEUTRAL", 0.57),
    Told("13:45", "MSFT", "SELL", 0.82),
    Told("14:20", "MSFT", "BUY", 0.83),
    Told("14:30", "AAPL", "BUY", 0.86),
    Told("15:00", "TSLA", "BUY", 0.95),
    Told("15:05", "MSFT", "SHORT", 0.90),
)

NUMERIC = {"SHORT": -2, "SELL": -1, "NEUTRAL": 0, "BUY": 1}


def line(series: Series, at: int) -> int:
    """The close in cents before noise."""
    points = series.closes
    for (left, low), (right, high) in itertools.pairwise(points):
        if left <= at <= right:
            return low + (high - low) * (at - left) // (right - left)
    return points[-1][1]


def bars(chance: random.Random) -> dict[str, list[tuple[int, int, int, int, int]]]:
    """Open, high, low, close in cents and volume, for every minute of every symbol."""

    def up_to(most: int) -> int:
        return int(chance.random() * (most + 1))

    table = {}
    for series in SERIES:
        rows = []
        before = series.closes[0][1]
        for at in range(MINUTES):
            close = line(series, at) + up_to(2 * series.noise) - series.noise
            high = max(before, close) + 1 + up_to(series.noise)
            low = min(before, close) - 1 - up_to(series.noise)
            # Most is traded after the open and before the close.
            busy = 1 + 2 * abs(2 * at - MINUTES) // MINUTES
            volume = series.volume * busy + up_to(series.volume)
            rows.append((before, high, low, close, volume))
            before = close
        table[series.symbol] = rows
    return table


def iso(at: datetime) -> str:
    """UTC with `Z`."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def market_csv(table: dict[str, list[tuple[int, int, int, int, int]]]) -> str:
    """All bars in time order."""
    lines = [HEADER]
    for at in range(MINUTES):
        start = iso(OPEN + timedelta(minutes=at))
        for symbol, rows in table.items():
            *prices, volume = rows[at]
            cells = ",".join(f"{cents // 100}.{cents % 100:02d}" for cents in prices)
            lines.append(f"{start},{symbol},{cells},{volume}\n")
    return "".join(lines)


def predictions_jsonl(table: dict[str, list[tuple[int, int, int, int, int]]]) -> str:
    """The story, a record a line, in the order in which it is served."""
    lines = []
    for told in STORY:
        at = OPEN + timedelta(minutes=minute(told.clock))
        rest = round(1 - told.confidence, 2)
        sides = {"SHORT": 0, "SELL": 0, "NEUTRAL": 1, "BUY": 2}
        probabilities = [round(rest / 2, 4)] * 3
        probabilities[sides[told.signal]] = told.confidence
        record = {
            "id": f"sample-{told.ticker}-{told.clock.replace(':', '')}",
            "ticker": told.ticker,
            "signal": told.signal,
            "numeric": NUMERIC[told.signal],
            "confidence": told.confidence,
            "probabilities": probabilities,
            "timestamp": int(at.timestamp()) * 1000,
            "datetime": iso(at),
            "datetime_of_data": iso(at - timedelta(minutes=1)),
            "prediction_time": iso(at),
            "stock_price": table[told.ticker][minute(told.clock) - 1][3] / 100,
            "feature_values": {"generated": 1.0},
        }
        if told.served is not None:
            record["served_at"] = iso(OPEN + timedelta(minutes=minute(told.served)))
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


def generate(directory: Path) -> None:
    """Write `market.csv` and `predictions.jsonl`."""
    table = bars(random.Random(SEED))
    (directory / "market.csv").write_text(market_csv(table), encoding="utf-8")
    (directory / "predictions.jsonl").write_text(predictions_jsonl(table), encoding="utf-8")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)

"""The sample data are what their generator makes, and hold the story that is told of them."""

from __future__ import annotations

import itertools
import runpy
from functools import cache
from pathlib import Path

import pytest

from orderloom import samples
from orderloom.feeds import Bar, read_items
from orderloom.instant import iso_to_ns
from orderloom.signals import PredictionBook, PredictionRecord, Signal, read_records

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
DERIVE = Path(__file__).parents[2] / "examples" / "aapl-flow" / "derive_predictions.py"
OPEN = iso_to_ns("2026-03-10T09:30:00-04:00")
MINUTE = 60_000_000_000
ATR_PERIOD = 14


def minute(clock: str) -> int:
    return (iso_to_ns(f"2026-03-10T{clock}:00-04:00") - OPEN) // MINUTE


@cache
def bars(symbol: str) -> list[Bar]:
    items = read_items(samples.market(), symbols=[symbol])
    return [item for item in items if isinstance(item, Bar)]


def told(ticker: str, clock: str) -> PredictionRecord:
    at = OPEN + minute(clock) * MINUTE
    (record,) = (
        record
        for record in read_records(samples.predictions())
        if record.prediction.ticker == ticker and record.served_at == at
    )
    return record


def atr(symbol: str, at: int) -> float:
    """Wilder's average true range over the bars before minute `at`."""
    known = bars(symbol)[:at]
    ranges = [
        max(bar.high, before.close) - min(bar.low, before.close)
        for before, bar in itertools.pairwise(known)
    ]
    value = sum(ranges[:ATR_PERIOD]) / ATR_PERIOD
    for each in ranges[ATR_PERIOD:]:
        value += (each - value) / ATR_PERIOD
    return value


def first(symbol: str, since: int, *, above: float = 1e9, below: float = 0.0) -> int | None:
    """The first minute from `since` in which the price reaches one of two levels."""
    touched = (
        n
        for n, bar in enumerate(bars(symbol)[since:], start=since)
        if bar.high >= above or bar.low <= below
    )
    return next(touched, None)


def test_the_generator_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    runpy.run_path(str(QUICKSTART / "generate.py"))["generate"](tmp_path)

    for committed in (samples.market(), samples.predictions()):
        assert (tmp_path / committed.name).read_bytes() == committed.read_bytes()


def test_the_session_is_whole_plausible_and_small() -> None:
    for symbol in ("AAPL", "MSFT", "TSLA"):
        day = bars(symbol)
        assert [bar.start for bar in day] == [OPEN + n * MINUTE for n in range(390)]
        assert all(abs(bar.close / bar.open - 1) < 0.002 for bar in day)
        assert all(round(bar.close * 100) / 100 == bar.close for bar in day)
    size = samples.market().stat().st_size + samples.predictions().stat().st_size
    assert size < 300_000
    assert "invented" in samples.market().read_text().splitlines()[0]


def test_the_first_aapl_long_scales_in_at_two_percent_and_ends_at_its_target() -> None:
    start = minute("10:00")
    entry = bars("AAPL")[start].open
    stop = entry - 12 * atr("AAPL", start)
    adds = first("AAPL", start, above=entry * 1.02, below=stop)
    assert adds is not None
    assert minute("10:30") < adds < minute("11:15")

    added = bars("AAPL")[adds + 1].open
    average = (75 * entry + 50 * added) / 125
    stop = average - 12 * atr("AAPL", adds)
    ends = first("AAPL", adds + 1, above=average * 1.04, below=stop)

    assert ends is not None
    assert bars("AAPL")[ends].high >= average * 1.04
    assert minute("12:00") < ends < minute("12:45")


def test_the_msft_long_is_stopped_before_the_buy_that_meets_its_cooldown() -> None:
    start = minute("09:52")
    entry = bars("MSFT")[start].open
    stop = entry - 12 * atr("MSFT", start)
    ends = first("MSFT", start, above=entry * 1.04, below=stop)

    assert ends is not None
    assert bars("MSFT")[ends].low <= stop
    again = told("MSFT", "10:16").prediction
    assert again.signal is Signal.BUY
    assert ends < minute("10:15")
    assert minute("10:16") - start < 30


def test_the_tsla_short_ends_at_its_target() -> None:
    start = minute("10:20")
    entry = bars("TSLA")[start].open
    stop = entry + 12 * atr("TSLA", start)
    ends = first("TSLA", start, above=stop, below=entry * 0.97)

    assert ends is not None
    assert bars("TSLA")[ends].low <= entry * 0.97
    assert minute("11:15") < ends < minute("11:45")


@pytest.mark.parametrize(
    ("symbol", "clock", "until"),
    [("AAPL", "14:30", "16:00"), ("MSFT", "13:00", "13:46"), ("MSFT", "14:20", "15:06")],
)
def test_the_late_longs_meet_neither_stop_nor_target(symbol: str, clock: str, until: str) -> None:
    start = minute(clock)
    entry = bars(symbol)[start].open
    stop = entry - 12 * atr(symbol, start)

    ends = first(symbol, start, above=entry * 1.02, below=stop)

    assert ends is None or ends >= minute(until)


def test_one_prediction_comes_twice_and_one_comes_too_late() -> None:
    once, again = told("TSLA", "10:20"), told("TSLA", "10:21")
    assert once.prediction == again.prediction
    late = told("MSFT", "11:36")
    assert late.served_at - late.prediction.predicted_at > 120_000_000_000

    keys = [record.prediction.key for record in read_records(samples.predictions())]
    assert len(keys) - len(set(keys)) == 1
    book = PredictionBook(read_records(samples.predictions()))
    assert all(book.latest(ticker, OPEN + MINUTE) for ticker in book.tickers)


def test_predictions_derived_from_the_sample_bars_never_look_ahead(tmp_path: Path) -> None:
    derive = runpy.run_path(str(DERIVE))["main"]
    out = tmp_path / "derived.jsonl"

    assert (
        derive([str(samples.market()), "--from-bars", "--symbol", "MSFT", "--out", str(out)]) == 0
    )

    records = read_records(out)
    assert len(records) == 390 - 30
    falling = [r.prediction for r in records if r.prediction.signal is Signal.SHORT]
    assert falling
    for record in records:
        bar = bars("MSFT")[(record.served_at - OPEN) // MINUTE - 1]
        assert (bar.end, bar.close) == (record.served_at, record.prediction.stock_price)

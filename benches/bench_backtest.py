"""How fast does history run, beside what a user would write or take instead?

Asked: a year of one-minute bars with linked orders (one symbol), fifty symbols for a month in time
order, and a million quotes with a bracket every ten thousand. Every 30 bars, if no trade is open,
100 shares go alternately long and short with a stop at 2 and a target at 3 ATR(14). The floors are
plain Python loops that do just this strategy and nothing else: no order book, no partial fills, no
limits, no reasons. Results are held against each other: trades must agree.

`make bench` runs the whole size; the ordinary tests run it small.
"""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import backtest, enter, signal
from orderloom.rules import rule

from .series import START, YEAR, Series, walk
from .strategy import EVERY, PERIOD, STOP, TARGET, strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture


def plain_loop(series: Series) -> int:
    """The same strategy and nothing else: enters at the next open, leaves at stop or target."""
    opens, highs, lows, closes = series.open, series.high, series.low, series.close
    average, ranges = 0.0, 0.0
    side, stop, target, trades, waiting = 0, 0.0, 0.0, 0, 0
    last = closes[0]
    for index in range(len(opens)):
        high, low = highs[index], lows[index]
        if waiting:
            entry = opens[index]
            side, waiting = waiting, 0
            stop = round(entry - side * STOP * average, 2)
            target = round(entry + side * TARGET * average, 2)
        is_out = (low <= stop or high >= target) if side > 0 else (high >= stop or low <= target)
        if side and is_out:
            side, trades = 0, trades + 1
        if index:
            spread = max(high, last) - min(low, last)
            if index < PERIOD:
                ranges += spread
            elif index == PERIOD:
                average = (ranges + spread) / PERIOD
            else:
                average += (spread - average) / PERIOD
        last = closes[index]
        if not side and index % EVERY == EVERY - 1 and index >= PERIOD:
            waiting = 1 if trades % 2 == 0 else -1
    return trades


@pytest.fixture(scope="module")
def is_full(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


def measure(benchmark: BenchmarkFixture, work: Callable[[], Any], items: int) -> Any:
    result = benchmark.pedantic(work, rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]  # untyped there
    if benchmark.stats:
        rate = items / benchmark.stats.stats.min
        benchmark.extra_info["million_per_s"] = round(rate / 1e6, 3)
    return result


def test_a_year_of_minutes_through_rules_and_linked_orders(
    benchmark: BenchmarkFixture, is_full: bool
) -> None:
    series = walk(YEAR if is_full else 3_000, seed=1)
    rules, table = strategy(), vars(series)
    result = measure(
        benchmark, lambda: backtest(rules, {"A": table}, commission="none"), len(series.open)
    )
    expected = plain_loop(series)
    # The floor sees no order of stop and target within one bar; nothing else differs.
    assert abs(len(result.native.trades()["pnl"]) - expected) <= 1 + expected // 200
    assert result.summary()["incidents"] == 0


def test_the_floor_a_plain_python_loop_for_this_strategy_alone(
    benchmark: BenchmarkFixture, is_full: bool
) -> None:
    series = walk(YEAR if is_full else 3_000, seed=1)
    assert measure(benchmark, lambda: plain_loop(series), len(series.open)) > 0


def test_fifty_symbols_for_twenty_days_in_time_order(
    benchmark: BenchmarkFixture, is_full: bool
) -> None:
    symbols, length = (50, 20 * 390) if is_full else (4, 800)
    tables = {f"S{number}": vars(walk(length, seed=number)) for number in range(symbols)}
    rules = strategy()
    result = measure(
        benchmark, lambda: backtest(rules, tables, commission="none"), symbols * length
    )
    found = result.native.trades()["symbol"]
    for number in range(symbols):
        expected = plain_loop(walk(length, seed=number))
        assert abs(found.count(f"S{number}") - expected) <= 1 + expected // 50


def test_quotes_with_a_bracket_every_ten_thousand(
    benchmark: BenchmarkFixture, is_full: bool
) -> None:
    length, every = (1_000_000, 10_000) if is_full else (20_000, 1_000)
    rng = random.Random(3)
    bids, price = array("d"), 100.0
    for _ in range(length):
        price = max(price + rng.gauss(0.0, 0.003), 5.0)
        bids.append(round(price, 2))
    asks = array("d", (round(bid + 0.01, 2) for bid in bids))
    sizes = array("d", [1_000.0]) * length
    times = array("q", (START + number * 10_000_000 for number in range(length)))
    table = {"ts_utc": times, "bid": bids, "ask": asks, "bid_size": sizes, "ask_size": sizes}
    signals = [
        {"ticker": "A", "signal": "BUY", "timestamp": times[place]}
        for place in range(0, length, every)
    ]
    rules = [
        rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
             then=enter("BUY", shares=10, stop_percent=0.1, target_percent=0.1)),
    ]  # fmt: skip
    result = measure(
        benchmark, lambda: backtest(rules, signals=signals, quotes=table, commission="none"), length
    )
    summary = result.summary()
    assert summary["fired"] + sum(summary["refused"].values()) == length // every
    assert summary["trades"] >= length // every // 4

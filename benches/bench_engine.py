"""What does a quote cost that leads to nothing?

Asked: quotes per second inside Rust while 100 rules listen and a trade is open whose stop and
target are far away: through the engine alone (a batch of events with the interpreter free), and
through engine and simulated exchange together (the loop of a back-test, columns read in place).
The floor is a plain Python loop that asks a hundred thresholds by bisection. Nothing fires.

Fixed seed; the ordinary tests run it small.
"""

from __future__ import annotations

import json
import random
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import Engine, Event, backtest, enter, market, signal
from orderloom.rules import Rule, rule

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

START = 1_700_000_000_000_000_000
STEP = 10_000_000
RULES = 100


def rules() -> list[Rule]:
    """One that opens the trade, and a hundred that wait for prices that never come."""
    opens = rule(
        "in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
        then=enter("BUY", shares=10, stop_percent=50, target_percent=50),
    )  # fmt: skip
    waits = [
        rule(f"wait-{number}", on="Quote", symbols=["A"], when=market.bid < 1 + number / 100,
             then=enter("BUY", shares=1, stop_percent=1))
        for number in range(RULES)
    ]  # fmt: skip
    return [opens, *waits]


def quotes(length: int) -> dict[str, Any]:
    rng = random.Random(5)
    price, bids = 100.0, array("d")
    for _ in range(length):
        price = min(max(price + rng.gauss(0.0, 0.003), 80.0), 120.0)
        bids.append(round(price, 2))
    return {
        "ts_utc": array("q", (START + number * STEP for number in range(length))),
        "bid": bids,
        "ask": array("d", (round(bid + 0.01, 2) for bid in bids)),
        "bid_size": array("d", [1_000.0]) * length,
        "ask_size": array("d", [1_000.0]) * length,
    }


@pytest.fixture(scope="module")
def length(request: pytest.FixtureRequest) -> int:
    return 500_000 if request.config.getoption("benchmark_enable") else 2_000


def measure(benchmark: BenchmarkFixture, items: int, **work: Any) -> Any:
    result = benchmark.pedantic(**work)  # type: ignore[no-untyped-call]
    if benchmark.stats:
        benchmark.extra_info["million_per_s"] = round(items / benchmark.stats.stats.min / 1e6, 3)
    return result


def test_the_engine_alone(benchmark: BenchmarkFixture, length: int) -> None:
    table = quotes(length)
    config = {
        "run": "b",
        "instruments": [{"symbol": "A", "tick": "0.01"}],
        "rules": [each.as_dict() for each in rules()],
    }
    engine = Engine(json.dumps(config))
    start = [
        Event.connection("up"), Event.snapshot("began"), Event.next_order_id(1),
        Event.snapshot("ended"), Event.quote(0, 100.0, 100.01, 100.0, 100.0),
        Event.signal("k", "A", 0, "BUY", 0.9, None, [], START, None, []),
    ]  # fmt: skip
    engine.on_events(1, [START] * len(start), start)
    # The broker's word on the three orders, and the fill that opens the trade.
    told = [
        word
        for number in (1, 2, 3)
        for word in (Event.order_status(number, 10 + number, "PreSubmitted", 0.0, 10.0),)
    ]
    fill = Event.execution("x.1.01", 1, 11, "", 0, "BUY", 10.0, 100.01, START)
    engine.on_events(100, [START] * 5, [*told, fill, Event.commission("x.1.01", 0.0, "USD")])
    engine.on_events(200, [START], [Event.position_report(0, 10.0, None)])
    assert json.loads(engine.context(0) or "{}")["phase"] == "OPEN"
    events = [
        Event.quote(0, bid, ask, 1_000.0, 1_000.0)
        for bid, ask in zip(table["bid"], table["ask"], strict=True)
    ]
    times = [START + 1] * length
    found = measure(
        benchmark, length, target=engine.on_events, args=(1_000, times, events), rounds=5
    )
    assert found == []


def test_engine_and_exchange_together(benchmark: BenchmarkFixture, length: int) -> None:
    table, given = quotes(length), rules()
    said = [{"ticker": "A", "signal": "BUY", "timestamp": START + STEP}]
    result = measure(
        benchmark,
        length,
        target=lambda: backtest(
            given, signals=said, quotes=table, detail="bars", commission="none"
        ),
        rounds=5,
    )
    summary = result.summary()
    assert (summary["fired"], summary["trades"], summary["final_positions"]) == (1, 0, {"A": 10.0})
    assert summary["live_orders"] == 2


def test_the_floor_a_plain_python_loop(benchmark: BenchmarkFixture, length: int) -> None:
    bids, thresholds = quotes(length)["bid"], [1 + number / 100 for number in range(RULES)]

    def loop() -> int:
        stop, target, fired = 50.0, 150.0, 0
        for bid in bids:
            fired += RULES - bisect_right(thresholds, bid)
            fired += bid <= stop or bid >= target
        return fired

    assert measure(benchmark, length, target=loop, rounds=5) == 0

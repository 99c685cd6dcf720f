"""orderloom itself, from the call in Python to its result."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from benches.strategy import strategy
from orderloom import ATR, Engine, Event, EventBus, backtest, enter, market, position, rule, signal
from orderloom.actions import log
from orderloom.version import __version__

from .work import BRACKET_EVERY, BRACKET_PERCENT, SPREAD_MAX, SYMBOLS, RuleCase, Task, main, no_op

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.series import Quotes, Series

BATCH = 100


def over(given: list[Series]) -> Task:
    given_rules = strategy()
    tables = {f"S{number}": vars(each) for number, each in enumerate(given)}
    return Task(
        sum(len(each.open) for each in given), lambda: None,
        lambda _: backtest(given_rules, tables, commission="none"),
        lambda result: len(result.native.trades()["pnl"]),
    )  # fmt: skip


def quotes(given: Quotes) -> Task:
    said = [
        {"ticker": "A", "signal": "BUY", "timestamp": given.ts_utc[place]}
        for place in range(0, len(given.bid), BRACKET_EVERY)
    ]
    buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
               then=enter("BUY", shares=10, stop_percent=BRACKET_PERCENT,
                          target_percent=BRACKET_PERCENT))  # fmt: skip
    return Task(
        len(given.bid), lambda: None,
        lambda _: backtest(buy, signals=said, quotes=vars(given), commission="none"),
        lambda result: len(result.native.trades()["pnl"]),
    )  # fmt: skip


def atr(given: Series) -> Task:
    return Task(
        len(given.open), lambda: None,
        lambda _: ATR.batch(given.high, given.low, given.close, 14),
        lambda values: round(values[-1] * 1e4),
    )  # fmt: skip


def atr_stream(given: Series) -> Task:
    rows = list(zip(given.high, given.low, given.close, strict=True))

    def run(made: ATR) -> float:
        update, value = made.update, None
        for high, low, close in rows:
            value = update(high, low, close)
        return value or 0.0

    return Task(len(rows), lambda: ATR(14), run, lambda value: round(value * 1e4))


class Fill: ...


def bus(given: tuple[int, int]) -> Task:
    size, handlers = given

    def made(handler: Callable[[], Any]) -> EventBus:
        bus = EventBus()
        for _ in range(handlers):
            bus.subscribe(Fill, handler())
        return bus

    def run(bus: EventBus) -> None:
        publish, event = bus.publish, Fill()
        for _ in range(size):
            publish(event)

    return Task(size, lambda: made(no_op), run, lambda _: made(no_op).publish(Fill()))


def rules(given: RuleCase, *, batch: int) -> Task:
    made = [
        rule(f"r{number}", on="Quote", symbols=SYMBOLS[number % len(SYMBOLS)], then=log("held"),
             when=(market.bid >= threshold) & (market.ask - market.bid <= SPREAD_MAX)
             & position.is_flat)
        for number, threshold in enumerate(given.thresholds)
    ]  # fmt: skip
    config = {
        "run": "bench",
        "instruments": [{"symbol": symbol, "tick": "0.01"} for symbol in SYMBOLS],
        "rules": [each.as_dict() for each in made],
    }
    engine = Engine(json.dumps(config))
    events = [
        Event.quote(SYMBOLS.index(symbol), bid, ask, 100.0, 100.0)
        for symbol, bid, ask in given.quotes
    ]
    batches = [events[start : start + batch] for start in range(0, len(events), batch)]
    times = [0] * batch

    def one_by_one(_: None) -> int:
        fired = []
        for event in events:
            outcome = engine.on_event(1, 0, event)
            if outcome is not None:
                fired += outcome.fired
        return len(fired)

    def in_batches(_: object) -> int:
        fired = []
        for part in batches:
            for _seq, outcome in engine.on_events(1, times[: len(part)], part):
                fired += outcome.fired
        return len(fired)

    return Task(len(events), lambda: None, in_batches if batch > 1 else one_by_one, int)


main(
    "orderloom",
    __version__,
    {
        "year": lambda given: over([given]),
        "fifty": over,
        "quotes": quotes,
        "atr": atr,
        "atr-stream": atr_stream,
        **{f"bus-{number}": bus for number in (1, 10, 100)},
        **{f"rules-{number}": partial(rules, batch=BATCH) for number in (10, 100, 1_000)},
    },
)

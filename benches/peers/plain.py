"""What one would write by hand in Python for just this work, and nothing more."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from benches.bench_backtest import plain_loop
from benches.bench_bus import PlainBus

from .work import (
    BRACKET_EVERY,
    BRACKET_PERCENT,
    SPREAD_MAX,
    SYMBOLS,
    RuleCase,
    Task,
    main,
    no_op,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benches.series import Quotes, Series


def year(given: Series) -> Task:
    return Task(len(given.open), lambda: None, lambda _: plain_loop(given), int)


def fifty(given: list[Series]) -> Task:
    return Task(
        sum(len(each.open) for each in given), lambda: None,
        lambda _: sum(plain_loop(each) for each in given), int,
    )  # fmt: skip


def quotes(given: Quotes) -> Task:
    def run(_: None) -> int:
        held, stop, target, trades = False, 0.0, 0.0, 0
        due = 0
        for index, (bid, ask) in enumerate(zip(given.bid, given.ask, strict=True)):
            if held and (bid <= stop or bid >= target):
                held, trades = False, trades + 1
            if index == due:
                due += BRACKET_EVERY
                if not held:
                    held = True
                    stop = round(ask * (1 - BRACKET_PERCENT / 100), 2)
                    target = round(ask * (1 + BRACKET_PERCENT / 100), 2)
        return trades

    return Task(len(given.bid), lambda: None, run, int)


class Fill: ...


def bus(given: tuple[int, int]) -> Task:
    size, handlers = given

    def made(handler: Callable[[], Any]) -> PlainBus:
        bus = PlainBus()
        for _ in range(handlers):
            bus.subscribe(Fill, handler())
        return bus

    def run(bus: PlainBus) -> None:
        publish, event = bus.publish, Fill()
        for _ in range(size):
            publish(event)

    return Task(size, lambda: made(no_op), run, lambda _: made(no_op).publish(Fill()))


def rules(given: RuleCase) -> Task:
    def by_hand(threshold: float) -> Callable[[float, float, str], bool]:
        held: set[str] = set()
        return lambda bid, ask, symbol: (
            bid >= threshold and ask - bid <= SPREAD_MAX and symbol not in held
        )

    by_symbol: dict[str, list[Any]] = {symbol: [] for symbol in SYMBOLS}
    for number, threshold in enumerate(given.thresholds):
        by_symbol[SYMBOLS[number % len(SYMBOLS)]].append((number, by_hand(threshold)))

    def run(_: None) -> int:
        fired = []
        for symbol, bid, ask in given.quotes:
            for number, holds in by_symbol[symbol]:
                if holds(bid, ask, symbol):
                    fired.append(number)
        return len(fired)

    return Task(len(given.quotes), lambda: None, run, int)


main(
    "plain Python",
    platform.python_version(),
    {
        "year": year,
        "fifty": fifty,
        "quotes": quotes,
        **{f"bus-{number}": bus for number in (1, 10, 100)},
        **{f"rules-{number}": rules for number in (10, 100, 1_000)},
    },
)

"""Does a rule that cannot fire cost anything?

Asked: events per second with 10 to 10,000 rules of three conditions over 50 symbols, where 1 % or
50 % of those for the event's symbol hold: one event at a time and in batches, beside what one would
write by hand in Python, a list of lambdas and a dict of such lists by symbol. `cargo bench -p
orderloom-core --bench rules` asks the same inside Rust, without Python.

Every way gives the same firings in the same order. `events_per_s` in the JSON counts medians.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from orderloom import Engine, Event, market, position, rule
from orderloom.actions import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    Holds = Callable[["Quote"], bool]

SYMBOLS = [f"S{number:02}" for number in range(50)]
EVENTS = 20_000
BATCH = 100
SPREAD_MAX = 0.05
BIDS = (100.0, 200.0)


@dataclass(slots=True)
class Quote:
    symbol: str
    bid: float
    ask: float


@dataclass(frozen=True, slots=True)
class Case:
    """Thresholds by rule, each for the symbol of its turn, and quotes with what they lead to."""

    thresholds: list[float]
    quotes: list[Quote]
    fired: list[int]

    @property
    def symbols(self) -> list[str]:
        return [SYMBOLS[number % len(SYMBOLS)] for number in range(len(self.thresholds))]


@cache
def case(rules: int, matching: float, events: int) -> Case:
    draw = random.Random(1)
    low, high = BIDS
    # Around the bid that a quote exceeds with this probability, a little different for each rule.
    centre, width = high - matching * (high - low), 0.5
    thresholds = [round(draw.uniform(centre - width, centre + width), 2) for _ in range(rules)]
    quotes = []
    for _ in range(events):
        bid = round(draw.uniform(low, high), 2)
        ask = round(bid + draw.choice([0.01, 0.02, 0.03]), 2)
        quotes.append(Quote(draw.choice(SYMBOLS), bid, ask))
    wanted = [range(place, rules, len(SYMBOLS)) for place in range(len(SYMBOLS))]
    fired = [
        number
        for quote in quotes
        for number in wanted[SYMBOLS.index(quote.symbol)]
        if quote.bid >= thresholds[number]
    ]
    return Case(thresholds, quotes, fired)


def a_list(given: Case) -> Callable[[], list[int]]:
    def by_hand(symbol: str, threshold: float) -> Holds:
        held: set[str] = set()
        return lambda quote: (
            quote.symbol == symbol
            and quote.bid >= threshold
            and quote.ask - quote.bid <= SPREAD_MAX
            and quote.symbol not in held
        )

    rules = list(enumerate(map(by_hand, given.symbols, given.thresholds)))

    def run() -> list[int]:
        fired = []
        for quote in given.quotes:
            for number, holds in rules:
                if holds(quote):
                    fired.append(number)
        return fired

    return run


def a_dict_by_symbol(given: Case) -> Callable[[], list[int]]:
    def by_hand(threshold: float) -> Holds:
        held: set[str] = set()
        return lambda quote: (
            quote.bid >= threshold
            and quote.ask - quote.bid <= SPREAD_MAX
            and quote.symbol not in held
        )

    rules: dict[str, list[tuple[int, Holds]]] = {symbol: [] for symbol in SYMBOLS}
    for number, symbol in enumerate(given.symbols):
        rules[symbol].append((number, by_hand(given.thresholds[number])))

    def run() -> list[int]:
        fired = []
        for quote in given.quotes:
            for number, holds in rules[quote.symbol]:
                if holds(quote):
                    fired.append(number)
        return fired

    return run


def engine(given: Case) -> Engine:
    rules = [
        rule(
            f"r{number}",
            on="Quote",
            symbols=symbol,
            when=(market.bid >= threshold)
            & (market.ask - market.bid <= SPREAD_MAX)
            & position.is_flat,
            then=log("held"),
        )
        for number, (symbol, threshold) in enumerate(
            zip(given.symbols, given.thresholds, strict=True)
        )
    ]
    instruments = [{"symbol": symbol, "tick": "0.01"} for symbol in SYMBOLS]
    config = {"run": "bench", "instruments": instruments, "rules": [it.as_dict() for it in rules]}
    return Engine(json.dumps(config))


def events(given: Case) -> list[Event]:
    return [
        Event.quote(SYMBOLS.index(quote.symbol), quote.bid, quote.ask, 100.0, 100.0)
        for quote in given.quotes
    ]


def one_at_a_time(given: Case) -> Callable[[], list[int]]:
    on_event, quotes = engine(given).on_event, events(given)

    def run() -> list[int]:
        fired = []
        for event in quotes:
            outcome = on_event(1, 0, event)
            if outcome is not None:
                fired += outcome.fired
        return fired

    return run


def in_batches(given: Case) -> Callable[[], list[int]]:
    on_events, quotes = engine(given).on_events, events(given)
    batches = [quotes[start : start + BATCH] for start in range(0, len(quotes), BATCH)]
    times = [0] * BATCH

    def run() -> list[int]:
        fired = []
        for batch in batches:
            for _, outcome in on_events(1, times[: len(batch)], batch):
                fired += outcome.fired
        return fired

    return run


@pytest.mark.parametrize("way", [a_list, a_dict_by_symbol, one_at_a_time, in_batches])
@pytest.mark.parametrize("matching", [0.01, 0.5])
@pytest.mark.parametrize("rules", [10, 100, 1_000, 10_000])
def test_quotes_are_judged(
    benchmark: BenchmarkFixture,
    rules: int,
    matching: float,
    way: Callable[[Case], Callable[[], list[int]]],
) -> None:
    benchmark.group = f"{rules} rules, {matching:.0%} matching"
    # A list visits every rule on every event: few events tell its rate, and take long enough.
    count = min(EVENTS, 2_000_000 // rules) if way is a_list else EVENTS
    given = case(rules, matching, 100 if benchmark.disabled else count)
    fired = benchmark.pedantic(way(given), rounds=9)  # type: ignore[no-untyped-call]
    assert fired == given.fired
    if benchmark.stats is not None:
        rate = len(given.quotes) / benchmark.stats.stats.median
        benchmark.extra_info["events_per_s"] = round(rate)

"""durable_rules: one ruleset with its network of conditions; quotes are posted one by one.

An event is spent by the first rule that it fires, so that it tells quotes rather than rules; the
script holds that against what it should be.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from durable.engine import MessageNotHandledException
from durable.lang import m, post, ruleset, when_all

from benches.peers.work import SPREAD_MAX, SYMBOLS, RuleCase, Task, main

if TYPE_CHECKING:
    from collections.abc import Callable

_made = 0


def rules(given: RuleCase) -> Task:
    global _made  # noqa: PLW0603 - rulesets are registered by name
    _made += 1
    name, fired = f"quotes{_made}", [0]

    def fire() -> Callable[[Any], None]:
        def act(_: Any) -> None:
            fired[0] += 1

        return act

    with ruleset(name):
        for number, threshold in enumerate(given.thresholds):
            symbol = SYMBOLS[number % len(SYMBOLS)]
            holds = ((m.symbol == symbol) & (m.bid >= threshold) & (m.spread <= SPREAD_MAX)) & (
                m.held == 0
            )
            when_all(holds)(fire())
    quotes = [
        {"symbol": symbol, "bid": bid, "spread": round(ask - bid, 2), "held": 0}
        for symbol, bid, ask in given.quotes
    ]

    spent = sum(
        any(
            bid >= threshold
            for threshold in given.thresholds[SYMBOLS.index(symbol) :: len(SYMBOLS)]
        )
        for symbol, bid, _ in given.quotes
    )

    def run(_: None) -> int:
        fired[0] = 0
        for quote in quotes:
            with suppress(MessageNotHandledException):
                post(name, quote)
        return fired[0]

    def count(found: int) -> int:
        if found != spent:
            raise AssertionError(f"{found} quotes fired a rule, expected {spent}")
        return given.firings

    return Task(len(quotes), lambda: None, run, count)


main("durable_rules", version("durable_rules"), {f"rules-{n}": rules for n in (10, 100, 1_000)})

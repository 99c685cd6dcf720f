"""Rules while they run: switched, counted, hooked."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderloom import (
    ContextOpened,
    OperatorEvent,
    PredictionSignalEvent,
    PriceEvent,
    RuleEngine,
    RuleFiredEvent,
    View,
    create_buy_rule,
    rule,
)
from orderloom.actions import log
from orderloom.strategy import BEFORE, Hooks


def engine() -> RuleEngine:
    made = RuleEngine([create_buy_rule("AAPL", shares=100, stop_percent=3, cooldown="1h")])
    made.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    return made


def enters(made: RuleEngine) -> bool:
    buy = PredictionSignalEvent(symbol="AAPL", side="BUY", confidence=0.9)
    return any(isinstance(event, ContextOpened) for event in made.on_event(buy))


def test_a_rule_that_is_switched_off_does_nothing_until_it_is_on_again() -> None:
    made = engine()
    made.strategy.disable("buy-AAPL")
    assert not enters(made)
    status = made.strategy.status("buy-AAPL")
    assert (status.enabled, status.fired, status.blocked) == (False, 0, {"DISABLED": 1})
    made.strategy.enable("buy-AAPL")
    assert enters(made)
    assert made.strategy.status("buy-AAPL").fired == 1


def test_a_switch_by_an_operator_is_seen_too() -> None:
    made = engine()
    made.on_event(OperatorEvent(word="enable_rule", rule="buy-AAPL", enabled=False))
    assert [status.enabled for status in made.strategy.rules] == [False]


def test_hooks_after_hear_each_firing_until_they_end() -> None:
    made = engine()
    heard: list[RuleFiredEvent] = []
    end = made.strategy.after(heard.append)
    assert enters(made)
    assert [event.rule for event in heard] == ["buy-AAPL"]
    assert end()
    made.strategy.disable("buy-AAPL")
    assert len(heard) == 1


def test_hooks_before_are_asked_last_and_only_for_the_rules_they_name() -> None:
    hooks = Hooks()
    asked: list[tuple[str, str | None]] = []

    @hooks.before("watched")
    def gate(view: View) -> bool:
        asked.append((view.rule, view.symbol))
        return bool(view.market.price > 100)

    rules = [
        hooks.guarded(
            rule(name, on=PriceEvent, symbols=["AAPL"], when="market.price > 50", then=log(name))
        )
        for name in ("watched", "free")
    ]
    made = RuleEngine(rules, conditions={BEFORE: hooks.condition})
    fired = {}
    for price in (40, 60, 160):
        followed = made.on_event(PriceEvent(symbol="AAPL", price=Decimal(price)))
        fired[price] = {event.rule for event in followed if isinstance(event, RuleFiredEvent)}
    assert fired == {40: set(), 60: {"free"}, 160: {"free", "watched"}}
    assert asked == [("watched", "AAPL")] * 2
    assert hooks.unknown(["free"]) == {"watched"}


def test_an_unknown_rule_is_told_with_the_nearest_name() -> None:
    with pytest.raises(KeyError, match="did you mean `buy-AAPL`"):
        engine().strategy.disable("buy-APPL")

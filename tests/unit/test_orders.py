"""Orders by hand: acts go through the engine, and views show what came of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderloom import (
    ContextConcluded,
    FillEvent,
    OrderNewEvent,
    PriceEvent,
    RuleBlockedEvent,
    RuleEngine,
    RuleFiredEvent,
    Uncovered,
    enter,
    scale_in,
)
from orderloom._core import Event
from orderloom.actions import log, oco, order
from orderloom.errors import LanguageError
from orderloom.hand import BY_HAND

LONG = enter("BUY", shares=100, stop_percent=3, target_percent=8)


def priced(**limits: str) -> RuleEngine:
    engine = RuleEngine(symbols=["AAPL", "MSFT"], limits=limits)
    for symbol in engine.symbols:
        engine.on_event(PriceEvent(symbol=symbol, price=Decimal(150)))
    return engine


def filled(engine: RuleEngine, role: str, price: str) -> None:
    """Every live order of a role fills."""
    for member in engine.orders.live:
        if member.role == role:
            engine.on_event(
                FillEvent(symbol=member.symbol, order_id=member.order_id, side=member.side,
                          order_ref=member.order_ref, quantity=member.quantity,
                          price=Decimal(price))
            )  # fmt: skip


def test_an_entry_by_hand_is_a_whole_bracket_of_the_standing_rule() -> None:
    engine = priced()
    followed = engine.act("AAPL", LONG)
    (fired,) = (event for event in followed if isinstance(event, RuleFiredEvent))
    assert (fired.rule, fired.symbol) == (BY_HAND, "AAPL")
    (bracket,) = engine.linked.brackets("AAPL")
    assert bracket.entry is not None
    assert bracket.stop is not None
    assert bracket.target is not None
    assert bracket.stop.stop_price == Decimal("145.5")
    assert bracket.target.limit_price == Decimal(162)
    assert {member.context for member in bracket} == {bracket.entry.context}
    assert engine.orders.of("MSFT") == ()
    assert engine.linked.brackets("MSFT") == ()


def test_one_act_is_done_once_and_for_its_symbol_alone() -> None:
    engine = priced()
    engine.linked.enter("AAPL", LONG)
    followed = engine.on_event(PriceEvent(symbol="MSFT", price=Decimal(151)))
    assert not any(isinstance(event, RuleFiredEvent | RuleBlockedEvent) for event in followed)
    assert len(engine.orders.live) == 3


def test_limits_refuse_an_act_with_both_numbers_and_send_nothing() -> None:
    engine = priced(max_order_shares="50")
    followed = engine.act("AAPL", LONG)
    (blocked,) = (event for event in followed if isinstance(event, RuleBlockedEvent))
    assert blocked.reason == "MAX_ORDER_SHARES"
    assert "100" in blocked.detail
    assert "50" in blocked.detail
    assert engine.orders.live == ()


def test_a_scaled_trade_has_two_brackets_and_its_exits_sum_to_the_position() -> None:
    engine = priced()
    engine.linked.enter("AAPL", LONG)
    filled(engine, "entry", "150")
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(155)))
    engine.linked.scale_in("AAPL", scale_in(shares=50))
    filled(engine, "entry", "155")
    assert len(engine.linked.brackets("AAPL")) == 2
    stops = [bracket.stop for bracket in engine.linked.brackets("AAPL")]
    assert sum(stop.quantity for stop in stops if stop is not None) == 150
    assert engine.positions["AAPL"].quantity == 150


def test_the_gauge_counts_filled_shares_until_their_stop_lives() -> None:
    for side in ("BUY", "SELL"):
        engine = priced()
        engine.linked.enter("AAPL", enter(side, shares=100, stop_percent=3))
        assert engine.linked.uncovered("AAPL") is None, "nothing is filled yet"
        began = 1_773_154_800_000_000_000
        engine.on_event(PriceEvent(symbol="MSFT", price=Decimal(150), at=began))
        filled(engine, "entry", "150")
        assert engine.linked.uncovered("AAPL") == Uncovered(Decimal(100), 0.0)
        later = began + 750_000_000
        engine.on_event(PriceEvent(symbol="MSFT", price=Decimal(150), at=later))
        assert engine.linked.uncovered("AAPL") == Uncovered(Decimal(100), 0.75)

        (bracket,) = engine.linked.brackets("AAPL")
        assert bracket.stop is not None
        number = bracket.stop.order_id
        engine.on_event(Event.order_status(number, 7, "PreSubmitted", 0, 100))
        assert engine.linked.uncovered("AAPL") is None
        assert engine.linked.uncovered("MSFT") is None


def test_closing_reprices_the_exit_and_concludes_the_trade_when_it_fills() -> None:
    engine = priced()
    over: list[ContextConcluded] = []
    engine.bus.subscribe(ContextConcluded, over.append)
    engine.linked.enter("AAPL", LONG)
    filled(engine, "entry", "150")
    assert engine.linked.side("AAPL") == "LONG"
    followed = engine.act("AAPL", log("closing"))
    assert not any(isinstance(event, OrderNewEvent) for event in followed)
    engine.linked.close("AAPL")
    assert engine.positions["AAPL"].quantity == 100
    filled(engine, "target", "149.50")
    assert engine.positions["AAPL"].is_flat
    assert all(member.role != "close" for member in engine.orders.live)


def test_single_orders_and_groups_stand_outside_trades_and_can_be_cancelled() -> None:
    engine = priced()
    engine.orders.place("AAPL", order("BUY", shares=10, limit=149))
    exits = [order("SELL", shares=10, limit=160), order("SELL", shares=10, stop=140)]
    for kind in ("cancel", "reduce"):
        engine.orders.place("AAPL", oco(exits, kind))
    groups = engine.orders.oco_groups("AAPL")
    assert [(len(group), group.is_live, group.kind) for group in groups] == [
        (2, True, "cancel"),
        (2, True, "reduce"),
    ]
    assert groups[0].name != groups[1].name
    assert engine.linked.side("AAPL") is None
    engine.orders.cancel("AAPL")
    assert {member.phase for member in engine.orders.live} == {"cancelling"}
    assert engine.orders.order(999) is None


def test_an_act_that_cannot_be_is_refused_where_it_is_made() -> None:
    engine = priced()
    with pytest.raises(ValueError, match="must be one of AAPL, MSFT, was `TSLA`"):
        engine.linked.close("TSLA")
    with pytest.raises(LanguageError):
        engine.act("AAPL")
    assert engine.orders.live == ()

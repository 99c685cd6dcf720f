"""Templates: one tree from YAML, Python and the builder, and what each does with events."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from orderloom import (
    BarEvent,
    BaseEvent,
    Event,
    FillEvent,
    OrderModifiedEvent,
    OrderNewEvent,
    PredictionSignalEvent,
    PriceEvent,
    Rule,
    RuleEngine,
    SessionEvent,
    StrategyBuilder,
    create_buy_rule,
    create_eod_close_rule,
    create_scale_in_rule,
    create_sell_rule,
    create_short_rule,
)
from orderloom.config import parse_settings
from orderloom.templates import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
MINUTE = 60 * SECOND

FORMS: dict[str, tuple[str, Callable[[], Rule]]] = {
    "buy": (
        "{symbols: [AAPL], shares: 10, confidence: 0.85, stop: [{atr: 2}, {percent: 3}], "
        'target: 8%, cooldown: 15m, daily_cap: 2, window: ["10:00", "15:00"], opposite: reverse}',
        lambda: create_buy_rule(
            "AAPL", shares=10, confidence=0.85, stop=[{"atr": 2}, {"percent": 3}], target="8%",
            cooldown="15m", daily_cap=2, window=["10:00", "15:00"], opposite="reverse",
        ),
    ),
    "short": (
        "{symbols: [AAPL, MSFT], notional: 5_000, stop_percent: 4, name: down}",
        lambda: create_short_rule(["AAPL", "MSFT"], notional=5_000, stop_percent=4, name="down"),
    ),
    "sell": (
        "{symbols: [AAPL], confidence: 0.7, priority: 7}",
        lambda: create_sell_rule("AAPL", confidence=0.7, priority=7),
    ),
    "scale_in": (
        "{symbols: [AAPL], shares: 5, unrealized_percent: 1.5, max_tranches: 3}",
        lambda: create_scale_in_rule("AAPL", shares=5, unrealized_percent=1.5, max_tranches=3),
    ),
    "eod_close": (
        "{symbols: [AAPL], before_close: 10m}",
        lambda: create_eod_close_rule("AAPL", before_close="10m"),
    ),
}  # fmt: skip


def test_every_template_is_covered() -> None:
    assert set(FORMS) == set(TEMPLATES)
    assert set(FORMS) < set(dir(StrategyBuilder))


@pytest.mark.parametrize("name", FORMS)
def test_yaml_and_python_are_one_tree(name: str) -> None:
    yaml, python = FORMS[name]
    settings = parse_settings(f"templates:\n  - {name}: {yaml}\n", environment={})
    (rule,) = settings.rules
    assert rule.as_dict() == python().as_dict()


class Desk:
    """A market and fills around rules; AAPL trades at 100 first."""

    def __init__(self, *rules: Rule) -> None:
        self.engine = RuleEngine(rules)
        self.at = SECOND
        self.price("100")

    def _tell(self, event: BaseEvent) -> list[OrderNewEvent]:
        told = self.engine.on_event(event)
        self.changed = [each for each in told if isinstance(each, OrderModifiedEvent)]
        orders = [each for each in told if isinstance(each, OrderNewEvent)]
        for order in orders:
            number, quantity = order.order_id, float(order.quantity)
            self.engine.on_event(Event.order_status(number, number, "Submitted", 0.0, quantity))
        return orders

    def price(self, price: str) -> list[OrderNewEvent]:
        self.at += SECOND
        return self._tell(PriceEvent(symbol="AAPL", price=Decimal(price), at=self.at))

    def says(self, side: str, confidence: float) -> list[OrderNewEvent]:
        self.at += SECOND
        event = PredictionSignalEvent(symbol="AAPL", side=side, confidence=confidence, at=self.at)
        return self._tell(event)

    def bar(self, close: str) -> list[OrderNewEvent]:
        self.at += MINUTE
        self.price(close)
        price = Decimal(close)
        return self._tell(
            BarEvent(symbol="AAPL", start=self.at - MINUTE, span=MINUTE, open=price, high=price,
                     low=price, close=price, volume=Decimal(1), at=self.at)
        )  # fmt: skip

    def fill(self, order: OrderNewEvent, price: str) -> None:
        self.at += SECOND
        self._tell(
            FillEvent(symbol="AAPL", order_id=order.order_id, order_ref=order.order_ref,
                      side=order.side, quantity=order.quantity, price=Decimal(price), at=self.at)
        )  # fmt: skip
        held = float(self.engine.positions["AAPL"].quantity)
        self.engine.on_event(Event.position_report(0, held, float(price)))


def legs(orders: list[OrderNewEvent]) -> list[tuple[str, str, Decimal]]:
    return [(order.role, order.side, order.quantity) for order in orders]


@pytest.mark.parametrize(
    ("create", "side", "opens", "exits"),
    [(create_buy_rule, "BUY", "BUY", "SELL"), (create_short_rule, "SHORT", "SELL", "BUY")],
)
def test_buy_and_short_open_their_side_from_their_confidence_on_and_only_when_flat(
    create: Callable[..., Rule], side: str, opens: str, exits: str
) -> None:
    desk = Desk(create("AAPL", shares=10, stop_percent=3, target_percent=8, cooldown=0))
    assert desk.says(side, 0.79) == []
    for other in {"BUY", "SELL", "SHORT", "NEUTRAL"} - {side}:
        assert desk.says(other, 0.99) == []
    orders = desk.says(side, 0.8)
    assert legs(orders) == [
        ("entry", opens, Decimal(10)), ("target", exits, Decimal(10)), ("stop", exits, Decimal(10)),
    ]  # fmt: skip
    desk.fill(orders[0], "100")
    assert desk.says(side, 0.9) == []


def test_sell_closes_a_long_and_leaves_a_short_alone() -> None:
    sell = create_sell_rule("AAPL")
    long = Desk(create_buy_rule("AAPL", shares=10, stop_percent=3), sell)
    long.fill(long.says("BUY", 0.9)[0], "100")
    long.says("SELL", 0.5)
    assert long.changed == []
    long.says("SELL", 0.9)
    assert [order.role for order in long.changed] == ["stop"], "the resting exit is re-priced"
    short = Desk(create_short_rule("AAPL", shares=10, stop_percent=3), sell)
    short.fill(short.says("SHORT", 0.9)[0], "100")
    assert short.says("SELL", 0.9) == []
    assert short.changed == []


def test_scale_in_adds_from_its_profit_on_until_its_tranches_are_there() -> None:
    add = create_scale_in_rule("AAPL", shares=5, max_tranches=2, cooldown=0)
    desk = Desk(create_buy_rule("AAPL", shares=10, stop_percent=3), add)
    assert desk.bar("200") == [], "nothing to add to"
    desk.price("100")
    desk.fill(desk.says("BUY", 0.9)[0], "100")
    assert desk.bar("101.99") == []
    added = desk.bar("102")
    assert legs(added) == [("entry", "BUY", Decimal(5)), ("stop", "SELL", Decimal(5))]
    desk.fill(added[0], "102")
    assert desk.bar("110") == []


def test_eod_close_closes_before_the_close_and_not_earlier() -> None:
    desk = Desk(create_buy_rule("AAPL", shares=10, stop_percent=3), create_eod_close_rule("AAPL"))
    closes = desk.at + 20 * MINUTE
    desk.engine.on_event(SessionEvent(symbol="AAPL", opens=0, closes=closes, at=desk.at))
    desk.fill(desk.says("BUY", 0.9)[0], "100")
    for _ in range(14):
        desk.bar("100")
        assert desk.changed == []
    desk.at = closes - 5 * MINUTE - SECOND
    desk.price("100")
    desk.bar("100")
    assert [order.role for order in desk.changed] == ["stop"]

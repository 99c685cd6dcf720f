"""Events as scripts hear them: who gets what, what it says, and what nobody pays for."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from decimal import Decimal
from typing import Any

import pytest

from orderloom import (
    BaseEvent,
    EventBus,
    FillEvent,
    MarketEvent,
    OrderEvent,
    PositionEvent,
    PredictionSignalEvent,
    PriceEvent,
    QuoteEvent,
    RuleEngine,
    create_buy_rule,
    rule,
    signal,
)
from orderloom._core import Engine, Event
from orderloom.actions import enter, log
from orderloom.events import (
    EVENTS,
    ContextConcluded,
    ContextOpened,
    IncidentEvent,
    IndicatorEvent,
    OptionsFlowEvent,
    OrderGroupEvent,
    OrderNewEvent,
    OrderRejectedEvent,
    PositionClosedEvent,
    PositionOpenedEvent,
    SignalDroppedEvent,
    TimeEvent,
)
from orderloom.publisher import TOLD, Publisher
from orderloom.rules import TRIGGERS

MINUTE = 60_000_000_000


def priced(**arguments: Any) -> RuleEngine:
    """An engine with one rule that buys AAPL, which has a price."""
    rules = [create_buy_rule("AAPL", shares=100, stop_percent=3, target_percent=8)]
    engine = RuleEngine(rules, **arguments)
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    return engine


def buy(at: int = 0) -> PredictionSignalEvent:
    return PredictionSignalEvent(symbol="AAPL", side="BUY", confidence=0.9, at=at)


def test_a_subscriber_of_a_class_hears_its_subclasses_and_nothing_else() -> None:
    engine = priced()
    heard: dict[type[BaseEvent], list[str]] = {OrderEvent: [], MarketEvent: [], BaseEvent: []}

    def listen(event_class: type[BaseEvent], names: list[str]) -> None:
        engine.bus.subscribe(event_class, lambda event: names.append(type(event).__name__))

    for event_class, names in heard.items():
        listen(event_class, names)
    engine.on_event(buy())
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(151)))
    assert heard[OrderEvent] == ["OrderNewEvent"] * 3 + ["OrderGroupEvent"]
    assert heard[MarketEvent] == ["PriceEvent"]
    assert set(heard[BaseEvent]) > {*heard[OrderEvent], *heard[MarketEvent]}
    assert {"PredictionSignalEvent", "ContextOpened", "RuleFiredEvent"} < set(heard[BaseEvent])


def test_what_nobody_listens_to_is_never_built() -> None:
    class Counting(EventBus):
        published = 0

        def publish(self, event: object, /) -> int:
            type(self).published += 1
            return super().publish(event)

    bus = Counting()
    engine = Engine('{"run": "r", "instruments": [{"symbol": "AAPL", "tick": "0.01", '
                    '"multiplier": 1, "currency": "USD"}]}')  # fmt: skip
    publisher = Publisher(bus, ["AAPL"], [], engine)
    trade = Event.trade(0, 150.0, 100.0)
    publisher.on_event(1, trade, engine.on_event(1, 1, trade))
    assert Counting.published == 0
    heard = bus.subscribe(QuoteEvent, lambda _event: None)
    publisher.on_event(2, trade, engine.on_event(2, 2, trade))
    assert Counting.published == 0
    heard.cancel()
    bus.subscribe(MarketEvent, lambda _event: None)
    publisher.on_event(3, trade, engine.on_event(3, 3, trade))
    assert Counting.published == 1


def test_every_event_of_a_trade_names_the_event_that_began_it() -> None:
    engine = priced()
    everything: list[BaseEvent] = []
    engine.bus.subscribe(BaseEvent, everything.append)
    engine.on_event(buy())
    entry = next(event for event in everything if isinstance(event, OrderNewEvent))
    stop = next(
        event for event in everything if isinstance(event, OrderNewEvent) and event.role == "stop"
    )
    engine.on_event(
        FillEvent(symbol="AAPL", order_id=entry.order_id, order_ref=entry.order_ref, side="BUY",
                  quantity=Decimal(100), price=Decimal(150))
    )  # fmt: skip
    engine.on_event(
        FillEvent(symbol="AAPL", order_id=stop.order_id, order_ref=stop.order_ref, side="SELL",
                  quantity=Decimal(100), price=Decimal("145.5"))
    )  # fmt: skip
    (began,) = (event.id for event in everything if isinstance(event, PredictionSignalEvent))
    about = (OrderEvent, PositionEvent, ContextOpened)
    of_the_trade = [event for event in everything if isinstance(event, about)]
    assert len(of_the_trade) >= 8
    assert {event.correlation for event in of_the_trade} == {began}
    ids = [event.id for event in everything]
    assert len(set(ids)) == len(ids)
    opened, closed = (event for event in everything if isinstance(event, PositionEvent))
    assert isinstance(opened, PositionOpenedEvent)
    assert isinstance(closed, PositionClosedEvent)
    assert closed.realized == Decimal(-450)
    assert not any(isinstance(event, IncidentEvent) for event in everything)


def test_a_bracket_is_told_once_as_a_group() -> None:
    engine = priced()
    followed = engine.on_event(buy())
    (group,) = (event for event in followed if isinstance(event, OrderGroupEvent))
    orders = [event for event in followed if isinstance(event, OrderNewEvent)]
    assert group.kind == "bracket"
    assert group.members == tuple(order.order_id for order in orders)
    assert {order.parent_id for order in orders} == {0, group.order_id}
    assert {order.role: order.limit_price or order.stop_price for order in orders} == {
        "entry": None,
        "target": Decimal(162),
        "stop": Decimal("145.5"),
    }


def test_a_prediction_that_is_served_again_is_dropped_not_told_twice() -> None:
    engine = priced()
    flow: list[BaseEvent] = []
    engine.bus.subscribe(OptionsFlowEvent, flow.append)
    once = PredictionSignalEvent(symbol="AAPL", side="BUY", confidence=0.9, key="7", at=MINUTE,
                                 features={"rsi": 31.0}, probabilities=(0.1, 0.1, 0.8))  # fmt: skip
    engine.on_event(once)
    assert not any(isinstance(event, ContextOpened) for event in engine.on_event(once))
    told, dropped = flow
    assert isinstance(told, PredictionSignalEvent)
    assert (told.features, told.probabilities, told.key) == ({"rsi": 31.0}, (0.1, 0.1, 0.8), "7")
    assert isinstance(dropped, SignalDroppedEvent)
    assert dropped.reason == "DUPLICATE"


def test_a_bar_tells_the_indicators_that_rules_use() -> None:
    engine = RuleEngine([rule("r", on="Bar", symbols=["AAPL"], when="sma(2) > 0", then=log("up"))])
    from orderloom import BarEvent

    told = []
    for close in (10, 12):
        price = Decimal(close)
        bar = BarEvent(symbol="AAPL", start=0, span=MINUTE, open=price, high=price, low=price,
                       close=price, volume=Decimal(5))  # fmt: skip
        told += [e for e in engine.on_event(bar) if isinstance(e, IndicatorEvent)]
    assert [(event.name, event.parameters, event.value) for event in told] == [
        ("sma", (2.0,), None),
        ("sma", (2.0,), 11.0),
    ]


def test_a_refused_entry_ends_its_trade_with_the_brokers_words_and_no_exit() -> None:
    engine = priced()
    engine.on_event(buy())
    followed: list[BaseEvent] = []
    for order in engine.orders.live:
        refusal = Event.order_error(order.order_id, 201, f"no {order.role} today")
        followed += engine.on_event(refusal)
        ended = Event.order_status(order.order_id, order.order_id, "Cancelled", 0.0, 0.0)
        followed += engine.on_event(ended)
    rejected = [event for event in followed if isinstance(event, OrderRejectedEvent)]
    assert [(event.role, event.code, event.reason) for event in rejected] == [
        (role, 201, f"no {role} today") for role in ("entry", "target", "stop")
    ]
    (over,) = (event for event in followed if isinstance(event, ContextConcluded))
    assert over.exit_reason is None
    assert over.quantity == over.net == 0
    assert engine.orders.live == ()


def test_events_cannot_be_changed_and_carry_no_dictionary() -> None:
    fill = FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(1), price=Decimal(1))
    with pytest.raises(FrozenInstanceError):
        fill.price = Decimal(2)  # type: ignore[misc]
    assert not hasattr(fill, "__dict__")


def test_every_class_is_told_or_an_ancestor_of_one_that_is() -> None:
    assert len(EVENTS) > 30
    for name, event_class in EVENTS.items():
        assert any(issubclass(told, event_class) for told in TOLD), f"{name} is never published"
        assert {field.name for field in fields(event_class)} >= {"id", "at", "source"}
    assert set(EVENTS.values()) > TOLD


def test_every_trigger_of_rules_is_a_class_and_the_other_way_round() -> None:
    told = {event_class.trigger for event_class in EVENTS.values()} - {""}
    assert told == set(TRIGGERS)
    for event_class in EVENTS.values():
        if event_class.trigger:
            made = rule("r", on=event_class, then=enter("BUY", shares=1, stop_percent=1))
            assert made.on == (event_class.trigger,)


def test_what_only_the_engine_says_is_not_taken_as_input() -> None:
    engine = priced()
    with pytest.raises(TypeError, match="`ContextOpened` comes out of the engine"):
        engine.on_event(ContextOpened(symbol="AAPL", context=1, side="LONG", rule="r"))
    with pytest.raises(ValueError, match="must be one of AAPL, was `MSFT`"):
        engine.on_event(PriceEvent(symbol="MSFT", price=Decimal(1)))
    assert engine.on_event(TimeEvent()) == ()
    assert signal.side is not None

"""Every action, done: what leaves the engine when a rule with it fires, and what stays.

Before each action AAPL trades at 102, and a long of ten shares is open from 100, with its stop at
97 and its target at 108; `flat` ones begin without it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from orderloom import (
    BaseEvent,
    Event,
    FillEvent,
    MessageEvent,
    OrderGroupEvent,
    OrderModifiedEvent,
    OrderNewEvent,
    OrderStatusEvent,
    PriceEvent,
    QuoteEvent,
    RuleBlockedEvent,
    RuleEngine,
    rule,
)
from orderloom.actions import (
    Action,
    adjust_stop,
    adjust_target,
    amount,
    cancel,
    close_all,
    close_everything,
    conditional,
    custom,
    double_down,
    enter,
    log,
    notify,
    oco,
    order,
    price,
    scale_in,
    sequence,
)
from orderloom.conditions import position, reading

if TYPE_CHECKING:
    from collections.abc import Iterable

ENTER = enter("BUY", shares=10, stop=amount(3), target=amount(8))

OPEN: dict[str, tuple[Action, list[str]]] = {
    "enter meets the trade": (ENTER, ["blocked CONTEXT_OPEN"]),
    "enter closes the other side": (
        enter("SELL", shares=4, stop_percent=3, opposite="close"),
        ["move target 101.49"],
    ),
    "scale in": (
        scale_in(shares=5),
        ["new entry BUY 5 MKT", "new target SELL 5 LMT 110", "new stop SELL 5 STP 99"],
    ),
    "double down": (
        double_down(fraction=0.5, size=2),
        ["new entry BUY 20 LMT 98.5", "new target SELL 20 LMT 106.5", "new stop SELL 20 STP 95.5"],
    ),
    "close all": (close_all(), ["move target 101.49"]),
    "close everything": (close_everything(), ["move target 101.49"]),
    "adjust stop": (adjust_stop(price(99)), ["move stop 99"]),
    "adjust stop away from the market": (adjust_stop(price(90)), ["blocked WRONG_SIDE"]),
    "adjust target": (adjust_target(price(110)), ["move target 110"]),
    "log": (log("a"), ["says a"]),
    "notify": (notify("b"), ["says b!"]),
    "sequence stops at what is refused": (
        sequence(log("one"), ENTER, log("two")),
        ["says one", "blocked CONTEXT_OPEN"],
    ),
    "conditional": (conditional(position.is_long, log("long"), log("not")), ["says long"]),
    "conditional, otherwise": (conditional(position.is_short, log("s"), log("not")), ["says not"]),
    "conditional, unknown": (
        conditional(reading("vix") > 1, log("calm"), log("not")),
        ["blocked CONDITION_UNKNOWN"],
    ),
    "custom": (custom("mine"), ["says mine"]),
}
FLAT: dict[str, tuple[Action, list[str]]] = {
    "enter": (
        ENTER,
        ["new entry BUY 10 MKT", "new target SELL 10 LMT 110", "new stop SELL 10 STP 99"],
    ),
    "scale in without a trade": (scale_in(shares=5), ["blocked NO_CONTEXT"]),
    "close all without a trade": (close_all(), ["blocked NO_CONTEXT"]),
    "order": (order("BUY", shares=3, limit=90), ["new single BUY 3 LMT 90"]),
    "oco": (
        oco([order("BUY", shares=1, limit=90), order("BUY", shares=1, stop=110)]),
        ["new single BUY 1 LMT 90", "new single BUY 1 STP 110", "group oca 2"],
    ),
    "cancel": (sequence(order("BUY", shares=3, limit=90), cancel()), [
        "new single BUY 3 LMT 90", "now single cancelling",
    ]),
}  # fmt: skip


def told(events: Iterable[BaseEvent]) -> list[str]:
    """What left, in words."""
    texts = []
    for event in events:
        match event:
            case OrderModifiedEvent():
                texts.append(f"move {event.role} {event.limit_price or event.stop_price}")
            case OrderNewEvent():
                at = event.limit_price or event.stop_price
                words = ("new", event.role, event.side, event.quantity, event.order_type, at)
                texts.append(" ".join(str(word) for word in words if word is not None))
            case OrderGroupEvent(kind="oca"):
                texts.append(f"group oca {len(event.members)}")
            case OrderStatusEvent(phase="cancelling"):
                texts.append(f"now {event.role} cancelling")
            case MessageEvent():
                texts.append(f"says {event.text}{'!' if event.is_urgent else ''}")
            case RuleBlockedEvent():
                texts.append(f"blocked {event.reason}")
            case _:
                pass
    return texts


def done(action: Action, *, is_open: bool) -> list[str]:
    """What follows from a rule that does the action."""
    does = rule("does", on="Reading", symbols=["AAPL"], when=reading("go") > 0, then=action)
    begins = rule("begins", on="Reading", symbols=["AAPL"], when=reading("begin") > 0, then=ENTER)
    engine = RuleEngine([does, begins], actions={"mine": lambda _view: log("mine")})
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(100)))
    if is_open:
        orders = [
            event
            for event in engine.on_event(Event.reading("begin", 0, 1.0))
            if isinstance(event, OrderNewEvent)
        ]
        engine.on_event(Event.reading("begin", 0, None))
        for each in orders:
            engine.on_event(
                Event.order_status(each.order_id, each.order_id, "Submitted", 0.0, 10.0)
            )
        entry = orders[0]
        engine.on_event(
            FillEvent(symbol="AAPL", order_id=entry.order_id, order_ref=entry.order_ref,
                      side="BUY", quantity=Decimal(10), price=Decimal(100))
        )  # fmt: skip
        engine.on_event(Event.position_report(0, 10.0, 100.0))
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(102)))
    if is_open:
        engine.on_event(QuoteEvent(symbol="AAPL", bid=Decimal(102), ask=Decimal(102)))
    return told(engine.on_event(Event.reading("go", 0, 1.0)))


@pytest.mark.parametrize("name", OPEN)
def test_with_an_open_trade(name: str) -> None:
    action, expected = OPEN[name]
    assert sorted(done(action, is_open=True)) == sorted(expected)


@pytest.mark.parametrize("name", FLAT)
def test_without_a_trade(name: str) -> None:
    action, expected = FLAT[name]
    assert sorted(done(action, is_open=False)) == sorted(expected)


def test_every_action_is_covered() -> None:
    kinds: set[str] = set()

    def note(action: Action) -> None:
        kinds.add(type(action).__name__)
        for part in action.parts():
            note(part)

    for action, _ in [*OPEN.values(), *FLAT.values()]:
        note(action)
    # A group's orders are part of it.
    assert kinds | {"Order"} == {kind.__name__ for kind in Action.__subclasses__()}

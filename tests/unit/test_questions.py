"""Rules ask Python: what is asked when, what an answer may be, and what becomes of a bad one."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import (
    BaseEvent,
    ContextOpened,
    Event,
    FillEvent,
    IncidentEvent,
    OrderNewEvent,
    PredictionSignalEvent,
    PriceEvent,
    RuleBlockedEvent,
    RuleEngine,
    RuleFiredEvent,
    View,
    ask,
    atr,
    enter,
    percent,
    position,
    rule,
    signal,
)
from orderloom.actions import Action, custom, log, sequence
from orderloom.errors import LanguageError
from orderloom.questions import checked_function

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = "test_questions.py"
ENTRY = enter("BUY", shares=100, stop_percent=3)


def engine_asking(condition: Callable[[View], Any]) -> RuleEngine:
    """One rule that enters when its native part holds and the function says so."""
    long = rule("long", on="PredictionSignal", symbols=["AAPL"],
                when=(signal.side == "BUY") & position.is_flat & ask("calm"),
                cooldown="1h", then=ENTRY)  # fmt: skip
    engine = RuleEngine([long], conditions={"calm": condition})
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    return engine


def engine_acting(action: Callable[[View], Any], *before: Action) -> RuleEngine:
    """One rule that does what the function says."""
    long = rule("long", on="PredictionSignal", symbols=["AAPL"], when=signal.side == "BUY",
                cooldown="1h", then=sequence(*before, custom("ladder")))  # fmt: skip
    engine = RuleEngine([long], actions={"ladder": action})
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    return engine


def said(engine: RuleEngine, side: str = "BUY") -> tuple[BaseEvent, ...]:
    return engine.on_event(PredictionSignalEvent(symbol="AAPL", side=side, confidence=0.9))


def failures(followed: tuple[BaseEvent, ...]) -> list[str]:
    """Texts of the alerts, after a look that nothing was sent and the rule is blocked."""
    assert not any(isinstance(event, OrderNewEvent | RuleFiredEvent) for event in followed)
    (blocked,) = (event for event in followed if isinstance(event, RuleBlockedEvent))
    assert blocked.reason == "CONDITION_UNKNOWN"
    incidents = [event for event in followed if isinstance(event, IncidentEvent)]
    assert {incident.code for incident in incidents} == {"SCRIPT_FAILED"}
    return [incident.text for incident in incidents]


def test_a_yes_fires_the_rule_and_a_no_does_not() -> None:
    for answer, function in ((True, lambda _view: True), (False, lambda _view: False)):
        followed = said(engine_asking(function))
        assert any(isinstance(event, ContextOpened) for event in followed) is answer
        assert not any(isinstance(event, IncidentEvent) for event in followed)


def test_the_function_sees_what_conditions_see_on_the_event_that_asks() -> None:
    seen: list[Any] = []

    def look(view: View) -> bool:
        seen.append((view.symbol, view.rule, view.signal.side, view.signal.confidence,
                     view.position.is_flat, view.market.price, view.market.bid,
                     view.value("market.price / 2")))  # fmt: skip
        return True

    said(engine_asking(look))
    assert seen == [("AAPL", "long", "BUY", 0.9, True, 150.0, None, 75.0)]


def test_it_is_not_asked_while_a_native_part_says_no_or_the_rule_is_cooling_down() -> None:
    asked = 0

    def count(_view: View) -> bool:
        nonlocal asked
        asked += 1
        return True

    engine = engine_asking(count)
    said(engine, side="SELL")
    assert asked == 0
    said(engine)
    assert asked == 1
    said(engine)
    assert asked == 1


def test_a_function_that_raises_is_unknown_and_its_line_is_named() -> None:
    def shaky(view: View) -> bool:
        return bool(view.market.bid > 1)

    (text,) = failures(said(engine_asking(shaky)))
    line = shaky.__code__.co_firstlineno + 1
    assert f"shaky` ({HERE}:{line}) raised TypeError" in text
    assert "rule `long`: no answer of the condition `calm`" in text


def test_an_answer_that_is_no_bool_is_unknown() -> None:
    (text,) = failures(said(engine_asking(lambda _view: 1)))
    assert "answered `1`, expected True or False" in text


def test_a_late_function_holds_nothing_up_and_is_not_asked_again_while_it_hangs() -> None:
    may_end = threading.Event()

    def slow(_view: View) -> bool:
        return may_end.wait(20)

    engine = engine_asking(slow)
    began = time.monotonic()
    (text,) = failures(said(engine))
    assert time.monotonic() - began < 5
    line = slow.__code__.co_firstlineno + 1
    assert f"slow` ({HERE}:{line}) took longer than 0.5s" in text
    (text,) = failures(said(engine))
    assert "has still not returned" in text
    may_end.set()
    deadline = time.monotonic() + 5
    while not any(isinstance(event, RuleFiredEvent) for event in said(engine)):
        assert time.monotonic() < deadline


def test_a_view_that_outlives_its_question_reads_nothing() -> None:
    kept: list[View] = []

    def keep(view: View) -> bool:
        kept.append(view)
        return False

    said(engine_asking(keep))
    with pytest.raises(RuntimeError, match="is over"):
        _ = kept[0].position.quantity


def test_a_question_that_nobody_answers_is_told() -> None:
    long = rule("long", on="PredictionSignal", symbols=["AAPL"], when=ask("clam"), then=ENTRY)
    engine = RuleEngine([long], conditions={"calm": lambda _view: True})
    (text,) = failures(said(engine))
    assert "did you mean `calm`?" in text


def test_actions_that_a_function_returns_are_done_under_the_same_limits() -> None:
    def by_price(view: View) -> Action:
        return enter("BUY", shares=7, stop_percent=view.market.price / 50)

    engine = engine_acting(by_price)
    orders = [event for event in said(engine) if isinstance(event, OrderNewEvent)]
    assert [(order.role, order.quantity) for order in orders] == [
        ("entry", Decimal(7)),
        ("stop", Decimal(7)),
    ]
    assert orders[1].stop_price == Decimal("145.5")
    few = {"max_order_shares": "5"}
    tight = RuleEngine(engine.rules, limits=few, actions={"ladder": by_price})
    tight.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    (blocked,) = (event for event in said(tight) if isinstance(event, RuleBlockedEvent))
    assert blocked.reason == "MAX_ORDER_SHARES"


def test_a_function_that_wants_nothing_consumes_no_cooldown() -> None:
    answers: list[list[Action]] = [[], [ENTRY]]
    engine = engine_acting(lambda _view: answers.pop(0))
    first, second = said(engine), said(engine)
    assert not any(isinstance(event, RuleFiredEvent) for event in first)
    assert any(isinstance(event, RuleFiredEvent) for event in second)


def test_nothing_is_done_before_every_action_is_known() -> None:
    def fails(_view: View) -> Action:
        raise RuntimeError("no ladder today")

    followed = said(engine_acting(fails, log("first")))
    assert "RuntimeError: no ladder today" in failures(followed)[0]
    assert [type(event).__name__ for event in followed if "Message" in type(event).__name__] == []


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("BUY", "an action such as `enter"),
        (custom("ladder"), "name no custom action that was asked on this event"),
        (sequence(log("a"), custom("ladder")), "name no custom action that was asked"),
        (
            enter("BUY", shares=1, stop=[2 * atr(14), percent(3)]),
            "use indicators of the strategy's rules only",
        ),
    ],
)
def test_actions_that_cannot_be_done_are_refused_whole(answer: Any, complaint: str) -> None:
    (text,) = failures(said(engine_acting(lambda _view: answer)))
    assert complaint in text


def test_an_answer_may_name_other_functions_but_none_twice() -> None:
    asked: list[str] = []

    def first(_view: View) -> list[Action]:
        asked.append("first")
        return [log("one"), custom("second")]

    def second(_view: View) -> list[Action]:
        asked.append("second")
        return [enter("BUY", shares=7, stop_percent=3)]

    long = rule("long", on="PredictionSignal", symbols=["AAPL"], then=custom("first"))
    engine = RuleEngine([long], actions={"first": first, "second": second})
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    followed = said(engine)
    assert asked == ["first", "second"]
    entries = [e for e in followed if isinstance(e, OrderNewEvent) and e.role == "entry"]
    assert [entry.quantity for entry in entries] == [Decimal(7)]

    circle = {"first": lambda _view: custom("second"), "second": lambda _view: custom("first")}
    turning = RuleEngine([long], actions=circle)
    turning.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    (text,) = failures(said(turning))
    assert "no answer of the custom action `second`" in text or "`second`" in text


def test_an_action_of_a_function_may_reverse_the_open_trade() -> None:
    sides = iter(["BUY", "SELL"])
    flip = rule("flip", on="PredictionSignal", symbols=["AAPL"], then=custom("flip"))
    engine = RuleEngine([flip], actions={"flip": lambda _view: enter(
        next(sides), shares=10, stop_percent=3, opposite="reverse")})  # fmt: skip
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
    entry, stop = (event for event in said(engine) if isinstance(event, OrderNewEvent))
    fill(engine, entry, 10.0)
    assert not any(isinstance(event, ContextOpened) for event in said(engine, side="SHORT"))
    followed = fill(engine, stop, 0.0)
    entries = [e for e in followed if isinstance(e, OrderNewEvent) and e.role == "entry"]
    assert [(entry.side, entry.quantity) for entry in entries] == [("SELL", Decimal(10))]


def fill(engine: RuleEngine, order: OrderNewEvent, held: float) -> list[BaseEvent]:
    """What follows from a fill, its commission and the broker's word on the position."""
    name = f"e.{order.role}.01"
    told = engine.on_event(
        FillEvent(symbol="AAPL", order_id=order.order_id, order_ref=order.order_ref, exec_id=name,
                  side=order.side, quantity=order.quantity, price=Decimal(150))
    )  # fmt: skip
    paid = engine.on_event(Event.commission(name, 1.0, "USD"))
    return [*told, *paid, *engine.on_event(Event.position_report(0, held, 150.0))]


def test_functions_that_cannot_be_asked_are_refused_when_they_are_registered() -> None:
    async def later(_view: View) -> bool:
        return True

    with pytest.raises(LanguageError, match="is asynchronous"):
        checked_function(later, "later", "a custom condition")
    with pytest.raises(LanguageError, match="that takes the view"):
        checked_function(lambda: True, "nothing", "a custom condition")

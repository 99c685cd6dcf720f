"""Every documented name in a rule: known at its moment, worth what it says, and acted on.

One trade from its signal to its conclusion. At each stage every name of the table stands in two
rules: one that asks for its value, which must act, and one for anything else, which must not.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from statistics import stdev
from typing import Any

import pytest

from orderloom import (
    AccountEvent,
    BarEvent,
    BaseEvent,
    Event,
    FillEvent,
    MessageEvent,
    OrderNewEvent,
    PredictionSignalEvent,
    PriceEvent,
    QuoteEvent,
    ReadingEvent,
    Rule,
    RuleEngine,
    SessionEvent,
    create_buy_rule,
    rule,
)
from orderloom.actions import log
from orderloom.conditions import Condition, all_of, feature, position, reading
from orderloom.names import NAMES, field
from orderloom.tree import FlagCondition, Numeric, WordField

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
# Tuesday, half past two in the afternoon; the session runs from 13:30 to 20:00.
START = 1_773_153_000 * SECOND
OPENS, CLOSES = START - 60 * MINUTE, START + 330 * MINUTE
CLOSES_OF_BARS = [100 + place % 3 for place in range(22)]
RETURNS = [(after / before - 1) * 100 for before, after in itertools.pairwise(CLOSES_OF_BARS[1:])]

WORTH: dict[str, dict[str, Any]] = {
    "signal": {
        "signal.side": "BUY", "signal.confidence": 0.9, "signal.numeric": 2, "signal.price": 99.5,
        "signal.age": 10, "context.is_open": False, "context.phase": "NONE",
    },
    "fill": {"fill.quantity": 10, "fill.price": 100, "fill.side": "BUY"},
    "open": {
        "position.is_flat": False, "position.is_long": True, "position.is_short": False,
        "position.side": "LONG", "position.quantity": 10, "position.average_price": 100,
        "position.unrealized": 20, "position.unrealized_percent": 2, "position.age": 60,
        "context.is_open": True, "context.phase": "OPEN", "context.tranches": 1, "context.count": 1,
        "market.price": 102, "market.bid": 101.9, "market.ask": 102.1,
        "market.spread_percent": 0.2 / 102 * 100, "market.volume": 15, "market.change_percent": 2,
        "market.volatility": stdev(RETURNS),
        "bar.open": 99, "bar.high": 105, "bar.low": 95, "bar.close": CLOSES_OF_BARS[-1],
        "bar.volume": 7, "bar.index": 0,
        "time.hhmm": 1431, "time.weekday": 1,
        "session.is_open": True, "session.minutes_after_open": 61 + 12 / 60,
        "session.minutes_before_close": 328 + 48 / 60,
        "account.equity": 100_000, "account.daily_pnl": 20, "account.gross_exposure": 1020,
        "account.net_exposure": 1020, "account.open_contexts": 1,
    },
    "over": {"conclusion.reason": "STOP", "conclusion.pnl": -30},
    "after": {"context.since_conclusion": 45, "position.is_flat": True, "context.count": 1},
}  # fmt: skip
TRIGGERS = {"signal": "PredictionSignal", "fill": "Fill", "over": "ContextConcluded"}


def asking(name: str, worth: Any) -> tuple[Condition, Condition]:
    """For that value, and for any other."""
    member = field(name)
    if isinstance(member, FlagCondition):
        return (member, ~member) if worth else (~member, member)
    if isinstance(member, WordField):
        return member == worth, member != worth
    assert isinstance(member, Numeric)
    near = member.between(worth - 1e-6, worth + 1e-6)
    return near, ~near


def rules() -> list[Rule]:
    made = []
    for stage, table in WORTH.items():
        on = TRIGGERS.get(stage, "Reading")
        # The exit is a fill, too.
        gate = [reading(stage) > 0] if on == "Reading" else [position.is_long][: on == "Fill"]
        for name, worth in table.items():
            holds, fails = asking(name, worth)
            for text, when in ((f"{stage} {name}", holds), (f"not {stage} {name}", fails)):
                made.append(rule(text.replace("_", "."), on=on, symbols=["AAPL"], then=log(text),
                                 when=all_of(*gate, when)))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the rules said over the life of the trade."""
    entering = create_buy_rule("AAPL", shares=10, stop_percent=3, name="enter", priority=-1)
    engine = RuleEngine([*rules(), entering])
    texts: list[str] = []
    engine.bus.subscribe(MessageEvent, lambda message: texts.append(message.text))
    at = START

    def tell(event: BaseEvent | Event) -> list[OrderNewEvent]:
        told = engine.on_event(event)
        return [each for each in told if isinstance(each, OrderNewEvent)]

    def fill(order: OrderNewEvent, price: int) -> None:
        exec_id = f"e.{order.role}.01"
        tell(FillEvent(symbol="AAPL", order_id=order.order_id, order_ref=order.order_ref, at=at,
                       side=order.side, quantity=Decimal(10), price=Decimal(price),
                       exec_id=exec_id))  # fmt: skip
        tell(Event.commission(exec_id, 0.0, "USD"))
        held = float(engine.positions["AAPL"].quantity)
        tell(Event.position_report(0, held, float(price)))

    tell(SessionEvent(symbol="AAPL", opens=OPENS, closes=CLOSES, at=at))
    tell(AccountEvent(tag="NetLiquidation", value=Decimal(100_000)))
    for place, close in enumerate(CLOSES_OF_BARS):
        is_last = place == len(CLOSES_OF_BARS) - 1
        tell(BarEvent(symbol="AAPL", start=at, span=MINUTE, open=Decimal(99), high=Decimal(105),
                      low=Decimal(95), close=Decimal(close), volume=Decimal(7),
                      is_history=not is_last))  # fmt: skip
    tell(PriceEvent(symbol="AAPL", price=Decimal(100), size=Decimal(10)))
    entry, stop = tell(
        PredictionSignalEvent(symbol="AAPL", side="BUY", confidence=0.9, numeric=2, at=at,
                              predicted_at=at - 10 * SECOND, price=Decimal("99.5"))
    )  # fmt: skip
    at += 12 * SECOND
    for order in (entry, stop):
        tell(Event.order_status(order.order_id, order.order_id, "Submitted", 0.0, 10.0))
    fill(entry, 100)
    at += 60 * SECOND
    tell(PriceEvent(symbol="AAPL", price=Decimal(102), size=Decimal(5), at=at))
    tell(QuoteEvent(symbol="AAPL", bid=Decimal("101.9"), ask=Decimal("102.1")))
    tell(ReadingEvent(name="open", value=1.0, symbol="AAPL"))
    tell(ReadingEvent(name="open", value=None, symbol="AAPL"))
    fill(stop, 97)
    at += 45 * SECOND
    tell(ReadingEvent(name="after", value=1.0, symbol="AAPL", at=at))
    return texts


def test_every_documented_name_is_covered() -> None:
    assert {name for table in WORTH.values() for name in table} == set(NAMES)


@pytest.mark.parametrize("stage", WORTH)
def test_each_name_is_worth_what_it_says_and_nothing_else(stage: str, said: list[str]) -> None:
    told = {text for text in said if stage in text.split()}
    assert told == {f"{stage} {name}" for name in WORTH[stage]}


def test_inputs_of_the_model_and_indicators_that_cross_are_acted_on() -> None:
    engine = RuleEngine(
        [
            rule("input", on="PredictionSignal", symbols=["AAPL"], when=feature("rsi") < 30,
                 then=log("input")),
            rule("up", on="Bar", symbols=["AAPL"], when="crosses_above(sma(1), sma(2))",
                 then=log("up")),
            rule("down", on="Bar", symbols=["AAPL"], when="crosses_below(bar.close, 10)",
                 then=log("down")),
            rule("warm", on="Bar", symbols=["AAPL"], when="known(sma(2))", then=log("warm")),
            rule("cold", on="Bar", symbols=["AAPL"], when="not known(sma(2))", then=log("cold")),
            rule("hours", on="Bar", symbols=["AAPL"], then=log("hours"),
                 when='time.between("14:00", "14:33") and time.weekdays("tue", "wed")'),
            rule("night", on="Bar", symbols=["AAPL"], then=log("night"),
                 when='time.between("22:00", "14:31") or time.weekdays("mon")'),
        ]
    )  # fmt: skip
    engine.on_event(SessionEvent(symbol="AAPL", opens=OPENS, closes=CLOSES, at=START))
    for rsi, texts in ((25.0, ["input"]), (35.0, [])):
        told = engine.on_event(PredictionSignalEvent(symbol="AAPL", side="BUY", at=START,
                                                     features={"rsi": rsi}))  # fmt: skip
        assert [each.text for each in told if isinstance(each, MessageEvent)] == texts
    said = []
    for minute, close in enumerate((12, 11, 13, 14, 9)):
        price, at = Decimal(close), START + minute * MINUTE
        told = engine.on_event(
            BarEvent(symbol="AAPL", start=at - MINUTE, span=MINUTE, open=price, high=price,
                     low=price, close=price, volume=Decimal(1), at=at)
        )  # fmt: skip
        said.append([each.text for each in told if isinstance(each, MessageEvent)])
    assert said == [
        ["cold", "hours", "night"],
        ["warm", "hours"],
        ["up", "warm", "hours"],
        ["warm"],
        ["down", "warm"],
    ]

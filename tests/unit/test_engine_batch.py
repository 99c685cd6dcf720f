"""A batch of events against the same events one at a time."""

from __future__ import annotations

import json
import random

import pytest

from orderloom import Engine, Event, market, percent, rule, signal
from orderloom.actions import enter, log

RULES = [
    rule("cheap", on="Quote", symbols="ONE", when=market.bid < 100, then=log("cheap")),
    rule("dear", on="Quote", when=market.ask > 100.5, then=log("dear")),
    rule(
        "buy",
        on="PredictionSignal",
        when=signal.side == "BUY",
        then=enter("BUY", shares=10, stop=percent(3)),
    ),
]


def engine() -> Engine:
    instruments = [{"symbol": symbol, "tick": "0.01"} for symbol in ("ONE", "TWO")]
    config = {"run": "b", "instruments": instruments, "rules": [it.as_dict() for it in RULES]}
    return Engine(json.dumps(config))


def some_events() -> list[Event]:
    draw = random.Random(4)
    start = [
        Event.connection("up"),
        Event.snapshot("began"),
        Event.next_order_id(1),
        Event.snapshot("ended"),
    ]
    quotes = []
    for place in range(200):
        bid = round(draw.uniform(99.5, 101), 2)
        quotes.append(Event.quote(draw.randrange(2), bid, bid + 0.01, 100.0, 100.0))
        if place % 50 == 49:
            quotes.append(
                Event.signal(f"k{place}", "ONE", 0, "BUY", 0.9, None, [], place, None, [])
            )
    return start + quotes


def test_a_batch_leads_to_what_its_events_lead_to_one_by_one() -> None:
    events = some_events()
    times = [place * 1_000_000_000 for place in range(len(events))]
    alone, together = engine(), engine()
    expected = []
    for place, event in enumerate(events):
        outcome = alone.on_event(place + 1, times[place], event)
        if outcome is not None:
            expected.append((place, outcome))
    found = together.on_events(1, times, events)

    assert [place for place, _ in found] == [place for place, _ in expected]
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        assert ours.fired == theirs.fired
        assert [it.json() for it in ours.commands] == [it.json() for it in theirs.commands]
        assert [it.json() for it in ours.notices] == [it.json() for it in theirs.notices]
    assert together.live_orders() == alone.live_orders() != "[]"
    assert {number for _, outcome in found for number in outcome.fired} == {0, 1, 2}


def test_a_batch_with_an_event_that_cannot_be_changes_nothing() -> None:
    ours = engine()
    cheap = Event.quote(0, 90.0, 90.01, 1.0, 1.0)
    with pytest.raises(IndexError, match="`symbol` must be below 2, was `2`"):
        ours.on_events(1, [0, 0], [cheap, Event.quote(2, 1.0, 1.1, 1.0, 1.0)])
    with pytest.raises(ValueError, match=r"`at` must be as long as `events` \(1\), was 2"):
        ours.on_events(1, [0, 0], [cheap])
    assert ours.mark(0) is None
    assert ours.on_events(1, [], []) == []
    [(place, outcome)] = ours.on_events(1, [0], [cheap])
    assert (place, outcome.fired) == (0, [0])

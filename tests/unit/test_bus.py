"""The event bus: who is called, in which order, and what failing or slow handlers do to others."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from orderloom.bus import EventBus


class Event:
    def __init__(self, number: int = 0) -> None:
        self.number = number


class OrderEvent(Event): ...


class Fill(OrderEvent): ...


class Priced(Event): ...


class PricedFill(Fill, Priced): ...


def _note(seen: list[str], name: str, _event: object) -> None:
    seen.append(name)


def test_an_event_reaches_handlers_of_its_class_and_its_ancestors_in_order_of_subscribing() -> None:
    bus = EventBus()
    seen: list[str] = []
    classes: list[type[Any]] = [Fill, Event, OrderEvent, Priced, object]
    for event_class in classes:
        bus.subscribe(event_class, partial(_note, seen, event_class.__name__))
    assert bus.publish(PricedFill()) == 5
    assert seen == ["Fill", "Event", "OrderEvent", "Priced", "object"]
    seen.clear()
    assert bus.publish(OrderEvent()) == 3
    assert seen == ["Event", "OrderEvent", "object"]
    assert bus.publish(7) == 1


def test_a_subscription_made_after_a_class_was_first_seen_counts_from_the_next_event() -> None:
    bus = EventBus()
    assert bus.publish(Fill()) == 0
    seen: list[Event] = []
    subscription = bus.subscribe(Event, seen.append)
    event = Fill()
    assert bus.publish(event) == 1
    assert seen == [event]
    assert subscription.cancel()
    assert not subscription.cancel()
    assert not subscription.is_active
    assert bus.publish(Fill()) == 0


def test_an_event_published_by_a_handler_waits_until_everybody_had_the_current_one() -> None:
    bus = EventBus()
    seen: list[tuple[str, int]] = []
    inner: list[int] = []

    def first(event: Event) -> None:
        seen.append(("first", event.number))
        if event.number < 3:
            inner.append(bus.publish(Event(event.number + 1)))

    bus.subscribe(Event, first)
    bus.subscribe(Event, lambda event: seen.append(("second", event.number)))
    assert bus.publish(Event(1)) == 2
    assert seen == [
        ("first", 1), ("second", 1), ("first", 2), ("second", 2), ("first", 3), ("second", 3),
    ]  # fmt: skip
    assert inner == [0, 0]


def test_a_handler_cancelled_or_added_inside_a_handler_does_not_get_the_event_under_way() -> None:
    bus = EventBus()
    seen: list[str] = []

    def first(_event: Event) -> None:
        seen.append("first")
        subscription.cancel()
        late.cancel()
        bus.subscribe(Event, lambda _event: seen.append("added"))

    subscription = bus.subscribe(Event, first)
    late = bus.subscribe(Event, lambda _event: seen.append("late"))
    assert bus.publish(Event()) == 1
    assert seen == ["first"]
    assert bus.publish(Event()) == 1
    assert seen == ["first", "added"]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_raising_handler_is_counted_and_reported_with_its_event_and_the_others_run(
    kind: type[BaseException],
) -> None:
    reported: list[tuple[object, object, BaseException]] = []
    bus = EventBus(lambda *report: reported.append(report))
    seen: list[Event] = []

    def broken(event: Event) -> None:
        raise kind(event.number)

    bus.subscribe(Event, broken)
    bus.subscribe(Event, seen.append)
    event = Fill(7)
    assert bus.publish(event) == 2
    assert seen == [event]
    assert bus.errors == 1
    [(handler, reported_event, error)] = reported
    assert handler is broken
    assert reported_event is event
    assert isinstance(error, kind)
    assert error.args == (7,)
    assert error.__traceback__ is not None


def test_a_bound_method_is_called_with_its_object_and_reported_as_itself() -> None:
    class Listener:
        def __init__(self) -> None:
            self.seen: list[Event] = []

        def on_event(self, event: Event) -> None:
            self.seen.append(event)
            raise ValueError

    reported: list[object] = []
    bus = EventBus(lambda handler, *_rest: reported.append(handler))
    listener = Listener()
    bus.subscribe(Event, listener.on_event)
    event = Event()
    bus.publish(event)
    assert listener.seen == [event]
    assert reported == [listener.on_event]


def test_without_an_error_handler_the_exception_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooked: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", hooked.append)
    bus = EventBus()

    def broken(_event: Event) -> None:
        raise ValueError("lost?")

    bus.subscribe(Event, broken)
    assert bus.publish(Event()) == 1
    assert [str(hook.exc_value) for hook in hooked] == ["lost?"]
    assert hooked[0].object is broken


def test_an_interrupt_ends_the_delivery_and_the_bus_goes_on_with_the_next_event() -> None:
    bus = EventBus()
    seen: list[int] = []

    def interrupted(event: Event) -> None:
        if event.number == 1:
            bus.publish(Event(2))
            raise KeyboardInterrupt

    bus.subscribe(Event, interrupted)
    bus.subscribe(Event, lambda event: seen.append(event.number))
    with pytest.raises(KeyboardInterrupt):
        bus.publish(Event(1))
    assert bus.errors == 0
    bus.publish(Event(3))
    assert seen == [2, 3]


def test_threads_that_publish_at_once_lose_no_event_and_keep_their_order() -> None:
    bus = EventBus()
    seen: list[int] = []
    other: list[int] = []
    bus.subscribe(Event, lambda event: seen.append(event.number))
    bus.subscribe(Event, lambda event: other.append(event.number))

    def publish(start: int) -> None:
        for number in range(start, start + 2_000):
            bus.publish(Event(number))

    threads = [threading.Thread(target=publish, args=(start,)) for start in (0, 10_000, 20_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == other
    for start in (0, 10_000, 20_000):
        assert [number for number in seen if start <= number < start + 10_000] == list(
            range(start, start + 2_000)
        )


def test_a_bus_whose_handler_belongs_to_its_owner_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.bus = EventBus(self.on_error)
            self.subscription = self.bus.subscribe(Event, self.on_event)
            self.bus.publish(Event())

        def on_event(self, _event: Event) -> None: ...

        def on_error(self, *_report: object) -> None: ...

    owner = weakref.ref(Owner())
    gc.collect()
    assert owner() is None


def test_what_cannot_be_subscribed_is_refused_with_its_name() -> None:
    bus = EventBus()
    with pytest.raises(TypeError, match="`handler` must be callable, was `7`"):
        bus.subscribe(Event, 7)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        bus.subscribe("Event", print)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="`queue_max` must be at least 1, was `0`"):
        EventBus(queue_max=0)


async def test_a_slow_asynchronous_handler_delays_nobody_and_keeps_its_order() -> None:
    bus = EventBus()
    gate = asyncio.Event()
    slow: list[int] = []
    quick: list[int] = []

    async def handle(event: Event) -> None:
        await gate.wait()
        slow.append(event.number)

    subscription = bus.subscribe(Event, handle)
    bus.subscribe(Event, lambda event: quick.append(event.number))
    for number in range(3):
        assert bus.publish(Event(number)) == 2
    await asyncio.sleep(0)
    assert (quick, slow) == ([0, 1, 2], [])
    assert subscription.waiting == 2
    gate.set()
    await bus.join()
    assert slow == [0, 1, 2]
    assert subscription.dropped == 0


async def test_a_full_queue_refuses_the_newest_event_and_says_so() -> None:
    reported: list[tuple[object, object, BaseException]] = []
    bus = EventBus(lambda *report: reported.append(report), queue_max=2)
    seen: list[int] = []

    async def handle(event: Event) -> None:
        seen.append(event.number)

    subscription = bus.subscribe(Event, handle)
    for number in range(3):
        bus.publish(Event(number))
    await bus.join()
    assert seen == [0, 1]
    assert subscription.dropped == 1
    assert bus.errors == 1
    [(handler, event, error)] = reported
    assert handler is handle
    assert isinstance(event, Event)
    assert event.number == 2
    assert isinstance(error, asyncio.QueueFull)


async def test_an_asynchronous_handler_that_raises_goes_on_with_the_next_event() -> None:
    reported: list[tuple[object, object, BaseException]] = []
    bus = EventBus(lambda *report: reported.append(report))
    seen: list[int] = []

    class Handler:
        async def __call__(self, event: Event) -> None:
            if event.number == 0:
                raise ValueError
            seen.append(event.number)

    handler = Handler()
    bus.subscribe(Event, handler)
    bus.publish(Event(0))
    bus.publish(Event(1))
    await bus.join()
    assert seen == [1]
    assert [report[0] for report in reported] == [handler]


async def test_a_cancelled_asynchronous_handler_gets_nothing_that_still_waited() -> None:
    bus = EventBus()
    seen: list[int] = []

    async def handle(event: Event) -> None:
        seen.append(event.number)

    subscription = bus.subscribe(Event, handle)
    bus.publish(Event(0))
    assert subscription.cancel()
    assert bus.publish(Event(1)) == 0
    await bus.join()
    assert seen == []


def test_an_asynchronous_handler_without_a_running_loop_is_reported_with_a_hint() -> None:
    reported: list[tuple[object, object, BaseException]] = []
    bus = EventBus(lambda *report: reported.append(report))

    async def handle(event: Event) -> None: ...

    bus.subscribe(Event, handle)
    bus.publish(Event())
    [(_, _, error)] = reported
    assert isinstance(error, RuntimeError)
    assert "publish from the event loop" in error.__notes__[0]

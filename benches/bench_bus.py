"""Does a bus with inheritance, isolation and order cost more than a plain Python one?

Asked: how long 1,000 events take to reach 1, 10 and 100 handlers each, half of which subscribed to
an ancestor of their class, beside the shortest typed bus that Python can have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orderloom import EventBus

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture


EVENTS = 1_000


class Happened: ...


class Filled(Happened): ...


class PlainBus:
    """Handlers by class with inheritance; isolates nothing, cancels nothing, orders nothing."""

    def __init__(self) -> None:
        self._handlers: dict[type[Any], list[Callable[[Any], object]]] = {}
        self._routes: dict[type[Any], list[Callable[[Any], object]]] = {}

    def subscribe(self, event_class: type[Any], handler: Callable[[Any], object]) -> None:
        self._handlers.setdefault(event_class, []).append(handler)
        self._routes.clear()

    def publish(self, event: object) -> int:
        kind = type(event)
        try:
            route = self._routes[kind]
        except KeyError:
            lines = (self._handlers.get(ancestor, []) for ancestor in kind.__mro__)
            route = self._routes[kind] = [handler for line in lines for handler in line]
        for handler in route:
            handler(event)
        return len(route)


def no_op() -> Callable[[object], object]:
    """A function of its own for each handler, as in a program."""

    def handler(event: object) -> None: ...

    return handler


@pytest.mark.parametrize("handlers", [1, 10, 100])
@pytest.mark.parametrize("bus", [PlainBus, EventBus])
def test_an_event_reaches_its_handlers(
    benchmark: BenchmarkFixture, bus: type[PlainBus] | type[EventBus], handlers: int
) -> None:
    benchmark.group = f"{handlers} handlers"
    publish = (made := bus()).publish
    for index in range(handlers):
        made.subscribe(Happened if index % 2 else Filled, no_op())
    events = [Filled() for _ in range(EVENTS)]

    def publish_all() -> None:
        for event in events:
            publish(event)

    benchmark(publish_all)
    assert (publish(Filled()), publish(Happened())) == (handlers, handlers // 2)

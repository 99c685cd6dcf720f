"""eventkit: one event with its listeners, as `ib_async` uses it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from eventkit import Event

from benches.peers.work import Task, main, no_op

if TYPE_CHECKING:
    from collections.abc import Callable


class Fill: ...


def bus(given: tuple[int, int]) -> Task:
    size, handlers = given

    def made(handler: Callable[[], Any]) -> Any:
        event = Event("fills")
        for _ in range(handlers):
            event.connect(handler(), keep_ref=True)
        return event

    def run(event: Any) -> None:
        emit, fill = event.emit, Fill()
        for _ in range(size):
            emit(fill)

    def count(_: None) -> int:
        heard: list[object] = []
        made(lambda: heard.append).emit(Fill())
        return len(heard)

    return Task(size, lambda: made(no_op), run, count)


main("eventkit", version("eventkit"), {f"bus-{number}": bus for number in (1, 10, 100)})

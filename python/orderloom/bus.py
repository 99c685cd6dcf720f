"""The event bus: handlers by event class, run in the order of events.

Plain handlers are called natively, one after the other, before `publish` returns. A coroutine
function gets a bounded queue of its own, so that a slow one delays nobody.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, overload

from orderloom import _core
from orderloom._core import Subscription

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Self

    ErrorHandler = Callable[[Callable[..., object], object, BaseException], object]

__all__ = ["EventBus", "QueuedSubscription", "Subscription"]

_E = TypeVar("_E")


class EventBus(_core.EventBus):
    """Delivers each event to the handlers of its class and of all classes that it inherits from.

    Every handler sees events in the order in which they happened: an event published by a handler
    is delivered after the current one has reached everybody. A handler that raises is isolated,
    counted in `errors` and reported, also for `SystemExit`; the others still run. Only Ctrl-C,
    where it raises `KeyboardInterrupt`, ends `publish`. Subscriptions may end at any time, also
    inside a handler: it is not called again from then on, not even for the event under way.

    Args:
        on_error: Called with handler, event and exception. Without it, the exception is reported by
            `sys.unraisablehook`, which prints it with its traceback.
        queue_max: Most events that wait for one asynchronous handler, at least 1. Further ones are
            refused: counted in its `dropped` and reported as `asyncio.QueueFull` with their event.

    Raises:
        ValueError: `queue_max` below 1.

    Example:
        >>> class Event: ...
        >>> class Fill(Event): ...
        >>> bus = EventBus()
        >>> seen = bus.subscribe(Event, lambda event: print(type(event).__name__))
        >>> bus.publish(Fill())
        Fill
        1
        >>> seen.cancel()
        True
        >>> bus.publish(Fill())
        0
    """

    def __new__(cls, on_error: ErrorHandler | None = None, *, queue_max: int = 1_024) -> Self:
        """Open a bus without handlers."""
        if queue_max < 1:
            raise ValueError(f"`queue_max` must be at least 1, was `{queue_max}`")
        bus = super().__new__(cls, on_error)
        bus._queue_max = queue_max
        bus._queues = set()
        return bus

    _queue_max: int
    _queues: set[QueuedSubscription]

    @overload
    def subscribe(  # type: ignore[overload-overlap]  # A coroutine is the narrower kind of object.
        self, event_class: type[_E], handler: Callable[[_E], Coroutine[Any, Any, object]]
    ) -> QueuedSubscription: ...
    @overload
    def subscribe(self, event_class: type[_E], handler: Callable[[_E], object]) -> Subscription: ...
    def subscribe(
        self, event_class: type[Any], handler: Callable[[Any], Any]
    ) -> Subscription | QueuedSubscription:
        """Call `handler` with each event of `event_class` and its subclasses, from the next on.

        Raises:
            TypeError: `event_class` is no class, or `handler` cannot be called.
        """
        if not _is_asynchronous(handler):
            return super().subscribe(event_class, handler)
        queued = QueuedSubscription(self, event_class, handler, self._queue_max)
        self._queues.add(queued)
        return queued

    async def join(self) -> None:
        """Wait until no event waits for an asynchronous handler and none of them is running."""
        while running := [queued.task for queued in self._queues if queued.task is not None]:
            await asyncio.wait(running)


class QueuedSubscription:
    """An asynchronous handler's place on a bus, with the events that wait for it.

    Attributes:
        event_class: What it subscribed to.
        handler: The coroutine function.
        dropped: How many events were refused because too many waited.
        task: Runs the handler while events wait.
    """

    def __init__(
        self,
        bus: EventBus,
        event_class: type[Any],
        handler: Callable[[Any], Awaitable[object]],
        queue_max: int,
    ) -> None:
        self.event_class = event_class
        self.handler = handler
        self.dropped = 0
        self.task: asyncio.Task[None] | None = None
        self._bus = bus
        self._waiting: deque[object] = deque()
        self._queue_max = queue_max
        self._subscription = _core.EventBus.subscribe(bus, event_class, self._take)

    @property
    def is_active(self) -> bool:
        """Whether events still reach the handler."""
        return self._subscription.is_active

    @property
    def waiting(self) -> int:
        """How many events wait for the handler."""
        return len(self._waiting)

    def cancel(self) -> bool:
        """End the subscription and forget what waits; a handler that runs is left to finish.

        Returns:
            Whether it was active.
        """
        self._waiting.clear()
        self._bus._queues.discard(self)
        return self._subscription.cancel()

    def _take(self, event: object) -> None:
        if len(self._waiting) >= self._queue_max:
            self.dropped += 1
            full = asyncio.QueueFull(f"{self._queue_max} events wait for {self.handler!r}")
            self._bus.report(self.handler, event, full)
            return
        if self.task is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError as error:
                error.add_note("hint: publish from the event loop that runs asynchronous handlers")
                self._bus.report(self.handler, event, error)
                return
            self.task = loop.create_task(self._run())
        self._waiting.append(event)

    async def _run(self) -> None:
        try:
            while self._waiting:
                event = self._waiting.popleft()
                try:
                    await self.handler(event)
                except (Exception, SystemExit, KeyboardInterrupt) as error:
                    self._bus.report(self.handler, event, error)
        finally:
            self.task = None


def _is_asynchronous(handler: object) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(type(handler), "__call__", None)  # noqa: B004 - asks what calling would do
    )

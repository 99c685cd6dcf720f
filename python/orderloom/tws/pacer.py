"""Fewer than 50 messages a second to TWS, exits first.

TWS drops messages above its limit and disconnects repeat offenders (error 100). `ib_async` would
queue in order of arrival, so that a stop waits behind market data requests; here it does not.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from orderloom.tws.errors import QueueFullError

MESSAGES_MAX: Final = 45
"""Per second; TWS allows 50 [tws-order-semantics: pacing]."""

_SECOND: Final = 1.0
_ENTRIES_WAITING_MAX: Final = 256


class Urgency(IntEnum):
    """Who goes first."""

    EXIT = 0
    ENTRY = 1
    DATA = 2


# What each may use of a second: the rest is kept for the more urgent.
_KEPT_FREE: Final = {Urgency.EXIT: 0, Urgency.ENTRY: 10, Urgency.DATA: 20}

_Waiting = tuple[Callable[[], None], int | None]


class Pacer:
    """Sends at once while there is room in the last second, else in order of urgency.

    Messages about one order never overtake each other. `messages_max` of `None` sends everything
    at once. Times are in seconds of `monotonic`; `call_later` is the event loop's.
    """

    def __init__(
        self,
        messages_max: int | None,
        monotonic: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._room = (
            None
            if messages_max is None
            else {each: messages_max - _KEPT_FREE[each] for each in Urgency}
        )
        self._monotonic = monotonic
        self._call_later = call_later
        self._sent: deque[float] = deque()
        self._queues: dict[Urgency, deque[_Waiting]] = {each: deque() for each in Urgency}
        self._waiting: dict[Urgency, Counter[int]] = {each: Counter() for each in Urgency}
        self._count = 0
        self._is_draining = False

    def __len__(self) -> int:
        return self._count

    def submit(
        self,
        urgency: Urgency,
        send: Callable[[], None],
        *,
        order_id: int | None = None,
        parent_id: int = 0,
    ) -> None:
        """Call `send` now or as soon as the rate allows.

        A message waits behind whatever already waits for its order or for its parent, however
        urgent it is. Raises `QueueFullError`, with nothing queued, when too many entries wait
        already; a child always follows its parent.
        """
        if self._room is None:
            send()
            return
        if self._count:
            urgency = self._behind(urgency, order_id, parent_id)
        if not (self._count and self._has_waiting(urgency)) and self._is_free(urgency):
            self._sent.append(self._monotonic())
            send()
            return
        queue = self._queues[urgency]
        if urgency is Urgency.ENTRY and not parent_id and len(queue) >= _ENTRIES_WAITING_MAX:
            raise QueueFullError(f"order {order_id}: {len(queue)} messages wait before it")
        queue.append((send, order_id))
        self._count += 1
        if order_id is not None:
            self._waiting[urgency][order_id] += 1
        self._arrange()

    def clear(self) -> int:
        """Forget what waits, as after a lost connection, and return how much that was."""
        waiting, self._count = self._count, 0
        for each in Urgency:
            self._queues[each].clear()
            self._waiting[each].clear()
        return waiting

    def _behind(self, urgency: Urgency, order_id: int | None, parent_id: int) -> Urgency:
        for each in Urgency:
            waiting = self._waiting[each]
            if order_id in waiting or parent_id in waiting:
                return each
        return urgency

    def _has_waiting(self, urgency: Urgency) -> bool:
        return any(self._queues[each] for each in Urgency if each <= urgency)

    def _is_free(self, urgency: Urgency) -> bool:
        assert self._room is not None  # noqa: S101 - an unpaced pacer never asks
        now, sent = self._monotonic(), self._sent
        while sent and now - sent[0] >= _SECOND:
            sent.popleft()
        return len(sent) < self._room[urgency]

    def _arrange(self) -> None:
        if not self._is_draining and self._count:
            self._is_draining = True
            self._call_later(self._delay(), self._drain)

    def _delay(self) -> float:
        # The most urgent that waits may go when enough of the last second has passed.
        assert self._room is not None  # noqa: S101 - an unpaced pacer never waits
        room = self._room[next(each for each in Urgency if self._queues[each])]
        due = self._sent[len(self._sent) - room] + _SECOND if len(self._sent) >= room else 0.0
        return max(0.0, due - self._monotonic())

    def _drain(self) -> None:
        self._is_draining = False
        for each in Urgency:
            queue, waiting = self._queues[each], self._waiting[each]
            while queue and self._is_free(each):
                send, order_id = queue.popleft()
                self._count -= 1
                if order_id is not None:
                    waiting[order_id] -= 1
                    if not waiting[order_id]:
                        del waiting[order_id]
                self._sent.append(self._monotonic())
                send()
            if queue:
                break
        self._arrange()

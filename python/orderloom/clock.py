"""Clocks: the system's, and one that moves only when it is told to."""

from __future__ import annotations

import asyncio
import heapq
import time
from itertools import count
from typing import Final

_SLICE_NS: Final = 500_000_000


class SystemClock:
    """The host's UTC clock.

    Waits in slices of half a second, so that a stepped clock or a suspended machine delays a
    deadline by no more than that.
    """

    def now(self) -> int:
        """Return UTC nanoseconds since 1970."""
        return time.time_ns()

    async def sleep_until(self, at: int) -> None:
        """Return as soon as `now()` is at or after `at`."""
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 - nobody sets an event when time passes
            await asyncio.sleep(min(left, _SLICE_NS) / 1e9)


class ManualClock:
    """A clock that stands still until `advance_to`: simulated and accelerated runs, tests."""

    def __init__(self, start: int = 0) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        """Return UTC nanoseconds since 1970."""
        return self._now

    @property
    def next_wake(self) -> int | None:
        """The earliest moment that somebody sleeps until."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def advance_to(self, at: int) -> None:
        """Move to `at` and wake whoever is due, earliest first.

        Raises `ValueError` when `at` lies in the past: time never moves back.
        """
        if at < self._now:
            raise ValueError(f"time never moves back: it is `{self._now}`, asked for `{at}`")
        self._now = at
        while self._sleepers and self._sleepers[0][0] <= at:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep_until(self, at: int) -> None:
        """Return as soon as `now()` is at or after `at`."""
        if at <= self._now:
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at, next(self._order), sleeper))
        await sleeper

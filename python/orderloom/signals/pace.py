"""How fast a source may be asked: our own rate, and the pauses that it demands."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from orderloom.instant import NS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_MINUTE: Final = 60 * NS_PER_SECOND


class Pace:
    """Gives every request its moment, at most `per_minute` in any minute.

    A moment is taken before the wait for it, so concurrent requests line up instead of
    starting together when the pause ends.
    """

    def __init__(
        self,
        per_minute: int | None,
        monotonic_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._taken: deque[int] = deque(maxlen=per_minute)
        self._is_bounded = per_minute is not None
        self._closed_until = 0
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep

    async def turn(self) -> None:
        """Return when the next request may leave."""
        now = self._monotonic_ns()
        at = max(now, self._closed_until)
        if self._is_bounded:
            if len(self._taken) == self._taken.maxlen:
                at = max(at, self._taken[0] + _MINUTE)
            self._taken.append(at)
        if at > now:
            await self._sleep((at - now) / NS_PER_SECOND)

    def close_for(self, seconds: float) -> None:
        """Let no further request leave before `seconds` have passed."""
        until = self._monotonic_ns() + round(seconds * NS_PER_SECOND)
        self._closed_until = max(self._closed_until, until)

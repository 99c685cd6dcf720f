"""Known times at which TWS is away: its daily restart, its weekly log-in.

Knows when they are and says so; what follows from it is the engine's to decide.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orderloom._core import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderloom.config.sections import RestartSettings
    from orderloom.ports import Clock, EventSink

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND
_WEEK_DAYS: Final = 7


class Restarts:
    """The times of restarts, each from shortly before its beginning until it must be over."""

    def __init__(self, restarts: Sequence[RestartSettings], clock: Clock) -> None:
        self._restarts = restarts
        self._clock = clock

    def is_near(self) -> bool:
        """Whether TWS is about to be away, or may be."""
        now = self._clock.now()
        return any(begin <= now < end for begin, end in self._spans(now))

    def next_change(self) -> int | None:
        """When one begins or ends next, UTC ns; `None` when there are none."""
        now = self._clock.now()
        return min((at for span in self._spans(now) for at in span if at > now), default=None)

    async def announce(self, post: EventSink) -> None:
        """Post when they begin and when they are over, for ever."""
        was_near = False
        while True:
            if (is_near := self.is_near()) != was_near:
                detail = "TWS restarts about now: no new entries" if is_near else ""
                post(Event.hold("broker_restart", is_near, detail))
                was_near = is_near
            if (change := self.next_change()) is None:
                return
            await self._clock.sleep_until(change)

    def _spans(self, now: int) -> Iterator[tuple[int, int]]:
        """Those of the days around a moment: all that may hold it, and the next ones."""
        for each in self._restarts:
            today = datetime.fromtimestamp(now // _SECOND, each.zone).date()
            since, until = -(each.lasts // _DAY) - 1, each.before // _DAY + 1 + _WEEK_DAYS
            offsets = range(since, until + 1)
            yield from each.windows(today + timedelta(days=offset) for offset in offsets)

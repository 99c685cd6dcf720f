"""Past sessions of an instrument, read from the hours that its contract details tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .times import DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bars import Duration
    from .times import Zone

SCHEDULE_VERSION = 165
"""The first server version that tells schedules."""
_MAX_REACH = 366 * DAY
_LONGEST_PAUSE = 14 * DAY


class Session(NamedTuple):
    """One session, in UTC nanoseconds."""

    open: int
    close: int


def past_sessions(
    hours: Callable[[int], str], zone: Zone, duration: Duration, end: int
) -> list[Session]:
    """Return the sessions of the duration before `end` that had begun by then, oldest first.

    `hours` tells the sessions of a day and of those after it, in the form of contract details.
    Days are counted by sessions; other durations hold every session that reaches into them. No
    schedule reaches back more than a year.
    """
    is_counted = duration.unit == "D"
    reach = 2 * duration.span + _LONGEST_PAUSE if is_counted else duration.span
    days = range(end, end - min(reach, _MAX_REACH) - DAY, -DAY)
    entries = {entry for day in days for entry in hours(day).split(";")}
    known = sorted(_session(entry, zone) for entry in entries if "-" in entry)
    begun = [session for session in known if session.open <= end]
    if is_counted:
        return begun[-duration.count :]
    return [session for session in begun if session.close > end - duration.span]


def _session(entry: str, zone: Zone) -> Session:
    """Read ``20250922:0930-20250922:1600``."""
    opens, _, closes = entry.partition("-")
    return Session(_moment(opens, zone), _moment(closes, zone))


def _moment(text: str, zone: Zone) -> int:
    date, _, time = text.partition(":")
    return zone.parse(f"{date} {time[:2]}:{time[2:]}:00")

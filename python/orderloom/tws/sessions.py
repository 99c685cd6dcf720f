"""Regular trading sessions out of contract details.

Hours are local to the exchange; the zone comes with them. Nothing here knows the host's zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import tzinfo

_NS: Final = 1_000_000_000
# `20250922:0930-20250922:1600`, or as older versions wrote it `20250922:0930-1600`.
_SPAN: Final = re.compile(r"(\d{8}):(\d{2})(\d{2})-(?:(\d{8}):)?(\d{2})(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TradingSession:
    """One session: the exchange's date as YYYYMMDD, offset from UTC at the open, open, close."""

    date: int
    utc_offset: int
    open: int
    close: int


def sessions_of(hours: str, zone: tzinfo) -> list[TradingSession]:
    """Return the sessions of `liquidHours`, earliest first; closed days have none.

    The date is that of the close, which is the trading day of sessions that begin the evening
    before. Raises `ValueError` with the part that is not understood.
    """
    sessions = []
    for part in re.split("[;,]", hours):
        text = part.strip()
        if not text or text.endswith(":CLOSED"):
            continue
        match = _SPAN.fullmatch(text)
        if match is None:
            expected = "YYYYMMDD:HHMM-YYYYMMDD:HHMM"
            raise ValueError(f"liquid hours: expected `{expected}`, found `{text}`")
        day, hour, minute, end_day, end_hour, end_minute = match.groups()
        opened = _local(day, hour, minute, zone)
        closed = _local(end_day or day, end_hour, end_minute, zone)
        sessions.append(
            TradingSession(
                date=int(end_day or day),
                utc_offset=int((opened.utcoffset() or timedelta()).total_seconds()) * _NS,
                open=int(opened.timestamp()) * _NS,
                close=int(closed.timestamp()) * _NS,
            )
        )
    return sorted(sessions, key=lambda session: session.open)


def _local(day: str, hour: str, minute: str, zone: tzinfo) -> datetime:
    # Through a timedelta, because midnight at the end of a day may be written 2400.
    start = datetime.strptime(day, "%Y%m%d")  # noqa: DTZ007 - the exchange's zone follows
    return (start + timedelta(hours=int(hour), minutes=int(minute))).replace(tzinfo=zone)

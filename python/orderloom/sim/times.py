"""Time zones and the forms in which TWS writes time.

Times are UTC nanoseconds. Nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
DAY = 86_400 * SECOND

_OFFSET_BLOCK = 900 * SECOND
_MOMENT = re.compile(r"(\d{8})[ -]+(\d{1,2}:\d{2}:\d{2})(?: +(\S.*))?", re.ASCII)
_EPOCH = date(1970, 1, 1)
_UTC = ZoneInfo("UTC")


class Zone:
    """A time zone of the IANA database, with its offsets remembered."""

    __slots__ = ("_offsets", "_zone", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = ZoneInfo(name)
        self._offsets: dict[int, int] = {}

    def offset(self, at: int) -> int:
        """Return local time minus UTC, in nanoseconds."""
        # Offsets change on quarter hours only, so one answer serves the whole quarter.
        block = at // _OFFSET_BLOCK
        offset = self._offsets.get(block)
        if offset is None:
            moment = datetime.fromtimestamp(block * 900, self._zone)
            offset = int((moment.utcoffset() or timedelta()).total_seconds()) * SECOND
            self._offsets[block] = offset
        return offset

    def day(self, at: int) -> int:
        """Return the local date as days since 1970-01-01."""
        return (at + self.offset(at)) // DAY

    def midnight(self, at: int) -> int:
        """Return the moment at which the local day of `at` began."""
        start = datetime.combine(_EPOCH + timedelta(days=self.day(at)), datetime.min.time())
        return int(start.replace(tzinfo=self._zone).timestamp()) * SECOND

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp((at + self.offset(at)) // SECOND, UTC)

    def date(self, at: int) -> str:
        """Write ``20250922``."""
        return self._local(at).strftime("%Y%m%d")

    def minute(self, at: int) -> str:
        """Write ``09:30``."""
        return self._local(at).strftime("%H:%M")

    def stamp(self, at: int) -> str:
        """Write ``20250922 09:30:00 US/Eastern``."""
        return self._local(at).strftime("%Y%m%d %H:%M:%S ") + self.name

    def bare(self, at: int) -> str:
        """Write ``20250922  09:30:00``: two spaces and no zone, as TWS was recorded."""
        return self._local(at).strftime("%Y%m%d  %H:%M:%S")

    def dashed(self, at: int) -> str:
        """Write ``20250922-09:30:00``."""
        return self._local(at).strftime("%Y%m%d-%H:%M:%S")

    def parse(self, text: str) -> int:
        """Read a moment: zoned, bare (local), or dashed (UTC, as TWS defines that form).

        Raises `ValueError` for anything else, an unknown zone included.
        """
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError(f"expected `YYYYMMDD HH:MM:SS [zone]`, found `{text}`")
        zone = self._zone
        if match[3]:
            try:
                zone = ZoneInfo(match[3])
            except (KeyError, ValueError):
                raise ValueError(f"expected a time zone, found `{match[3]}`") from None
        elif text[8] == "-":
            zone = _UTC
        local = datetime.strptime(match[1] + match[2], "%Y%m%d%H:%M:%S").replace(tzinfo=zone)
        return int(local.timestamp()) * SECOND

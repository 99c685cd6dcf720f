"""TWS's words and numbers, and what they mean.

An unset number becomes `None`; a word that TWS was never known to use is an error that shows it.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

_UNSET_FLOAT: Final = 1.79e308
_UNSET_INTEGER: Final = 2_147_483_647

EXECUTED: Final = {"BOT": "BUY", "SLD": "SELL"}
"""Sides of executions."""
ACTIONS: Final = {"BUY": "BUY", "SELL": "SELL", "SSHORT": "SELL"}
"""Sides of orders; SSHORT is an institution's short sale."""

# Order types whose lmtPrice, or whose auxPrice as a trigger, means something. For all others TWS
# echoes zeros or leftovers (tws-order-semantics: TRAIL).
_LIMITED: Final = frozenset({"LMT", "STP LMT", "TRAIL LIMIT", "LOC", "LIT", "REL"})
_STOPPED: Final = frozenset({"STP", "STP LMT"})
_TRAILING: Final = frozenset({"TRAIL", "TRAIL LIMIT"})

# Abbreviations by which older TWS name the zone of an exchange, daylight saving included.
_EXCHANGE_ZONES: Final = {
    "EST": "America/New_York",
    "CST": "America/Chicago",
    "MST": "America/Denver",
    "PST": "America/Los_Angeles",
}

_MOMENT: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)([ -]+)(\d{1,2}):(\d\d):(\d\d)(?: +(\S.*))?", re.ASCII
)


def number(value: float) -> float | None:
    """Return a number, or `None` for NaN, an infinity, or TWS's largest double."""
    value = float(value)
    return value if math.isfinite(value) and abs(value) < _UNSET_FLOAT else None


def integer(value: int) -> int | None:
    """Return an integer, or `None` for TWS's largest one."""
    return None if value == _UNSET_INTEGER else value


def quantity(value: float) -> float:
    """Return a quantity that TWS may leave out: none of it is 0; 2147483647 means left out."""
    value = float(value)
    # NaN is not below anything either.
    return value if abs(value) < _UNSET_FLOAT and value != _UNSET_INTEGER else 0.0


def side(word: str, words: Mapping[str, str]) -> str:
    """Return `BUY` or `SELL`.

    Raises `ValueError` with the word.
    """
    try:
        return words[word]
    except KeyError:
        raise ValueError(f"side: expected one of `{', '.join(words)}`, found `{word}`") from None


def limit_price(order_type: str, price: float | None) -> float | None:
    """Return lmtPrice where the type has one."""
    return _price(price) if order_type in _LIMITED else None


def stop_price(order_type: str, aux: float | None, trail_stop: float | None) -> float | None:
    """Return the trigger where the type has one: auxPrice, or trailStopPrice of a trailing one."""
    if order_type in _STOPPED:
        return _price(aux)
    return _price(trail_stop) if order_type in _TRAILING else None


def _price(value: float | None) -> float | None:
    return None if value is None else number(value)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the zone that contract details or an execution name.

    Older versions append an explanation: `EST (Eastern Standard Time)`. Raises `ValueError`.
    """
    word = name.split(" (", 1)[0].strip()
    try:
        return ZoneInfo(_EXCHANGE_ZONES.get(word, word))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone: expected an IANA name, found `{name}`") from None


def moment(text: str, unzoned: tzinfo) -> int:
    """Return epoch seconds of a time as executions carry it.

    Zoned (`20250922 09:30:00 US/Eastern`), dashed (`20250922-13:30:00`, which is UTC), or without
    zone (`20250922  09:30:00`), read in `unzoned`. Raises `ValueError`.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError(f"time: expected `YYYYMMDD HH:MM:SS [zone]`, found `{text}`")
    year, month, day, gap, hour, minute, second, name = match.groups()
    where: tzinfo = zone(name) if name else UTC if "-" in gap else unzoned
    # `strptime` takes ten times as long.
    return int(
        datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=where
        ).timestamp()
    )

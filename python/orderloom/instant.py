"""Moments as UTC nanoseconds, and their one written form: ISO 8601 in UTC.

Knows no time zones: a text without an offset is refused, since a local time is a guess.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

NS_PER_SECOND: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
# Nanoseconds in 64 bits reach from 1678 to 2261; days before and after are looked at, too.
_YEARS: Final = range(1900, 2200)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OURS: Final = (631_152_000, 4_102_444_800)
"""1990 and 2100, in seconds."""


class Unit(NamedTuple):
    """A unit of time that is not ours."""

    name: str
    ns: int


_UNITS: Final = (
    Unit("seconds", NS_PER_SECOND), Unit("milliseconds", NS_PER_MS), Unit("microseconds", 1_000)
)  # fmt: skip


def iso_to_ns(text: str) -> int:
    """UTC nanoseconds of an ISO 8601 time; finer than a microsecond is cut off.

    Raises:
        ValueError: not ISO 8601, without an offset (a local time is a guess), or in a year that
            cannot be meant.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset from UTC")
    if moment.year not in _YEARS:
        raise ValueError(f"the year {moment.year} is not between {_YEARS[0]} and {_YEARS[-1]}")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def ns_to_iso(at: int) -> str:
    """ISO 8601 in UTC with `Z`, with as many of 3, 6 or 9 fractional digits as `at` needs."""
    seconds, rest = divmod(at, NS_PER_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{rest:09d}"
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def unit_of(*moments: int) -> Unit | None:
    """The unit in which all of these are of our years, unless it is nanoseconds or none.

    Example:
        >>> unit_of(1_773_153_000), unit_of(1_773_153_000_000_000_000)
        (Unit(name='seconds', ns=1000000000), None)
    """
    first, last = (seconds * NS_PER_SECOND for seconds in _OURS)
    units = (unit for unit in _UNITS if all(first <= at * unit.ns < last for at in moments))
    return next(units, None)

"""Lengths of time, times of day and exact decimals, as people write them.

Money, prices and quantities stay decimals with at most eight places, as the core keeps them.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, Self

from orderloom.errors import LanguageError, shown

_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_WORDS: Final = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hour": "h", "hours": "h", "day": "d", "days": "d",
}  # fmt: skip
_PART: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*([a-z]{1,7})")
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_COUNTS_MAX: Final = 2**63 - 1
_PLACES_MAX: Final = 8

SpanLike = int | str | timedelta


class Span(int):
    """A length of time in nanoseconds, zero or more, that shows itself as `5m` or `1.5s`.

    Example:
        >>> Span.parse("5m"), Span.parse("1 min"), Span.parse("1h30m").seconds
        (Span('5m'), Span('1m'), 5400.0)
    """

    @classmethod
    def parse(cls, value: object) -> Self:
        """A span from text with units, or from a `timedelta`.

        A bare number is refused (its unit would be a guess), except 0 and a `Span` itself.

        Raises:
            LanguageError: Anything else, a negative or too long time.
        """
        expected = "a length of time with its unit, such as `60s`, `5m` or `1h30m`"
        if isinstance(value, cls):
            return value
        if isinstance(value, timedelta):
            ns = (value.days * 86_400 + value.seconds) * _NS["s"] + value.microseconds * _NS["us"]
            if not 0 <= ns <= _COUNTS_MAX:
                raise LanguageError(f"found {shown(str(value))}", expected)
            return cls(ns)
        if isinstance(value, int) and not isinstance(value, bool) and value == 0:
            return cls(0)
        if isinstance(value, int | float) and not isinstance(value, bool):
            hint = f"write `{value}s` for seconds" if 0 < value < _COUNTS_MAX / _NS["s"] else None
            raise LanguageError(f"found {shown(value)}", expected, hint)
        if not isinstance(value, str):
            raise LanguageError(f"found {shown(value)}", expected)
        total, at, text = Decimal(0), 0, value.strip().lower()
        while at < len(text):
            part = _PART.match(text, at)
            unit = _WORDS.get(part[2], part[2]) if part else ""
            if part is None or unit not in _NS:
                raise LanguageError(f"found {shown(value)}", expected)
            total += Decimal(part[1]) * _NS[unit]
            at = part.end()
        if not text or total > _COUNTS_MAX:
            raise LanguageError(f"found {shown(value)}", expected)
        return cls(int(total))

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self / _NS["s"]

    def __str__(self) -> str:
        if self == 0:
            return "0s"
        rest, text = int(self), ""
        for unit in ("d", "h", "m"):
            count, rest = divmod(rest, _NS[unit])
            text += f"{count}{unit}" if count else ""
        if rest:
            unit = next(unit for unit in ("s", "ms", "us", "ns") if rest >= _NS[unit])
            text += f"{decimal_text(Decimal(rest) / _NS[unit])}{unit}"
        return text

    def __repr__(self) -> str:
        return f"Span({str(self)!r})"


def parse_clock(value: object) -> int:
    """Seconds since midnight of a time of day such as `10:00` or `15:59:30`; `24:00` is the end.

    Raises:
        LanguageError: Anything else.

    Example:
        >>> parse_clock("10:00")
        36000
    """
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= 86_400:
            return total
    raise LanguageError(
        f"found {shown(value)}", "a time of day in the exchange's zone, such as `10:00`"
    )


def clock_text(seconds: int) -> str:
    """The time of day that `parse_clock` reads back."""
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def exact(value: object, name: str, *, positive: bool = True) -> Decimal:
    """A decimal that the core can hold exactly; a float counts as the text it prints as.

    Raises:
        LanguageError: No number, more than eight decimal places, out of range, or not above zero
            where `positive` is asked for.

    Example:
        >>> exact("50_000", "notional"), exact(0.1, "amount")
        (Decimal('50000'), Decimal('0.1'))
    """
    expected = "a number above 0" if positive else "a number"
    number: Decimal | None = None
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(str(value) if isinstance(value, float) else value)
        except (InvalidOperation, ValueError):
            number = None
    if number is None:
        raise LanguageError(f"`{name}` is {shown(value)}", expected)
    if not number.is_finite():
        raise LanguageError(f"`{name}` is {shown(value)}", expected.replace("a ", "a finite ", 1))
    if abs(number) * 10**_PLACES_MAX > _COUNTS_MAX:
        raise LanguageError(f"`{name}` is {shown(value)}", "a number within ±92 billion")
    places = number.normalize().as_tuple().exponent
    if isinstance(places, int) and -places > _PLACES_MAX:
        raise LanguageError(f"`{name}` is {shown(value)}", "at most 8 decimal places")
    if positive and number <= 0:
        raise LanguageError(f"`{name}` is {shown(value)}", expected)
    return number


def decimal_text(number: Decimal) -> str:
    """The number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

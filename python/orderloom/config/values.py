"""Values of the configuration that pydantic validates by the language's own readers."""

from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from orderloom.errors import LanguageError, shown
from orderloom.names import WEEKDAYS, weekday_of
from orderloom.rules import checked_symbols
from orderloom.units import Span, decimal_text, exact, parse_clock

_NUMBER_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9_]+(\.[0-9]+)?$"},
    ]
}
SPAN_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(\s*[0-9]+(\.[0-9]+)?\s*[A-Za-z]+)+\s*$",
    "examples": ["60s", "5m", "1h30m"],
}


def _whole(value: object) -> object:
    """A text of digits is a number: it may come from the environment. `true` is none."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool | float | str):
        raise LanguageError(f"found {shown(value)}", "a whole number")
    return value


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise LanguageError(f"found {shown(value)}", "a number")
    return value


def _positive(value: object) -> Decimal:
    try:
        return exact(value, "")
    except LanguageError as error:
        raise LanguageError(f"found {shown(value)}", error.expected) from None


def _some_time(value: object) -> Span:
    span = Span.parse(value)
    if span == 0:
        raise LanguageError(f"found {shown(value)}", "some time, such as `60s`")
    return span


def _span_text(value: Span) -> str:
    return str(value)


def _time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        minutes, second = divmod(parse_clock(value), 60)
        return time(minutes // 60, minutes % 60, second)
    except (LanguageError, ValueError):
        expected = "a time of day before 24:00, such as `23:45`"
        raise LanguageError(f"found {shown(value)}", expected) from None


def _zone(value: object) -> ZoneInfo:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        expected = "a time zone of the IANA's list, such as `America/New_York`"
        raise LanguageError(f"found {shown(value)}", expected) from None


def _weekdays(value: object) -> tuple[str, ...]:
    found = {weekday_of(day) for day in value} if isinstance(value, list | tuple) else set()
    if not found or None in found:
        expected = f"a list of weekdays out of {', '.join(WEEKDAYS)}"
        raise LanguageError(f"found {shown(value)}", expected)
    return tuple(day for number, day in enumerate(WEEKDAYS) if number in found)


Duration = Annotated[
    Span, PlainValidator(Span.parse), PlainSerializer(_span_text), WithJsonSchema(SPAN_SCHEMA)
]
"""Nanoseconds, zero or more, from text with units."""

LongDuration = Annotated[
    Span, PlainValidator(_some_time), PlainSerializer(_span_text), WithJsonSchema(SPAN_SCHEMA)
]
"""As `Duration`, but not zero."""

PositiveDecimal = Annotated[
    Decimal,
    PlainValidator(_positive),
    PlainSerializer(decimal_text),
    WithJsonSchema(_NUMBER_SCHEMA),
]
"""Money, shares or a price step: exact, above zero, at most eight places."""

Count = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=4_294_967_295)]
"""A whole number from 1."""

Whole = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=2_147_483_647)]
"""A whole number from 0."""

Percentage = Annotated[float, BeforeValidator(_number), Field(gt=0, le=100)]
"""Above 0, at most 100."""


def _symbols(value: object) -> tuple[str, ...]:
    try:
        return checked_symbols(value)
    except LanguageError as error:
        # The way down to the value is told by who asks.
        raise LanguageError(error.what, error.expected, error.hint, path=error.path[1:]) from None


Symbols = Annotated[
    tuple[str, ...],
    PlainValidator(_symbols),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
"""Tickers as the configuration writes them everywhere."""

TimeOfDay = Annotated[
    time,
    PlainValidator(_time_of_day),
    PlainSerializer(lambda value: value.isoformat()),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$"}),
]
"""A moment of every day, without a zone."""

Zone = Annotated[
    ZoneInfo,
    PlainValidator(_zone),
    PlainSerializer(lambda value: value.key),
    WithJsonSchema({"type": "string", "examples": ["America/New_York"]}),
]
"""A time zone by its IANA name."""

Weekdays = Annotated[
    tuple[str, ...],
    PlainValidator(_weekdays),
    WithJsonSchema({"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1}),
]
"""Some days of the week, by their names or the first three letters of them."""

"""Values of the configuration that pydantic validates by the language's own readers."""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from orderloom.errors import LanguageError, shown
from orderloom.rules import checked_symbols
from orderloom.units import Span, decimal_text, exact

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

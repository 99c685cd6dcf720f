"""What the simulated exchange is told, judged by an exchange: it alone knows its fields.

It complains of a place in a text that nobody wrote. So each field is shown to it by itself, and
what it says is told with the name of the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from orderloom._core import Venue
from orderloom.errors import LanguageError, did_you_mean, shown

_PLACE: Final = re.compile(r"^venue configuration: | at line \d+ column \d+$")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_MAPPING: Final = "a mapping such as `{key: value}`"
_WORDS: Final = {
    "a boolean": "`true` or `false`",
    "a nonzero u32": "a whole number, 1 to 4,294,967,295",
    "a string": "text",
    "f64": "a number",
    "i64": "a whole number",
    "u32": "a whole number, 0 to 4,294,967,295",
    "u64": "a whole number, 0 to 18,446,744,073,709,551,615",
}
"""Our words by those of the native side."""


def check_venue(given: object, told: str) -> None:
    """Refuse a configuration that no venue can follow; `told` is what its author calls it.

    Raises:
        LanguageError: The field is named, with what it has to be.

    Example:
        >>> check_venue({"fill": {"slippage_ticks": 1.5}}, "venue")
        Traceback (most recent call last):
            ...
        orderloom.errors.LanguageError: `venue.fill.slippage_ticks`: found `1.5`, expected a whole \
number, 0 to 4,294,967,295
    """
    if not isinstance(given, Mapping):
        raise LanguageError(f"{_named(told, ())}found {shown(given)}", _MAPPING)
    for name, value in given.items():
        _judge((str(name),), value, told)


def check_field(path: Sequence[str], value: object, told: str) -> None:
    """Refuse one value, which a venue knows by `path` and its author as `told`.

    Raises:
        LanguageError: As for `check_venue`.
    """
    if (complaint := _complaint(path, value)) is not None:
        raise LanguageError(f"`{told}`: found {shown(value)}", _expected(path, complaint))


def _judge(path: tuple[str, ...], value: object, told: str) -> None:
    complaint = _complaint(path, value)
    if complaint is None and isinstance(value, list | tuple):
        complaint = "expected struct …"  # it would take them for fields in their order
    if complaint is None:
        return
    unknown = _UNKNOWN.match(complaint)
    if unknown is not None and unknown[1] == path[-1]:
        expected = _expected(path, complaint)
        raise LanguageError(
            f"{_named(told, path[:-1])}unknown key {shown(path[-1])}",
            expected,
            did_you_mean(path[-1], re.findall("`([^`]*)`", expected)),
        )
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _judge((*path, str(name)), inner, told)
    raise LanguageError(f"{_named(told, path)}found {shown(value)}", _expected(path, complaint))


def venue_json(config: Mapping[str, Any]) -> str:
    """A configuration as the native side reads it.

    Raises:
        TypeError, ValueError: A value that JSON has not.
    """
    return json.dumps(config, allow_nan=False, default=_decimal)


def _decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError


def _complaint(path: Sequence[str], value: object) -> str | None:
    """What a venue says to one value, if it cannot take it."""
    try:
        text = venue_json(_at(path, value))
    except (TypeError, ValueError):
        return "expected a value that JSON has"
    try:
        Venue(text)
    except ValueError as error:
        return _PLACE.sub("", str(error))
    return None


def _at(path: Sequence[str], value: object) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _expected(path: Sequence[str], complaint: str) -> str:
    """What would have been right, in our words."""
    if complaint == "expected value":  # of a number in the place of a word: which, no word tells
        complaint = _complaint(path, "") or complaint
    words = complaint.partition("expected ")[2].partition(", found")[0]
    return _MAPPING if words.startswith("struct ") else _WORDS.get(words, words)


def _named(told: str, path: Sequence[str]) -> str:
    name = ".".join(filter(None, (told, *path)))
    return f"`{name}`: " if name else ""

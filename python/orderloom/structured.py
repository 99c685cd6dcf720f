"""Conditions in YAML's own structure: `all`, `any`, `not` and comparisons as mappings.

Each leaf may also be text; both forms build the same tree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.expression import DEPTH_MAX, parse_condition, parse_operand
from orderloom.functions import ask, crosses_above, crosses_below, feature, known, reading
from orderloom.names import NAMES, time
from orderloom.tree import (
    Condition,
    ConstantCondition,
    FlagCondition,
    FlagField,
    NotCondition,
    Numeric,
    Operand,
    Sign,
    Word,
    all_of,
    any_of,
    compare,
    numeric,
)

_SIGNS: Final = ("<", "<=", "==", "!=", ">=", ">")
_LEFT: Final = ("field", "indicator", "value", "feature", "reading")
_TESTS: Final = (*_SIGNS, "is", "between", "one_of", "crosses_above", "crosses_below", "known")
_WHOLE: Final = ("all", "any", "not", "known", "ask", "time")
_EXAMPLE: Final = '`{field: signal.confidence, ">=": 0.8}`, `all`, `any`, `not` or text'


def parse_structured(value: object, *, custom: Collection[str] = ()) -> Condition:
    """The condition that text, a boolean or a mapping means.

    Forms: `all: […]`, `any: […]`, `not: …`, `known: atr(14)`, `ask: calm`,
    `time: {between: ["10:00", "15:30"], weekdays: [mon]}`, and
    `{field: signal.confidence, ">=": 0.8}`, where `field` may be any value (also as `indicator`,
    `feature`, `reading`) and the tests are the six signs, `is`, `between` (both ends included),
    `one_of`, `crosses_above`, `crosses_below` and `known`; several tests must all hold.

    Raises:
        LanguageError: Not a condition; `path` leads to the offending part.

    Example:
        >>> print(parse_structured({"all": [
        ...     {"field": "signal.side", "one_of": ["BUY", "SHORT"]},
        ...     {"field": "signal.confidence", ">=": 0.8},
        ...     "position.is_flat"]}))
        (signal.side == "BUY" or signal.side == "SHORT") and signal.confidence >= 0.8 \
and position.is_flat
    """
    return _Structure(custom).condition(value, 0)


class _Structure:
    def __init__(self, custom: Collection[str]) -> None:
        self._custom = custom

    def condition(self, value: object, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            raise LanguageError("nested too deeply", f"at most {DEPTH_MAX} levels")
        if isinstance(value, str):
            return parse_condition(value, custom=self._custom)
        if isinstance(value, bool):
            return ConstantCondition(value)
        if not isinstance(value, Mapping):
            raise LanguageError(f"found {shown(value)}", _EXAMPLE)
        if any(key in value for key in _LEFT):
            return _comparison(value)
        if len(value) != 1:
            raise LanguageError(f"found the keys {_listed(value)}", _EXAMPLE)
        ((key, inner),) = value.items()
        if key not in _WHOLE:
            hint = did_you_mean(str(key), (*_WHOLE, *_LEFT))
            raise LanguageError(f"unknown key {shown(key)}", _EXAMPLE, hint)
        with inside(key):
            return self._whole(key, inner, depth)

    def _whole(self, key: str, inner: object, depth: int) -> Condition:
        match key:
            case "all" | "any":
                if not isinstance(inner, list) or not inner:
                    raise LanguageError(f"found {shown(inner)}", "a list of conditions")
                parts = []
                for index, part in enumerate(inner):
                    with inside(index):
                        parts.append(self.condition(part, depth + 1))
                return (all_of if key == "all" else any_of)(*parts)
            case "not":
                return NotCondition(self.condition(inner, depth + 1))
            case "known":
                return known(_operand(inner))
            case "ask":
                return ask(cast("str", inner))
            case _:
                return _time(inner)


def _comparison(value: Mapping[Any, Any]) -> Condition:
    (name, *others) = [key for key in _LEFT if key in value]
    tests = [key for key in value if key not in _LEFT]
    if others:
        raise LanguageError(f"found both `{name}` and `{others[0]}`", "one of them")
    with inside(name):
        left = _left(name, value[name])
    for key in tests:
        if key not in _TESTS:
            raise LanguageError(
                f"unknown test {shown(key)}",
                f"one of {', '.join(f'`{test}`' for test in _TESTS)}",
                did_you_mean(str(key), _TESTS),
            ).within(key)
    if not tests and isinstance(left, FlagField):
        return FlagCondition(left)
    if not tests:
        raise LanguageError(f"`{left}` is compared with nothing", _EXAMPLE)
    parts = []
    for key in tests:
        with inside(key):
            parts.append(_test(left, key, value[key]))
    return all_of(*parts)


def _left(name: str, value: object) -> Operand:
    if name == "feature":
        return feature(cast("str", value))
    if name == "reading":
        return reading(cast("str", value))
    return _operand(value)


def _test(left: Operand, key: str, right: object) -> Condition:
    match key:
        case "is" if isinstance(left, FlagField) and isinstance(right, bool):
            return FlagCondition(left) if right else NotCondition(FlagCondition(left))
        case "is":
            return compare(left, "==", _right(left, right))
        case "known" if isinstance(right, bool):
            return known(left) if right else NotCondition(known(left))
        case "known":
            raise LanguageError(f"found {shown(right)}", "`true` or `false`")
        case "between":
            low, high = _items(right, 2)
            return all_of(
                compare(left, ">=", _right(left, low)), compare(left, "<=", _right(left, high))
            )
        case "one_of":
            return any_of(
                *(compare(left, "==", _right(left, item)) for item in _items(right, None))
            )
        case "crosses_above" | "crosses_below":
            crosses = crosses_above if key == "crosses_above" else crosses_below
            return crosses(numeric(left, "as what moves"), cast("Numeric", _right(left, right)))
        case _:
            return compare(left, cast("Sign", key), _right(left, right))


def _right(left: Operand, value: object) -> object:
    """Text beside a number is an expression; beside a word it is a word or another's name."""
    if isinstance(value, str) and (not isinstance(left, Word) or value in NAMES):
        return parse_operand(value)
    return value


def _operand(value: object) -> Operand:
    if not isinstance(value, str):
        raise LanguageError(f"found {shown(value)}", "a documented name such as `signal.side`")
    return parse_operand(value)


def _time(value: object) -> Condition:
    if not isinstance(value, Mapping) or not value or not set(value) <= {"between", "weekdays"}:
        raise LanguageError(f"found {shown(value)}", "`between` and `weekdays`")
    parts = []
    if "between" in value:
        start, end = _items(value["between"], 2)
        parts.append(time.between(cast("str", start), cast("str", end)))
    if "weekdays" in value:
        parts.append(time.weekdays(*cast("list[str]", _items(value["weekdays"], None))))
    return all_of(*parts)


def _items(value: object, count: int | None) -> list[object]:
    if not isinstance(value, list) or not value or (count is not None and len(value) != count):
        expected = "a list" if count is None else f"a list of {count}"
        raise LanguageError(f"found {shown(value)}", expected)
    return value


def _listed(value: Mapping[Any, Any]) -> str:
    return ", ".join(shown(key) for key in value) or "of nothing"

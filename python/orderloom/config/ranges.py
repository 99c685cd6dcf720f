"""Which values a condition leaves possible, as far as its comparisons with fixed values tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from orderloom.tree import (
    AndCondition,
    CompareCondition,
    Condition,
    ConstantCondition,
    CrossCondition,
    FlagCondition,
    NotCondition,
    Number,
    NumericField,
    Operand,
    OrCondition,
    Sign,
    Text,
    WordField,
    operands,
)

_BRANCHES_MAX: Final = 64
_OPPOSITE: Final[dict[Sign, Sign]] = {
    "<": ">=", "<=": ">", "==": "!=", "!=": "==", ">=": "<", ">": "<=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Empty:
    """Why nothing is left: the name, and what it would have to be."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Interval:
    """Numbers between two bounds, each included or not."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    excluded: frozenset[float] = frozenset()

    def narrowed(self, sign: Sign, value: float) -> Interval:
        """What is left of it once the comparison holds."""
        low, high = self.low, self.high
        low_open, high_open, excluded = self.low_open, self.high_open, self.excluded
        if sign == "!=":
            excluded |= {value}
        if sign in {">", ">=", "=="} and (value > low or (value == low and sign == ">")):
            low, low_open = value, sign == ">"
        if sign in {"<", "<=", "=="} and (value < high or (value == high and sign == "<")):
            high, high_open = value, sign == "<"
        return Interval(low, high, low_open, high_open, excluded)

    def overlap(self, other: Interval) -> Interval:
        """What both hold."""
        found = self.narrowed(">" if other.low_open else ">=", other.low)
        found = found.narrowed("<" if other.high_open else "<=", other.high)
        found.excluded |= other.excluded
        return found

    @property
    def is_empty(self) -> bool:
        """Whether no number is left."""
        if self.low == self.high:
            return self.low_open or self.high_open or self.low in self.excluded
        return self.low > self.high

    def is_within(self, other: Interval) -> bool:
        """Whether each of its numbers is also in the other."""
        low_fits = self.low > other.low or (
            self.low == other.low and (self.low_open or not other.low_open)
        )
        high_fits = self.high < other.high or (
            self.high == other.high and (self.high_open or not other.high_open)
        )
        return low_fits and high_fits and other.excluded <= self.excluded


@dataclass(slots=True)
class Ranges:
    """What one way of satisfying a condition says about each name.

    `known` names what must be known for it; `other` holds the parts that no range expresses.
    """

    numbers: dict[str, Interval] = field(default_factory=dict)
    words: dict[str, frozenset[str]] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()
    empty: Empty | None = None

    def low(self, name: str) -> float:
        """The smallest possible value."""
        return self.numbers[name].low if name in self.numbers else -math.inf

    def high(self, name: str) -> float:
        """The largest possible value."""
        return self.numbers[name].high if name in self.numbers else math.inf

    def joined(self, second: Ranges) -> Ranges:
        """What holds when both do."""
        result = Ranges(
            dict(self.numbers),
            dict(self.words),
            dict(self.flags),
            self.known | second.known,
            self.other | second.other,
            self.empty or second.empty,
        )
        for name, interval in second.numbers.items():
            left = result.numbers.get(name, Interval()).overlap(interval)
            result.numbers[name] = left
            if left.is_empty and result.empty is None:
                result.empty = Empty(name, f"nothing is left for `{name}`")
        for name, words in second.words.items():
            result.words[name] = result.words.get(name, words) & words
            if not result.words[name] and result.empty is None:
                result.empty = Empty(name, f"no word is left for `{name}`")
        for name, flag in second.flags.items():
            if result.flags.setdefault(name, flag) != flag and result.empty is None:
                result.empty = Empty(name, f"`{name}` cannot be both true and false")
        return _with_side(result)

    def is_within(self, other: Ranges) -> bool:
        """Whether the other holds whenever this does."""
        return (
            all(
                name in self.numbers and self.numbers[name].is_within(interval)
                for name, interval in other.numbers.items()
            )
            and all(
                name in self.words and self.words[name] <= words
                for name, words in other.words.items()
            )
            and all(self.flags.get(name) == flag for name, flag in other.flags.items())
            and other.other <= self.other
        )


def branches(condition: Condition) -> list[Ranges]:
    """The ways of satisfying a condition; a single opaque one where there are too many."""
    found = _branches(condition, holds=True)
    return found if len(found) <= _BRANCHES_MAX else [_opaque(condition, holds=True)]


def implies(first: Condition, second: Condition) -> bool:
    """Whether `second` certainly holds whenever `first` does."""
    wide = branches(second)
    return all(
        any(way.is_within(other) for other in wide) for way in branches(first) if way.empty is None
    )


def _branches(condition: Condition, *, holds: bool) -> list[Ranges]:
    match condition:
        case NotCondition(part):
            return _branches(part, holds=not holds)
        case AndCondition(parts) | OrCondition(parts):
            ways = [_branches(part, holds=holds) for part in parts]
            if isinstance(condition, AndCondition) != holds:
                return [way for one in ways for way in one][: _BRANCHES_MAX + 1]
            if math.prod(map(len, ways)) > _BRANCHES_MAX:
                return [_opaque(condition, holds=holds)]
            return [_joined(combination) for combination in product(*ways)]
        case ConstantCondition(value):
            empty = Empty("", "it is always false")
            return [Ranges(empty=None if value == holds else empty)]
        case CompareCondition(left, sign, right):
            return [_compared(left, sign if holds else _OPPOSITE[sign], right)]
        case FlagCondition(flag):
            return [_with_side(Ranges(flags={flag.name: holds}))]
        case _:
            return [_opaque(condition, holds=holds)]


def _joined(parts: tuple[Ranges, ...]) -> Ranges:
    result = Ranges()
    for part in parts:
        result = result.joined(part)
    return result


def _compared(left: Operand, sign: Sign, right: Operand) -> Ranges:
    name = str(left)
    known = frozenset(str(node) for side in (left, right) for node in operands(side))
    if isinstance(left, WordField) and isinstance(right, Text):
        words = frozenset({right.value}) if sign == "==" else frozenset(left.words) - {right.value}
        return _with_side(Ranges(words={name: words}, known=known))
    if not isinstance(right, Number):
        return Ranges(other=frozenset({f"{left} {sign} {right}"}), known=known)
    bounds = Interval()
    if isinstance(left, NumericField):
        bounds = Interval(left.low, left.high)
    interval = bounds.narrowed(sign, right.value)
    empty = None
    if interval.is_empty:
        empty = Empty(name, f"`{name}` is never {sign} {right}")
    return Ranges({name: interval}, known=known, empty=empty)


def _with_side(ranges: Ranges) -> Ranges:
    """The three flags of a position exclude each other."""
    sides = [name for name in ("flat", "long", "short") if ranges.flags.get(f"position.is_{name}")]
    if len(sides) > 1 and ranges.empty is None:
        ranges.empty = Empty("position.side", f"a position is not both {sides[0]} and {sides[1]}")
    return ranges


def _opaque(condition: Condition, *, holds: bool) -> Ranges:
    """A condition that no range expresses: equal only to itself."""
    known: frozenset[str] = frozenset()
    if isinstance(condition, CrossCondition):
        known = frozenset(str(node) for node in operands(condition))
    text = str(condition) if holds else f"not ({condition})"
    return Ranges(other=frozenset({text}), known=known)

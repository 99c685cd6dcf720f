"""The tree that a condition is, whether it was written as text, as YAML or in Python.

Nodes only describe: they are never evaluated here. `as_dict` gives the form that the native engine
compiles; `str` gives the text that parses back to the same tree.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from orderloom.errors import LanguageError, did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orderloom.units import Span

JsonDict = dict[str, Any]
Sign = Literal["<", "<=", "==", "!=", ">=", ">"]

_FLIPPED: Final[dict[Sign, Sign]] = {
    "<": ">", "<=": ">=", "==": "==", "!=": "!=", ">=": "<=", ">": "<",
}  # fmt: skip
_ARITHMETIC: Final[dict[str, tuple[str, Callable[[float, float], float]]]] = {
    "+": ("add", lambda left, right: left + right),
    "-": ("subtract", lambda left, right: left - right),
    "*": ("multiply", lambda left, right: left * right),
    "/": ("divide", lambda left, right: left / right),
    "%": ("remainder", lambda left, right: left % right),
}


class Node(ABC):
    """What operands and conditions have in common."""

    __slots__ = ()

    def as_dict(self) -> JsonDict:
        """The form that the native engine reads."""
        return self._form()

    @abstractmethod
    def _form(self) -> JsonDict: ...

    def to_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False)

    def __repr__(self) -> str:
        return f"<{self}>"


class Operand(Node):
    """A value that conditions compare."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"`{self}` has no value yet: it is compared when the rule runs; "
            "compare it, as in `signal.confidence >= 0.8`"
        )


class Numeric(Operand):
    """A number known when the rule runs: comparisons and `+ - * /` build the tree.

    Example:
        >>> from orderloom.conditions import atr, market
        >>> print(market.price > market.bid + 2 * atr(14))
        market.price > market.bid + (2 * atr(14))
    """

    __slots__ = ()
    __hash__ = Operand.__hash__

    def __lt__(self, other: NumberLike) -> Condition:
        return compare(self, "<", other)

    def __le__(self, other: NumberLike) -> Condition:
        return compare(self, "<=", other)

    def __ge__(self, other: NumberLike) -> Condition:
        return compare(self, ">=", other)

    def __gt__(self, other: NumberLike) -> Condition:
        return compare(self, ">", other)

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "!=", other)

    def between(self, low: NumberLike, high: NumberLike) -> Condition:
        """At least `low` and at most `high`."""
        return all_of(compare(self, ">=", low), compare(self, "<=", high))

    def one_of(self, *values: NumberLike) -> Condition:
        """Equal to one of the values."""
        return any_of(*(compare(self, "==", value) for value in values))

    def __add__(self, other: NumberLike) -> Numeric:
        return arithmetic(self, "+", other)

    def __radd__(self, other: NumberLike) -> Numeric:
        return arithmetic(other, "+", self)

    def __sub__(self, other: NumberLike) -> Numeric:
        return arithmetic(self, "-", other)

    def __rsub__(self, other: NumberLike) -> Numeric:
        return arithmetic(other, "-", self)

    def __mul__(self, other: NumberLike) -> Numeric:
        return arithmetic(self, "*", other)

    def __rmul__(self, other: NumberLike) -> Numeric:
        return arithmetic(other, "*", self)

    def __truediv__(self, other: NumberLike) -> Numeric:
        return arithmetic(self, "/", other)

    def __rtruediv__(self, other: NumberLike) -> Numeric:
        return arithmetic(other, "/", self)

    def __mod__(self, other: NumberLike) -> Numeric:
        return arithmetic(self, "%", other)

    def __rmod__(self, other: NumberLike) -> Numeric:
        return arithmetic(other, "%", self)

    def __neg__(self) -> Numeric:
        return Number(-self.value) if isinstance(self, Number) else Negated(self)

    def __pos__(self) -> Numeric:
        return self


class Word(Operand):
    """A word known when the rule runs, compared by `==`, `!=` and `one_of`.

    Example:
        >>> from orderloom.conditions import signal
        >>> print(signal.side.one_of("BUY", "SHORT"))
        signal.side == "BUY" or signal.side == "SHORT"
    """

    __slots__ = ()
    __hash__ = Operand.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return compare(self, "!=", other)

    def one_of(self, *words: str) -> Condition:
        """Equal to one of the words."""
        return any_of(*(compare(self, "==", word) for word in words))


NumberLike = Numeric | int | float | Decimal


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Number(Numeric):
    """A fixed number."""

    value: float

    def _form(self) -> JsonDict:
        return {"number": self.value}

    def __str__(self) -> str:
        return repr(int(self.value)) if self.value.is_integer() else repr(self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NumericField(Numeric):
    """A documented number. `low` and `high` bound what it can ever be, both included."""

    name: str
    doc: str
    low: float = -math.inf
    high: float = math.inf

    def _form(self) -> JsonDict:
        return {"field": self.name}

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Feature(Numeric):
    """One of the model's inputs, by its name in the prediction."""

    name: str

    def _form(self) -> JsonDict:
        return {"feature": self.name}

    def __str__(self) -> str:
        return f"feature({_quoted(self.name)})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reading(Numeric):
    """A value that a script pushes in, by its name."""

    name: str

    def _form(self) -> JsonDict:
        return {"reading": self.name}

    def __str__(self) -> str:
        return f"reading({_quoted(self.name)})"


@dataclass(frozen=True, slots=True)
class Frame:
    """Bars of another length than the strategy's own, built of those or of prints (`trades`)."""

    span: Span
    of: Literal["bars", "trades"]

    def __str__(self) -> str:
        return f'"{self.span}"' + ("" if self.of == "bars" else f', of="{self.of}"')


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Indicator(Numeric):
    """An indicator of the event's symbol, over the strategy's bars or longer ones.

    `bars` of them must be complete before it has a value.
    """

    name: str
    parameters: tuple[float, ...]
    bars: int
    over: Frame | None = None

    def _form(self) -> JsonDict:
        spec: JsonDict = {"name": self.name, "parameters": list(self.parameters)}
        if self.over is not None:
            spec["over"] = {"span": int(self.over.span), "of": self.over.of}
        return {"indicator": spec}

    def __str__(self) -> str:
        call = f"{self.name}({', '.join(str(Number(value)) for value in self.parameters)})"
        return call if self.over is None else f"over({call}, {self.over})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Arithmetic(Numeric):
    """Two numbers joined by `+`, `-`, `*`, `/` or `%`; a division by zero is unknown."""

    left: Numeric
    sign: str
    right: Numeric

    def _form(self) -> JsonDict:
        return {_ARITHMETIC[self.sign][0]: [self.left.as_dict(), self.right.as_dict()]}

    def __str__(self) -> str:
        return f"{_nested(self.left)} {self.sign} {_nested(self.right)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Negated(Numeric):
    """A number with the opposite sign."""

    of: Numeric

    def _form(self) -> JsonDict:
        return {"negate": self.of.as_dict()}

    def __str__(self) -> str:
        return f"-{_nested(self.of)}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Text(Word):
    """A fixed word."""

    value: str

    def _form(self) -> JsonDict:
        return {"text": self.value}

    def __str__(self) -> str:
        return _quoted(self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WordField(Word):
    """A documented word, one of `words`."""

    name: str
    doc: str
    words: tuple[str, ...]

    def _form(self) -> JsonDict:
        return {"field": self.name}

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FlagField(Operand):
    """A documented yes or no."""

    name: str
    doc: str

    def _form(self) -> JsonDict:
        return {"field": self.name}

    def __str__(self) -> str:
        return self.name


class Condition(Node):
    """Yes, no or unknown; unknown never fires, nor does its negation.

    Join conditions with `&`, `|` and `~`, each comparison in brackets.

    Example:
        >>> from orderloom.conditions import position, signal
        >>> print((signal.side == "BUY") & (signal.confidence >= 0.8) & position.is_flat)
        signal.side == "BUY" and signal.confidence >= 0.8 and position.is_flat
        >>> if position.is_flat: ...
        Traceback (most recent call last):
            ...
        TypeError: a condition has no answer yet: `position.is_flat` is judged when the rule runs; \
join conditions with `&`, `|` and `~` instead of `and`, `or` and `not`, each comparison in brackets
    """

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return all_of(self, other)

    def __or__(self, other: Condition) -> Condition:
        return any_of(self, other)

    def __invert__(self) -> Condition:
        return NotCondition(self)

    def __rand__(self, other: object) -> NoReturn:
        _refuse_part(other)

    def __ror__(self, other: object) -> NoReturn:
        _refuse_part(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Condition):
            return NotImplemented
        return self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"a condition has no answer yet: `{self}` is judged when the rule runs; join "
            "conditions with `&`, `|` and `~` instead of `and`, `or` and `not`, each comparison "
            "in brackets"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConstantCondition(Condition):
    """Always the same answer."""

    value: bool

    def _form(self) -> JsonDict:
        return {"constant": self.value}

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AndCondition(Condition):
    """Every part holds."""

    parts: tuple[Condition, ...]

    def _form(self) -> JsonDict:
        return {"all": [part.as_dict() for part in self.parts]}

    def __str__(self) -> str:
        return " and ".join(
            f"({part})" if isinstance(part, OrCondition) else str(part) for part in self.parts
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OrCondition(Condition):
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def _form(self) -> JsonDict:
        return {"any": [part.as_dict() for part in self.parts]}

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NotCondition(Condition):
    """The part is known not to hold."""

    part: Condition

    def _form(self) -> JsonDict:
        return {"not": self.part.as_dict()}

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CompareCondition(Condition):
    """Two values compared."""

    left: Operand
    sign: Sign
    right: Operand

    def _form(self) -> JsonDict:
        return {
            "compare": {
                "left": self.left.as_dict(),
                "is": self.sign,
                "right": self.right.as_dict(),
            }
        }

    def __str__(self) -> str:
        return f"{self.left} {self.sign} {self.right}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FlagCondition(Condition):
    """A documented yes or no, such as `position.is_flat`."""

    operand: FlagField

    def _form(self) -> JsonDict:
        return {"holds": self.operand.as_dict()}

    def __str__(self) -> str:
        return str(self.operand)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CrossCondition(Condition):
    """The left value rose (`up`) or fell through the right one since the last bar."""

    left: Numeric
    up: bool
    right: Numeric

    def _form(self) -> JsonDict:
        return {
            "crosses": {
                "left": self.left.as_dict(),
                "up": self.up,
                "right": self.right.as_dict(),
            }
        }

    def __str__(self) -> str:
        return f"crosses_{'above' if self.up else 'below'}({self.left}, {self.right})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KnownCondition(Condition):
    """Whether a value is known at all; itself never unknown."""

    operand: Operand

    def _form(self) -> JsonDict:
        return {"known": self.operand.as_dict()}

    def __str__(self) -> str:
        return f"known({self.operand})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CustomCondition(Condition):
    """A Python condition by its registered name, asked after the native parts held."""

    name: str

    def _form(self) -> JsonDict:
        return {"ask": self.name}

    def __str__(self) -> str:
        return f"ask({_quoted(self.name)})"


def all_of(*conditions: Condition) -> Condition:
    """Every condition holds; the same as joining them with `&`.

    Example:
        >>> from orderloom.conditions import position, session
        >>> all_of(position.is_flat, session.is_open) == position.is_flat & session.is_open
        True
    """
    parts = tuple(_flattened(AndCondition, conditions))
    return parts[0] if len(parts) == 1 else AndCondition(parts)


def any_of(*conditions: Condition) -> Condition:
    """At least one condition holds; the same as joining them with `|`.

    Example:
        >>> from orderloom.conditions import position
        >>> print(any_of(position.is_long, position.is_short))
        position.is_long or position.is_short
    """
    parts = tuple(_flattened(OrCondition, conditions))
    return parts[0] if len(parts) == 1 else OrCondition(parts)


def compare(left: object, sign: Sign, right: object) -> Condition:
    """Two values compared; a fixed value always ends up on the right.

    Raises:
        LanguageError: The values are of different types, both fixed, or words are ordered.

    Example:
        >>> from orderloom.conditions import signal
        >>> print(compare(0.8, "<=", signal.confidence))
        signal.confidence >= 0.8
    """
    first, second = operand(left), operand(right)
    if isinstance(first, Number | Text):
        first, second, sign = second, first, _FLIPPED[sign]
    if isinstance(first, Number | Text):
        raise LanguageError(f"{shown(str(second))} and {shown(str(first))} are both fixed",
                            "a comparison with at least one value that can change")  # fmt: skip
    for flag in (first, second):
        if isinstance(flag, FlagField):
            raise LanguageError(
                f"`{flag}` is yes or no and cannot be compared",
                "it to stand alone",
                f"write `{flag}` or `not {flag}`",
            )
    if isinstance(first, Numeric) != isinstance(second, Numeric):
        number, word = (first, second) if isinstance(first, Numeric) else (second, first)
        raise LanguageError(
            f"`{number}` is a number and {shown(str(word))} is a word",
            "two numbers or two words",
        )
    if isinstance(first, WordField):
        _check_word(first, sign, second)
    return CompareCondition(first, sign, second)


def arithmetic(left: object, sign: str, right: object) -> Numeric:
    """Two numbers joined; what is fixed is computed at once.

    Raises:
        LanguageError: One side is no number, or the fixed result is not finite.
    """
    first, second = numeric(left, f"left of `{sign}`"), numeric(right, f"right of `{sign}`")
    if isinstance(second, Number) and sign in {"/", "%"} and second.value == 0:
        raise LanguageError("a division by zero", "another divisor")
    if isinstance(first, Number) and isinstance(second, Number):
        return numeric(_ARITHMETIC[sign][1](first.value, second.value), "the result")
    return Arithmetic(first, sign, second)


def numeric(value: object, place: str) -> Numeric:
    """`value` as a number of the tree.

    Raises:
        LanguageError: It is none; `place` says where it stood.
    """
    if isinstance(value, Numeric):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise LanguageError(f"{shown(value)} is too large", "a finite number")
        return Number(number + 0.0)  # adds away the sign of zero: -0.0 and 0 are one tree
    found = f"`{value}`" if isinstance(value, Node) else shown(value)
    raise LanguageError(f"found {found} {place}", "a number")


def operand(value: object) -> Operand:
    """`value` as something that can be compared.

    Raises:
        LanguageError: It is no number, no word and no documented name.
    """
    if isinstance(value, Operand):
        return value
    if isinstance(value, FlagCondition):
        return value.operand
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, bool):
        raise LanguageError(
            f"found `{value}` in a comparison",
            "a number or a word",
            "a yes-or-no value stands alone, as in `position.is_flat`",
        )
    return numeric(value, "in a comparison")


def operands(node: Node) -> Iterator[Operand]:
    """Every operand under a node, itself included, from left to right."""
    if isinstance(node, Operand):
        yield node
    for child in children(node):
        yield from operands(child)


def children(node: Node) -> tuple[Node, ...]:
    """What a node is directly made of."""
    match node:
        case AndCondition(parts) | OrCondition(parts):
            return parts
        case NotCondition(part):
            return (part,)
        case FlagCondition(inner) | KnownCondition(inner):
            return (inner,)
        case Negated(of):
            return (of,)
        case CompareCondition() | CrossCondition() | Arithmetic():
            return (node.left, node.right)
        case _:
            return ()


def depth(node: Node) -> int:
    """How many nodes the longest way down has."""
    level, found = [node], 0
    while level:
        level, found = [child for parent in level for child in children(parent)], found + 1
    return found


def _check_word(field: WordField, sign: Sign, other: Operand) -> None:
    known = ", ".join(f'"{word}"' for word in field.words)
    if sign not in {"==", "!="}:
        raise LanguageError(f"`{field}` is a word and has no order", "`==`, `!=` or `in`")
    if isinstance(other, Text) and other.value not in field.words:
        raise LanguageError(
            f"`{field}` is never {shown(str(other))}",
            f"one of {known}",
            did_you_mean(other.value, field.words),
        )


def _flattened(
    kind: type[AndCondition] | type[OrCondition], conditions: tuple[Condition, ...]
) -> Iterator[Condition]:
    if not conditions:
        raise LanguageError("found no condition", "at least one")
    for condition in conditions:
        if isinstance(condition, kind):
            yield from condition.parts
        elif isinstance(condition, Condition):
            yield condition
        else:
            _refuse_part(condition)


def _refuse_part(found: object) -> NoReturn:
    if isinstance(found, bool):
        raise LanguageError(
            f"found the plain `{found}` among conditions",
            "conditions on both sides",
            "a yes-or-no value is not compared with True: write `position.is_flat`",
        )
    value = f"`{found}`" if isinstance(found, Node) else shown(found)
    raise LanguageError(
        f"found {value} where a condition is needed",
        "a comparison or a yes-or-no value",
        "put each comparison in brackets: `(a > 1) & (b < 2)`",
    )


def _nested(value: Numeric) -> str:
    return f"({value})" if isinstance(value, Arithmetic | Negated) else str(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

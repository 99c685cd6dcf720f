"""Sizes, and the levels at which stops and targets stand.

A level is a way to find a price; a list of them is tried in order until one is available.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, cast

from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.expression import parse_operand, parse_value
from orderloom.indicators import atr
from orderloom.tree import Arithmetic, JsonDict, Number, Numeric, numeric
from orderloom.units import decimal_text, exact

LevelKind = Literal["percent", "distance", "amount", "price", "trail_percent", "trail_amount"]
Exact = int | float | str | Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """One way to find the price of a stop or target.

    `value` is percent, a multiple of `of`, or price units, as `kind` says; always above zero.
    """

    kind: LevelKind
    value: Decimal
    of: Numeric | None = None

    def as_dict(self) -> JsonDict:
        """The form that the native engine reads."""
        if self.of is not None:
            return {"distance": {"multiple": float(self.value), "of": self.of.as_dict()}}
        is_percent = self.kind in {"percent", "trail_percent"}
        return {self.kind: float(self.value) if is_percent else decimal_text(self.value)}

    @property
    def is_trailing(self) -> bool:
        """Whether the broker moves it by itself."""
        return self.kind in {"trail_percent", "trail_amount"}

    def __str__(self) -> str:
        value = decimal_text(self.value)
        return f"{value} * {self.of}" if self.of is not None else f"{self.kind}({value})"


LevelLike = Level | Numeric | str | Mapping[str, Any]
LevelsLike = LevelLike | Sequence[LevelLike]


def percent(value: Exact) -> Level:
    """Percent of the entry price.

    Example:
        >>> percent(4).as_dict()
        {'percent': 4.0}
    """
    return Level("percent", exact(value, "percent"))


def amount(value: Exact) -> Level:
    """A distance from the entry price, in price units.

    Example:
        >>> amount("1.50").as_dict()
        {'amount': '1.5'}
    """
    return Level("amount", exact(value, "amount"))


def price(value: Exact) -> Level:
    """A fixed price.

    Example:
        >>> price(140).as_dict()
        {'price': '140'}
    """
    return Level("price", exact(value, "price"))


def trail_percent(value: Exact) -> Level:
    """A stop that the broker trails behind the market by a percentage.

    Example:
        >>> trail_percent(3).as_dict()
        {'trail_percent': 3.0}
    """
    return Level("trail_percent", exact(value, "trail_percent"))


def trail_amount(value: Exact) -> Level:
    """A stop that the broker trails behind the market by a distance in price units.

    Example:
        >>> trail_amount(2).as_dict()
        {'trail_amount': '2'}
    """
    return Level("trail_amount", exact(value, "trail_amount"))


def distance(of: Numeric) -> Level:
    """A distance computed when the order is sent; `2 * atr(14)` alone means the same.

    Raises:
        LanguageError: A fixed number, or a multiple that is not above zero.

    Example:
        >>> from orderloom.conditions import atr
        >>> print(distance(2 * atr(14)))
        2 * atr(14)
    """
    match of:
        case Number():
            raise LanguageError(
                f"found the bare number `{of}`",
                "what it is",
                f"write `percent({of})`, `amount({of})` or `price({of})`",
            )
        case Arithmetic(Number(multiple), "*", inner) | Arithmetic(inner, "*", Number(multiple)):
            return Level("distance", exact(multiple, "multiple"), inner)
        case _:
            return Level("distance", Decimal(1), of)


LEVELS: Final[dict[str, Callable[[Exact], Level]]] = {
    function.__name__: function
    for function in (percent, amount, price, trail_percent, trail_amount)
}
"""Levels by the name that text and configuration use."""


def as_level(value: object) -> Level:
    """The level that an object, text or mapping means.

    Text is `4%`, a level's function or a distance; a mapping has one of the names of `LEVELS`,
    `atr` (with `period`) or `distance`.

    Raises:
        LanguageError: None of these.

    Example:
        >>> [str(as_level(item)) for item in ("4%", "2 * atr(20)", {"atr": 2}, {"price": 140})]
        ['percent(4)', '2 * atr(20)', '2 * atr(14)', 'price(140)']
    """
    if isinstance(value, Level):
        return value
    if isinstance(value, Mapping):
        return _mapped(value)
    if isinstance(value, str):
        text = value.strip()
        if text.endswith("%"):
            return percent(text[:-1].strip())
        value = parse_value(text, LEVELS)
        if isinstance(value, Level):
            return value
    return distance(numeric(value, "as a level"))


def as_levels(value: object) -> tuple[Level, ...]:
    """One level or a list of them, in order of preference; nothing for `None`.

    Raises:
        LanguageError: One of them is no level.
    """
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (as_level(value),)
    levels = []
    for index, item in enumerate(value):
        with inside(index):
            levels.append(as_level(item))
    return tuple(levels)


def _mapped(value: Mapping[Any, Any]) -> Level:
    names = [*LEVELS, "atr", "distance"]
    for key in value:
        if key not in names and key != "period":
            raise LanguageError(
                f"unknown level {shown(key)}",
                f"one of {', '.join(f'`{name}`' for name in names)}",
                did_you_mean(str(key), names),
            ).within(key)
    kinds = [key for key in value if key != "period"]
    if len(kinds) != 1 or ("period" in value and kinds != ["atr"]):
        raise LanguageError(
            f"found {shown(dict(value))}",
            "one level",
            "several are a list: `[{atr: 2}, {percent: 3}]`",
        )
    kind, inner = kinds[0], value[kinds[0]]
    with inside(kind):
        if kind == "distance":
            return distance(
                numeric(parse_operand(inner) if isinstance(inner, str) else inner, "as a distance")
            )
        if kind == "atr":
            return Level("distance", exact(inner, "atr"), atr(value.get("period", 14)))
        return LEVELS[kind](cast("Exact", inner))


@dataclass(frozen=True, slots=True)
class Size:
    """How large an order is, by exactly one of four measures."""

    kind: Literal["shares", "notional", "risk_percent", "risk_money"]
    value: Decimal

    @classmethod
    def of(
        cls,
        *,
        shares: Exact | None = None,
        notional: Exact | None = None,
        risk_percent: Exact | None = None,
        risk_money: Exact | None = None,
    ) -> Size:
        """The one size that was given.

        Args:
            shares: Shares or contracts.
            notional: Money; `floor(notional / price)`, skipped below one share.
            risk_percent: Percent of equity over the stop's distance, in steps of 0.01.
            risk_money: Money over the stop's distance.

        Raises:
            LanguageError: None or several were given, or a number is out of range.

        Example:
            >>> Size.of(notional="10_000").as_dict()
            {'notional': '10000'}
        """
        given = {
            "shares": shares,
            "notional": notional,
            "risk_percent": risk_percent,
            "risk_money": risk_money,
        }
        named = {name: value for name, value in given.items() if value is not None}
        if len(named) != 1:
            found = " and ".join(f"`{name}`" for name in named) or "no size"
            raise LanguageError(f"found {found}", f"one of {', '.join(f'`{n}`' for n in given)}")
        ((name, value),) = named.items()
        with inside(name):
            number = exact(value, name)
            if name == "risk_percent" and (number > 100 or number * 100 % 1 != 0):
                raise LanguageError(
                    f"`{name}` is {shown(value)}", "0.01 to 100 percent in steps of 0.01"
                )
        return cls(cast("Any", name), number)

    @property
    def needs_stop(self) -> bool:
        """Whether it is computed from the stop's distance."""
        return self.kind in {"risk_percent", "risk_money"}

    def as_dict(self) -> JsonDict:
        """The form that the native engine reads."""
        if self.kind == "risk_percent":
            return {"risk_bp": int(self.value * 100)}
        return {self.kind: decimal_text(self.value)}

"""What conditions call by name besides the indicators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from orderloom.errors import LanguageError, shown
from orderloom.indicators import INDICATORS
from orderloom.names import checked_name
from orderloom.tree import (
    Condition,
    CrossCondition,
    CustomCondition,
    Feature,
    Frame,
    Indicator,
    KnownCondition,
    Node,
    Number,
    NumberLike,
    Numeric,
    Reading,
    Text,
    numeric,
    operand,
)
from orderloom.units import Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND


def feature(name: str) -> Feature:
    """One of the model's inputs by its name in the prediction; unknown where it is missing.

    Example:
        >>> print(feature("volume_ratio") > 1.5)
        feature("volume_ratio") > 1.5
    """
    return Feature(checked_name(name, "a feature"))


def reading(name: str) -> Reading:
    """A value that a script pushes in; unknown before the first.

    Example:
        >>> print(reading("vix") < 30)
        reading("vix") < 30
    """
    return Reading(checked_name(name, "a reading"))


def over(indicator: Indicator, span: str | timedelta, of: str = "bars") -> Indicator:
    """An indicator over longer bars than the strategy's own, such as `over(atr(14), "5m")`.

    They are built as the market goes, begin on the exchange's clock, and never span a close: the
    first bar of an hour of a session that opens at half past is half as long. The value changes
    when one is complete. Past bars of the strategy warm it up; prints (`of="trades"`) have none.

    Args:
        indicator: One over the strategy's bars.
        span: Whole seconds that divide a day; with `of="bars"` a multiple of the strategy's bars.
        of: `bars`, or `trades` for bars of prints, which may be shorter than the strategy's.

    Raises:
        LanguageError: No indicator, one that is over such bars already, another span or source.

    Example:
        >>> from orderloom.conditions import bar, ema, rsi, sma
        >>> print((over(rsi(14), "1h") < 30) & (bar.close > over(sma(20), "15m")))
        over(rsi(14), "1h") < 30 and bar.close > over(sma(20), "15m")
        >>> print(over(ema(9), "15s", of="trades"))
        over(ema(9), "15s", of="trades")
    """
    if not isinstance(indicator, Indicator) or indicator.over is not None:
        raise LanguageError(f"found {shown(str(indicator))}", "an indicator such as `atr(14)`")
    length = Span.parse(span)
    if length == 0 or length % _SECOND or _DAY % length:
        raise LanguageError(
            f"found bars of {shown(str(length))}", "whole seconds that divide a day, up to `1d`"
        )
    if of not in {"bars", "trades"}:
        raise LanguageError(f"`of` is {shown(of)}", "`bars` or `trades`")
    return replace(indicator, over=Frame(length, cast("Any", of)))


def crosses_above(left: NumberLike, right: NumberLike) -> Condition:
    """`left` rose through `right` since the last bar.

    Example:
        >>> from orderloom.conditions import bar, sma
        >>> print(crosses_above(bar.close, sma(20)))
        crosses_above(bar.close, sma(20))
    """
    return _crosses(left, right, up=True)


def crosses_below(left: NumberLike, right: NumberLike) -> Condition:
    """`left` fell through `right` since the last bar.

    Example:
        >>> from orderloom.conditions import rsi
        >>> print(crosses_below(rsi(14), 70))
        crosses_below(rsi(14), 70)
    """
    return _crosses(left, right, up=False)


def known(value: object) -> Condition:
    """Whether a value is known at all: an indicator is warm, a feature was given.

    Example:
        >>> from orderloom.conditions import atr, position
        >>> print(known(atr(14)), known(position.is_flat))
        known(atr(14)) known(position.is_flat)
    """
    checked = operand(value)
    if isinstance(checked, Number | Text):
        raise LanguageError(f"{shown(str(checked))} is fixed and always known", "a documented name")
    return KnownCondition(checked)


def ask(name: str) -> Condition:
    """A condition in Python by its registered name, asked after the native parts held.

    Example:
        >>> from orderloom.conditions import position
        >>> print(position.is_flat & ask("calm"))
        position.is_flat and ask("calm")
    """
    return CustomCondition(checked_name(name, "a custom condition"))


FUNCTIONS: Final[dict[str, Callable[..., Node]]] = {
    **INDICATORS,
    **{
        function.__name__: function
        for function in (feature, reading, over, crosses_above, crosses_below, known, ask)
    },
}
"""Everything that conditions call without a dot."""


def _crosses(left: object, right: object, *, up: bool) -> Condition:
    first: Numeric = numeric(left, "as what moves")
    second = numeric(right, "as what it moves through")
    if isinstance(first, Number):
        raise LanguageError(f"`{first}` is fixed", "something that moves as the first value")
    return CrossCondition(first, up, second)

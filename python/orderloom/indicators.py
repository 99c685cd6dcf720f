"""Indicators by name, each with the number of bars that it needs before it has a value.

They are computed natively from the complete bars of the event's symbol (`market.bars` in the
configuration); until warm they are unknown. A new one is one function here, listed in `INDICATORS`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from orderloom.errors import LanguageError, shown
from orderloom.tree import Indicator

if TYPE_CHECKING:
    from collections.abc import Callable

_PERIOD_MAX: Final = 100_000


def atr(period: int = 14, smoothing: str = "wilder") -> Indicator:
    """Average True Range in price units, after `period + 1` bars.

    Args:
        period: Bars looked back on, 1 to 100,000.
        smoothing: `wilder`, as its inventor and TA-Lib compute it, or `sma`, the plain mean of the
            last `period` true ranges.

    Raises:
        LanguageError: A period that is no whole number in range, or another smoothing.

    Example:
        >>> print(2 * atr(14), atr(20, "sma"))
        2 * atr(14) atr_sma(20)
    """
    if smoothing not in {"wilder", "sma"}:
        raise LanguageError(f"`smoothing` is {shown(smoothing)}", '"wilder" or "sma"')
    return atr_sma(period) if smoothing == "sma" else _indicator("atr", period, extra=1)


def atr_sma(period: int = 14) -> Indicator:
    """Plain mean of the last `period` true ranges, in price units, after `period + 1` bars.

    Example:
        >>> print(atr_sma())
        atr_sma(14)
    """
    return _indicator("atr_sma", period, extra=1)


def sma(period: int) -> Indicator:
    """Plain mean of the last `period` closes.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close > sma(20))
        bar.close > sma(20)
    """
    return _indicator("sma", period)


def ema(period: int) -> Indicator:
    """Exponential moving average of the closes with weight `2 / (period + 1)`.

    Example:
        >>> from orderloom.conditions import crosses_above
        >>> print(crosses_above(ema(9), ema(21)))
        crosses_above(ema(9), ema(21))
    """
    return _indicator("ema", period)


def rma(period: int) -> Indicator:
    """Wilder's moving average of the closes, with weight `1 / period`.

    Example:
        >>> print(rma(14))
        rma(14)
    """
    return _indicator("rma", period)


def rsi(period: int = 14) -> Indicator:
    """Relative Strength Index, 0 to 100, after `period + 1` bars.

    Example:
        >>> print(rsi(14) < 30)
        rsi(14) < 30
    """
    return _indicator("rsi", period, extra=1)


def stdev(period: int) -> Indicator:
    """Population standard deviation of the last `period` closes, in price units.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close < sma(20) - 2 * stdev(20))
        bar.close < sma(20) - (2 * stdev(20))
    """
    return _indicator("stdev", period)


def bollinger_mid(period: int = 20, deviations: float = 2.0) -> Indicator:
    """Middle Bollinger band: the plain mean of the last `period` closes.

    Example:
        >>> print(bollinger_mid())
        bollinger_mid(20, 2)
    """
    return _bollinger("bollinger_mid", period, deviations)


def bollinger_upper(period: int = 20, deviations: float = 2.0) -> Indicator:
    """Upper Bollinger band: `deviations` standard deviations above the mean, in price units.

    Example:
        >>> from orderloom.conditions import bar, crosses_above
        >>> print(crosses_above(bar.close, bollinger_upper(20, 2.5)))
        crosses_above(bar.close, bollinger_upper(20, 2.5))
    """
    return _bollinger("bollinger_upper", period, deviations)


def bollinger_lower(period: int = 20, deviations: float = 2.0) -> Indicator:
    """Lower Bollinger band: `deviations` standard deviations below the mean, in price units.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close < bollinger_lower())
        bar.close < bollinger_lower(20, 2)
    """
    return _bollinger("bollinger_lower", period, deviations)


INDICATORS: Final[dict[str, Callable[..., Indicator]]] = {
    form.__name__: form
    for form in (
        atr,
        atr_sma,
        sma,
        ema,
        rma,
        rsi,
        stdev,
        bollinger_mid,
        bollinger_upper,
        bollinger_lower,
    )
}
"""Every indicator by the name that conditions call."""


def _indicator(name: str, period: object, *others: float, extra: int = 0) -> Indicator:
    bars = _bars(name, period)
    return Indicator(name, (float(bars), *others), bars + extra)


def _bollinger(name: str, period: object, deviations: object) -> Indicator:
    return _indicator(name, period, _positive(name, "deviations", deviations))


def _bars(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise LanguageError(f"the period of `{name}` is {shown(value)}", "a whole number of bars")
    if not 1 <= value <= _PERIOD_MAX:
        raise LanguageError(f"the period of `{name}` is {shown(value)}", f"1 to {_PERIOD_MAX}")
    return int(value)


def _positive(name: str, parameter: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise LanguageError(f"`{parameter}` of `{name}` is {shown(value)}", "a number above 0")
    return float(value)

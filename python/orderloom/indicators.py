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


def macd(fast: int = 12, slow: int = 26, signal: int = 9) -> Indicator:
    """Fast minus slow exponential average of the closes, in price units.

    The shorter of the first two is the fast one; after `slow + signal - 1` bars, like its `signal`
    average and their difference.

    Example:
        >>> print(macd() > 0)
        macd(12, 26, 9) > 0
    """
    return _macd("macd", fast, slow, signal)


def macd_signal(fast: int = 12, slow: int = 26, signal: int = 9) -> Indicator:
    """Exponential average of `macd` over `signal` bars, in price units.

    Example:
        >>> from orderloom.conditions import crosses_above
        >>> print(crosses_above(macd(), macd_signal()))
        crosses_above(macd(12, 26, 9), macd_signal(12, 26, 9))
    """
    return _macd("macd_signal", fast, slow, signal)


def macd_histogram(fast: int = 12, slow: int = 26, signal: int = 9) -> Indicator:
    """`macd` minus `macd_signal`, in price units.

    Example:
        >>> print(macd_histogram(5, 35, 5) < 0)
        macd_histogram(5, 35, 5) < 0
    """
    return _macd("macd_histogram", fast, slow, signal)


def keltner_mid(period: int = 20, multiple: float = 2.0, atr_period: int = 10) -> Indicator:
    """Middle of the Keltner channel: the exponential average of the last `period` closes.

    After the larger of `period` and `atr_period + 1` bars, like the bands around it.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close > keltner_mid())
        bar.close > keltner_mid(20, 2, 10)
    """
    return _keltner("keltner_mid", period, multiple, atr_period)


def keltner_upper(period: int = 20, multiple: float = 2.0, atr_period: int = 10) -> Indicator:
    """Upper Keltner band: `multiple` times the ATR above the middle, in price units.

    Example:
        >>> print(bollinger_upper() < keltner_upper(20, 1.5))
        bollinger_upper(20, 2) < keltner_upper(20, 1.5, 10)
    """
    return _keltner("keltner_upper", period, multiple, atr_period)


def keltner_lower(period: int = 20, multiple: float = 2.0, atr_period: int = 10) -> Indicator:
    """Lower Keltner band: `multiple` times the ATR below the middle, in price units.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.low < keltner_lower())
        bar.low < keltner_lower(20, 2, 10)
    """
    return _keltner("keltner_lower", period, multiple, atr_period)


def donchian_mid(period: int = 20) -> Indicator:
    """Middle of the Donchian channel, in price units.

    Example:
        >>> print(donchian_mid())
        donchian_mid(20)
    """
    return _indicator("donchian_mid", period, extra=1)


def donchian_upper(period: int = 20) -> Indicator:
    """Highest high of the `period` bars before the last one, so that a close can lie beyond it.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close > donchian_upper(55))
        bar.close > donchian_upper(55)
    """
    return _indicator("donchian_upper", period, extra=1)


def donchian_lower(period: int = 20) -> Indicator:
    """Lowest low of the `period` bars before the last one, so that a close can lie beyond it.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close < donchian_lower())
        bar.close < donchian_lower(20)
    """
    return _indicator("donchian_lower", period, extra=1)


def highest(period: int) -> Indicator:
    """Highest high of the last `period` bars, the last one included.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close >= 0.98 * highest(20))
        bar.close >= 0.98 * highest(20)
    """
    return _indicator("highest", period)


def lowest(period: int) -> Indicator:
    """Lowest low of the last `period` bars, the last one included.

    Example:
        >>> print(highest(20) - lowest(20) < 3 * atr(14))
        highest(20) - lowest(20) < 3 * atr(14)
    """
    return _indicator("lowest", period)


def supertrend(period: int = 10, multiple: float = 3.0) -> Indicator:
    """A stop that trails the middle of the bar by `multiple` times the ATR, in price units.

    It changes sides when a close passes it; after `period + 1` bars.

    Example:
        >>> from orderloom.conditions import bar, crosses_above
        >>> print(crosses_above(bar.close, supertrend()))
        crosses_above(bar.close, supertrend(10, 3))
    """
    return _multiple("supertrend", period, multiple)


def supertrend_direction(period: int = 10, multiple: float = 3.0) -> Indicator:
    """1 while `supertrend` trails below the market, -1 while above it.

    Example:
        >>> print(supertrend_direction(7, 2) == 1)
        supertrend_direction(7, 2) == 1
    """
    return _multiple("supertrend_direction", period, multiple)


def chandelier_long(period: int = 22, multiple: float = 3.0) -> Indicator:
    """Highest high of the last `period` bars minus `multiple` times the ATR, in price units.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close < chandelier_long())
        bar.close < chandelier_long(22, 3)
    """
    return _multiple("chandelier_long", period, multiple)


def chandelier_short(period: int = 22, multiple: float = 3.0) -> Indicator:
    """Lowest low of the last `period` bars plus `multiple` times the ATR, in price units.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close > chandelier_short(22, 2.5))
        bar.close > chandelier_short(22, 2.5)
    """
    return _multiple("chandelier_short", period, multiple)


def adx(period: int = 14) -> Indicator:
    """Average Directional Index: how strong a trend is, 0 to 100, after `2 * period` bars.

    Args:
        period: Bars, 2 to 100,000.

    Raises:
        LanguageError: A period that is no whole number in range.

    Example:
        >>> print(adx() >= 25)
        adx(14) >= 25
    """
    bars = _bars("adx", period, least=2)
    return Indicator("adx", (float(bars),), 2 * bars)


def plus_di(period: int = 14) -> Indicator:
    """Directional indicator of rising bars, 0 to 100, after `period + 1` bars; 2 bars at least.

    Example:
        >>> print(plus_di() > minus_di())
        plus_di(14) > minus_di(14)
    """
    return _indicator("plus_di", period, extra=1, least=2)


def minus_di(period: int = 14) -> Indicator:
    """Directional indicator of falling bars, 0 to 100, after `period + 1` bars; 2 bars at least.

    Example:
        >>> from orderloom.conditions import crosses_above
        >>> print(crosses_above(minus_di(20), plus_di(20)))
        crosses_above(minus_di(20), plus_di(20))
    """
    return _indicator("minus_di", period, extra=1, least=2)


def stochastic_k(period: int = 14, smooth: int = 3, signal: int = 3) -> Indicator:
    """Where the close lies in the range of the last `period` bars, 0 to 100, meant over `smooth`.

    After `period + smooth + signal - 2` bars; unknown while all of `period` bars have one price.

    Example:
        >>> print(stochastic_k() < 20)
        stochastic_k(14, 3, 3) < 20
    """
    return _stochastic("stochastic_k", period, smooth, signal)


def stochastic_d(period: int = 14, smooth: int = 3, signal: int = 3) -> Indicator:
    """Plain mean of the last `signal` values of `stochastic_k`, 0 to 100.

    Example:
        >>> from orderloom.conditions import crosses_above
        >>> print(crosses_above(stochastic_k(), stochastic_d()))
        crosses_above(stochastic_k(14, 3, 3), stochastic_d(14, 3, 3))
    """
    return _stochastic("stochastic_d", period, smooth, signal)


def cci(period: int = 20) -> Indicator:
    """Commodity Channel Index: the typical price's distance from its mean, mostly -100 to 100.

    Unknown while all of its bars have one price; 2 bars at least.

    Example:
        >>> print(cci() > 100)
        cci(20) > 100
    """
    return _indicator("cci", period, least=2)


def roc(period: int) -> Indicator:
    """Rate of change: the close against the one `period` bars ago, in percent.

    Example:
        >>> print(roc(10) > 5)
        roc(10) > 5
    """
    return _indicator("roc", period, extra=1)


def obv() -> Indicator:
    """On-balance volume: volume added up with the sign of each bar's change of close.

    Example:
        >>> print(obv() > 0)
        obv() > 0
    """
    return Indicator("obv", (), 1)


def vwap() -> Indicator:
    """Mean of the session's prices weighted by volume; starts afresh with the exchange's date.

    Example:
        >>> from orderloom.conditions import bar, crosses_above
        >>> print(crosses_above(bar.close, vwap()))
        crosses_above(bar.close, vwap())
    """
    return Indicator("vwap", (), 1)


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
        macd,
        macd_signal,
        macd_histogram,
        keltner_mid,
        keltner_upper,
        keltner_lower,
        donchian_mid,
        donchian_upper,
        donchian_lower,
        highest,
        lowest,
        supertrend,
        supertrend_direction,
        chandelier_long,
        chandelier_short,
        adx,
        plus_di,
        minus_di,
        stochastic_k,
        stochastic_d,
        cci,
        roc,
        obv,
        vwap,
    )
}
"""Every indicator by the name that conditions call."""


def _indicator(
    name: str, period: object, *others: float, extra: int = 0, least: int = 1
) -> Indicator:
    bars = _bars(name, period, least=least)
    return Indicator(name, (float(bars), *others), bars + extra)


def _bollinger(name: str, period: object, deviations: object) -> Indicator:
    return _indicator(name, period, _positive(name, "deviations", deviations))


def _multiple(name: str, period: object, multiple: object) -> Indicator:
    return _indicator(name, period, _positive(name, "multiple", multiple), extra=1)


def _macd(name: str, fast: object, slow: object, signal: object) -> Indicator:
    periods = [_bars(name, period) for period in (fast, slow, signal)]
    return Indicator(name, tuple(map(float, periods)), max(periods[:2]) + periods[2] - 1)


def _keltner(name: str, period: object, multiple: object, atr_period: object) -> Indicator:
    bars, atr_bars = _bars(name, period), _bars(name, atr_period)
    parameters = (float(bars), _positive(name, "multiple", multiple), float(atr_bars))
    return Indicator(name, parameters, max(bars, atr_bars + 1))


def _stochastic(name: str, period: object, smooth: object, signal: object) -> Indicator:
    periods = [_bars(name, bars) for bars in (period, smooth, signal)]
    return Indicator(name, tuple(map(float, periods)), sum(periods) - 2)


def _bars(name: str, value: object, *, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise LanguageError(f"the period of `{name}` is {shown(value)}", "a whole number of bars")
    if not least <= value <= _PERIOD_MAX:
        raise LanguageError(
            f"the period of `{name}` is {shown(value)}", f"{least} to {_PERIOD_MAX}"
        )
    return int(value)


def _positive(name: str, parameter: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise LanguageError(f"`{parameter}` of `{name}` is {shown(value)}", "a number above 0")
    return float(value)

"""Measures of a series of returns, as the field defines them.

A return is the change of a period as a share of what there was before it. What has no value, such
as a deviation of one return, is `None`: never 0, never infinite.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import isfinite, prod, sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS_PER_YEAR: Final = 252
"""Trading days."""


def changes(values: Sequence[float]) -> list[float]:
    """The returns between values above 0.

    Example:
        >>> changes([100.0, 110.0, 99.0])
        [0.1, -0.1]
    """
    return [round(now / before - 1, 12) for before, now in pairwise(values)]


def total_return(returns: Sequence[float]) -> float | None:
    """What the returns come to, one after the other."""
    return prod(1 + each for each in returns) - 1 if returns else None


def annual_return(returns: Sequence[float], periods: float = DAYS_PER_YEAR) -> float | None:
    """The same growth every year that leads to the same end (CAGR); none beyond every float."""
    total = total_return(returns)
    if total is None:
        return None
    # Nothing is left of an account that lost all: no root of a negative number.
    try:
        grown = float(max(1 + total, 0.0) ** (periods / len(returns)) - 1)
    except OverflowError:
        return None
    return grown if isfinite(grown) else None


def annual_volatility(returns: Sequence[float], periods: float = DAYS_PER_YEAR) -> float | None:
    """Standard deviation of a sample, for a year."""
    return stdev(returns) * sqrt(periods) if len(returns) > 1 else None


def sharpe_ratio(
    returns: Sequence[float], risk_free: float = 0.0, periods: float = DAYS_PER_YEAR
) -> float | None:
    """Mean by deviation of what is above `risk_free` (of one period), for a year.

    Source: W. F. Sharpe, *The Sharpe Ratio* (1994).
    """
    above = [each - risk_free for each in returns]
    deviation = stdev(above) if len(above) > 1 else 0.0
    # Equal returns deviate by what floats lose alone.
    return fmean(above) / deviation * sqrt(periods) if deviation > 1e-12 else None


def sortino_ratio(
    returns: Sequence[float], required: float = 0.0, periods: float = DAYS_PER_YEAR
) -> float | None:
    """Mean by the deviation of returns below `required` alone, for a year.

    None of a single return, of which nothing deviates.
    """
    above = [each - required for each in returns]
    if len(above) < 2:
        return None
    deviation = sqrt(fmean(min(each, 0.0) ** 2 for each in above))
    return fmean(above) / deviation * sqrt(periods) if deviation > 1e-12 else None


def drawdowns(values: Sequence[float]) -> list[float]:
    """How far each value lies below the highest so far.

    Example:
        >>> drawdowns([10.0, 5.0, 9.0, 12.0])
        [0.0, 5.0, 1.0, 0.0]
    """
    tops = accumulate(values, max)
    return [top - value for value, top in zip(values, tops, strict=True)]

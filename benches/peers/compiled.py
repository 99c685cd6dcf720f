"""Wilder's ATR as one writes it for numba: the recursion of TA-Lib over arrays."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True)  # type: ignore[untyped-decorator]  # numba has no types
def wilder(high: Any, low: Any, close: Any, period: int) -> Any:
    values = np.full(len(close), np.nan)
    value = 0.0
    for place in range(1, len(close)):
        spread = max(high[place], close[place - 1]) - min(low[place], close[place - 1])
        if place < period:
            value += spread
        elif place == period:
            value = (value + spread) / period
            values[place] = value
        else:
            value += (spread - value) / period
            values[place] = value
    return values

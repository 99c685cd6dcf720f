"""backtesting.py: bracket orders of its own, indicators computed over arrays beforehand."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from benches.peers.work import EVERY, PERIOD, SHARES, STOP, TARGET, Task, main

if TYPE_CHECKING:
    from benches.series import Series

warnings.filterwarnings("ignore")


def wilder(high: Any, low: Any, close: Any, period: int) -> Any:
    """The ATR as TA-Lib has it; computed once, so that its speed hardly counts."""
    before = close[:-1]
    ranges = np.maximum(high[1:], before) - np.minimum(low[1:], before)
    values = np.full(len(close), np.nan)
    value = values[period] = ranges[:period].mean()
    for place in range(period, len(ranges)):
        value += (ranges[place] - value) / period
        values[place + 1] = value
    return values


class OnBars(Strategy):  # type: ignore[misc]
    def init(self) -> None:
        data = self.data
        self.atr = self.I(wilder, data.High, data.Low, data.Close, PERIOD)
        self.opened = 0

    def next(self) -> None:
        if (len(self.data) - 1) % EVERY != EVERY - 1 or self.position or self.orders:
            return
        close, atr = self.data.Close[-1], self.atr[-1]
        if np.isnan(atr):
            return
        long = self.opened % 2 == 0
        self.opened += 1
        sign = 1 if long else -1
        enter = self.buy if long else self.sell
        enter(size=SHARES, sl=close - sign * STOP * atr, tp=close + sign * TARGET * atr)


def over(given: list[Series]) -> Task:
    frames = [
        pd.DataFrame(
            {
                "Open": np.asarray(each.open),
                "High": np.asarray(each.high),
                "Low": np.asarray(each.low),
                "Close": np.asarray(each.close),
                "Volume": np.asarray(each.volume),
            },
            index=pd.to_datetime(np.asarray(each.ts_utc)),
        )
        for each in given
    ]

    def run(_: Any) -> int:
        return sum(
            len(Backtest(frame, OnBars, cash=10_000_000, finalize_trades=False).run()["_trades"])
            for frame in frames
        )

    return Task(sum(map(len, frames)), lambda: None, run, int)


main(
    "backtesting.py",
    version("backtesting"),
    {"year": lambda given: over([given]), "fifty": over},
)

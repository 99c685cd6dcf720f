"""backtrader: a feed from arrays, preloaded and run once over its lines; its own brackets."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import backtrader as bt

from benches.peers.work import EVERY, PERIOD, SHARES, STOP, TARGET, Task, main

if TYPE_CHECKING:
    from benches.series import Series

DAY = 86_400 * 10**9
# Days from the first of January of the year 1, as its dates are counted.
EPOCH = 719_163


class Feed(bt.feed.DataBase):  # type: ignore[misc]
    params = (("series", None),)

    def start(self) -> None:
        super().start()
        given = self.p.series
        self.rows = zip(
            given.ts_utc, given.open, given.high, given.low, given.close, given.volume, strict=True
        )

    def _load(self) -> bool:
        row = next(self.rows, None)
        if row is None:
            return False
        lines = self.lines
        at, lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = row
        lines.datetime[0] = EPOCH + at / DAY
        lines.openinterest[0] = 0.0
        return True


class OnBars(bt.Strategy):  # type: ignore[misc]
    def __init__(self) -> None:
        self.kept = [
            [data, bt.indicators.AverageTrueRange(data, period=PERIOD), 0, None]
            for data in self.datas
        ]
        self.trades = 0

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        for kept in self.kept:
            data, atr, opened, waiting = kept
            index = len(data) - 1
            if index % EVERY != EVERY - 1 or index < PERIOD:
                continue
            if self.getposition(data).size or (waiting is not None and waiting.alive()):
                continue
            sign = 1 if opened % 2 == 0 else -1
            kept[2] += 1
            close, width = data.close[0], atr[0]
            enter = self.buy_bracket if sign > 0 else self.sell_bracket
            kept[3] = enter(
                data=data, size=SHARES, exectype=bt.Order.Market,
                stopprice=close - sign * STOP * width, limitprice=close + sign * TARGET * width,
            )[0]  # fmt: skip

    def notify_trade(self, trade: Any) -> None:
        self.trades += trade.isclosed


def over(given: list[Series]) -> Task:
    def prepare() -> Any:
        cerebro = bt.Cerebro(stdstats=False, preload=True, runonce=True)
        cerebro.broker.setcash(100_000_000)
        for number, each in enumerate(given):
            cerebro.adddata(
                Feed(series=each, timeframe=bt.TimeFrame.Minutes, compression=1), name=f"S{number}"
            )
        cerebro.addstrategy(OnBars)
        return cerebro

    return Task(
        sum(len(each.open) for each in given), prepare, lambda cerebro: cerebro.run(),
        lambda done: done[0].trades,
    )  # fmt: skip


main(
    "backtrader",
    version("backtrader"),
    {"year": lambda given: over([given]), "fifty": over},
)

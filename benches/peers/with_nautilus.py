"""NautilusTrader: its Cython engine with bars or quotes, bracket orders and its own indicator.

Only `engine.run` is timed; data, instruments and the engine are prepared before. The netting and
the hedging way of counting positions are two runs, `NAUTILUS_OMS` says which.
"""

from __future__ import annotations

import os
from decimal import Decimal
from importlib.metadata import version
from itertools import chain
from typing import Any

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import AverageTrueRange, MovingAverageType
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderType
from nautilus_trader.model.identifiers import TraderId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.risk.config import RiskEngineConfig
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from benches.series import MINUTE, Quotes, Series

from .work import (
    BRACKET_EVERY,
    BRACKET_PERCENT,
    EVERY,
    PERIOD,
    SHARES,
    STOP,
    TARGET,
    Task,
    main,
    no_op,
)

OMS = os.environ.get("NAUTILUS_OMS", "HEDGING")
VENUE = Venue("SIM")


class OnBars(Strategy):  # type: ignore[misc]
    def __init__(self, instruments: list[Any]) -> None:
        super().__init__()
        self.listed = {instrument.id: instrument for instrument in instruments}
        self.kept: dict[Any, list[Any]] = {}

    def on_start(self) -> None:
        for key in self.listed:
            kind = BarType.from_str(f"{key}-1-MINUTE-LAST-EXTERNAL")
            atr = AverageTrueRange(PERIOD, MovingAverageType.WILDER)
            self.register_indicator_for_bars(kind, atr)
            self.kept[key] = [0, 0, atr]  # bars, trades opened
            self.subscribe_bars(kind)

    def on_bar(self, bar: Bar) -> None:
        key = bar.bar_type.instrument_id
        state = self.kept[key]
        index, opened, atr = state
        state[0] += 1
        if index % EVERY != EVERY - 1 or not atr.initialized:
            return
        if not self.portfolio.is_flat(key) or self.cache.orders_open_count(instrument_id=key):
            return
        listed, close = self.listed[key], float(bar.close)
        sign = 1 if opened % 2 == 0 else -1
        state[1] += 1
        self.submit_order_list(self.order_factory.bracket(
            instrument_id=key,
            order_side=OrderSide.BUY if sign > 0 else OrderSide.SELL,
            quantity=listed.make_qty(SHARES),
            sl_trigger_price=listed.make_price(close - sign * STOP * atr.value),
            tp_price=listed.make_price(close + sign * TARGET * atr.value),
            tp_order_type=OrderType.LIMIT,
        ))  # fmt: skip


class OnQuotes(Strategy):  # type: ignore[misc]
    def __init__(self, instrument: Any) -> None:
        super().__init__()
        self.listed = instrument
        self.seen = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.listed.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        self.seen += 1
        if self.seen % BRACKET_EVERY != 1 or not self.portfolio.is_flat(self.listed.id):
            return
        ask = float(tick.ask_price)
        self.submit_order_list(self.order_factory.bracket(
            instrument_id=self.listed.id,
            order_side=OrderSide.BUY,
            quantity=self.listed.make_qty(10),
            sl_trigger_price=self.listed.make_price(ask * (1 - BRACKET_PERCENT / 100)),
            tp_price=self.listed.make_price(ask * (1 + BRACKET_PERCENT / 100)),
            tp_order_type=OrderType.LIMIT,
        ))  # fmt: skip


def engine(instruments: list[Any], data: list[Any], strategy: Strategy) -> BacktestEngine:
    made = BacktestEngine(BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True),
        risk_engine=RiskEngineConfig(bypass=True),
        run_analysis=False,
    ))  # fmt: skip
    made.add_venue(
        VENUE, OmsType[OMS], AccountType.MARGIN, [Money(100_000_000, USD)], USD,
        default_leverage=Decimal(10),
    )  # fmt: skip
    for instrument in instruments:
        made.add_instrument(instrument)
    made.add_data(data, validate=False, sort=False)
    made.add_strategy(strategy)
    return made


def bars(given: Series, instrument: Any) -> list[Bar]:
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    return [
        Bar(kind, Price(o, 2), Price(h, 2), Price(lo, 2), Price(c, 2), Quantity(v, 0),
            at + MINUTE, at + MINUTE)
        for at, o, h, lo, c, v in zip(
            given.ts_utc, given.open, given.high, given.low, given.close, given.volume, strict=True)
    ]  # fmt: skip


def over(series: list[Series]) -> Task:
    instruments = [TestInstrumentProvider.equity(f"S{n}", "SIM") for n in range(len(series))]
    parts = [bars(given, listed) for given, listed in zip(series, instruments, strict=True)]
    data = sorted(chain(*parts), key=lambda bar: bar.ts_init)

    def run(ready: BacktestEngine) -> BacktestEngine:
        ready.run()
        return ready

    def count(ready: BacktestEngine) -> int:
        closed = ready.cache.positions_closed_count()
        return int(closed + len(ready.cache.position_snapshots()))

    return Task(len(data), lambda: engine(instruments, data, OnBars(instruments)), run, count)


def quotes(given: Quotes) -> Task:
    listed = TestInstrumentProvider.equity("S0", "SIM")
    size = Quantity(1_000, 0)
    data = [
        QuoteTick(listed.id, Price(bid, 2), Price(ask, 2), size, size, at, at)
        for at, bid, ask in zip(given.ts_utc, given.bid, given.ask, strict=True)
    ]

    def run(ready: BacktestEngine) -> BacktestEngine:
        ready.run()
        return ready

    def count(ready: BacktestEngine) -> int:
        return int(ready.cache.positions_closed_count() + len(ready.cache.position_snapshots()))

    return Task(len(data), lambda: engine([listed], data, OnQuotes(listed)), run, count)


def atr_stream(given: Series) -> Task:
    rows = list(zip(given.high, given.low, given.close, strict=True))

    def run(made: Any) -> float:
        update = made.update_raw
        value = 0.0
        for high, low, close in rows:
            update(high, low, close)
            value = made.value
        return value

    return Task(
        len(rows), lambda: AverageTrueRange(PERIOD, MovingAverageType.WILDER), run,
        lambda value: round(value * 1e4),
    )  # fmt: skip


class _Heard:
    """A handler of its own each time: equal ones count once here."""

    def __init__(self, heard: list[object]) -> None:
        self._heard = heard

    def __call__(self, event: object) -> None:
        self._heard.append(event)


def bus(given: tuple[int, int]) -> Task:
    size, handlers = given

    def made(handler: Any) -> MessageBus:
        bus = MessageBus(TraderId("T-001"), TestClock())
        for _ in range(handlers):
            bus.subscribe("fills.A", handler())
        return bus

    def run(bus: MessageBus) -> None:
        publish, event = bus.publish, object()
        for _ in range(size):
            publish("fills.A", event)

    def count(_: None) -> int:
        heard: list[object] = []
        bus = made(lambda: _Heard(heard))
        bus.publish("fills.A", object())
        return len(heard)

    return Task(size, lambda: made(no_op), run, count)


main(
    f"NautilusTrader ({OMS})",
    version("nautilus_trader"),
    {
        "year": lambda given: over([given]),
        "fifty": over,
        "quotes": quotes,
        "atr-stream": atr_stream,
        **{f"bus-{number}": bus for number in (1, 10, 100)},
    },
)

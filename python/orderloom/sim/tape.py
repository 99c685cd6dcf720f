"""One instrument's market: its quote, prints and past, and who is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import Bar, History
from .ticks import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    CLOSE,
    HALTED,
    HIGH,
    LAST,
    LAST_TIME,
    LOW,
    MARK,
    OPEN,
    RT_VOLUME,
    SHORTABLE,
    VOLUME,
    Tick,
    TickByTick,
    TickStream,
    generic_tick,
    price_tick,
    quote_tick,
    raw_price_tick,
    size_tick,
    string_tick,
)
from .times import SECOND
from .wire import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contracts import SimInstrument
    from .live_bars import LiveBars, RealTimeBars

KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")


class Tape:
    """One instrument's market."""

    def __init__(self, instrument: SimInstrument) -> None:
        self.instrument = instrument
        self.is_open = True
        self.is_frozen = False
        self.is_halted = False
        self.history = {kind: History() for kind in KINDS}
        self.streams: list[TickStream] = []
        self.tick_by_tick: list[TickByTick] = []
        self.bars: dict[str, list[LiveBars | RealTimeBars]] = {kind: [] for kind in KINDS}
        self.bid: float | None = None
        self.ask: float | None = None
        self.bid_size = self.ask_size = 0.0
        self.last: float | None = None
        self.last_size = 0.0
        self.last_at = 0
        self.previous_close: float | None = None
        self._day = -1
        self._today: Bar | None = None

    def quote(
        self, at: int, bid: float | None, ask: float | None, bid_size: float, ask_size: float
    ) -> None:
        """Take a new best bid and ask, and tell subscribers what changed."""
        ticks: list[Tick] = []
        if bid != self.bid:
            ticks.append(quote_tick(BID, bid, bid_size))
        elif bid is not None and bid_size != self.bid_size:
            ticks.append(size_tick(BID_SIZE, bid_size))
        if ask != self.ask:
            ticks.append(quote_tick(ASK, ask, ask_size))
        elif ask is not None and ask_size != self.ask_size:
            ticks.append(size_tick(ASK_SIZE, ask_size))
        if not ticks:
            return
        self.bid, self.ask, self.bid_size, self.ask_size = bid, ask, bid_size, ask_size
        if bid is not None:
            self._bar_price("BID", at, bid)
        if ask is not None:
            self._bar_price("ASK", at, ask)
        if bid is not None and ask is not None:
            self._bar_price("MIDPOINT", at, (bid + ask) / 2)
        if self.is_frozen:
            return
        for stream in self.streams:
            stream.send(ticks)
        for subscriber in self.tick_by_tick:
            subscriber.quote(at, bid, ask, bid_size, ask_size)

    def trade(self, at: int, price: float, size: float) -> None:
        """Take a print: bars first, then ticks."""
        self._roll_day(at)
        today = self._today
        high, low = (today.high, today.low) if today else (None, None)
        if today is None:
            today = self._today = Bar.flat(at, price)
        today.take(price, size)
        self.last, self.last_size, self.last_at = price, size, at
        self._bar_price("TRADES", at, price, size)
        if self.is_frozen:
            return
        if self.streams:
            ticks = [
                string_tick(LAST_TIME, str(at // SECOND)),
                price_tick(LAST, price, size),
                size_tick(VOLUME, today.volume),
                string_tick(
                    RT_VOLUME,
                    f"{number_text(price)};{number_text(size)};{at // 1_000_000};"
                    f"{number_text(today.volume)};{today.average:.6f};true",
                ),
                price_tick(MARK, price, 0.0),
            ]
            if high is None:
                ticks.append(price_tick(OPEN, price, 0.0))
            if high is None or price > high:
                ticks.append(price_tick(HIGH, price, 0.0))
            if low is None or price < low:
                ticks.append(price_tick(LOW, price, 0.0))
            for stream in self.streams:
                stream.send(ticks)
        for subscriber in self.tick_by_tick:
            subscriber.trade(at, price, size)

    def advance(self, at: int) -> None:
        """Let time pass for bars that are being built."""
        if self.is_frozen:
            return
        for subscribers in self.bars.values():
            for subscriber in subscribers:
                subscriber.advance(at, is_open=self.is_open)

    def show(self, kind: str, price: float | str, size: float) -> None:
        """Show subscribers a price that the market does not have; `price` may be ``nan``."""
        text = price if isinstance(price, str) else number_text(price)
        tick = raw_price_tick({"bid": BID, "ask": ASK, "last": LAST}[kind], text, size)
        for stream in self.streams:
            stream.send([tick])

    def halt(self, *, is_halted: bool) -> None:
        """Tell subscribers that trading is halted, or goes on."""
        self.is_halted = is_halted
        for stream in self.streams:
            stream.send([generic_tick(HALTED, float(is_halted))])

    def known_ticks(self, at: int) -> Iterator[Tick]:
        """Yield what a new subscriber is told at once."""
        self._roll_day(at)
        if self.bid is not None:
            yield price_tick(BID, self.bid, self.bid_size)
        if self.ask is not None:
            yield price_tick(ASK, self.ask, self.ask_size)
        today = self._today
        if self.last is not None:
            yield string_tick(LAST_TIME, str(self.last_at // SECOND))
            yield price_tick(LAST, self.last, self.last_size)
            yield price_tick(MARK, self.last, 0.0)
        if today is not None:
            yield size_tick(VOLUME, today.volume)
            yield price_tick(HIGH, today.high, 0.0)
            yield price_tick(LOW, today.low, 0.0)
            yield price_tick(OPEN, today.open, 0.0)
        if self.previous_close is not None:
            yield price_tick(CLOSE, self.previous_close, 0.0)
        yield generic_tick(HALTED, float(self.is_halted))
        yield generic_tick(SHORTABLE, 3.0)

    def _bar_price(self, kind: str, at: int, price: float, size: float = 0.0) -> None:
        self.history[kind].take(at, price, size)
        subscribers = self.bars[kind]
        if subscribers and not self.is_frozen:
            is_regular = self.instrument.is_regular(at)
            for subscriber in subscribers:
                if is_regular or not subscriber.is_regular_only:
                    subscriber.take(at, price, size)

    def _roll_day(self, at: int) -> None:
        day = self.instrument.zone.day(at)
        if day != self._day:
            if self._today is not None:
                self.previous_close = self._today.close
            self._day, self._today = day, None

"""Bars told as they form: kept-up-to-date history and real-time bars of five seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import replies
from .bars import Bar, BarBuilder, BarSize, always
from .times import SECOND

if TYPE_CHECKING:
    from .contracts import SimInstrument
    from .requests import ReqHistoricalData
    from .ticks import Receiver

UPDATE_INTERVAL = 5 * SECOND
"""A changing last bar is told at most this often, as TWS does; a new bar at once."""


class LiveBars:
    """The part of a kept-up-to-date historical request that lies ahead.

    Without a `last` bar in the past, the first print begins one.
    """

    __slots__ = (
        "_builder",
        "_is_dirty",
        "_label",
        "_sent_at",
        "is_regular_only",
        "receiver",
        "request_id",
        "what",
    )

    def __init__(
        self,
        receiver: Receiver,
        request: ReqHistoricalData,
        what: str,
        instrument: SimInstrument,
        last: Bar | None,
        at: int,
    ) -> None:
        size = BarSize.parse(request.bar_size)
        self.receiver = receiver
        self.request_id = request.request_id
        self.what = what
        self.is_regular_only = request.is_regular_only
        is_wanted = instrument.is_regular if request.is_regular_only else always
        self._builder = BarBuilder(size, instrument.zone, is_wanted, last)
        self._label = BarLabel(instrument, request)
        self._sent_at = at
        self._is_dirty = False

    def take(self, at: int, price: float, size: float) -> None:
        """Add a print: a new bar is told at once, after the final state of the previous one."""
        is_first = self._builder.current is None
        closed = self._builder.take(at, price, size)
        if closed is not None and self._is_dirty:
            self._send(closed)
        self._is_dirty = True
        if is_first or closed is not None or at - self._sent_at >= UPDATE_INTERVAL:
            self._send_current(at)

    def advance(self, at: int, *, is_open: bool) -> None:
        """Let time pass: a bar ends on time, without a print, while the session is open."""
        closed = self._builder.roll(at) if is_open else None
        if closed is not None:
            if self._is_dirty:
                self._send(closed)
            self._send_current(at)
        elif self._is_dirty and at - self._sent_at >= UPDATE_INTERVAL:
            self._send_current(at)

    def _send_current(self, at: int) -> None:
        if self._builder.current is not None:
            self._send(self._builder.current)
        self._sent_at = at
        self._is_dirty = False

    def _send(self, bar: Bar) -> None:
        self.receiver.send(
            replies.historical_update(
                self.request_id, self._label(bar.start), bar, has_volume=self.what == "TRADES"
            )
        )


class BarLabel:
    """Writes a bar's date as its request wants it."""

    __slots__ = ("_is_daily", "_is_epoch", "_zone")

    def __init__(self, instrument: SimInstrument, request: ReqHistoricalData) -> None:
        self._zone = instrument.zone
        self._is_daily = BarSize.parse(request.bar_size).is_daily
        self._is_epoch = request.is_epoch

    def __call__(self, start: int) -> str:
        """Return the label of the bar that starts at a moment."""
        if self._is_daily:
            return self._zone.date(start)
        return str(start // SECOND) if self._is_epoch else self._zone.stamp(start)


class RealTimeBars:
    """One reqRealTimeBars subscription: each bar of five seconds is told when it has ended."""

    __slots__ = ("_builder", "is_regular_only", "receiver", "request_id", "what")

    def __init__(
        self,
        receiver: Receiver,
        request_id: int,
        what: str,
        instrument: SimInstrument,
        *,
        is_regular_only: bool,
    ) -> None:
        self.receiver = receiver
        self.request_id = request_id
        self.what = what
        self.is_regular_only = is_regular_only
        self._builder = BarBuilder(BarSize(5 * SECOND), instrument.zone, always)

    def take(self, at: int, price: float, size: float) -> None:
        """Add a print."""
        self._send(self._builder.take(at, price, size))

    def advance(self, at: int, *, is_open: bool) -> None:
        """Let time pass. A closed session still ends the bar that it interrupted."""
        closed = self._builder.roll(at)
        if closed is not None and not is_open:
            self._builder.clear()
        self._send(closed)

    def _send(self, bar: Bar | None) -> None:
        if bar is not None:
            self.receiver.send(
                replies.real_time_bar(self.request_id, bar, has_volume=self.what == "TRADES")
            )

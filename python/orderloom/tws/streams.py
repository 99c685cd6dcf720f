"""Market data of one symbol: ticks become quotes and trades, updates become complete bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final, Protocol

from orderloom._core import Event
from orderloom.tws.words import number, quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom.ports import EventSink, OnProblem

_NS: Final = 1_000_000_000
_LIVE: Final = 1

# Tick types of level one, live and delayed (tws-protocol: replies).
_BID, _ASK, _LAST, _BID_SIZE, _ASK_SIZE, _LAST_SIZE = 1, 2, 4, 0, 3, 5
_DELAYED: Final = {66: _BID, 67: _ASK, 68: _LAST, 69: _BID_SIZE, 70: _ASK_SIZE, 71: _LAST_SIZE}

_MARKET_DATA_TYPES: Final = {2: "frozen", 3: "delayed", 4: "delayed-frozen"}
_SHOWN_INSTEAD: Final = frozenset({10167})

BAR_SPANS: Final = {
    **{f"{count} secs": count * _NS for count in (5, 10, 15, 30)},
    "1 min": 60 * _NS,
    **{f"{count} mins": count * 60 * _NS for count in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3_600 * _NS,
    **{f"{count} hours": count * 3_600 * _NS for count in (2, 3, 4, 8)},
    "1 day": 86_400 * _NS,
}
"""Bar sizes that TWS keeps up to date, and their spans in ns."""


class Stream(Protocol):
    """A subscription by request id."""

    def refused(self, code: int, text: str) -> None:
        """Take the error that TWS gave on the subscription."""


class QuoteStream:
    """Level one of one symbol.

    A price that is not live although live was asked for is never passed on: the quote is
    withdrawn instead, once, with a word to the operator.
    """

    __slots__ = (
        "_ask",
        "_ask_size",
        "_bid",
        "_bid_size",
        "_echo",
        "_is_withheld",
        "_last",
        "_name",
        "_on_problem",
        "_symbol",
        "_wants_live",
        "is_changed",
    )

    def __init__(self, symbol: int, name: str, *, wants_live: bool, on_problem: OnProblem) -> None:
        self._symbol = symbol
        self._name = name
        self._wants_live = wants_live
        self._on_problem = on_problem
        self._is_withheld = False
        self._bid: float | None = None
        self._ask: float | None = None
        self._bid_size = self._ask_size = 0.0
        self._last: float | None = None
        self._echo: float | None = None
        self.is_changed = False

    def price(self, kind: int, value: float, size: float) -> Event | None:
        """Take a price tick; a print is returned, a quote changes."""
        side = self._accept(kind)
        if side not in (_BID, _ASK, _LAST):
            return None
        found = number(value)
        # TWS writes -1 where nobody quotes.
        price = found if found is not None and found > 0 else None
        shares = quantity(size)
        if side == _LAST:
            self._last, self._echo = price, shares
            return None if price is None else Event.trade(self._symbol, price, shares)
        if side == _BID:
            self.is_changed |= (price, shares) != (self._bid, self._bid_size)
            self._bid, self._bid_size = price, shares
        else:
            self.is_changed |= (price, shares) != (self._ask, self._ask_size)
            self._ask, self._ask_size = price, shares
        return None

    def size(self, kind: int, value: float) -> Event | None:
        """Take a size tick.

        TWS repeats the size of a price tick in one of its own; that one is no second print.
        """
        side = self._accept(kind)
        shares = quantity(value)
        if side == _BID_SIZE:
            self.is_changed |= shares != self._bid_size
            self._bid_size = shares
        elif side == _ASK_SIZE:
            self.is_changed |= shares != self._ask_size
            self._ask_size = shares
        elif side == _LAST_SIZE:
            echo, self._echo = self._echo, None
            if shares != echo and self._last is not None:
                return Event.trade(self._symbol, self._last, shares)
        return None

    def quote(self) -> Event:
        """Return the quote as it stands and forget that it changed."""
        self.is_changed = False
        return Event.quote(self._symbol, self._bid, self._ask, self._bid_size, self._ask_size)

    def data_type(self, kind: int) -> None:
        """Take the type of data that follows: 1 live, 2 frozen, 3 delayed, 4 delayed-frozen."""
        if kind == _LIVE or not self._wants_live:
            self._is_withheld = False
        else:
            self._withhold(_MARKET_DATA_TYPES.get(kind, f"type {kind}"))

    def refused(self, code: int, text: str) -> None:
        """Take the error that TWS gave on the subscription."""
        if code in _SHOWN_INSTEAD:
            self.data_type(3)
            return
        self._on_problem(f"{self._name}: no market data, error {code}: {text}")
        self._withdraw()

    def _accept(self, kind: int) -> int | None:
        plain = _DELAYED.get(kind)
        if plain is None:
            return None if self._is_withheld else kind
        if self._wants_live:
            self._withhold("delayed")
            return None
        return plain

    def _withhold(self, found: str) -> None:
        if not self._is_withheld:
            self._is_withheld = True
            self._on_problem(
                f"{self._name}: expected live market data, found {found}; its prices are withheld"
                "\nhint: check the market data subscription, or set data to delayed"
            )
            self._withdraw()

    def _withdraw(self) -> None:
        self.is_changed |= self._bid is not None or self._ask is not None
        self._bid = self._ask = self._last = None
        self._bid_size = self._ask_size = 0.0


@dataclass(frozen=True, slots=True)
class _Bar:
    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class BarStream:
    """Bars of one symbol: the past first, then each one when a newer one begins.

    The newest bar of TWS is still growing. It is posted when an update carries a later date, or
    with the past when its span has gone by already. Bars that had ended before `since` are
    history: they warm indicators and trigger nothing. None is posted twice: `posted_until` is the
    start of the newest one, and is carried over when a subscription is renewed.
    """

    __slots__ = (
        "_growing",
        "_on_end",
        "_on_refused",
        "_post",
        "_since",
        "_span",
        "_symbol",
        "_zone",
        "posted_until",
    )

    def __init__(
        self,
        symbol: int,
        *,
        span: int,
        zone: tzinfo,
        since: int,
        posted_until: int,
        post: EventSink,
        on_end: Callable[[], None],
        on_refused: Callable[[int, str], None],
    ) -> None:
        self._symbol = symbol
        self._span = span
        self._zone = zone
        self._since = since
        self.posted_until = posted_until
        self._post = post
        self._on_end = on_end
        self._on_refused = on_refused
        self._growing: _Bar | None = None

    def update(self, bar: Any) -> None:
        """Take a bar of the past or a new state of the growing one, in ib_async's `BarData`."""
        latest = _Bar(
            self._start(bar.date),
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            max(0.0, quantity(bar.volume)),
        )
        growing = self._growing
        if growing is not None:
            if latest.start < growing.start:
                return
            if latest.start > growing.start:
                self._complete(growing)
        self._growing = latest

    def end(self) -> None:
        """Take the end of the past."""
        growing = self._growing
        if growing is not None and growing.start + self._span <= self._since:
            self._complete(growing)
        self._on_end()

    def refused(self, code: int, text: str) -> None:
        """Take the error that TWS gave on the subscription."""
        self._on_refused(code, text)

    def _complete(self, bar: _Bar) -> None:
        if bar.start <= self.posted_until:
            return
        self.posted_until = bar.start
        self._post(
            Event.bar(
                self._symbol,
                bar.start,
                self._span,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                bar.start + self._span <= self._since,
            )
        )

    def _start(self, date: str) -> int:
        # formatDate 2: epoch seconds, except that daily bars carry a date.
        if len(date) == len("YYYYMMDD"):
            day = datetime.strptime(date, "%Y%m%d").replace(tzinfo=self._zone)
            return int(day.timestamp()) * _NS
        return int(date) * _NS

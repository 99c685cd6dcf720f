"""Market data of one symbol: ticks become quotes and trades, updates become complete bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final, Protocol

from orderloom._core import Event
from orderloom.tws.words import quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom._core import Ticks
    from orderloom.ports import EventSink, OnProblem

_NS: Final = 1_000_000_000
_LIVE: Final = 1

_MARKET_DATA_TYPES: Final = {2: "frozen", 3: "delayed", 4: "delayed-frozen"}
_SHOWN_INSTEAD: Final = frozenset({10167})


class Stream(Protocol):
    """A subscription by request id."""

    def refused(self, code: int, text: str) -> Event | None:
        """Take the error that TWS gave on the subscription; what is to be told first."""


class QuoteStream:
    """Level one of one symbol; `Ticks` holds its prices and sizes.

    A price that is not live although live was asked for is never passed on: the quote is
    withdrawn instead, once, with a word to the operator.
    """

    __slots__ = ("_name", "_on_problem", "_request_id", "_ticks", "_wants_live")

    def __init__(
        self,
        ticks: Ticks,
        request_id: int,
        symbol: int,
        name: str,
        *,
        wants_live: bool,
        on_problem: OnProblem,
    ) -> None:
        self._ticks = ticks
        self._request_id = request_id
        self._name = name
        self._wants_live = wants_live
        self._on_problem = on_problem
        ticks.add(request_id, symbol, wants_live)

    def data_type(self, kind: int) -> Event | None:
        """Take the type of data that follows: 1 live, 2 frozen, 3 delayed, 4 delayed-frozen.

        Another symbol's quote that was not told yet is returned.
        """
        if kind == _LIVE or not self._wants_live:
            self._ticks.withhold(self._request_id, is_withheld=False)
            return None
        return self.withhold(_MARKET_DATA_TYPES.get(kind, f"type {kind}"))

    def refused(self, code: int, text: str) -> Event | None:
        """Take the error that TWS gave on the subscription; returns as `data_type`."""
        if code in _SHOWN_INSTEAD:
            return self.data_type(3)
        self._on_problem(f"{self._name}: no market data, error {code}: {text}")
        return self._ticks.withdraw(self._request_id)

    def withhold(self, found: str) -> Event | None:
        """Pass nothing on until live data comes; returns as `data_type`."""
        if self._ticks.withhold(self._request_id, is_withheld=True):
            return None
        self._on_problem(
            f"{self._name}: expected live market data, found {found}; its prices are withheld"
            "\nhint: check the market data subscription, or set data to delayed"
        )
        return self._ticks.withdraw(self._request_id)


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

"""Subscriptions to sessions, quotes, trades and bars, renewed on every connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.ports import BAR_SPANS
from orderloom.tws.errors import TWSError
from orderloom.tws.pacer import Urgency
from orderloom.tws.streams import BarStream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orderloom.ports import Clock, EventSink, MarketSubscription, OnProblem
    from orderloom.tws.instruments import Instruments
    from orderloom.tws.link import Link
    from orderloom.tws.sessions import TradingSession
    from orderloom.tws.settings import TWSSettings

_NS: Final = 1_000_000_000
_DAY: Final = 86_400 * _NS
_LIVE, _DELAYED = 1, 3
_AT_ONCE: Final = -1
# Trading time per day at least: warm-up is asked for in days that hold data.
_SESSION: Final = 6 * 3_600 * _NS
# TWS refuses an identical history request within 15 s (error 162).
_HISTORY_PAUSE_MIN: Final = 16 * _NS
_HISTORY_PAUSE_MAX: Final = 600 * _NS
_SESSIONS_PAUSE: Final = 60 * _NS
_DAYS_MAX: Final = 365
_DAYS_PER_YEAR: Final = 250


class Market:
    """Market data of the symbols that were subscribed to."""

    def __init__(
        self,
        settings: TWSSettings,
        instruments: Instruments,
        clock: Clock,
        *,
        post: EventSink,
        on_problem: OnProblem,
        link: Callable[[], Link | None],
    ) -> None:
        self._settings = settings
        self._instruments = instruments
        self._clock = clock
        self._post = post
        self._on_problem = on_problem
        self._link = link
        self._subscriptions: tuple[MarketSubscription, ...] = ()
        self._quote_ids: dict[int, int] = {}
        self._bars: dict[int, tuple[int, BarStream]] = {}
        self._posted_until: dict[int, int] = {}
        self._refusals: Counter[int] = Counter()
        self._look_again: dict[int, int] = {}

    async def start(self, link: Link, subscriptions: Sequence[MarketSubscription]) -> None:
        """Subscribe, and return when the past bars of every symbol are in or were refused.

        Raises `ValueError` for a bar size that TWS does not keep up to date.
        """
        for each in subscriptions:
            if each.bars is not None and each.bars not in BAR_SPANS:
                expected = ", ".join(BAR_SPANS)
                raise ValueError(f"bars: expected one of `{expected}`, found `{each.bars}`")
        self._subscriptions = tuple(subscriptions)
        self._look_again = dict.fromkeys((each.symbol for each in subscriptions), _AT_ONCE)
        await self._post_sessions()
        await self.resume(link)

    async def resume(self, link: Link) -> None:
        """Subscribe to everything again, on a new connection or after TWS lost it (1101)."""
        if not self._subscriptions:
            return
        kind = _LIVE if self._settings.data == "live" else _DELAYED
        link.pacer.submit(Urgency.DATA, lambda: link.client.reqMarketDataType(kind))
        for each in self._subscriptions:
            self._subscribe_quotes(link, each.symbol)
        await self.resume_bars(link)

    async def resume_bars(self, link: Link) -> None:
        """Subscribe to bars again: they can die in silence when a data farm was lost."""
        await asyncio.gather(
            *(self._subscribe_bars(link, each) for each in self._subscriptions if each.bars)
        )

    def _subscribe_quotes(self, link: Link, symbol: int) -> None:
        request_id = link.replies.new_id()
        link.wrapper.forget(self._quote_ids.get(symbol, 0))
        self._quote_ids[symbol] = request_id
        link.wrapper.stream_quotes(
            request_id,
            symbol,
            self._instruments.name(symbol),
            wants_live=self._settings.data == "live",
        )
        contract = self._instruments.contract(symbol)
        link.pacer.submit(
            Urgency.DATA,
            lambda: link.client.reqMktData(request_id, contract, "", False, False, []),
        )

    async def _subscribe_bars(self, link: Link, wanted: MarketSubscription) -> None:
        """Subscribe and wait for the past; a refusal is repeated later, in the background."""
        size = wanted.bars
        assert size is not None  # noqa: S101 - callers skip subscriptions without bars
        symbol, span = wanted.symbol, BAR_SPANS[size]
        request_id = link.replies.new_id()
        past: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        is_past_in = False

        def ended() -> None:
            nonlocal is_past_in
            is_past_in = True
            if not past.done():
                past.set_result(None)

        def refused(code: int, text: str) -> None:
            link.wrapper.streams.pop(request_id, None)
            problem = f"{self._instruments.name(symbol)}: no bars, error {code}: {text}"
            if not past.done():
                past.set_result(problem)
            elif is_past_in:
                self._on_problem(problem)
                link.run(self._retry_bars(link, wanted, request_id))

        self._replace_bars(link, symbol)
        stream = BarStream(
            symbol,
            span=span,
            zone=self._instruments.zone(symbol),
            since=self._clock.now(),
            posted_until=self._posted_until.get(symbol, -1),
            post=link.wrapper.post,
            on_end=ended,
            on_refused=refused,
        )
        self._bars[symbol] = request_id, stream
        link.wrapper.streams[request_id] = stream
        contract = self._instruments.contract(symbol)
        duration = _duration(span, wanted.warm_up)
        link.pacer.submit(
            Urgency.DATA,
            lambda: link.client.reqHistoricalData(
                request_id, contract, "", duration, size, "TRADES", True, 2, True, []
            ),
        )
        either: list[asyncio.Future[Any]] = [past, link.ended]
        await asyncio.wait(
            either,
            timeout=self._settings.timeouts.history,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if link.ended.done():
            return
        problem = past.result() if past.done() else None
        if not past.done():
            past.cancel()
            problem = f"{self._instruments.name(symbol)}: no past bars in time"
        if problem is not None:
            self._on_problem(problem)
            link.run(self._retry_bars(link, wanted, request_id))
        else:
            self._refusals[symbol] = 0

    def _replace_bars(self, link: Link, symbol: int) -> None:
        known = self._bars.pop(symbol, None)
        if known is None:
            return
        request_id, stream = known
        self._posted_until[symbol] = stream.posted_until
        if link.wrapper.streams.pop(request_id, None) is not None:
            link.pacer.submit(Urgency.DATA, lambda: link.client.cancelHistoricalData(request_id))

    async def _retry_bars(self, link: Link, wanted: MarketSubscription, failed: int) -> None:
        symbol = wanted.symbol
        self._refusals[symbol] += 1
        pause = max(_HISTORY_PAUSE_MIN, BAR_SPANS[wanted.bars or ""])
        pause = min(pause * 2 ** (self._refusals[symbol] - 1), _HISTORY_PAUSE_MAX)
        await self._clock.sleep_until(self._clock.now() + pause)
        if self._bars[symbol][0] == failed:
            await self._subscribe_bars(link, wanted)

    # -- sessions ----------------------------------------------------------------------------

    async def follow_sessions(self) -> None:
        """Post the next session of a symbol when its current one closes, for ever."""
        while self._look_again:
            await self._clock.sleep_until(min(self._look_again.values()))
            await self._post_sessions()

    async def _post_sessions(self) -> None:
        for symbol, at in self._look_again.items():
            if at <= self._clock.now():
                self._look_again[symbol] = await self._post_session(symbol)

    async def _post_session(self, symbol: int) -> int:
        """Post the current or next session; return when to look again."""
        session = self._upcoming(symbol)
        link = self._link()
        if session is None and link is not None:
            try:
                await self._instruments.refresh_sessions(link, symbol)
            except (TWSError, ValueError) as error:
                self._on_problem(f"{self._instruments.name(symbol)}: no sessions: {error}")
            session = self._upcoming(symbol)
        if session is None:
            return self._clock.now() + _SESSIONS_PAUSE
        self._post(
            Event.session(symbol, session.date, session.utc_offset, session.open, session.close)
        )
        return session.close

    def _upcoming(self, symbol: int) -> TradingSession | None:
        now = self._clock.now()
        known = self._instruments.sessions(symbol)
        return next((session for session in known if session.close > now), None)


def _duration(span: int, warm_up: int) -> str:
    """Return how far back to ask for `warm_up` bars, in days that hold data.

    One more than needed, because today may have just begun; above a year TWS wants years.
    """
    days = warm_up + 1 if span >= _DAY else 1 + -(-warm_up * span // _SESSION)
    return f"{days} D" if days <= _DAYS_MAX else f"{-(-days // _DAYS_PER_YEAR)} Y"

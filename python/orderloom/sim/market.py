"""The market data desk: answers requests for ticks and bars, and feeds every tape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from . import replies
from .bars import Bar, BarSize, Duration, always
from .live_bars import BarLabel, LiveBars, RealTimeBars
from .readings import Readings
from .requests import (
    Feed,
    ReqHeadTimestamp,
    ReqHistoricalData,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTickData,
)
from .schedule import SCHEDULE_VERSION, past_sessions
from .tape import KINDS, Tape
from .ticks import TICK_BY_TICK_KINDS, Receiver, TickByTick, TickStream
from .times import SECOND, Zone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .contracts import Catalogue, ContractQuery, SimInstrument

Permission = Literal["live", "delayed"]
_Subscription = TickStream | TickByTick | LiveBars | RealTimeBars

# Adjusted and unadjusted trades are the same here: the venue knows no splits.
_SAME_AS_TRADES = {"ADJUSTED_LAST": "TRADES"}
_UTC = Zone("UTC")


class Subscriber(Receiver, Protocol):
    """One client's session."""

    @property
    def version(self) -> int:
        """The server version that was agreed on."""

    @property
    def data_type(self) -> int:
        """The market data type that the client chose, 1 to 4."""

    def error(self, request_id: int, code: int, text: str) -> None:
        """Queue an error."""


class MarketDesk:
    """All tapes, and the subscriptions of all sessions."""

    def __init__(
        self, catalogue: Catalogue, permission: Permission, readings: Readings | None = None
    ) -> None:
        self._readings = readings or Readings()
        self._catalogue = catalogue
        self._permission: Permission = permission
        self._tapes = {each.con_id: Tape(each) for each in catalogue}
        self._held: dict[tuple[Subscriber, Feed, int], tuple[Tape, _Subscription]] = {}

    def tape(self, con_id: int) -> Tape:
        """Return an instrument's tape; raise `KeyError` for an unknown one."""
        return self._tapes[con_id]

    def load_history(self, con_id: int, bars: Iterable[Bar], bar_seconds: int, what: str) -> None:
        """Add past bars of one length."""
        self._tapes[con_id].history[what].load(bars, bar_seconds * SECOND)

    def advance(self, at: int) -> None:
        """Let time pass for bars that are being built."""
        for tape in self._tapes.values():
            tape.advance(at)

    def delay(self, *, is_delayed: bool) -> None:
        """Turn all data into delayed data, or back into live data, and tell subscribers."""
        self._permission = "delayed" if is_delayed else "live"
        for tape in self._tapes.values():
            for stream in tape.streams:
                stream.is_delayed = is_delayed
                stream.receiver.send(
                    replies.market_data_type(stream.request_id, 3 if is_delayed else 1)
                )

    def subscribe_ticks(self, session: Subscriber, request: ReqMktData, at: int) -> None:
        """Answer reqMktData: what is known at once, then a stream or the snapshot's end."""
        request_id = request.request_id
        tape = self._find(session, Feed.MARKET_DATA, request_id, request.contract)
        if tape is None:
            return
        is_delayed = self._permission == "delayed"
        if is_delayed and session.data_type < 3:
            session.error(
                request_id,
                354,
                "Requested market data is not subscribed. Delayed market data is available.",
            )
            return
        if is_delayed:
            session.error(
                request_id,
                10167,
                "Requested market data is not subscribed. Displaying delayed market data.",
            )
        start = [
            replies.tick_parameters(request_id, tape.instrument.tick),
            replies.market_data_type(request_id, 3 if is_delayed else 1),
        ]
        if self._readings.stream_start == "type_first":
            start.reverse()
        for frame in start:
            session.send(frame)
        stream = TickStream(session, request_id, request.generic_ticks, is_delayed=is_delayed)
        stream.send(list(tape.known_ticks(at)))
        if request.is_snapshot:
            session.send(replies.snapshot_end(request_id))
        else:
            tape.streams.append(stream)
            self._held[session, Feed.MARKET_DATA, request_id] = tape, stream

    def subscribe_tick_by_tick(self, session: Subscriber, request: ReqTickByTickData) -> None:
        """Answer reqTickByTickData."""
        request_id, kind = request.request_id, request.kind
        if kind not in TICK_BY_TICK_KINDS:
            session.error(request_id, 321, _invalid(f"tick type `{kind}` is not served"))
            return
        tape = self._find(session, Feed.TICK_BY_TICK, request_id, request.contract)
        if tape is not None:
            exchange = tape.instrument.primary_exchange
            subscription = TickByTick(session, request_id, kind, exchange)
            tape.tick_by_tick.append(subscription)
            self._held[session, Feed.TICK_BY_TICK, request_id] = tape, subscription

    def subscribe_real_time_bars(self, session: Subscriber, request: ReqRealTimeBars) -> None:
        """Answer reqRealTimeBars."""
        request_id, what = request.request_id, request.what
        if what not in KINDS:
            session.error(request_id, 321, _invalid(f"what to show: `{what}` is not served"))
            return
        tape = self._find(session, Feed.REAL_TIME_BARS, request_id, request.contract)
        if tape is not None:
            bars = RealTimeBars(
                session,
                request_id,
                what,
                tape.instrument,
                is_regular_only=request.is_regular_only,
            )
            tape.bars[what].append(bars)
            self._held[session, Feed.REAL_TIME_BARS, request_id] = tape, bars

    def answer_history(self, session: Subscriber, request: ReqHistoricalData, at: int) -> None:
        """Answer reqHistoricalData in one message, and keep the last bar up to date if asked.

        What there is to show may be the schedule too: sessions instead of bars.
        """
        request_id = request.request_id
        tape = self._find(session, Feed.HISTORICAL_BARS, request_id, request.contract)
        if tape is None:
            return
        instrument = tape.instrument
        what = _SAME_AS_TRADES.get(request.what, request.what)
        try:
            size = BarSize.parse(request.bar_size)
            duration = Duration.parse(request.duration)
            is_schedule = what == "SCHEDULE" and session.version >= SCHEDULE_VERSION
            if what not in KINDS and not is_schedule:
                raise ValueError(f"what to show: `{request.what}` is not served")
            if is_schedule and request.is_kept_up_to_date:
                raise ValueError("a schedule is not kept up to date")
            if request.end and request.is_kept_up_to_date:
                raise ValueError("an end time and updates exclude each other")
            end = min(at, instrument.zone.parse(request.end)) if request.end else at
        except ValueError as error:
            session.error(request_id, 321, _invalid(str(error)))
            return
        if is_schedule:
            _tell_schedule(session, request, instrument, duration, end)
            return
        is_wanted = instrument.is_regular if request.is_regular_only else always
        bars = tape.history[what].bars(size, duration, end, instrument.zone, is_wanted)
        if not bars and not request.is_kept_up_to_date:
            _tell_no_data(session, request, instrument)
            return
        label = BarLabel(instrument, request)
        session.send(
            replies.historical_data(
                request_id,
                instrument.zone.bare(bars[0].start if bars else end),
                instrument.zone.bare(end),
                [(label(bar.start), bar) for bar in bars],
                has_volume=what == "TRADES",
            )
        )
        if request.is_kept_up_to_date:
            last = bars[-1] if bars else None
            updates = LiveBars(session, request, what, instrument, last, at)
            tape.bars[what].append(updates)
            self._held[session, Feed.HISTORICAL_BARS, request_id] = tape, updates

    def answer_head_timestamp(
        self, session: Subscriber, request: ReqHeadTimestamp, at: int
    ) -> None:
        """Answer reqHeadTimeStamp: the first bar or price known, in UTC."""
        request_id = request.request_id
        instrument = self._catalogue.one(request.contract)
        if instrument is None:
            session.error(request_id, 200, NO_CONTRACT)
            return
        what = _SAME_AS_TRADES.get(request.what, request.what)
        if what not in KINDS:
            text = f"what to show: `{request.what}` is not served"
            session.error(request_id, 321, _invalid(text))
            return
        is_wanted = instrument.is_regular if request.is_regular_only else always
        head = self._tapes[instrument.con_id].history[what].head(at, is_wanted)
        if head is None:
            session.error(request_id, 162, f"{_NO_HISTORY}No head time stamp")
            return
        time = str(head // SECOND) if request.is_epoch else _UTC.dashed(head)
        session.send(replies.head_timestamp(request_id, time))

    def cancel(self, session: Subscriber, feed: Feed, request_id: int) -> bool:
        """End a subscription; return whether there was one."""
        held = self._held.pop((session, feed, request_id), None)
        if held is None:
            return False
        tape, subscription = held
        match subscription:
            case TickStream():
                tape.streams.remove(subscription)
            case TickByTick():
                tape.tick_by_tick.remove(subscription)
            case LiveBars() | RealTimeBars():
                tape.bars[subscription.what].remove(subscription)
        return True

    def forget(self, session: Subscriber) -> None:
        """End everything that a session subscribed to."""
        for holder, feed, request_id in list(self._held):
            if holder is session:
                self.cancel(session, feed, request_id)

    def _find(
        self, session: Subscriber, feed: Feed, request_id: int, query: ContractQuery
    ) -> Tape | None:
        """Return the tape of a request, or answer it with an error."""
        if (session, feed, request_id) in self._held:
            session.error(
                request_id, 322, f"Error processing request: duplicate id for {feed.value}"
            )
            return None
        instrument = self._catalogue.one(query)
        if instrument is None:
            session.error(request_id, 200, NO_CONTRACT)
            return None
        return self._tapes[instrument.con_id]


NO_CONTRACT = "No security definition has been found for the request"
_NO_HISTORY = "Historical Market Data Service error message:"


def _tell_schedule(
    session: Subscriber,
    request: ReqHistoricalData,
    instrument: SimInstrument,
    duration: Duration,
    end: int,
) -> None:
    def hours(at: int) -> str:
        trading, liquid = instrument.hours(at)
        return liquid if request.is_regular_only else trading

    sessions = past_sessions(hours, instrument.zone, duration, end)
    if sessions:
        answer = replies.historical_schedule(request.request_id, instrument.zone, sessions)
        session.send(answer)
    else:
        _tell_no_data(session, request, instrument)


def _tell_no_data(
    session: Subscriber, request: ReqHistoricalData, instrument: SimInstrument
) -> None:
    session.error(
        request.request_id,
        162,
        f"{_NO_HISTORY}HMDS query returned no data: "
        f"{instrument.symbol}@{instrument.exchange} {request.what}",
    )


def _invalid(cause: str) -> str:
    return f"Error validating request: cause - {cause}"

"""`TWSConnection`: the broker that is TWS or IB Gateway.

Knows the line and how to keep it; knows nothing of what an order means. An order leaves once or
not at all: nothing that changes the broker's state is ever sent again by this module.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.tws.errors import (
    AccountError,
    NotConnectedError,
    OrderIdsExhaustedError,
    QueueFullError,
    TWSError,
    WrongModeError,
)
from orderloom.tws.instruments import Instruments
from orderloom.tws.link import Link, describe
from orderloom.tws.market import Market
from orderloom.tws.orders import order_of
from orderloom.tws.pacer import Urgency
from orderloom.tws.replies import REQUEST_ID_MIN
from orderloom.tws.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from orderloom._core import Command, Ticket
    from orderloom.ports import (
        Clock,
        ContractFacts,
        ContractSpec,
        EventSink,
        MarketSubscription,
        OnProblem,
        OnSent,
    )
    from orderloom.tws.settings import TWSSettings

_PAUSE_MIN: Final = 0.25
_PAUSE_MAX: Final = 30.0
_SECOND: Final = 1_000_000_000
_OFFSET_MAX: Final = _SECOND
_BY_US: Final = "disconnected by us"
_EXITS: Final = frozenset({"stop", "target", "close"})

# tws-order-semantics, "connection events".
_CUT, _RESTORED_EMPTY, _RESTORED, _PORT_CHANGED, _SERVER_CUT = 1100, 1101, 1102, 1300, 2110
_FARM_DOWN: Final = frozenset({2103, 2105})
_FARM_UP: Final = frozenset({2104, 2106})
_TOO_FAST: Final = 100
_WARNINGS: Final = range(2100, 2200)

_log = logging.getLogger("orderloom.tws")


class TWSConnection:
    """A broker connection over `ib_async`'s client, with a ledger of ours instead of its own.

    Events reach `sink` in the order in which TWS sent them. `instruments` are the symbols by
    index. `on_problem` takes what an operator should know; `on_sent` takes order id, monotonic
    ns after the last byte of an order was handed to the socket, and ns spent in `ib_async`.
    While `is_away` says that TWS restarts about now, a lost line is no problem to tell.

    Example:
        >>> from orderloom.clock import SystemClock
        >>> from orderloom.ports import ContractSpec
        >>> from orderloom.tws import TWSConnection, TWSSettings
        >>> broker = TWSConnection(
        ...     TWSSettings(port=7497, mode="paper"),
        ...     [ContractSpec(symbol="AAPL")],
        ...     clock=SystemClock(), sink=print, on_problem=print,
        ... )
        >>> broker.is_connected
        False
    """

    def __init__(
        self,
        settings: TWSSettings,
        instruments: Sequence[ContractSpec],
        *,
        clock: Clock,
        sink: EventSink,
        on_problem: OnProblem,
        on_sent: OnSent | None = None,
        is_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self._on_problem = on_problem
        self._on_sent = on_sent
        self._is_away = is_away
        self._instruments = Instruments(instruments)
        self._market = Market(
            settings,
            self._instruments,
            clock,
            post=self._post,
            on_problem=on_problem,
            link=lambda: self._link,
        )
        self._request_ids = count(REQUEST_ID_MIN)
        self._link: Link | None = None
        self._snapshots: Snapshots | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_clock_off = False
        self._is_cut = False
        self._is_cut_from_server = False
        self._has_farm_down = False
        self._refused: set[int] = set()
        self._past_foreign: Counter[str] = Counter()
        self.failure: TWSError | None = None
        self.last_sent_ns = 0

    # -- what is known -----------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether the socket to TWS is open and logged in; TWS may still have lost IB."""
        return self._link is not None and self._link.is_open

    @property
    def account(self) -> str:
        """The account that is traded; empty before the first log-in."""
        return "" if self._link is None else self._link.wrapper.account

    @property
    def contracts(self) -> Sequence[ContractFacts]:
        """Facts by symbol, known once `connect` has returned."""
        return self._instruments.facts

    @property
    def server_offset(self) -> int | None:
        """TWS's clock minus ours in ns, as far as it is proven; `None` before it was asked."""
        return None if self._link is None else self._link.server_offset

    @property
    def foreign(self) -> Mapping[str, int]:
        """How much was dropped because it belongs to others, by what it was."""
        current = Counter() if self._link is None else self._link.wrapper.foreign
        return self._past_foreign + current

    # -- life --------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, find the contracts, say that the line is up, and begin a snapshot.

        Later losses of the line are repaired in the background until `disconnect`. Raises a
        `TWSError` that says what to do; nothing stays open then. Bounded by the timeouts.
        """
        if self._link is not None:
            raise RuntimeError("connect: already connected")
        link = await self._open()
        try:
            await self._instruments.resolve(link)
            self._go_live(link)
        except BaseException:
            self._link = None
            await link.close("the start failed")
            raise
        self._start(self._keep_line())

    async def disconnect(self) -> None:
        """End the connection. Orders stay at the broker; repeated calls do nothing."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        link = self._link
        if link is not None:
            await link.close(_BY_US)
            self._link = None

    async def start_market(self, subscriptions: Sequence[MarketSubscription]) -> None:
        """Post sessions, then stream quotes, trades and bars; return when past bars are in.

        Raises `NotConnectedError`, or `ValueError` for an unknown bar size. What TWS refuses is
        a problem for the operator and is asked for again.
        """
        await self._market.start(self._open_link("market data"), subscriptions)
        self._start(self._market.follow_sessions())

    async def reconcile(self) -> bool:
        """Take a full snapshot that begins after now, and say whether every part of it ended."""
        return False if self._snapshots is None else await self._snapshots.request()

    async def barrier(self) -> None:
        """Return once everything sent and received before has been processed.

        TWS answers in order, so its answer to one more request proves it. Raises
        `NotConnectedError` or `RequestTimeoutError`.
        """
        await self._open_link("barrier").check_time(self._settings.timeouts.barrier)

    # -- orders ------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """Carry out a `place`, `modify`, `cancel` or `reconcile`, once.

        The bytes are with the socket when this returns, unless the rate limit makes them wait
        for at most about a second, exits first. Raises `NotConnectedError` or `QueueFullError`
        when nothing was sent, and `ValueError` for a command that is none of the broker's.
        """
        kind = command.kind
        if kind in ("place", "modify"):
            ticket = command.ticket
            assert ticket is not None  # noqa: S101 - both kinds carry one
            self._send_ticket(ticket, command.role, is_new=kind == "place")
        elif kind == "cancel":
            order_id = command.order_id
            assert order_id is not None  # noqa: S101 - the kind carries one
            link = self._open_link(f"cancel of order {order_id}")
            link.pacer.submit(Urgency.EXIT, lambda: self._cancel(link, order_id), order_id=order_id)
        elif kind == "reconcile":
            if self._snapshots is not None and not self._is_cut:
                self._snapshots.request()
        else:
            raise ValueError(f"command: expected one for the broker, found `{kind}`")

    def _send_ticket(self, ticket: Ticket, role: str | None, *, is_new: bool) -> None:
        order_id, parent_id = ticket.order_id, ticket.parent_id
        link = self._open_link(f"order {order_id}")
        if parent_id in self._refused:
            # Without its parent a stop would open a position.
            raise QueueFullError(f"order {order_id}: its parent {parent_id} was not sent")
        is_exit = role in _EXITS and not (is_new and parent_id)
        try:
            link.pacer.submit(
                Urgency.EXIT if is_exit else Urgency.ENTRY,
                lambda: self._place(link, ticket),
                order_id=order_id,
                parent_id=parent_id,
            )
        except QueueFullError:
            if is_new:
                self._refused.add(order_id)
            raise

    def _place(self, link: Link, ticket: Ticket) -> None:
        order_id = ticket.order_id
        contract = self._instruments.contract(ticket.symbol)
        order = order_of(ticket, link.wrapper.account)
        began = time.monotonic_ns()
        try:
            link.client.placeOrder(order_id, contract, order)
        except ConnectionError as error:
            raise NotConnectedError(f"order {order_id}: {error}") from None
        self._note_sent(order_id, began)

    def _cancel(self, link: Link, order_id: int) -> None:
        began = time.monotonic_ns()
        try:
            link.client.cancelOrder(order_id)
        except ConnectionError as error:
            raise NotConnectedError(f"cancel of order {order_id}: {error}") from None
        self._note_sent(order_id, began)

    def _note_sent(self, order_id: int, began: int) -> None:
        self.last_sent_ns = sent = time.monotonic_ns()
        if self._on_sent is not None:
            self._on_sent(order_id, sent, sent - began)

    def _open_link(self, what: str) -> Link:
        link = self._link
        if link is None or not link.is_open:
            raise NotConnectedError(f"{what}: not connected to TWS, nothing was sent")
        return link

    # -- the line ----------------------------------------------------------------------------

    async def _open(self) -> Link:
        link = Link(
            self._settings,
            self._instruments,
            self._clock,
            request_ids=self._request_ids,
            sink=self._sink,
            on_problem=self._on_problem,
            on_notice=self._notice,
            on_offset=self._measured,
            on_ended=self._ended,
        )
        self._link = link
        self._is_cut = self._is_cut_from_server = self._has_farm_down = False
        try:
            await link.open()
        except BaseException:
            self._link = None
            raise
        return link

    def _go_live(self, link: Link) -> None:
        self._snapshots = Snapshots(link, self._on_problem)
        link.go_live()
        link.run(self._snapshots.serve())
        if not self._is_cut:
            self._snapshots.request()

    async def _keep_line(self) -> None:
        """Connect again whenever the line is lost. The only place that does so."""
        pause = _PAUSE_MIN
        while True:
            if self._link is not None:
                await asyncio.wait({self._link.ended})
                if self._snapshots is not None and self._snapshots.has_succeeded:
                    pause = _PAUSE_MIN
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX)
            try:
                link = await self._open()
            except (AccountError, WrongModeError, OrderIdsExhaustedError) as error:
                # Another log-in took the port: to go on would trade somebody else's account.
                self.failure = error
                self._on_problem(f"TWS is not reconnected: {describe(error)}")
                return
            except TWSError as error:
                self._tell_of_line(f"TWS, next attempt in {pause:g} s: {describe(error)}")
            else:
                self._go_live(link)
                link.run(self._market.resume(link))

    def _ended(self, link: Link, reason: str) -> None:
        self._past_foreign += link.wrapper.foreign
        link.wrapper.foreign.clear()
        if link.was_live:
            level = logging.INFO if reason == _BY_US else logging.WARNING
            _log.log(level, "connection to TWS ended: %s", reason)
            self._sink(Event.connection("down"))

    def _tell_of_line(self, text: str) -> None:
        if self._is_away():
            _log.info("%s", text)
        else:
            self._on_problem(text)

    def _measured(self, link: Link, offset: int) -> None:
        is_off = abs(offset) > _OFFSET_MAX
        if is_off == self._is_clock_off:
            return
        self._is_clock_off = is_off
        detail = (
            f"the broker's clock differs by {offset / _SECOND:.1f} s, expected at most "
            f"{_OFFSET_MAX // _SECOND} s: no new entries, hint: synchronise this host's clock"
        )
        link.wrapper.post(Event.hold("clock_offset", is_off, detail if is_off else ""))

    def _notice(self, link: Link, code: int, text: str) -> None:
        """Take an error that names neither order nor request."""
        _log.log(logging.INFO if code in _WARNINGS else logging.WARNING, "TWS %s: %s", code, text)
        if code in (_CUT, _SERVER_CUT):
            if not self._is_cut:
                self._is_cut = True
                self._tell_of_line(f"TWS lost its server, error {code}: {text}")
                link.wrapper.post(Event.connection("down"))
            self._is_cut_from_server = code == _SERVER_CUT
        elif code == _RESTORED_EMPTY:
            link.wrapper.post(Event.connection("data_stale"))
            self._restored(link)
            link.run(self._market.resume(link))
        elif code == _RESTORED:
            self._restored(link)
        elif code == _PORT_CHANGED:
            self._tell_of_line(f"TWS changed its port, error {code}: {text}")
            link.kill(text)
        elif code in _FARM_DOWN:
            self._has_farm_down = True
            link.wrapper.post(Event.connection("data_stale"))
        elif code in _FARM_UP:
            self._farm_up(link)
        elif code == _TOO_FAST:
            self._on_problem(f"TWS dropped a message, error {code}: {text}")

    def _farm_up(self, link: Link) -> None:
        if self._is_cut and self._is_cut_from_server:
            # After 2110 TWS restores its line by itself and may not say so with 1101 or 1102.
            self._restored(link)
        if self._has_farm_down and link.was_live:
            self._has_farm_down = False
            link.run(self._market.resume_bars(link))

    def _restored(self, link: Link) -> None:
        """Reconcile: what happened meanwhile was not told, even when 1100 was not seen."""
        self._is_cut = self._is_cut_from_server = False
        link.wrapper.post(Event.connection("up"))
        if link.was_live and self._snapshots is not None:
            self._snapshots.request()

    def _post(self, event: Event) -> None:
        if self._link is not None and self._link.was_live:
            self._link.wrapper.post(event)
        else:
            self._sink(event)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_problem(f"TWS adapter: {error!r}")

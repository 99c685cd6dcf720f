"""Decoded TWS messages become events, in the order of arrival.

The names of the methods are those that `ib_async`'s decoder calls; what `StrictDecoder` decodes
itself has names of ours. Nothing is remembered about orders: what a message means is the engine's
to say. What belongs to other accounts, and fills and
positions of symbols that are not ours, is counted in `foreign` and dropped.
"""

# ruff: noqa: D102, N802, N803 - the decoder calls these names with these words; TWS documents them

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event, Ticks
from orderloom.tws.replies import REQUEST_ID_MIN, Part, Replies
from orderloom.tws.streams import BarStream, QuoteStream, Stream
from orderloom.tws.words import (
    ACTIONS,
    EXECUTED,
    integer,
    limit_price,
    number,
    quantity,
    side,
    stop_price,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ib_async.contract import Contract

    from orderloom.ports import EventSink, OnProblem
    from orderloom.tws.instruments import Instruments

_NS: Final = 1_000_000_000
# More than any message holds: a lost frame boundary.
_BYTES_MAX: Final = 32 * 1024 * 1024
_NO_ID: Final = 2_147_483_647
_ACCOUNT_TAGS: Final = frozenset(
    {"NetLiquidation", "BuyingPower", "AvailableFunds", "TotalCashValue"}
)
_FOREIGN_FILLS_REMEMBERED: Final = 10_000

_log = logging.getLogger("orderloom.tws")


class Wrapper:
    """Receives one connection's messages.

    Events are held back until `release`, so that nothing precedes the news that the line is up.
    """

    # Read by the decoder: the zone in which it hands times over.
    defaultTimezone = UTC  # noqa: N815

    def __init__(
        self,
        *,
        client_id: int,
        request_ids: Iterator[int],
        instruments: Instruments,
        sink: EventSink,
        on_problem: OnProblem,
        on_notice: Callable[[int, str], None],
        on_closed: Callable[[], None],
        on_overlong: Callable[[], None],
    ) -> None:
        self.account = ""
        self.replies = Replies(request_ids)
        self.streams: dict[int, Stream] = {}
        self.foreign: Counter[str] = Counter()
        self.heard_at = time.monotonic()
        self.bytes_pending: Callable[[], int] = int
        self._client_id = client_id
        self._instruments = instruments
        self._sink = sink
        self._on_problem = on_problem
        self._on_notice = on_notice
        self._on_closed = on_closed
        self._on_overlong = on_overlong
        self._held: list[Event] | None = []
        self._pass: Callable[[Event], None] = self._held.append
        self._next_order_id = 0
        self.ticks: Final = Ticks()
        self._foreign_fills: deque[str] = deque(maxlen=_FOREIGN_FILLS_REMEMBERED)

    # -- order of events ---------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Pass on an event, after the quote that changed before it."""
        # As `_flush` does, without its call: every word of the broker comes through here.
        quote = self.ticks.flush()
        if quote is not None:
            self._pass(quote)
        self._pass(event)

    def release(self) -> None:
        """Say that the line is up, which order id is next, then what was held back."""
        held, self._held, self._pass = self._held or [], None, self._sink
        self.post(Event.connection("up"))
        self.post(Event.next_order_id(self._next_order_id))
        for event in held:
            self.post(event)

    @property
    def next_order_id(self) -> int:
        """The smallest order id that TWS accepts, as told last."""
        return self._next_order_id

    def _flush(self) -> None:
        # Bid and ask come as separate ticks. One quote is posted for both, before whatever
        # follows, so that no quote mixes an old side with a new one.
        quote = self.ticks.flush()
        if quote is not None:
            self._pass(quote)

    # -- the connection ----------------------------------------------------------------------

    def tcpDataProcessed(self) -> None:
        pending = self.bytes_pending()
        if not pending:
            self._flush()
        elif pending > _BYTES_MAX:
            self._on_overlong()

    def connectAck(self) -> None:
        """The greeting was answered; nothing to do until accounts and order id are in."""

    def setEventsDone(self) -> None:
        self._flush()
        self._on_closed()

    def connectionClosed(self) -> None:
        """Called after `setEventsDone`, which says it all."""

    def managedAccounts(self, accountsList: str) -> None:
        """Read by the client itself."""

    def nextValidId(self, orderId: int) -> None:
        self._next_order_id = orderId
        if self._held is None:
            self.post(Event.next_order_id(orderId))

    def currentTime(self, epoch: int) -> None:
        self.replies.end(Part.TIME, epoch)

    def error(self, reqId: int, code: int, text: str, advancedOrderRejectJson: str = "") -> None:
        if advancedOrderRejectJson:
            text = f"{text} {advancedOrderRejectJson}"
        if 0 < reqId < REQUEST_ID_MIN:
            self.post(Event.order_error(reqId, code, text))
        elif REQUEST_ID_MIN <= reqId < _NO_ID:
            self._request_error(reqId, code, text)
        else:
            self._flush()
            self._on_notice(code, text)

    def _request_error(self, request_id: int, code: int, text: str) -> None:
        stream = self.streams.get(request_id)
        if stream is not None:
            self._first(stream.refused(code, text))
        elif not self.replies.refuse(request_id, code, text):
            _log.info("error %s on ended request %s: %s", code, request_id, text)

    # -- orders ------------------------------------------------------------------------------

    def openOrder(self, orderId: int, contract: Contract, order: Any, state: Any) -> None:
        if order.whatIf or self._is_foreign_account(order.account, "open orders"):
            return
        # Other clients count their orders as we do; theirs must not be taken for ours.
        order_id = orderId if order.clientId == self._client_id else 0
        self.post(
            Event.order_opened(
                order_id,
                integer(order.permId) or 0,
                order.orderRef,
                self._instruments.symbol_of(contract),
                side(order.action, ACTIONS),
                quantity(order.totalQuantity),
                limit_price(order.orderType, order.lmtPrice),
                stop_price(order.orderType, order.auxPrice, order.trailStopPrice),
                state.status,
            )
        )

    def openOrderEnd(self) -> None:
        self.replies.end(Part.OPEN_ORDERS)

    def order_status(
        self,
        order_id: int,
        status: str,
        filled: float,
        remaining: float,
        perm_id: int,
        client_id: int,
        why_held: str,
    ) -> None:
        """Take an order's status."""
        if client_id != self._client_id:
            self.foreign["order statuses of other clients"] += 1
            return
        self.post(
            Event.order_status(
                order_id,
                integer(perm_id) or 0,
                status,
                quantity(filled),
                quantity(remaining),
                why_held,
            )
        )

    def completedOrder(self, contract: Contract, order: Any, state: Any) -> None:
        if self._is_foreign_account(order.account, "completed orders"):
            return
        if self._instruments.symbol_of(contract) is None:
            self.foreign["completed orders"] += 1
            return
        self.post(
            Event.order_completed(
                integer(order.permId) or 0,
                order.orderRef,
                state.status,
                quantity(order.filledQuantity),
            )
        )

    def completedOrdersEnd(self) -> None:
        self.replies.end(Part.COMPLETED_ORDERS)

    def executed(
        self,
        con_id: int,
        words: tuple[str, str, str],
        exec_id: str,
        at: int,
        account: str,
        word: str,
        shares: float,
        price: float,
        order_id: int,
        perm_id: int,
        client_id: int,
        order_ref: str,
    ) -> None:
        """Take a fill: `at` in epoch seconds, `words` as `Instruments.symbol_in` takes them."""
        symbol = self._instruments.symbol_in(con_id, words)
        if self._is_foreign_account(account, "executions"):
            self._foreign_fills.append(exec_id)
            return
        if symbol is None:
            self.foreign["executions"] += 1
            self._foreign_fills.append(exec_id)
            return
        self.post(
            Event.execution(
                exec_id,
                order_id if client_id == self._client_id else 0,
                integer(perm_id) or 0,
                order_ref,
                symbol,
                side(word, EXECUTED),
                quantity(shares),
                price,
                at * _NS,
            )
        )

    def execDetailsEnd(self, reqId: int) -> None:
        self.replies.end(reqId)

    def commission(self, exec_id: str, amount: float, currency: str) -> None:
        """Take the cost of a fill."""
        if exec_id in self._foreign_fills:
            return
        known = number(amount)
        if known is None:
            self._on_problem(f"commission of execution `{exec_id}`: expected an amount")
            return
        self.post(Event.commission(exec_id, known, currency))

    # -- account -----------------------------------------------------------------------------

    def position(
        self, account: str, contract: Contract, position: float, averageCost: float
    ) -> None:
        if self._is_foreign_account(account, "positions"):
            return
        symbol = self._instruments.symbol_of(contract)
        if symbol is None:
            self.foreign["positions"] += 1
            return
        held = quantity(position)
        cost = number(averageCost) if held else None
        # TWS gives the cost of a contract, not of a unit of the underlying.
        per_unit = None if cost is None else cost / int(contract.multiplier or 1)
        self.post(Event.position_report(symbol, held, per_unit))

    def positionEnd(self) -> None:
        self.replies.end(Part.POSITIONS)

    def updateAccountValue(self, key: str, value: str, currency: str, account: str) -> None:
        if key not in _ACCOUNT_TAGS or self._is_foreign_account(account, "account values"):
            return
        amount = number(float(value))
        if amount is not None:
            self.post(Event.account_value(key, amount))

    def updatePortfolio(self, *_: object) -> None:
        """Comes with account values; positions are told by `position`."""

    def accountDownloadEnd(self, account: str) -> None:
        if account in ("", self.account):
            self.replies.end(Part.ACCOUNT)

    def _is_foreign_account(self, account: str, what: str) -> bool:
        is_foreign = account not in ("", self.account)
        if is_foreign:
            self.foreign[f"{what} of other accounts"] += 1
        return is_foreign

    # -- contracts and market data -----------------------------------------------------------

    def contractDetails(self, reqId: int, details: Any) -> None:
        self.replies.add(reqId, details)

    def contractDetailsEnd(self, reqId: int) -> None:
        self.replies.end(reqId)

    def stream_quotes(self, request_id: int, symbol: int, name: str, *, wants_live: bool) -> None:
        """Follow the quotes and prints that come under a request."""
        self.streams[request_id] = QuoteStream(
            self.ticks, request_id, symbol, name,
            wants_live=wants_live, on_problem=self._on_problem,
        )  # fmt: skip

    def forget(self, request_id: int) -> None:
        """Follow a request no longer."""
        self._flush()
        self.streams.pop(request_id, None)
        self.ticks.remove(request_id)

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        for found in self.ticks.price(reqId, tickType, price, size):
            self.ticked(found)

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        for found in self.ticks.size(reqId, tickType, size):
            self.ticked(found)

    def ticked(self, found: Event | int) -> None:
        """Pass on what a tick led to: an event, or a request whose data is not live."""
        if isinstance(found, Event):
            self._pass(found)
        else:
            stream = self.streams.get(found)
            if isinstance(stream, QuoteStream):
                self._first(stream.withhold("delayed"))

    def marketDataType(self, reqId: int, kind: int) -> None:
        stream = self.streams.get(reqId)
        if isinstance(stream, QuoteStream):
            self._first(stream.data_type(kind))

    def _first(self, quote: Event | None) -> None:
        """Pass on the quote that another one's change must not overtake."""
        if quote is not None:
            self._pass(quote)

    def historicalData(self, reqId: int, bar: Any) -> None:
        stream = self.streams.get(reqId)
        if isinstance(stream, BarStream):
            stream.update(bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        stream = self.streams.get(reqId)
        if isinstance(stream, BarStream):
            stream.end()

    def historicalDataUpdate(self, reqId: int, bar: Any) -> None:
        stream = self.streams.get(reqId)
        if isinstance(stream, BarStream):
            stream.update(bar)

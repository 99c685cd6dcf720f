"""One client's session: what each request does once the client has started the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from . import replies
from .market import NO_CONTRACT, MarketDesk
from .place_order import PlaceOrder
from .requests import (
    Cancel,
    CancelHeadTimestamp,
    CancelOrder,
    CancelPositions,
    Feed,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqHeadTimestamp,
    ReqHistoricalData,
    ReqIds,
    ReqManagedAccts,
    ReqMarketDataType,
    ReqMarketRule,
    ReqMktData,
    ReqOpenOrders,
    ReqPnL,
    ReqPnLSingle,
    ReqPositions,
    ReqRealTimeBars,
    ReqTickByTickData,
    Request,
    StartApi,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .account import AccountDesk
    from .contracts import Catalogue
    from .fault_desk import FaultDesk
    from .faults import OrderWord
    from .orders import OrderDesk
    from .readings import Readings

_MARKET_FEEDS = frozenset(
    (Feed.MARKET_DATA, Feed.HISTORICAL_BARS, Feed.REAL_TIME_BARS, Feed.TICK_BY_TICK)
)
_NEEDS_WRITE_ACCESS = (
    PlaceOrder
    | CancelOrder
    | ReqGlobalCancel
    | ReqOpenOrders
    | ReqAllOpenOrders
    | ReqAutoOpenOrders
    | ReqCompletedOrders
)


@dataclass(frozen=True, slots=True)
class Desks:
    """What stands behind every session."""

    orders: OrderDesk
    market: MarketDesk
    account: AccountDesk
    catalogue: Catalogue
    account_id: str
    clock: Callable[[], int]
    faults: FaultDesk
    readings: Readings
    is_read_only: bool


class Session:
    """A started client. Its requests are served in the order they come."""

    def __init__(
        self, client_id: int, version: int, desks: Desks, send: Callable[[bytes], None]
    ) -> None:
        self.client_id = client_id
        self.version = version
        self.data_type = 1
        self.send = send
        self._desks = desks

    def error(self, request_id: int, code: int, text: str) -> None:
        """Queue an error or notice."""
        self.send(replies.error(self.version, request_id, code, text))

    def greet(self) -> None:
        """Tell account, first order id and the state of the data farms."""
        self.send(replies.managed_accounts(self._desks.account_id))
        self.send(replies.next_valid_id(self._desks.orders.next_order_id))
        self.error(-1, 2104, "Market data farm connection is OK:usfarm")
        self.error(-1, 2106, "HMDS data farm connection is OK:ushmds")
        self.error(-1, 2158, "Sec-def data farm connection is OK:secdefil")

    def serve(self, request: Request) -> None:
        """Carry out one request; every answer is queued when this returns."""
        desks = self._desks
        at = desks.clock()
        request_id = getattr(request, "request_id", None)
        if request_id is not None:
            desks.faults.asked(self.client_id, request_id)
        if desks.is_read_only and isinstance(request, _NEEDS_WRITE_ACCESS):
            order_id: int = desks.readings.read_only_id
            if isinstance(request, PlaceOrder | CancelOrder):
                order_id = request.order_id
            cause = "The API interface is currently in Read-Only mode."
            self.error(order_id, 321, f"Error validating request: cause - {cause}")
            return
        match request:
            case PlaceOrder():
                self._place(request, at)
            case CancelOrder():
                self._cancel_order(request.order_id, at)
            case ReqGlobalCancel():
                desks.orders.global_cancel(at)
            case ReqOpenOrders():
                if self.client_id == 0:
                    desks.orders.bind([self])
                desks.orders.list_open(self, is_all=False)
            case ReqAllOpenOrders():
                desks.orders.list_open(self, is_all=True)
            case ReqAutoOpenOrders():
                self._bind_automatically(is_on=request.is_bind)
            case ReqCompletedOrders():
                desks.orders.list_completed(self)
            case ReqExecutions():
                desks.orders.list_executions(self, request, at)
            case ReqIds():
                self.send(replies.next_valid_id(desks.orders.next_order_id))
            case ReqMktData():
                desks.market.subscribe_ticks(self, request, at)
            case ReqTickByTickData():
                desks.market.subscribe_tick_by_tick(self, request)
            case ReqRealTimeBars():
                desks.market.subscribe_real_time_bars(self, request)
            case ReqHistoricalData():
                desks.market.answer_history(self, request, at)
            case ReqHeadTimestamp():
                desks.market.answer_head_timestamp(self, request, at)
            case CancelHeadTimestamp():
                pass  # Answered at once, so there is nothing to end.
            case ReqMarketDataType():
                self.data_type = request.data_type
            case ReqAccountUpdates():
                self._account_updates(request, at)
            case ReqPositions():
                desks.account.subscribe_positions(self)
            case CancelPositions():
                desks.account.cancel_positions(self)
            case ReqAccountSummary():
                desks.account.subscribe_summary(self, request.request_id, request.tags)
            case ReqAccountUpdatesMulti():
                if self._is_account(request.request_id, request.account):
                    desks.account.subscribe_multi(self, request.request_id, request.model_code)
            case ReqPnL():
                if self._is_account(request.request_id, request.account):
                    desks.account.subscribe_pnl(self, request.request_id)
            case ReqPnLSingle():
                if self._is_account(request.request_id, request.account):
                    desks.account.subscribe_pnl_single(self, request.request_id, request.con_id)
            case Cancel():
                self._cancel(request)
            case ReqContractDetails():
                self._contract_details(request, at)
            case ReqMarketRule():
                self._market_rule(request.rule_id)
            case ReqManagedAccts():
                self.send(replies.managed_accounts(desks.account_id))
            case ReqCurrentTime():
                self.send(replies.current_time(at + desks.faults.clock_offset))
            case StartApi():
                self.error(-1, 501, "Already connected.")
            case _:
                assert_never(request)

    def close(self) -> None:
        """Forget the client's subscriptions. Its orders stay."""
        self._desks.market.forget(self)
        self._desks.account.forget(self)

    def _place(self, request: PlaceOrder, at: int) -> None:
        orders, faults = self._desks.orders, self._desks.faults
        order_id = request.order_id
        is_change = not faults.is_idle and orders.is_live(self.client_id, order_id)
        if not request.is_what_if:
            what: OrderWord = "modify" if is_change else "order"
            refusal = faults.refusal(self.client_id, order_id, what, request)
            if refusal is not None:
                self.error(order_id, *refusal)
                return
        orders.place(self, request, at, is_forked=is_change and faults.takes_fork())

    def _cancel_order(self, order_id: int, at: int) -> None:
        refusal = self._desks.faults.refusal(self.client_id, order_id, "cancel")
        if refusal is None:
            self._desks.orders.cancel(self, order_id, at)
        else:
            self.error(order_id, *refusal)

    def _bind_automatically(self, *, is_on: bool) -> None:
        if self.client_id == 0:
            self._desks.orders.binds_new = is_on
        else:
            self.error(-1, 327, "Only clientId 0 can bind orders automatically.")

    def _account_updates(self, request: ReqAccountUpdates, at: int) -> None:
        account = self._desks.account
        if not request.is_subscribe:
            account.cancel_updates(self)
        elif self._is_account(-1, request.account):
            account.subscribe_updates(self, at)

    def _is_account(self, request_id: int, account: str) -> bool:
        if account in ("", "All", self._desks.account_id):
            return True
        cause = f"Invalid account code '{account}'"
        self.error(request_id, 321, f"Error validating request: cause - {cause}")
        return False

    def _cancel(self, request: Cancel) -> None:
        desk = self._desks.market if request.feed in _MARKET_FEEDS else self._desks.account
        if not desk.cancel(self, request.feed, request.request_id):
            code = 162 if request.feed is Feed.HISTORICAL_BARS else 300
            text = f"No {request.feed.value} query found for id: {request.request_id}"
            self.error(request.request_id, code, text)

    def _contract_details(self, request: ReqContractDetails, at: int) -> None:
        found = self._desks.catalogue.find(request.contract)
        if not found:
            self.error(request.request_id, 200, NO_CONTRACT)
            return
        for instrument in found:
            self.send(replies.contract_details(self.version, request.request_id, instrument, at))
        self.send(replies.contract_details_end(request.request_id))

    def _market_rule(self, rule_id: int) -> None:
        ticks = {each.tick for each in self._desks.catalogue if each.market_rule == rule_id}
        if len(ticks) != 1:
            self.error(-1, 321, f"Error validating request: cause - unknown market rule {rule_id}")
            return
        self.send(replies.market_rule(rule_id, [("0", ticks.pop())]))

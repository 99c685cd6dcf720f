"""Every request that a client may send, decoded.

One frozen class per request, in the order of their message ids; `decode` picks by id and asserts
that the message is exhausted. Layouts: TWS API, server versions 157 to 178.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .contracts import ContractQuery
from .place_order import PlaceOrder
from .wire import MalformedMessageError, Reader

if TYPE_CHECKING:
    from collections.abc import Callable


class Feed(Enum):
    """Subscriptions that a client ends by request id."""

    MARKET_DATA = "market data"
    HISTORICAL_BARS = "historical data"
    REAL_TIME_BARS = "real time bars"
    TICK_BY_TICK = "tick-by-tick data"
    ACCOUNT_SUMMARY = "account summary"
    ACCOUNT_UPDATES_MULTI = "account updates"
    PNL = "PnL"
    PNL_SINGLE = "PnL of one position"


@dataclass(frozen=True, slots=True)
class ReqMktData:
    """Stream (or snapshot) level-one ticks of a contract."""

    request_id: int
    contract: ContractQuery
    generic_ticks: frozenset[str]
    is_snapshot: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """End one subscription."""

    feed: Feed
    request_id: int


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Ask for the end of one of the client's own orders."""

    order_id: int


@dataclass(frozen=True, slots=True)
class ReqOpenOrders:
    """List the client's own live orders."""


@dataclass(frozen=True, slots=True)
class ReqAccountUpdates:
    """Start or stop the account's values and portfolio."""

    is_subscribe: bool
    account: str


@dataclass(frozen=True, slots=True)
class ReqExecutions:
    """List today's executions that pass a filter; empty and 0 filter nothing."""

    request_id: int
    client_id: int
    account: str
    since: str
    symbol: str
    sec_type: str
    exchange: str
    side: str


@dataclass(frozen=True, slots=True)
class ReqIds:
    """Ask for the next valid order id."""


@dataclass(frozen=True, slots=True)
class ReqContractDetails:
    """Ask for everything about the contracts that a description fits."""

    request_id: int
    contract: ContractQuery


@dataclass(frozen=True, slots=True)
class ReqAutoOpenOrders:
    """Bind future manual orders to client 0, or stop doing so."""

    is_bind: bool


@dataclass(frozen=True, slots=True)
class ReqAllOpenOrders:
    """List everybody's live orders, once."""


@dataclass(frozen=True, slots=True)
class ReqManagedAccts:
    """Ask for the account numbers."""


@dataclass(frozen=True, slots=True)
class ReqHistoricalData:
    """Ask for past bars, and with `is_kept_up_to_date` for those to come."""

    request_id: int
    contract: ContractQuery
    end: str
    bar_size: str
    duration: str
    is_regular_only: bool
    what: str
    is_epoch: bool
    is_kept_up_to_date: bool


@dataclass(frozen=True, slots=True)
class ReqCurrentTime:
    """Ask for the server's time."""


@dataclass(frozen=True, slots=True)
class ReqRealTimeBars:
    """Stream bars of five seconds."""

    request_id: int
    contract: ContractQuery
    what: str
    is_regular_only: bool


@dataclass(frozen=True, slots=True)
class ReqGlobalCancel:
    """Ask for the end of every order of the account."""


@dataclass(frozen=True, slots=True)
class ReqMarketDataType:
    """Choose live (1), frozen (2), delayed (3) or delayed and frozen (4) data."""

    data_type: int


@dataclass(frozen=True, slots=True)
class ReqPositions:
    """Stream positions."""


@dataclass(frozen=True, slots=True)
class ReqAccountSummary:
    """Stream chosen account values."""

    request_id: int
    group: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CancelPositions:
    """Stop the stream of positions."""


@dataclass(frozen=True, slots=True)
class StartApi:
    """Open the session under a client id."""

    client_id: int


@dataclass(frozen=True, slots=True)
class ReqAccountUpdatesMulti:
    """Stream account values by request id."""

    request_id: int
    account: str
    model_code: str


@dataclass(frozen=True, slots=True)
class ReqHeadTimestamp:
    """Ask for the start of what is known of a contract's past."""

    request_id: int
    contract: ContractQuery
    is_regular_only: bool
    what: str
    is_epoch: bool


@dataclass(frozen=True, slots=True)
class CancelHeadTimestamp:
    """Ask for no start of the past after all; it has been told already."""

    request_id: int


@dataclass(frozen=True, slots=True)
class ReqMarketRule:
    """Ask for the price increments of a rule."""

    rule_id: int


@dataclass(frozen=True, slots=True)
class ReqPnL:
    """Stream the account's profit and loss."""

    request_id: int
    account: str


@dataclass(frozen=True, slots=True)
class ReqPnLSingle:
    """Stream one position's profit and loss."""

    request_id: int
    account: str
    con_id: int


@dataclass(frozen=True, slots=True)
class ReqTickByTickData:
    """Stream every tick of a kind: `Last`, `AllLast`, `BidAsk` or `MidPoint`."""

    request_id: int
    contract: ContractQuery
    kind: str


@dataclass(frozen=True, slots=True)
class ReqCompletedOrders:
    """List the day's ended orders."""

    is_api_only: bool


Request = (
    PlaceOrder
    | CancelOrder
    | ReqMktData
    | Cancel
    | ReqOpenOrders
    | ReqAccountUpdates
    | ReqExecutions
    | ReqIds
    | ReqContractDetails
    | ReqAutoOpenOrders
    | ReqAllOpenOrders
    | ReqManagedAccts
    | ReqHistoricalData
    | ReqCurrentTime
    | ReqRealTimeBars
    | ReqGlobalCancel
    | ReqMarketDataType
    | ReqPositions
    | ReqAccountSummary
    | CancelPositions
    | StartApi
    | ReqAccountUpdatesMulti
    | ReqHeadTimestamp
    | CancelHeadTimestamp
    | ReqMarketRule
    | ReqPnL
    | ReqPnLSingle
    | ReqTickByTickData
    | ReqCompletedOrders
)


class UnknownRequestError(LookupError):
    """A message id that this server does not serve."""


def decode(payload: bytes, version: int) -> Request:
    """Return the request that a payload holds at a server version.

    Raises `UnknownRequestError` for an id that is not served and `MalformedMessageError` for a
    message that breaks its layout.
    """
    reader = Reader(payload)
    message_id = reader.integer()
    layout = _LAYOUTS.get(message_id)
    if layout is None:
        raise UnknownRequestError(f"message id {message_id}")
    request = layout(reader, version)
    reader.end()
    return request


def addressee(payload: bytes) -> int:
    """Return the request or order id of a message that is not understood, or -1.

    An error has to name the request it answers, otherwise its sender waits for ever.
    """
    fields = payload.split(b"\0", 4)
    try:
        at = _ID_FIELD[int(fields[0])]
        return int(fields[at])
    except (ValueError, LookupError):
        return -1


def _with_legs(reader: Reader, contract: ContractQuery) -> ContractQuery:
    if contract.sec_type != "BAG":
        return contract
    return contract.with_legs([reader.record(4) for _ in range(reader.count())])


def _market_data(reader: Reader, _version: int) -> Request:
    reader.text()
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    contract = _with_legs(reader, contract)
    if reader.flag():
        reader.record(3)  # delta-neutral contract
    generic_ticks = frozenset(tick for tick in reader.text().split(",") if tick)
    is_snapshot = reader.flag()
    reader.flag()  # regulatory snapshot
    reader.text()  # options
    return ReqMktData(request_id, contract, generic_ticks, is_snapshot)


def _cancel(feed: Feed, *, has_version: bool = True) -> Callable[[Reader, int], Request]:
    def layout(reader: Reader, _version: int) -> Request:
        if has_version:
            reader.text()
        return Cancel(feed, reader.integer())

    return layout


def _bare(request: Request) -> Callable[[Reader, int], Request]:
    def layout(reader: Reader, _version: int) -> Request:
        reader.text()
        return request

    return layout


def _cancel_order(reader: Reader, version: int) -> Request:
    reader.text()
    order_id = reader.integer()
    if version >= 169:
        reader.text()  # manual cancel time
    return CancelOrder(order_id)


def _account_updates(reader: Reader, _version: int) -> Request:
    reader.text()
    return ReqAccountUpdates(reader.flag(), reader.text())


def _executions(reader: Reader, _version: int) -> Request:
    reader.text()
    return ReqExecutions(reader.integer(), reader.integer(), *reader.record(6))


def _ids(reader: Reader, _version: int) -> Request:
    reader.record(2)
    return ReqIds()


def _contract_details(reader: Reader, version: int) -> Request:
    reader.text()
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    reader.flag()  # include expired
    reader.record(2)  # security id
    if version >= 176:
        reader.text()  # issuer
    return ReqContractDetails(request_id, contract)


def _auto_open_orders(reader: Reader, _version: int) -> Request:
    reader.text()
    return ReqAutoOpenOrders(reader.flag())


def _historical_data(reader: Reader, _version: int) -> Request:
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    reader.flag()  # include expired
    end, bar_size, duration = reader.record(3)
    is_regular_only = reader.flag()
    what = reader.text()
    is_epoch = reader.integer() == 2
    contract = _with_legs(reader, contract)
    is_kept_up_to_date = reader.flag()
    reader.text()  # options
    return ReqHistoricalData(
        request_id,
        contract,
        end,
        bar_size,
        duration,
        is_regular_only,
        what,
        is_epoch,
        is_kept_up_to_date,
    )


def _real_time_bars(reader: Reader, _version: int) -> Request:
    reader.text()
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    reader.integer()  # bar size; TWS serves five seconds whatever is asked
    what = reader.text()
    is_regular_only = reader.flag()
    reader.text()  # options
    return ReqRealTimeBars(request_id, contract, what, is_regular_only)


def _market_data_type(reader: Reader, _version: int) -> Request:
    reader.text()
    data_type = reader.integer()
    if not 1 <= data_type <= 4:
        raise MalformedMessageError(f"market data type: expected 1 to 4, found {data_type}")
    return ReqMarketDataType(data_type)


def _account_summary(reader: Reader, _version: int) -> Request:
    reader.text()
    request_id = reader.integer()
    group, tags = reader.record(2)
    return ReqAccountSummary(
        request_id, group, tuple(tag.strip() for tag in tags.split(",") if tag.strip())
    )


def _start_api(reader: Reader, _version: int) -> Request:
    reader.text()
    client_id = reader.integer()
    reader.skip_rest()  # optional capabilities; the oldest clients omit them
    return StartApi(client_id)


def _account_updates_multi(reader: Reader, _version: int) -> Request:
    reader.text()
    request_id = reader.integer()
    account, model_code = reader.record(2)
    reader.flag()  # ledger and net liquidation only
    return ReqAccountUpdatesMulti(request_id, account, model_code)


def _head_timestamp(reader: Reader, _version: int) -> Request:
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    reader.flag()  # include expired
    is_regular_only = reader.flag()
    return ReqHeadTimestamp(
        request_id, contract, is_regular_only, reader.text(), reader.integer() == 2
    )


def _cancel_head_timestamp(reader: Reader, _version: int) -> Request:
    return CancelHeadTimestamp(reader.integer())


def _market_rule(reader: Reader, _version: int) -> Request:
    return ReqMarketRule(reader.integer())


def _pnl(reader: Reader, _version: int) -> Request:
    request_id = reader.integer()
    account, _model_code = reader.record(2)
    return ReqPnL(request_id, account)


def _pnl_single(reader: Reader, _version: int) -> Request:
    request_id = reader.integer()
    account, _model_code = reader.record(2)
    return ReqPnLSingle(request_id, account, reader.integer())


def _tick_by_tick(reader: Reader, _version: int) -> Request:
    request_id = reader.integer()
    contract = ContractQuery.read(reader)
    kind = reader.text()
    reader.integer()  # number of past ticks
    reader.flag()  # ignore size
    return ReqTickByTickData(request_id, contract, kind)


def _completed_orders(reader: Reader, _version: int) -> Request:
    return ReqCompletedOrders(reader.flag())


_LAYOUTS: dict[int, Callable[[Reader, int], Request]] = {
    1: _market_data,
    2: _cancel(Feed.MARKET_DATA),
    3: PlaceOrder.read,
    4: _cancel_order,
    5: _bare(ReqOpenOrders()),
    6: _account_updates,
    7: _executions,
    8: _ids,
    9: _contract_details,
    15: _auto_open_orders,
    16: _bare(ReqAllOpenOrders()),
    17: _bare(ReqManagedAccts()),
    20: _historical_data,
    25: _cancel(Feed.HISTORICAL_BARS),
    49: _bare(ReqCurrentTime()),
    50: _real_time_bars,
    51: _cancel(Feed.REAL_TIME_BARS),
    58: _bare(ReqGlobalCancel()),
    59: _market_data_type,
    61: _bare(ReqPositions()),
    62: _account_summary,
    63: _cancel(Feed.ACCOUNT_SUMMARY),
    64: _bare(CancelPositions()),
    71: _start_api,
    76: _account_updates_multi,
    77: _cancel(Feed.ACCOUNT_UPDATES_MULTI),
    87: _head_timestamp,
    90: _cancel_head_timestamp,
    91: _market_rule,
    92: _pnl,
    93: _cancel(Feed.PNL, has_version=False),
    94: _pnl_single,
    95: _cancel(Feed.PNL_SINGLE, has_version=False),
    97: _tick_by_tick,
    98: _cancel(Feed.TICK_BY_TICK, has_version=False),
    99: _completed_orders,
}

# Where the id stands that an error should name, in requests that are not served too.
_ID_FIELD = {
    **dict.fromkeys(
        (1, 2, 4, 7, 9, 10, 11, 21, 23, 25, 50, 51, 52, 53, 54, 55, 56, 57, 62, 63, 67, 68, 69, 70,
         74, 75, 76, 77), 2
    ),
    **dict.fromkeys(
        (3, 20, 22, 78, 79, 81, 83, 84, 86, 87, 88, 89, 90, 92, 93, 94, 95, 96, 97, 98, 100, 101,
         102, 103, 104), 1
    ),
}  # fmt: skip

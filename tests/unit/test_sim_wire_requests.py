"""Every request that ib_async can encode is understood, at every version of the layout."""

from collections.abc import Callable
from typing import Any

import pytest
from ib_async import ExecutionFilter, Stock
from ib_async.client import Client

from orderloom.sim.contracts import ContractQuery
from orderloom.sim.requests import (
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
    UnknownRequestError,
    addressee,
    decode,
)
from orderloom.sim.wire import MalformedMessageError

AAPL = Stock("AAPL", "SMART", "USD")
QUERY = ContractQuery(0, "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", "")

REQUESTS: list[tuple[Callable[[Any], object], Request]] = [
    (
        lambda c: c.reqMktData(5, AAPL, "221,233", False, False, []),
        ReqMktData(5, QUERY, frozenset({"221", "233"}), False),
    ),
    (lambda c: c.reqMktData(5, AAPL, "", True, False, []), ReqMktData(5, QUERY, frozenset(), True)),
    (lambda c: c.cancelMktData(5), Cancel(Feed.MARKET_DATA, 5)),
    (lambda c: c.cancelOrder(9), CancelOrder(9)),
    (lambda c: c.reqOpenOrders(), ReqOpenOrders()),
    (lambda c: c.reqAllOpenOrders(), ReqAllOpenOrders()),
    (lambda c: c.reqAutoOpenOrders(True), ReqAutoOpenOrders(True)),
    (lambda c: c.reqAccountUpdates(True, "DU1"), ReqAccountUpdates(True, "DU1")),
    (
        lambda c: c.reqExecutions(6, ExecutionFilter(clientId=3, symbol="AAPL", side="BUY")),
        ReqExecutions(6, 3, "", "", "AAPL", "", "", "BUY"),
    ),
    (lambda c: c.reqIds(0), ReqIds()),
    (lambda c: c.reqContractDetails(7, AAPL), ReqContractDetails(7, QUERY)),
    (lambda c: c.reqManagedAccts(), ReqManagedAccts()),
    (
        lambda c: c.reqHistoricalData(8, AAPL, "", "2 D", "1 min", "TRADES", True, 2, True, []),
        ReqHistoricalData(8, QUERY, "", "1 min", "2 D", True, "TRADES", True, True),
    ),
    (
        lambda c: c.reqHeadTimeStamp(8, AAPL, "BID", True, 2),
        ReqHeadTimestamp(8, QUERY, True, "BID", True),
    ),
    (lambda c: c.cancelHeadTimeStamp(8), CancelHeadTimestamp(8)),
    (lambda c: c.cancelHistoricalData(8), Cancel(Feed.HISTORICAL_BARS, 8)),
    (lambda c: c.reqCurrentTime(), ReqCurrentTime()),
    (
        lambda c: c.reqRealTimeBars(9, AAPL, 5, "MIDPOINT", False, []),
        ReqRealTimeBars(9, QUERY, "MIDPOINT", False),
    ),
    (lambda c: c.cancelRealTimeBars(9), Cancel(Feed.REAL_TIME_BARS, 9)),
    (lambda c: c.reqGlobalCancel(), ReqGlobalCancel()),
    (lambda c: c.reqMarketDataType(3), ReqMarketDataType(3)),
    (lambda c: c.reqPositions(), ReqPositions()),
    (lambda c: c.cancelPositions(), CancelPositions()),
    (
        lambda c: c.reqAccountSummary(4, "All", "NetLiquidation,BuyingPower"),
        ReqAccountSummary(4, "All", ("NetLiquidation", "BuyingPower")),
    ),
    (lambda c: c.cancelAccountSummary(4), Cancel(Feed.ACCOUNT_SUMMARY, 4)),
    (
        lambda c: c.reqAccountUpdatesMulti(3, "DU1", "", False),
        ReqAccountUpdatesMulti(3, "DU1", ""),
    ),
    (lambda c: c.cancelAccountUpdatesMulti(3), Cancel(Feed.ACCOUNT_UPDATES_MULTI, 3)),
    (lambda c: c.reqMarketRule(26), ReqMarketRule(26)),
    (lambda c: c.reqPnL(1, "DU1", ""), ReqPnL(1, "DU1")),
    (lambda c: c.cancelPnL(1), Cancel(Feed.PNL, 1)),
    (lambda c: c.reqPnLSingle(1, "DU1", "", 265598), ReqPnLSingle(1, "DU1", 265598)),
    (lambda c: c.cancelPnLSingle(1), Cancel(Feed.PNL_SINGLE, 1)),
    (
        lambda c: c.reqTickByTickData(2, AAPL, "BidAsk", 0, False),
        ReqTickByTickData(2, QUERY, "BidAsk"),
    ),
    (lambda c: c.cancelTickByTickData(2), Cancel(Feed.TICK_BY_TICK, 2)),
    (lambda c: c.reqCompletedOrders(False), ReqCompletedOrders(False)),
    (lambda c: c.startApi(), StartApi(17)),
]


def encoded(version: int, act: Callable[[Any], object]) -> bytes:
    """Return the payload that ib_async sends for an act at a server version."""
    sent: list[str] = []
    make: Any = Client  # untyped there
    client = make(None)
    client.clientId = 17
    client.connState = Client.CONNECTED
    client._serverVersion = version
    client.sendMsg = sent.append
    act(client)
    assert len(sent) == 1
    return sent[0].encode()


@pytest.mark.parametrize("version", range(157, 179))
def test_what_ib_async_encodes_is_what_the_server_reads(version: int) -> None:
    for act, request in REQUESTS:
        assert decode(encoded(version, act), version) == request


def test_a_field_too_many_or_too_few_is_refused_for_every_request() -> None:
    for act, request in REQUESTS:
        payload = encoded(178, act)
        if not isinstance(request, StartApi):  # its capabilities are optional
            with pytest.raises(MalformedMessageError):
                decode(payload + b"0\0", 178)
            with pytest.raises(MalformedMessageError):
                decode(payload[: payload.rstrip(b"\0").rfind(b"\0") + 1], 178)


def test_an_id_that_is_not_served_is_told_apart_from_a_malformed_message() -> None:
    with pytest.raises(UnknownRequestError, match="82"):
        decode(b"82\0", 178)
    with pytest.raises(MalformedMessageError):
        decode(b"eighty\0", 178)


def test_an_error_can_name_the_request_even_when_its_message_is_broken() -> None:
    assert addressee(b"3\x0041\x00oops\x00") == 41
    assert addressee(b"1\x0011\x0042\x00") == 42
    assert addressee(b"61\x001\x00") == -1
    assert addressee(b"") == -1

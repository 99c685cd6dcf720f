"""The names of all messages, in TWS's words; requests and replies share no name."""

from __future__ import annotations

from typing import Literal

Stream = Literal["requests", "replies"]

REQUESTS = {
    "reqMktData": 1,
    "cancelMktData": 2,
    "placeOrder": 3,
    "cancelOrder": 4,
    "reqOpenOrders": 5,
    "reqAccountUpdates": 6,
    "reqExecutions": 7,
    "reqIds": 8,
    "reqContractDetails": 9,
    "reqAutoOpenOrders": 15,
    "reqAllOpenOrders": 16,
    "reqManagedAccts": 17,
    "reqHistoricalData": 20,
    "cancelHistoricalData": 25,
    "reqCurrentTime": 49,
    "reqRealTimeBars": 50,
    "cancelRealTimeBars": 51,
    "reqGlobalCancel": 58,
    "reqMarketDataType": 59,
    "reqPositions": 61,
    "reqAccountSummary": 62,
    "cancelAccountSummary": 63,
    "cancelPositions": 64,
    "startApi": 71,
    "reqAccountUpdatesMulti": 76,
    "cancelAccountUpdatesMulti": 77,
    "reqHeadTimestamp": 87,
    "cancelHeadTimestamp": 90,
    "reqMarketRule": 91,
    "reqPnL": 92,
    "cancelPnL": 93,
    "reqPnLSingle": 94,
    "cancelPnLSingle": 95,
    "reqTickByTickData": 97,
    "cancelTickByTickData": 98,
    "reqCompletedOrders": 99,
}
REPLIES = {
    "tickPrice": 1,
    "tickSize": 2,
    "orderStatus": 3,
    "error": 4,
    "openOrder": 5,
    "updateAccountValue": 6,
    "updatePortfolio": 7,
    "updateAccountTime": 8,
    "nextValidId": 9,
    "contractDetails": 10,
    "execDetails": 11,
    "managedAccounts": 15,
    "historicalData": 17,
    "tickGeneric": 45,
    "tickString": 46,
    "currentTime": 49,
    "realtimeBar": 50,
    "contractDetailsEnd": 52,
    "openOrderEnd": 53,
    "accountDownloadEnd": 54,
    "execDetailsEnd": 55,
    "tickSnapshotEnd": 57,
    "marketDataType": 58,
    "commissionReport": 59,
    "position": 61,
    "positionEnd": 62,
    "accountSummary": 63,
    "accountSummaryEnd": 64,
    "accountUpdateMulti": 73,
    "accountUpdateMultiEnd": 74,
    "tickReqParams": 81,
    "headTimestamp": 88,
    "historicalDataUpdate": 90,
    "marketRule": 93,
    "pnl": 94,
    "pnlSingle": 95,
    "tickByTick": 99,
    "orderBound": 100,
    "completedOrder": 101,
    "completedOrdersEnd": 102,
    "historicalSchedule": 106,
}
NAMES: dict[Stream, dict[int, str]] = {
    "requests": {number: name for name, number in REQUESTS.items()},
    "replies": {number: name for name, number in REPLIES.items()},
}

MARKET_DATA = (
    "tickPrice", "tickSize", "tickGeneric", "tickString", "tickByTick", "realtimeBar",
    "historicalDataUpdate",
)  # fmt: skip
"""What the market pushes."""
ORDER_NEWS = (
    "openOrder", "orderStatus", "execDetails", "commissionReport", "position", "updatePortfolio",
    "updateAccountValue", "pnl", "pnlSingle",
)  # fmt: skip
"""What orders and the account push."""


def name_of(stream: Stream, payload: bytes) -> str:
    """Return the name of a message, or its id as it stands if that is not known."""
    head = payload.partition(b"\0")[0].decode("ascii", "backslashreplace")
    return NAMES[stream].get(int(head), head) if head.isdecimal() else head

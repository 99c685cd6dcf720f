"""Messages to TWS are `ib_async`'s, byte for byte, whatever their fields are."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import Contract, ExecutionFilter, LimitOrder, Option, Order, Stock, TagValue
from ib_async.client import Client
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from orderloom._core import Ticks
from orderloom.clock import ManualClock
from orderloom.tws.decoder import WireClient


class Kind(IntEnum):
    ONE = 1


FIELDS = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from([UNSET_DOUBLE, UNSET_INTEGER, Kind.ONE, 1e30, 0.1 + 0.2, float("inf")]),
    st.sampled_from([
        Contract(secType="STK", symbol="A", conId=7),
        Stock("AAPL", "SMART", "USD", primaryExchange="NASDAQ", conId=8),
        Option("SPY", "20260320", 512.5, "C", "SMART", multiplier="100", conId=9),
    ]),
    st.lists(st.builds(TagValue, st.text(max_size=3), st.text(max_size=3)), max_size=3),
)  # fmt: skip


def clients() -> tuple[Any, Any, list[str], list[str]]:
    """Their client and ours, the greeting being over, and what each of them sent."""
    theirs: Any = Client(SimpleNamespace())  # type: ignore[no-untyped-call]
    wrapper = SimpleNamespace(ticks=Ticks())
    ours: Any = WireClient(wrapper, ManualClock(0), UTC, print)
    said: tuple[list[str], list[str]] = ([], [])
    for client, sent in zip((theirs, ours), said, strict=True):
        client.connState = Client.CONNECTED
        client._apiReady = True
        client._serverVersion = 178
        client.sendMsg = sent.append
    return theirs, ours, *said


@given(fields=st.lists(FIELDS, max_size=30), is_empty=st.booleans())
def test_any_fields_are_written_alike(fields: list[object], is_empty: bool) -> None:
    theirs, ours, their_words, our_words = clients()
    for client in (theirs, ours):
        client.send(*fields, makeEmpty=is_empty)
    assert their_words == our_words
    assert len(our_words) == 1


def test_whole_requests_are_written_alike() -> None:
    theirs, ours, their_words, our_words = clients()
    contract = Stock("AAPL", "SMART", "USD")
    order = LimitOrder("BUY", 100, 101.5, transmit=False, algoParams=[TagValue("a", "1")],
                       algoStrategy="Adaptive")  # fmt: skip
    for client in (theirs, ours):
        client.placeOrder(7, contract, copy.copy(order))
        client.placeOrder(8, contract, Order(action="SELL", orderType="STP", auxPrice=90.0))
        client.cancelOrder(7, "")
        client.reqMktData(9, contract, "", False, False, [])
        client.reqHistoricalData(
            10, contract, datetime(2026, 3, 10, tzinfo=UTC), "1 D", "1 min", "TRADES", True, 2,
            True, [],
        )  # fmt: skip
        client.reqExecutions(11, ExecutionFilter(clientId=7))
    assert their_words == our_words
    assert len(our_words) == 6


def test_nothing_is_written_without_a_connection() -> None:
    _, ours, _, words = clients()
    ours.connState = Client.DISCONNECTED
    with pytest.raises(ConnectionError):
        ours.send(1)
    assert words == []

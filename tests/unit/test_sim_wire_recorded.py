"""Recorded messages of real servers and clients, against our layouts.

The recordings are not part of the project; without them these tests are skipped.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderloom.sim import replies
from orderloom.sim.bars import Bar
from orderloom.sim.contracts import ContractQuery, SimInstrument
from orderloom.sim.messages import REPLIES
from orderloom.sim.order_reply import OrderRecord, open_overlay
from orderloom.sim.place_order import PlaceOrder
from orderloom.sim.requests import decode
from orderloom.sim.schedule import Session
from orderloom.sim.ticks import TickStream, price_tick, size_tick

AAPL = SimInstrument(265598, "AAPL", trading_class="NMS", primary_exchange="IEX")


@pytest.fixture(scope="module")
def recorded(data: Callable[[str], Path]) -> list[dict[str, Any]]:
    recordings = data("tws_messages/tws_raw_messages.jsonl")
    return [json.loads(line) for line in recordings.read_text().splitlines()]


def named(recorded: list[dict[str, Any]], name: str, version: int | None = 173) -> list[list[str]]:
    """Return the recorded fields of one kind of message."""
    found = [
        [str(field) for field in each["fields"]]
        for each in recorded
        if each["message_name"] == name and each["server_version"] == version
    ]
    assert found, name
    return found


def fields(frame: bytes) -> list[str]:
    return frame[4:-1].decode("ascii").split("\0")


def market_order() -> OrderRecord:
    empty = dict.fromkeys(("lmtPrice", "auxPrice", "duration", "postToAts"), "")
    query = ContractQuery(265598, "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", "")
    return OrderRecord(PlaceOrder(5, query, empty), AAPL)


def test_open_order_is_the_recorded_one_field_by_field(recorded: list[dict[str, Any]]) -> None:
    for told in named(recorded, "openOrder"):
        event = {
            "client_id": 100, "order_id": 5, "perm_id": 600745656, "con_id": 265598,
            "action": "BUY", "quantity": "100", "order_type": "MKT", "limit_price": None,
            "stop_price": None, "trail_percent": None, "trail_stop_price": None,
            "limit_offset": None, "tif": "DAY", "parent_id": 0, "oca_group": "", "oca_type": 0,
            "order_ref": "", "filled": "0", "commission": None,
            "status": "PreSubmitted" if "PreSubmitted" in told else "Filled",
        }  # fmt: skip
        ours = fields(market_order().open_order(173, open_overlay(event, "DU1234567", "USD")))
        # The recording was split at NUL, so it shows one empty field after the last one.
        assert ours == told[:-1] or ours == told


def test_order_status_and_execution_are_the_recorded_ones(recorded: list[dict[str, Any]]) -> None:
    status = {
        "order_id": 5, "status": "Filled", "filled": "100", "remaining": "0",
        "avg_fill_price": "201.94", "perm_id": 600745656, "parent_id": 0,
        "last_fill_price": "201.94", "client_id": 100, "why_held": "",
    }  # fmt: skip
    assert fields(replies.order_status(status)) == named(recorded, "orderStatus")[-1]
    fill = {
        "order_id": 5, "exec_id": "0000e0d5.67fe667b.01.01", "account": "DU1234567", "side": "BUY",
        "quantity": "100", "price": "201.94", "perm_id": 600745656, "client_id": 100,
        "cum_quantity": "100", "avg_price": "201.94", "order_ref": "", "liquidity": 2,
    }  # fmt: skip
    (told,) = named(recorded, "execDetails")
    told[7] = "0"  # strike, written 0.0 there
    assert fields(replies.execution(173, -1, fill, AAPL, "20250415  19:38:31")) == told


def test_account_messages_are_the_recorded_ones(recorded: list[dict[str, Any]]) -> None:
    assert fields(replies.managed_accounts("DU1234567")) in named(recorded, "managedAccounts")
    assert fields(replies.next_valid_id(5)) in named(recorded, "nextValidId")
    summary = replies.account_summary(9000, "ACCOUNT_ID", "NetLiquidation", "246447.83", "USD")
    assert fields(summary) in named(recorded, "accountSummary")
    assert fields(replies.account_summary_end(9000)) in named(recorded, "accountSummaryEnd")
    assert fields(replies.position_end()) in named(recorded, "positionEnd")
    assert fields(replies.current_time(1752606307 * 10**9)) in named(recorded, "currentTime")
    stock = SimInstrument(265598, "AAPL", trading_class="NMS", strike="0.0")
    position = replies.position("ACCOUNT_ID", stock, "-110", "201.8829709")
    assert fields(position) in named(recorded, "position")


def test_market_data_messages_are_the_recorded_ones(recorded: list[dict[str, Any]]) -> None:
    class Collector(list[bytes]):
        send = list.append

    collector: Any = Collector()
    stream = TickStream(collector, 1001, frozenset(), is_delayed=True)
    stream.send([price_tick(4, 255.45, 200.0), size_tick(8, 312894.0)])
    price, size = collector
    assert fields(price) in named(recorded, "tickPrice", 200)
    assert fields(size) in named(recorded, "tickSize", 200)
    assert fields(replies.market_data_type(1001, 3)) in named(recorded, "marketDataType", 200)
    assert fields(replies.snapshot_end(1001)) in named(recorded, "tickSnapshotEnd", 200)


def test_historical_bars_have_the_recorded_layout(recorded: list[dict[str, Any]]) -> None:
    (told,) = named(recorded, "historicalData", None)
    bar = Bar(0, 182.94, 186.5, 180.94, 185.9, 948837.22, 184.869, 324891)
    ours = fields(
        replies.historical_data(9000, told[2], told[3], [("20230413", bar)], has_volume=True)
    )
    assert ours[:4] == told[:4]
    assert [float(field) for field in ours[5:]] == [float(field) for field in told[5:13]]


def test_schedule_and_head_of_the_past_are_the_recorded_ones(
    recorded: list[dict[str, Any]],
) -> None:
    (told,) = named(recorded, "historicalSchedule", None)
    zone = AAPL.zone
    session = Session(zone.parse("20230414 09:30:00"), zone.parse("20230414 16:00:00"))
    assert fields(replies.historical_schedule(9000, zone, [session])) == told
    (told,) = named(recorded, "headTimestamp", None)
    assert fields(replies.head_timestamp(9000, "1560346200")) == told


def contract_fields(told: list[str], *, ids: int) -> list[str]:
    """Return what can be compared of contract details.

    Stated exceptions: our list of order types is shorter, and we know neither industries (three
    fields) nor underlying and its kind, nor `ids` pairs of security ids.
    """
    of_ids = 31
    assert told[of_ids - 1] == str(ids)
    told = [*told[: of_ids - 1], *told[of_ids + 2 * ids :]]
    kept = [field for at, field in enumerate(told) if at not in (15, 18, 22, 23, 24, 31, 32)]
    return kept[:-1] if kept[-1] == "" else kept  # one literal has an empty field at its end


@pytest.mark.parametrize(("version", "symbol"), [(173, "AAPL"), (None, "TSLA"), (None, "ES")])
def test_contract_details_are_the_recorded_ones_but_for_stated_fields(
    recorded: list[dict[str, Any]], version: int | None, symbol: str
) -> None:
    for told in named(recorded, "contractDetails", version):
        if told[2] != symbol:
            continue
        is_stock = told[3] == "STK"
        if told[4]:
            told[4] = told[4][:8]  # of a future, its hour and zone too
        if is_stock and told[-1] == "":  # shares had no fractions in the older records
            told[-4:-2] = ["0.0001", "0.0001"]
        instrument = SimInstrument(
            int(told[12]), symbol, told[3], told[7], told[20], told[8], told[13], told[14],
            told[9], told[10], told[19], told[4], told[5], told[6], told[25], told[26], told[27],
            valid_exchanges=tuple(told[16].split(",")), market_rule=26 if is_stock else 67,
        )  # fmt: skip
        ours = fields(replies.contract_details(173, int(told[1]), instrument, 0))
        assert contract_fields(ours, ids=0) == contract_fields(told, ids=int(is_stock))


def test_errors_costs_and_account_values_are_the_recorded_ones(
    recorded: list[dict[str, Any]],
) -> None:
    for told in named(recorded, "error"):
        assert fields(replies.error(173, int(told[2]), int(told[3]), told[4])) == told
    (told,) = named(recorded, "error", 151)
    assert fields(replies.error(157, -1, int(told[3]), told[4])) == told
    # These literals were written down with one empty field after the last one.
    cost = {
        "exec_id": "00025b46.63f8f39c.01.01", "amount": "1.0", "currency": "USD",
        "realized_pnl": None,
    }  # fmt: skip
    assert [[*fields(replies.commission(cost)), ""]] == named(recorded, "commissionReport", None)
    for told in named(recorded, "accountUpdateMulti", None):
        _, _, request_id, account, model, key, value, currency, _ = told
        ours = replies.account_update_multi(int(request_id), account, model, key, value, currency)
        assert [*fields(ours), ""] == told
    for name, end in (
        ("accountUpdateMultiEnd", replies.account_update_multi_end(9000)),
        ("contractDetailsEnd", replies.contract_details_end(9001)),
        ("accountSummaryEnd", replies.account_summary_end(9000)),
    ):
        assert [[*fields(end), ""]] == named(recorded, name, None)
    assert fields(replies.open_order_end()) in named(recorded, "openOrderEnd", 200)
    (told,) = named(recorded, "updateAccountValue", 151)
    assert fields(replies.account_value(*told[2:])) == told


def test_a_changing_bar_has_the_recorded_layout(recorded: list[dict[str, Any]]) -> None:
    (told,) = named(recorded, "historicalDataUpdate", 151)
    request_id, count, date, open_, close, high, low, average, volume = told[1:]
    prices = float(open_), float(high), float(low), float(close)
    bar = Bar(0, *prices, float(volume), float(average), int(count))
    ours = fields(replies.historical_update(int(request_id), date, bar, has_volume=True))
    assert ours[:4] == told[:4]
    wanted = [float(field) for field in (open_, close, high, low, average, volume)]
    assert [float(field) for field in ours[4:]] == pytest.approx(wanted, abs=1e-6)


NOT_SERVED = {
    "familyCodes", "historicalTicks", "historicalTicksBidAsk", "historicalTicksLast",
    "scannerData", "updateMktDepthL2",
}  # fmt: skip
"""Recorded answers to requests that the protocol page does not name."""


def test_every_recorded_answer_is_compared_or_stated_as_not_served(
    recorded: list[dict[str, Any]],
) -> None:
    names = {
        each["message_name"] for each in recorded if each["direction"] == "server_to_client"
    } - {"handshake"}
    compared = set(re.findall(r'recorded, "(\w+)"', Path(__file__).read_text()))
    compared |= {"accountUpdateMultiEnd", "contractDetailsEnd"}
    assert names == compared & names | NOT_SERVED
    assert names & set(REPLIES) == names - NOT_SERVED


def test_recorded_and_third_party_requests_are_read(recorded: list[dict[str, Any]]) -> None:
    orders = 0
    for each in recorded:
        is_text = each["direction"] == "client_to_server" and each["server_version"] != 203
        # The greeting is no request; the official client's order predates the layouts served.
        if not is_text or each["message_name"] == "handshake" or "OFFICIAL" in each["evidence"]:
            continue
        # Written for the layout of versions 162 to 165 where no version is stated.
        payload = "".join(f"{field}\0" for field in each["fields"]).encode()
        request = decode(payload, each["server_version"] or 165)
        orders += isinstance(request, PlaceOrder)
    assert orders == 3

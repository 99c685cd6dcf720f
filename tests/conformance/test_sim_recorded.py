"""Live sessions that were recorded, played again: the client's side as it was, ours in answer.

The recordings (server version 200, decoded by their author) are not part of the project; without
them these tests are skipped. What we are told must hold every recorded message, in its order; what
we are told beyond is stated for each session.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from ib_async import Contract, ExecutionFilter, Order

from orderloom.hours import Hours
from orderloom.sim import Bar, SimInstrument, faults
from orderloom.sim.messages import name_of
from orderloom.sim.times import SECOND
from orderloom.sim.wire import message

from .rig import AAPL, MSFT, ZONE, Exchange, Raw, encoded, hello, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = {
    "handshake": "greeting",
    "managed_accounts": "managedAccounts",
    "next_valid_id": "nextValidId",
    "api_error": "error",
    "open_order": "openOrder",
    "order_status": "orderStatus",
    "execution_detail": "execDetails",
    "commission_report": "commissionReport",
    "contract_details": "contractDetails",
    "contract_details_end": "contractDetailsEnd",
    "account_summary": "accountSummary",
    "account_summary_end": "accountSummaryEnd",
    "position": "position",
    "position_end": "positionEnd",
    "current_time": "currentTime",
    "historical_bar": "bar",
    "historical_schedule": "historicalSchedule",
}
"""Their names for messages, and ours; a bar is a part of a message."""
DECODED_ONLY = ("historical_bars_end",)
"""What the recorder's decoder made of the end of a message."""
FARMS = {"error 2104": 1, "error 2106": 1, "error 2158": 1}
"""Notices at the start that an author left out of a transcript."""
OF_A_FILL = {"openOrder": 2, "commissionReport": 1}
"""Left out of some transcripts: the order after its fill, once with its commission."""


def nothing(_exchange: Exchange) -> None:
    pass


@dataclass(frozen=True)
class Staging:
    """What a session needs around it, and what it leaves out of what we are told."""

    venue: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Exchange], None] = nothing
    surplus: dict[str, int] = field(default_factory=dict)
    after: dict[int, Callable[[Exchange], None]] = field(default_factory=dict)
    """What the market does after a step of the client."""
    statuses: dict[int, str] = field(default_factory=dict)
    """Steps whose status we tell in another word."""
    untold: tuple[int, ...] = ()
    """Steps that we do not tell."""


def times(count: int, what: dict[str, int]) -> dict[str, int]:
    return {name: count * number for name, number in what.items()}


AS_RECORDED = {
    "order_news": "pre_submitted_first",
    "change_news": "pre_submitted_first",
    "unfilled_news": "as_recorded",
}


def bars_of_a_day(exchange: Exchange) -> None:
    start = ZONE.parse("20250922 09:30:00")
    hour = 3600 * SECOND
    exchange.now = ZONE.parse("20250922 16:00:00")
    hours = [start + n * hour // 60 for n in range(390)]
    exchange.tws.load_history(AAPL.con_id, [Bar(at, 1, 1, 1, 1, 1) for at in hours])


SATURDAY = ZONE.parse("20260411 13:52:12")


@cache
def new_york() -> Hours:
    return Hours("XNYS", SATURDAY, SATURDAY)


LISTED = (
    replace(AAPL, liquid_hours=lambda at: new_york().text(at)),
    MSFT,
    SimInstrument(715358256, "YW", "FUT", last_trade_date="20261214", multiplier="1000"),
    SimInstrument(
        728937835, "QQQ", "OPT", last_trade_date="20270115", strike="500", right="P",
        multiplier="100",
    ),
)  # fmt: skip


def four_positions(exchange: Exchange) -> None:
    for listed in LISTED:
        exchange.quote(9.99, 10.0, listed.con_id)
        exchange.tws.manual_trade(listed.symbol, "BUY", 1)


def on_a_saturday(exchange: Exchange) -> None:
    exchange.now = SATURDAY


def a_price(exchange: Exchange) -> None:
    exchange.trade(100.0)


def fall(exchange: Exchange) -> None:
    exchange.quote(90.0, 90.02)
    exchange.trade(90.0)


SESSIONS: dict[str, Staging] = {
    "api_dollar_cost_averaging_aapl": Staging(
        surplus={**FARMS, **times(4, OF_A_FILL)},
        statuses={21: "PreSubmitted"},  # a sale of what is held was told as Submitted at once
    ),
    "api_ioc_fok_aapl": Staging(
        venue={"unfilled_news": "as_recorded"}, surplus={**FARMS, "orderStatus Submitted": 3}
    ),
    "api_order_rest_cancel_aapl": Staging(
        venue={**AS_RECORDED, "cancel_news": "pending_first"}, surplus=FARMS
    ),
    "api_stop_loss_management_aapl": Staging(
        venue=AS_RECORDED,
        # Of each fill only the order with its commission is left out; of the sale, its cost too.
        surplus={**FARMS, "openOrder": 2, "commissionReport": 1},
        statuses={26: "PreSubmitted"},
    ),
    "api_tif_attribute_matrix_aapl": Staging(
        venue=AS_RECORDED,
        prepare=a_price,
        after={12: fall},
        # Of the trailing stop the second telling of its start, and the order with its commission.
        surplus={**FARMS, "openOrder": 2, "orderStatus PreSubmitted": 1},
    ),
    "current_time": Staging(surplus={"error 2106": 1, "error 2158": 1}),
    "executions_missing_end_live": Staging(
        prepare=lambda exchange: exchange.tws.faults.inject(
            faults.Drop(messages=["execDetailsEnd"])
        ),
        surplus=FARMS,
    ),
    "grounded_account_summary": Staging(),
    "grounded_bootstrap": Staging(),
    "grounded_contract_details_aapl": Staging(),
    "grounded_historical_bars": Staging(prepare=bars_of_a_day),
    "grounded_positions": Staging(prepare=four_positions),
    "historical_schedule_aapl": Staging(
        prepare=on_a_saturday,
        untold=(5,),  # of two farms of historical data, we have one
    ),
    "place_order_fill_native_execution_time": Staging(
        surplus={"error 2106": 1, "error 2158": 1, "openOrder": 1}
    ),
    "req_ids": Staging(surplus={"error 2106": 1, "error 2158": 1}),
}


@pytest.fixture(scope="module")
def recorded(data: Callable[[str], Path]) -> dict[str, list[dict[str, Any]]]:
    recordings = data("tws_messages/tws_session_transcripts.jsonl")
    sessions: dict[str, list[dict[str, Any]]] = {}
    for line in recordings.read_text().splitlines():
        step = json.loads(line)
        sessions.setdefault(step["scenario"], []).append(step)
    return sessions


def contract(given: dict[str, Any]) -> Contract:
    return Contract(
        symbol=given.get("symbol", "AAPL"),
        secType=given.get("sec_type", "STK"),
        exchange=given.get("exchange", "SMART"),
        currency=given.get("currency", "USD"),
    )


def request(step: dict[str, Any]) -> bytes:
    """Write what the client sent, against our market (they bought AAPL near 260, we near 100)."""
    said = step["decoded"]
    match step["message"]:
        case "place_order":
            numbers = {"lmt_price": "lmtPrice", "aux_price": "auxPrice"}
            order = Order(
                action=said["action"],
                totalQuantity=float(said["total_quantity"]),
                orderType=said["order_type"],
                tif=said["tif"],
            )
            for theirs, ours in numbers.items():
                if said.get(theirs):
                    setattr(order, ours, min(float(said[theirs]), 99.0))
            if said.get("trailing_percent"):
                order.trailingPercent = float(said["trailing_percent"])
            where = contract(said.get("contract", {}))
            return encoded(lambda client: client.placeOrder(int(said["order_id"]), where, order))
        case "cancel_order":
            return encoded(lambda client: client.cancelOrder(int(said["order_id"])))
        case "req_account_summary":
            tags = ",".join(said["tags"])
            return encoded(lambda client: client.reqAccountSummary(1, said["account"], tags))
        case "cancel_account_summary":
            return encoded(lambda client: client.cancelAccountSummary(1))
        case "req_contract_details":
            return encoded(lambda client: client.reqContractDetails(1, contract(said["contract"])))
        case "req_historical_bars":
            what, duration, size = said["what_to_show"], said["duration"], said["bar_size"]
            where = contract(said["contract"])
            return encoded(
                lambda client: client.reqHistoricalData(
                    1, where, "", duration, size, what, said["use_rth"], 1, False, []
                )
            )
        case "req_executions":
            return encoded(lambda client: client.reqExecutions(1, ExecutionFilter()))
        case "req_positions":
            return encoded(lambda client: client.reqPositions())
        case "cancel_positions":
            return encoded(lambda client: client.cancelPositions())
        case "req_current_time":
            return encoded(lambda client: client.reqCurrentTime())
        case "req_ids":
            return encoded(lambda client: client.reqIds(1))
        case other:
            raise AssertionError(f"step {step['step']}: a request that we do not know: {other}")


def words(fields: list[str]) -> list[str]:
    """Return what a message of ours tells: its name, and what tells it from others."""
    name = name_of("replies", "\0".join([*fields, ""]).encode())
    match name:
        case "error":
            return [f"error {fields[3]}"]
        case "orderStatus":
            return [f"orderStatus {fields[2]}"]
        case "accountSummary":
            return [f"accountSummary {fields[4]}"]
        case "historicalData":
            return ["bar"] * int(fields[4])
        case "historicalSchedule":
            return [" ".join([name, *fields[2:]])]
    return [name]


def recorded_word(step: dict[str, Any], staging: Staging) -> str:
    name, said = NAMES[step["message"]], step["decoded"]
    match name:
        case "error":
            return f"error {said['code']}"
        case "orderStatus":
            return f"orderStatus {staging.statuses.get(step['step'], said['status'])}"
        case "accountSummary":
            return f"accountSummary {said['tag']}"
        case "historicalSchedule":
            bounds = [said["start_date_time"], said["end_date_time"], said["time_zone"]]
            keys = ("start_date_time", "end_date_time", "ref_date")
            sessions = [each[key] for each in said["sessions"] for key in keys]
            return " ".join([name, *bounds, str(len(said["sessions"])), *sessions])
    return name


async def played(steps: list[dict[str, Any]], staging: Staging) -> list[str]:
    """Play the client's side of a session and return what it was told."""
    told = ["greeting"]
    async with opened(venue=json.dumps(staging.venue), instruments=LISTED) as exchange:
        staging.prepare(exchange)
        raw = Raw(exchange.tws.port)
        await raw.write(hello(b"v157..178"))
        await raw.read()
        await raw.write(message("71", "2", "9", ""))
        for step in steps:
            if step["direction"] == "client_to_server":
                # Everything told so far was told before the next request, as it was recorded.
                told += await heard(raw)
                await raw.write(request(step))
                if step["step"] in staging.after:
                    told += await heard(raw)
                    staging.after[step["step"]](exchange)
        told += await heard(raw)
        raw.close()
    return told


async def heard(raw: Raw) -> list[str]:
    """Return what was told before the answer to a request of a kind that no session sends."""
    await raw.write(encoded(lambda client: client.reqMarketRule(26)))
    told: list[str] = []
    while fields := await raw.read():
        said = words(fields)
        if said == ["marketRule"]:
            break
        told += said
    return told


@pytest.mark.parametrize("scenario", SESSIONS)
async def test_a_recorded_session_is_told_in_the_same_order(
    recorded: dict[str, list[dict[str, Any]]], scenario: str
) -> None:
    staging = SESSIONS[scenario]
    steps = recorded[scenario]
    wanted = [
        recorded_word(step, staging)
        for step in steps
        if step["direction"] == "server_to_client"
        and step["message"] not in DECODED_ONLY
        and step["step"] not in staging.untold
    ]
    told = await played(steps, staging)
    surplus: Counter[str] = Counter()
    rest = iter(told)
    for word in wanted:
        for each in rest:
            if each == word:
                break
            surplus[each] += 1
        else:
            pytest.fail(f"expected `{word}` after what was told before it, found {told}")
    surplus.update(rest)
    assert surplus == staging.surplus, told


def test_every_recorded_session_is_played(recorded: dict[str, list[dict[str, Any]]]) -> None:
    assert recorded.keys() == SESSIONS.keys()

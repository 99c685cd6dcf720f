"""Each switch for what is not settled about TWS, as a client hears its variants.

Every row of the table in the simulator's README is played with every variant it names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from ib_async import ExecutionFilter, Order, Stock

from orderloom.sim import Readings
from orderloom.sim.messages import name_of
from orderloom.sim.wire import message

from .rig import Exchange, Raw, encoded, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

README = Path(__file__).parents[2] / "python" / "orderloom" / "sim" / "README.md"
STOCK = Stock("AAPL", "SMART", "USD")


class Session:
    """A client that says what it hears in a word or two a message."""

    def __init__(self, exchange: Exchange, raw: Raw) -> None:
        self.exchange = exchange
        self.raw = raw

    async def ask(self, act: Callable[[Any], object]) -> list[str]:
        await self.raw.write(encoded(act))
        return await self.heard()

    async def place(
        self, number: int, action: str, quantity: float, kind: str, **fields: Any
    ) -> list[str]:
        order = Order(
            action=action, totalQuantity=quantity, orderType=kind, **{"tif": "GTC", **fields}
        )
        return await self.ask(lambda client: client.placeOrder(number, STOCK, order))

    async def cancel(self, number: int) -> list[str]:
        return await self.ask(lambda client: client.cancelOrder(number))

    async def listed(self) -> list[str]:
        """Return the statuses of all live orders."""
        told = await self.ask(lambda client: client.reqAllOpenOrders())
        return [word for word in told if word[0].isdecimal()]

    async def heard(self) -> list[str]:
        await self.raw.write(message("49", "1"))
        told: list[str] = []
        while (fields := await self.raw.read()) and fields[0] != "49":
            told.append(word(fields))
        return told


def word(fields: list[str]) -> str:
    name = name_of("replies", "\0".join([*fields, ""]).encode())
    match name:
        case "orderStatus":
            held = f" {fields[10]}" if fields[10] else ""
            return f"{fields[1]} {fields[2]} {fields[3]}/{fields[4]}{held}"
        case "error":
            return f"error {fields[2]} {fields[3]}"
        case "execDetails":
            return f"fill {fields[2]} {fields[19]}"
    return name


async def rejected(session: Session) -> list[str]:
    return await session.place(1, "BUY", 1_000_000, "LMT", lmtPrice=100.0)


async def held(session: Session) -> list[str]:
    return await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0, transmit=False)


async def bracket(session: Session, **more: Any) -> None:
    """An entry that the market meets in part: 30 of 100 are shown."""
    session.exchange.quote(99.99, 100.01, size=30.0)
    await session.place(1, "BUY", 100, "LMT", lmtPrice=100.01, transmit=False)
    await session.place(2, "SELL", 100, "STP", auxPrice=90.0, parentId=1, **more)


async def child(session: Session) -> list[str]:
    session.exchange.quote(100.5, 101.0)
    await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0, transmit=False)
    await session.place(2, "SELL", 10, "STP", auxPrice=80.0, parentId=1)
    return (await session.listed())[1:]


async def partly_filled_parent(session: Session) -> list[str]:
    await bracket(session)
    return (await session.listed())[1:]


async def partly_filled_parent_cancelled(session: Session) -> list[str]:
    await bracket(session)
    await session.cancel(1)
    return await session.listed()


async def child_cancelled(session: Session) -> list[str]:
    await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0, transmit=False)
    await session.place(2, "SELL", 10, "STP", auxPrice=80.0, parentId=1, autoCancelParent=True)
    await session.cancel(2)
    return await session.listed()


async def group_of_type_3_met_at_once(session: Session) -> list[str]:
    for number in (1, 2):
        await session.place(number, "BUY", 10, "LMT", lmtPrice=99.0, ocaGroup="exit", ocaType=3)
    session.exchange.quote(98.9, 99.0)
    return [each for each in await session.heard() if each.startswith("fill")]


async def group_met_in_part(session: Session) -> list[str]:
    await session.place(1, "BUY", 100, "LMT", lmtPrice=99.0, ocaGroup="exit", ocaType=2)
    await session.place(2, "BUY", 200, "LMT", lmtPrice=98.0, ocaGroup="exit", ocaType=2)
    session.exchange.quote(98.9, 99.0, size=50.0)
    await session.heard()
    return (await session.listed())[1:]


async def member_cancelled(session: Session) -> list[str]:
    await group_met_in_part(session)
    await session.cancel(1)
    return [each.split()[0] for each in await session.listed()]


async def group_changed(session: Session) -> list[str]:
    await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0, ocaGroup="one")
    return await session.place(1, "BUY", 10, "LMT", lmtPrice=91.0, ocaGroup="other")


async def made_smaller_than_filled(session: Session) -> list[str]:
    session.exchange.quote(99.99, 100.01, size=30.0)
    await session.place(1, "BUY", 100, "LMT", lmtPrice=100.01)
    told = await session.place(1, "BUY", 20, "LMT", lmtPrice=100.01)
    return [each for each in told if each != "openOrder"]


async def cancelled(session: Session) -> list[str]:
    await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0)
    return await session.cancel(1)


async def changed(session: Session) -> list[str]:
    await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0)
    return await session.place(1, "BUY", 10, "LMT", lmtPrice=91.0)


async def placed(session: Session) -> list[str]:
    return await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0)


async def stop_placed(session: Session) -> list[str]:
    return await session.place(1, "SELL", 10, "STP", auxPrice=90.0)


async def not_filled_at_once(session: Session) -> list[str]:
    ioc = await session.place(1, "BUY", 10, "LMT", lmtPrice=90.0, tif="IOC")
    fok = await session.place(2, "BUY", 10, "LMT", lmtPrice=90.0, tif="FOK")
    return [*ioc[2:], *fok[2:]]


async def busted(session: Session) -> list[str]:
    await session.place(1, "BUY", 10, "MKT", tif="DAY")
    session.exchange.tws.bust_latest()
    return await session.heard()


async def located(session: Session) -> list[str]:
    session.exchange.tws.locate("AAPL", is_hard=True)
    return await session.place(1, "SELL", 10, "MKT", tif="DAY")


async def executions_of_another(session: Session) -> list[str]:
    session.exchange.tws.manual_trade("AAPL", "BUY", 10)
    await session.heard()
    return await session.ask(lambda client: client.reqExecutions(5, ExecutionFilter()))


async def stream(session: Session) -> list[str]:
    told = await session.ask(lambda client: client.reqMktData(5, STOCK, "", False, False, []))
    return told[:2]


async def read_only(session: Session) -> list[str]:
    return await session.ask(lambda client: client.reqAllOpenOrders())


class Row(NamedTuple):
    play: Callable[[Session], Awaitable[list[str]]]
    variants: dict[Any, list[str]]
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to


ENTRY, REST = "1 Submitted 30/70", "2 PreSubmitted 0/{} trigger"
ROWS: dict[str, Row] = {
    "reject_status": Row(
        rejected,
        {
            "inactive": ["error 1 201", "openOrder", "1 Inactive 0/1000000"],
            "cancelled": ["error 1 201", "openOrder", "1 Cancelled 0/1000000"],
            "nothing": ["error 1 201"],
        },
    ),
    "held_status": Row(
        held,
        {
            "pre_submitted": ["openOrder", "1 PreSubmitted 0/10"],
            "inactive": ["openOrder", "1 Inactive 0/10"],
        },
    ),
    "child_why_held": Row(
        child, {"child": ["2 PreSubmitted 0/10 child"], "empty": ["2 PreSubmitted 0/10"]}
    ),
    "children_start": Row(
        partly_filled_parent,
        {
            "on_full_fill": ["2 PreSubmitted 0/100 child"],
            "on_first_fill_full_size": [REST.format(100)],
            "on_partial_scaled": [REST.format(30)],
        },
    ),
    "children_after_partial_cancel": Row(
        partly_filled_parent_cancelled,
        {"scale_to_filled": [REST.format(30)], "keep_full": [REST.format(100)], "cancelled": []},
    ),
    "auto_cancel_parent": Row(
        child_cancelled, {"honoured": [], "ineffective": ["1 Submitted 0/10"]}
    ),
    "oca_reduction": Row(
        group_of_type_3_met_at_once,
        {"atomic": ["fill 1 10"], "lagging": ["fill 1 10", "fill 2 10"]},
    ),
    "oca_reduction_size": Row(
        group_met_in_part,
        {"share_of_remaining": ["2 Submitted 0/100"], "same_units": ["2 Submitted 0/150"]},
    ),
    "oca_member_cancel": Row(member_cancelled, {"alone": ["2"], "whole_group": []}),
    "oca_revision": Row(
        group_changed,
        {"refused": ["error 1 10326"], "ignored": ["openOrder", "1 Submitted 0/10"]},
    ),
    "quantity_below_filled": Row(
        made_smaller_than_filled, {"rejected": ["error 1 201"], "ends_order": ["1 Filled 30/0"]}
    ),
    "cancel_news": Row(
        cancelled,
        {
            "cancelled": ["1 Cancelled 0/10", "error 1 202"],
            "pending_first": ["1 PendingCancel 0/10", "1 Cancelled 0/10", "error 1 202"],
        },
    ),
    "change_news": Row(
        changed,
        {
            "once": ["openOrder", "1 Submitted 0/10"],
            "pre_submitted_first": [
                "openOrder", "1 PreSubmitted 0/10", "openOrder", "1 Submitted 0/10",
            ],
        },
    ),
    "order_news": Row(
        placed,
        {
            "once": ["openOrder", "1 Submitted 0/10"],
            "pre_submitted_first": [
                "openOrder", "1 PreSubmitted 0/10", "openOrder", "1 Submitted 0/10",
            ],
        },
    ),
    "trigger_why_held": Row(
        stop_placed,
        {
            "trigger": ["openOrder", "1 PreSubmitted 0/10 trigger"],
            "empty": ["openOrder", "1 PreSubmitted 0/10"],
        },
    ),
    "unfilled_news": Row(
        not_filled_at_once,
        {
            "cancelled": [
                "1 Cancelled 0/10", "error 1 202", "2 Cancelled 0/10", "error 2 202",
            ],
            "as_recorded": ["1 PendingCancel 0/10", "1 Cancelled 0/10", "2 Inactive 0/10"],
        },
    ),
    "bust_news": Row(busted, {"no_shares": ["fill 1 0"], "position_only": []}),
    "locate_status": Row(
        located,
        {
            "pre_submitted": ["openOrder", "1 PreSubmitted 0/10 locate", "error 1 404"],
            "inactive": ["openOrder", "1 Inactive 0/10 locate", "error 1 404"],
        },
    ),
    "unfiltered_executions": Row(
        executions_of_another,
        {
            "everybody": ["fill 0 10", "commissionReport", "execDetailsEnd"],
            "own": ["execDetailsEnd"],
        },
    ),
    "stream_start": Row(
        stream,
        {
            "parameters_first": ["tickReqParams", "marketDataType"],
            "type_first": ["marketDataType", "tickReqParams"],
        },
    ),
    "read_only_id": Row(
        read_only,
        {-1: ["error -1 321"], 2147483647: ["error 2147483647 321"]},
        {"is_read_only": True},
    ),
}  # fmt: skip
OF_SERVER = ("unfiltered_executions", "stream_start", "read_only_id")


@pytest.mark.parametrize(
    ("switch", "variant"),
    [(switch, variant) for switch, row in ROWS.items() for variant in row.variants],
)
async def test_a_client_hears_the_variant(switch: str, variant: str | int) -> None:
    row = ROWS[switch]
    options = dict(row.options)
    if switch in OF_SERVER:
        chosen: Any = {switch: variant}
        options["readings"] = Readings(**chosen)
    else:
        options["venue"] = json.dumps({switch: variant})
    async with opened(**options) as exchange:
        raw = await Raw.started(exchange)
        assert await row.play(Session(exchange, raw)) == row.variants[variant]
        raw.close()


@pytest.mark.parametrize(("is_zoned", "zone"), [(True, " US/Eastern"), (False, "")])
async def test_executions_carry_zoned_or_bare_times(is_zoned: bool, zone: str) -> None:
    async with opened(has_zoned_times=is_zoned) as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.manual_trade("AAPL", "BUY", 1)
        await raw.write(encoded(lambda client: client.reqExecutions(5, ExecutionFilter())))
        fields = await raw.read()
        assert fields is not None
        assert re.fullmatch(rf"20250922  ?09:30:01{zone}", fields[15]), fields
        raw.close()


def test_the_readme_names_every_switch_and_variant_that_is_played() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| (?:venue|server) ([^|]+) \| ([^|]+) \|$", README.read_text(), re.MULTILINE
    )
    assert len(rows) > 20
    named = {
        (switch, variant)
        for switches, variants in rows
        for switch in re.findall(r"`(\w+)`", switches)
        if switch != "oca_lag_ns"  # a duration, not a choice
        for variant in (part.split("`")[1] for part in variants.split("·"))
    }
    played = {(switch, str(variant)) for switch, row in ROWS.items() for variant in row.variants}
    assert named == played

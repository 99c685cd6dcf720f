"""Tickets on the wire: what a server reads out of the bytes that leave."""

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from orderloom.clock import ManualClock
from orderloom.ports import ContractSpec
from orderloom.sim.place_order import PlaceOrder
from orderloom.sim.requests import decode
from orderloom.tws.decoder import WireClient
from orderloom.tws.instruments import Instruments
from orderloom.tws.orders import order_of
from orderloom.tws.wrapper import Wrapper

if TYPE_CHECKING:
    from orderloom._core import Ticket


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The attributes of a ticket, chosen freely."""

    order_id: int = 41
    order_ref: str = "run:1"
    symbol: int = 0
    side: str = "BUY"
    quantity: float = 100.0
    order_type: str = "MKT"
    limit_price: float | None = None
    stop_price: float | None = None
    trail_amount: float | None = None
    trail_percent: float | None = None
    tif: str = "DAY"
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0
    transmit: bool = True
    outside_rth: bool = False


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def on_the_wire(**asked: Any) -> dict[str, str]:
    """Return the fields that carry a value other than the one TWS takes as absent."""
    from ib_async.contract import Contract

    wrapper = Wrapper(
        client_id=7,
        request_ids=count(1),
        instruments=Instruments([ContractSpec(symbol="AAPL")]),
        sink=lambda _event: None,
        on_problem=print,
        on_notice=print,
        on_closed=lambda: None,
        on_overlong=lambda: None,
    )
    client: Any = WireClient(wrapper, ManualClock(0), None, print)
    client.conn.transport = transport = Transport()
    client.connState = client.CONNECTED
    client.decoder.serverVersion = client._serverVersion = 178
    contract = Contract(conId=265598, symbol="AAPL", secType="STK", exchange="SMART")
    client.placeOrder(41, contract, order_of(cast("Ticket", Asked(**asked)), "DU1"))
    payload = transport.written[4:]
    assert int.from_bytes(transport.written[:4], "big") == len(payload)
    request = decode(payload, 178)
    assert isinstance(request, PlaceOrder)
    return {name: text for name, text in request.fields.items() if text}


async def test_a_limit_order_carries_what_was_asked_and_no_obsolete_flag() -> None:
    sent = on_the_wire(order_type="LMT", limit_price=147.12, quantity=150.0)
    assert (sent["orderType"], sent["lmtPrice"], sent["tif"]) == ("LMT", "147.12", "DAY")
    assert (sent["orderRef"], sent["account"], sent["transmit"]) == ("run:1", "DU1", "1")
    assert float(sent["totalQuantity"]) == 150
    assert (sent["parentId"], sent["eTradeOnly"], sent["firmQuoteOnly"]) == ("0", "0", "0")
    assert not {"auxPrice", "ocaGroup", "trailStopPrice", "trailingPercent"} & sent.keys()


async def test_a_child_waits_for_its_parent_and_is_held_until_the_last_leg() -> None:
    sent = on_the_wire(
        order_type="STP", stop_price=145.5, side="SELL", parent_id=40, transmit=False, tif="GTC"
    )
    assert (sent["auxPrice"], sent["parentId"], sent["transmit"]) == ("145.5", "40", "0")
    assert (sent["action"], sent["tif"]) == ("SELL", "GTC")
    assert "lmtPrice" not in sent


async def test_a_stop_limit_has_both_prices() -> None:
    sent = on_the_wire(order_type="STP LMT", stop_price=145.5, limit_price=145.0)
    assert (sent["auxPrice"], sent["lmtPrice"]) == ("145.5", "145")


async def test_a_trailing_stop_has_exactly_one_distance() -> None:
    by_amount = on_the_wire(order_type="TRAIL", trail_amount=2.5, stop_price=148.0)
    assert (by_amount["auxPrice"], by_amount["trailStopPrice"]) == ("2.5", "148")
    assert "trailingPercent" not in by_amount
    by_percent = on_the_wire(order_type="TRAIL", trail_percent=3.0, stop_price=148.0)
    assert (by_percent["trailingPercent"], by_percent["trailStopPrice"]) == ("3", "148")
    assert "auxPrice" not in by_percent


async def test_a_group_is_named_only_when_the_ticket_names_one() -> None:
    sent = on_the_wire(oca_group="run:7", oca_type=2, order_type="LMT", limit_price=1.0)
    assert (sent["ocaGroup"], sent["ocaType"]) == ("run:7", "2")
    assert on_the_wire().get("ocaType", "0") == "0"


async def test_one_order_leaves_nothing_behind_in_the_next() -> None:
    on_the_wire(order_type="TRAIL", trail_percent=3.0, stop_price=148.0, oca_group="x", oca_type=1)
    sent = on_the_wire()
    assert not {"trailingPercent", "trailStopPrice", "ocaGroup", "lmtPrice"} & sent.keys()

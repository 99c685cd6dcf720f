"""placeOrder in, openOrder and completedOrder out: nothing of an order is lost on the way.

ib_async encodes the order and decodes the echo, so both layouts are checked against a client that
was not written here.
"""

import copy
import dataclasses
import math
from typing import Any

import pytest
from ib_async import (
    Contract,
    LimitOrder,
    Order,
    OrderState,
    Stock,
    TagValue,
)
from ib_async.client import Client
from ib_async.contract import ComboLeg
from ib_async.decoder import Decoder
from ib_async.order import (
    ExecutionCondition,
    MarginCondition,
    OrderComboLeg,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from orderloom.sim.contracts import SimInstrument
from orderloom.sim.order_reply import (
    OrderRecord,
    completed_overlay,
    open_overlay,
    what_if_overlay,
)
from orderloom.sim.place_order import PlaceOrder
from orderloom.sim.requests import decode
from orderloom.sim.times import Zone
from orderloom.sim.wire import MalformedMessageError

ZONE = Zone("US/Eastern")
STOCK = Stock("AAPL", "SMART", "USD")
BAG = Contract(
    secType="BAG",
    symbol="WTI",
    exchange="SMART",
    currency="USD",
    comboLegs=[
        ComboLeg(conId=55928698, ratio=1, action="BUY", exchange="IPE"),
        ComboLeg(conId=55850663, ratio=2, action="SELL", exchange="IPE"),
    ],
)

# `BUY 100 AAPL LMT 200.5` with order reference `ref1`, as two clients write it.
IB_ASYNC_178 = (
    "3|3|0|AAPL|STK||0.0|||SMART||USD|||||BUY|100|LMT|200.5|||||O|0|ref1|1|0|0|0|0|0|0|0||0.0|||||"
    "||0||-1|0|||0|||0|0||0||||||0|||||0|||||||||||0|||0|0|||0||0|0|0|0|||||||0|||||||||0|0|0|0|||"
    "0|||"
)
IBAPI_157 = (
    (
        "3|4|0|AAPL|STK||0.0|||SMART||USD|||||BUY|100|LMT|200.5||||||0|ref1|1|0|0|0|0|0|0|0||0||||||||0"
        "||-1|0|||0|||1|1||0||||||0|||||0|||||||||||0|||0|0|||0||0|0|0|0||U|U|U|U|U|0||||U|||||0|0|0||"
    )
    .replace("|U", "|1.7976931348623157e+308")
    .replace("|1.7976931348623157e+308SD", "|USD")
)

CASES: dict[str, tuple[Contract, Order]] = {
    "plain": (STOCK, LimitOrder("BUY", 100, 200.5, orderRef="ref1", tif="GTC")),
    "stop limit": (STOCK, Order(1, action="SELL", totalQuantity=7, orderType="STP LMT",
                                lmtPrice=99.5, auxPrice=100.25, tif="DAY")),
    "trailing": (STOCK, Order(1, action="SELL", totalQuantity=7, orderType="TRAIL",
                              trailingPercent=1.5, trailStopPrice=95.5, tif="DAY")),
    "trailing limit": (STOCK, Order(1, action="SELL", totalQuantity=7, orderType="TRAIL LIMIT",
                                    auxPrice=2.5, trailStopPrice=95.5, lmtPriceOffset=0.1)),
    "child": (STOCK, Order(12, action="SELL", totalQuantity=7, orderType="LMT", lmtPrice=120.0,
                           parentId=11, ocaGroup="exits", ocaType=1, transmit=False)),
    "algo": (STOCK, LimitOrder("BUY", 10, 1.0, algoStrategy="Adaptive",
                               algoParams=[TagValue("adaptivePriority", "Normal")])),
    "scale": (STOCK, LimitOrder("BUY", 100, 50.0, scaleInitLevelSize=10, scaleSubsLevelSize=5,
                                scalePriceIncrement=0.1, scalePriceAdjustValue=0.2,
                                scalePriceAdjustInterval=60, scaleProfitOffset=0.3,
                                scaleAutoReset=True, scaleInitPosition=3, scaleInitFillQty=2,
                                scaleRandomPercent=True)),
    "hedge": (STOCK, LimitOrder("BUY", 10, 1.0, hedgeType="B", hedgeParam="0.8")),
    "volatility": (STOCK, Order(1, action="BUY", totalQuantity=1, orderType="VOL", volatility=0.25,
                                volatilityType=2, deltaNeutralOrderType="LMT",
                                deltaNeutralAuxPrice=3.5, deltaNeutralConId=42,
                                deltaNeutralOpenClose="O", deltaNeutralShortSaleSlot=1)),
    "peg bench": (STOCK, Order(1, action="BUY", totalQuantity=1, orderType="PEG BENCH",
                               referenceContractId=7, isPeggedChangeAmountDecrease=True,
                               peggedChangeAmount=0.5, referenceChangeAmount=0.25,
                               referenceExchangeId="NYSE")),
    "peg mid": (STOCK, Order(1, action="BUY", totalQuantity=1, orderType="PEG MID",
                             midOffsetAtWhole=0.01, midOffsetAtHalf=0.005)),
    "peg best": (STOCK, Order(1, action="BUY", totalQuantity=1, orderType="PEG BEST",
                              minCompeteSize=200, competeAgainstBestOffset=0.03)),
    "peg best up to mid": (STOCK, Order(1, action="BUY", totalQuantity=1, orderType="PEG BEST",
                                        minCompeteSize=200, competeAgainstBestOffset=math.inf,
                                        midOffsetAtWhole=0.01, midOffsetAtHalf=0.005)),
    "ibkrats": (Stock("AAPL", "IBKRATS", "USD"), LimitOrder("BUY", 10, 1.0, minTradeQty=5)),
    "adjustable stop": (STOCK, Order(1, action="SELL", totalQuantity=1, orderType="STP",
                                     auxPrice=90.0, adjustedOrderType="TRAIL", triggerPrice=110.0,
                                     adjustedStopPrice=100.0, adjustedStopLimitPrice=99.0,
                                     adjustedTrailingAmount=2.0, adjustableTrailingUnit=1)),
    "conditions": (STOCK, LimitOrder("BUY", 10, 1.0, conditionsIgnoreRth=True, conditions=[
        PriceCondition(1, "a", True, 101.5, 265598, "SMART", 2),
        TimeCondition(3, "o", False, "20250922 10:00:00 US/Eastern"),
        MarginCondition(4, "a", True, 30),
        ExecutionCondition(5, "a", "STK", "SMART", "MSFT"),
        VolumeCondition(6, "a", True, 1000000, 265598, "SMART"),
        PercentChangeCondition(7, "a", True, 2.5, 265598, "SMART"),
    ])),
    "combo": (BAG, LimitOrder("SELL", 5, 1.5,
                              orderComboLegs=[OrderComboLeg(1.25), OrderComboLeg(2.5)],
                              smartComboRoutingParams=[TagValue("NonGuaranteed", "1")])),
    "everything plain": (STOCK, LimitOrder(
        "BUY", 10, 1.0, tif="GTD", goodTillDate="20250922 16:00:00 US/Eastern", outsideRth=True,
        hidden=True, displaySize=5, triggerMethod=7, minQty=3, allOrNone=True, discretionaryAmt=0.5,
        sweepToFill=True, blockOrder=True, percentOffset=0.1, account="DU0000001", rule80A="I",
        settlingFirm="X", clearingAccount="Y", clearingIntent="Away", solicited=True, notHeld=True,
        randomizeSize=True, randomizePrice=True, cashQty=1000.0, usePriceMgmtAlgo=True,
        duration=60, postToAts=4, autoCancelParent=True, dontUseAutoPriceForHedge=True,
        modelCode="M", faGroup="G", faMethod="NetLiq", faPercentage="10")),
}  # fmt: skip

# Not in openOrder at all, or shown in another form.
NOT_ECHOED = {
    "orderId", "clientId", "permId", "account", "transmit", "filledQuantity", "parentPermId",
    "algoId", "orderMiscOptions", "activeStartTime", "activeStopTime", "scaleTable", "whatIf",
}  # fmt: skip
# What TWS was recorded to fill in where the client left a field unset.
FILLED_IN = {
    "tif": "DAY", "lmtPrice": 0.0, "auxPrice": 0.0, "ocaType": 3, "clearingIntent": "IB",
    "deltaNeutralOrderType": "None", "deltaNeutralOpenClose": "?", "cashQty": 0.0,
    "adjustedOrderType": "None", "dontUseAutoPriceForHedge": True, "minCompeteSize": 100,
    "competeAgainstBestOffset": 0.02, "shareholder": "", "usePriceMgmtAlgo": False,
    "openClose": "", "duration": UNSET_INTEGER, "volatilityType": 0, "referencePriceType": 0,
}  # fmt: skip


def sent(contract: Contract, order: Order, version: int) -> bytes:
    """Return the payload with which ib_async places an order."""
    messages: list[str] = []
    make: Any = Client  # untyped there
    client = make(None)
    client.connState = Client.CONNECTED
    client._serverVersion = version
    client.sendMsg = messages.append
    client.placeOrder(order.orderId, contract, copy.copy(order))
    return messages[0].encode()


def placed(payload: bytes, version: int) -> PlaceOrder:
    request = decode(payload, version)
    assert isinstance(request, PlaceOrder)
    return request


class Received:
    """Takes what ib_async decodes."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def openOrder(self, *call: Any) -> None:  # noqa: N802
        self.calls.append(call)

    def completedOrder(self, *call: Any) -> None:  # noqa: N802
        self.calls.append(call)


def received(frame: bytes, version: int) -> tuple[Any, ...]:
    """Return the arguments with which ib_async hands a frame to its wrapper."""
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    fields = frame[4:].decode("ascii").split("\0")
    assert fields.pop() == ""
    wrapper: Any = Received()
    getattr(Decoder(wrapper, version), {"5": "openOrder", "101": "completedOrder"}[fields[0]])(
        fields
    )
    (call,) = wrapper.calls
    return tuple(call)


def event(request: PlaceOrder, **changes: Any) -> dict[str, Any]:
    """Return what the venue says of a fresh order."""
    body = request.venue_order(7, 265598, "DU0000001", ZONE)
    return {
        **body,
        "kind": "open_order",
        "perm_id": 1376327563,
        "status": "PreSubmitted",
        "filled": "0",
        "commission": None,
        **changes,
    }


def instrument(request: PlaceOrder) -> SimInstrument:
    return SimInstrument(265598, request.contract.symbol, request.contract.sec_type)


@pytest.mark.parametrize(("captured", "version"), [(IB_ASYNC_178, 178), (IBAPI_157, 157)])
def test_captured_orders_of_two_clients_mean_the_same(captured: str, version: int) -> None:
    request = placed(captured.replace("|", "\0").encode(), version)
    order = request.venue_order(1, 265598, "DU0000001", ZONE)
    del order["order_id"]
    assert order == {
        "client_id": 1, "con_id": 265598, "account": "DU0000001", "action": "BUY",
        "quantity": "100", "order_type": "LMT", "limit_price": "200.5", "stop_price": None,
        "trail_percent": None, "trail_stop_price": None, "limit_offset": None, "tif": "DAY",
        "good_till": None, "parent_id": 0, "transmit": True, "oca_group": "", "oca_type": 0,
        "outside_rth": False, "trigger_method": 0, "order_ref": "ref1", "min_quantity": None,
        "all_or_none": False,
        "auto_cancel_parent": False,
    }  # fmt: skip
    assert not request.is_what_if


@pytest.mark.parametrize("version", range(157, 179))
@pytest.mark.parametrize("case", CASES)
def test_open_order_echoes_what_was_placed(case: str, version: int) -> None:
    contract, order = CASES[case]
    request = placed(sent(contract, order, version), version)
    overlay = open_overlay(event(request), "DU0000001", "USD")
    frame = OrderRecord(request, instrument(request)).open_order(version, overlay)
    order_id, echoed_contract, echo, state = received(frame, version)

    assert (order_id, echo.clientId, echo.permId) == (order.orderId, 7, 1376327563)
    assert echoed_contract.exchange == contract.exchange
    assert [leg.conId for leg in echoed_contract.comboLegs] == [
        leg.conId for leg in contract.comboLegs
    ]
    assert isinstance(state, OrderState)
    assert state.status == "PreSubmitted"
    skipped = NOT_ECHOED | version_gaps(version)
    for field in dataclasses.fields(Order):
        if field.name in skipped:
            continue
        asked, told = getattr(order, field.name), getattr(echo, field.name)
        if asked in (field.default, None) and field.name in FILLED_IN:
            assert told in (asked, FILLED_IN[field.name]), field.name
        elif field.name not in ("softDollarTier", "trailStopPrice") or asked != field.default:
            assert told == asked or (not told and not asked), field.name


def version_gaps(version: int) -> set[str]:
    """Return the fields that a version's messages do not carry."""
    since = {
        158: {"duration"}, 159: {"duration"}, 160: {"postToAts"}, 162: {"autoCancelParent"},
        170: {"minTradeQty", "minCompeteSize", "competeAgainstBestOffset", "midOffsetAtWhole",
              "midOffsetAtHalf"},
    }  # fmt: skip
    return set().union(*(names for first, names in since.items() if version < first))


def test_completed_order_reports_a_fill_as_recorded_and_keeps_the_rest() -> None:
    contract, order = CASES["everything plain"]
    for version in range(157, 179):
        request = placed(sent(contract, order, version), version)
        record = OrderRecord(request, instrument(request))
        ended = event(request, status="Filled", filled="10", completed_status="Filled Size: 10")
        overlay = completed_overlay(ended, "DU0000001", "20250922 09:31:00 US/Eastern")
        _contract, echo, state = received(record.completed_order(version, overlay), version)
        assert (echo.totalQuantity, echo.filledQuantity) == (0, 10)
        assert (echo.permId, echo.goodTillDate, echo.displaySize) == (
            1376327563,
            order.goodTillDate,
            5,
        )
        assert (state.status, state.completedStatus) == ("Filled", "Filled Size: 10")


@pytest.mark.parametrize("case", CASES)
def test_completed_order_has_its_own_layout_for_every_kind_of_order(case: str) -> None:
    contract, order = CASES[case]
    for version in (157, 169, 170, 176, 177, 178):
        request = placed(sent(contract, order, version), version)
        record = OrderRecord(request, instrument(request))
        ended = event(request, status="Cancelled", completed_status="Cancelled by Trader")
        overlay = completed_overlay(ended, "DU0000001", "20250922 09:31:00 US/Eastern")
        _contract, echo, state = received(record.completed_order(version, overlay), version)
        assert (echo.totalQuantity, echo.filledQuantity) == (order.totalQuantity, 0)
        assert echo.conditions == order.conditions
        assert state.completedTime == "20250922 09:31:00 US/Eastern"


def test_what_the_venue_knows_overlays_what_the_client_wrote() -> None:
    request = placed(sent(*CASES["child"], 178), 178)
    told = event(
        request, quantity="5", limit_price="121.5", parent_id=0, oca_group="1376327563",
        oca_type=3, status="Submitted", commission="1.25",
    )  # fmt: skip
    record = OrderRecord(request, instrument(request))
    frame = record.open_order(178, open_overlay(told, "DU0000001", "USD"))
    _order_id, _contract, echo, state = received(frame, 178)
    assert (echo.totalQuantity, echo.lmtPrice, echo.parentId) == (5, 121.5, 0)
    assert (echo.ocaGroup, echo.ocaType) == ("1376327563", 3)
    assert (state.status, state.commission, state.commissionCurrency) == ("Submitted", 1.25, "USD")


def test_what_if_answers_with_numbers_only() -> None:
    contract, order = CASES["plain"]
    asked = copy.copy(order)
    asked.whatIf = True
    request = placed(sent(contract, asked, 178), 178)
    assert request.is_what_if
    impact = {
        "init_margin": "5012.50", "maint_margin": "4556.80", "commission": "1", "equity": "100000",
    }  # fmt: skip
    overlay = what_if_overlay(request, 7, "DU0000001", "USD", impact)
    frame = OrderRecord(request, instrument(request)).open_order(178, overlay)
    _order_id, _contract, echo, state = received(frame, 178)
    assert echo.whatIf is True
    for name in ("init", "maint"):
        margins = [
            float(getattr(state, f"{name}Margin{part}")) for part in ("Before", "Change", "After")
        ]
        assert all(0 <= margin < UNSET_DOUBLE for margin in margins)
        assert margins[0] + margins[1] == margins[2]


def test_a_surplus_field_or_a_wrong_kind_of_value_refuses_the_order() -> None:
    payload = sent(*CASES["plain"], 178)
    with pytest.raises(MalformedMessageError, match="1 more"):
        decode(payload + b"\0", 178)
    with pytest.raises(MalformedMessageError, match="end"):
        decode(payload, 176)  # one field more before version 177
    with pytest.raises(MalformedMessageError, match="lmtPrice: expected a number, found `cheap`"):
        decode(payload.replace(b"\x00200.5\x00", b"\x00cheap\x00"), 178)

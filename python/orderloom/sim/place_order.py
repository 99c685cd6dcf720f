"""The placeOrder message: what a client asked for, kept as it was written.

An order has about 130 fields and TWS echoes nearly all of them, so they stay text under their wire
names, checked by kind when read. The venue sees the few that it acts on; `order_reply` echoes
the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .contracts import ContractQuery
from .wire import (
    MalformedMessageError,
    Reader,
    decimal_text,
    parse_flag,
    parse_integer,
    parse_number,
    parse_quantity,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from .times import Zone

_HEAD = [
    "secIdType",
    "secId",
    "action",
    "totalQuantity",
    "orderType",
    "lmtPrice",
    "auxPrice",
    "tif",
    "ocaGroup",
    "account",
    "openClose",
    "origin",
    "orderRef",
    "transmit",
    "parentId",
    "blockOrder",
    "sweepToFill",
    "displaySize",
    "triggerMethod",
    "outsideRth",
    "hidden",
]
_TERMS = [
    "sharesAllocation",
    "discretionaryAmt",
    "goodAfterTime",
    "goodTillDate",
    "faGroup",
    "faMethod",
    "faPercentage",
]
_KIND = [
    "modelCode",
    "shortSaleSlot",
    "designatedLocation",
    "exemptCode",
    "ocaType",
    "rule80A",
    "settlingFirm",
    "allOrNone",
    "minQty",
    "percentOffset",
    "eTradeOnly",
    "firmQuoteOnly",
    "nbboPriceCap",
    "auctionStrategy",
    "startingPrice",
    "stockRefPrice",
    "delta",
    "stockRangeLower",
    "stockRangeUpper",
    "overridePercentageConstraints",
    "volatility",
    "volatilityType",
    "deltaNeutralOrderType",
    "deltaNeutralAuxPrice",
]
_DELTA_NEUTRAL = [
    "deltaNeutralConId",
    "deltaNeutralSettlingFirm",
    "deltaNeutralClearingAccount",
    "deltaNeutralClearingIntent",
    "deltaNeutralOpenClose",
    "deltaNeutralShortSale",
    "deltaNeutralShortSaleSlot",
    "deltaNeutralDesignatedLocation",
]
_TRAIL_AND_SCALE = [
    "continuousUpdate",
    "referencePriceType",
    "trailStopPrice",
    "trailingPercent",
    "scaleInitLevelSize",
    "scaleSubsLevelSize",
    "scalePriceIncrement",
]
SCALE_DETAIL = [
    "scalePriceAdjustValue",
    "scalePriceAdjustInterval",
    "scaleProfitOffset",
    "scaleAutoReset",
    "scaleInitPosition",
    "scaleInitFillQty",
    "scaleRandomPercent",
]
_ACTIVE = ["scaleTable", "activeStartTime", "activeStopTime", "hedgeType"]
_CLEARING = ["optOutSmartRouting", "clearingAccount", "clearingIntent", "notHeld"]
_INTENT = ["algoId", "whatIf", "orderMiscOptions", "solicited", "randomizeSize", "randomizePrice"]
PEGGED_TO_BENCHMARK = [
    "referenceContractId",
    "isPeggedChangeAmountDecrease",
    "peggedChangeAmount",
    "referenceChangeAmount",
    "referenceExchangeId",
]
_ADJUSTMENT = [
    "adjustedOrderType",
    "triggerPrice",
    "lmtPriceOffset",
    "adjustedStopPrice",
    "adjustedStopLimitPrice",
    "adjustedTrailingAmount",
    "adjustableTrailingUnit",
    "extOperator",
    "softDollarName",
    "softDollarValue",
    "cashQty",
    "mifid2DecisionMaker",
    "mifid2DecisionAlgo",
    "mifid2ExecutionTrader",
    "mifid2ExecutionAlgo",
    "dontUseAutoPriceForHedge",
    "isOmsContainer",
    "discretionaryUpToLimitPrice",
    "usePriceMgmtAlgo",
]
_SINCE = (
    (158, "duration"),
    (160, "postToAts"),
    (162, "autoCancelParent"),
    (166, "advancedErrorOverride"),
    (169, "manualOrderTime"),
)

_NUMBERS = frozenset(
    [
        "lmtPrice",
        "auxPrice",
        "discretionaryAmt",
        "percentOffset",
        "nbboPriceCap",
        "startingPrice",
        "stockRefPrice",
        "delta",
        "stockRangeLower",
        "stockRangeUpper",
        "volatility",
        "deltaNeutralAuxPrice",
        "trailStopPrice",
        "trailingPercent",
        "scalePriceIncrement",
        "scalePriceAdjustValue",
        "scaleProfitOffset",
        "peggedChangeAmount",
        "referenceChangeAmount",
        "triggerPrice",
        "lmtPriceOffset",
        "adjustedStopPrice",
        "adjustedStopLimitPrice",
        "adjustedTrailingAmount",
        "cashQty",
        "midOffsetAtWhole",
        "midOffsetAtHalf",
    ]
)
_INTEGERS = frozenset(
    [
        "origin",
        "parentId",
        "displaySize",
        "triggerMethod",
        "shortSaleSlot",
        "exemptCode",
        "ocaType",
        "minQty",
        "auctionStrategy",
        "volatilityType",
        "deltaNeutralConId",
        "deltaNeutralShortSaleSlot",
        "referencePriceType",
        "scaleInitLevelSize",
        "scaleSubsLevelSize",
        "scalePriceAdjustInterval",
        "scaleInitPosition",
        "scaleInitFillQty",
        "referenceContractId",
        "adjustableTrailingUnit",
        "duration",
        "postToAts",
        "minTradeQty",
        "minCompeteSize",
    ]
)
_FLAGS = frozenset(
    [
        "transmit",
        "blockOrder",
        "sweepToFill",
        "outsideRth",
        "hidden",
        "allOrNone",
        "eTradeOnly",
        "firmQuoteOnly",
        "overridePercentageConstraints",
        "deltaNeutralShortSale",
        "continuousUpdate",
        "scaleAutoReset",
        "scaleRandomPercent",
        "optOutSmartRouting",
        "notHeld",
        "whatIf",
        "solicited",
        "randomizeSize",
        "randomizePrice",
        "isPeggedChangeAmountDecrease",
        "conditionsIgnoreRth",
        "conditionsCancelOrder",
        "dontUseAutoPriceForHedge",
        "isOmsContainer",
        "discretionaryUpToLimitPrice",
        "usePriceMgmtAlgo",
        "autoCancelParent",
    ]
)

# Fields of a condition after its type and connector: price, time, margin, execution, volume,
# percent change.
_CONDITION_LENGTH = {"1": 5, "3": 2, "4": 2, "5": 3, "6": 4, "7": 4}
_INFINITE = frozenset(("Infinite", "Infinity", "inf"))
_UNSET_INTEGER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A new order or, for a known live order id of the same client, a modification.

    `fields` holds the text of each single field by its wire name, unset ones as empty text.
    A leg is its eight wire fields; a condition its type, connector and what its type adds.
    """

    order_id: int
    contract: ContractQuery
    fields: dict[str, str]
    legs: tuple[tuple[str, ...], ...] = ()
    leg_prices: tuple[str, ...] = ()
    smart_routing: tuple[tuple[str, ...], ...] = ()
    delta_neutral_contract: tuple[str, ...] = ()
    algo: tuple[tuple[str, ...], ...] = ()
    conditions: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def read(cls, reader: Reader, version: int) -> PlaceOrder:
        """Read the message after its id. The caller asserts that nothing is left."""
        order_id = reader.integer()
        contract = ContractQuery.read(reader)
        fields: dict[str, str] = {}
        legs: tuple[tuple[str, ...], ...] = ()
        leg_prices: tuple[str, ...] = ()
        smart_routing: tuple[tuple[str, ...], ...] = ()
        reader.named(_HEAD, fields)
        if contract.sec_type == "BAG":
            legs = _records(reader, 8)
            contract = contract.with_legs(legs)
            leg_prices = reader.record(reader.count())
            smart_routing = _records(reader, 2)
        reader.named(_TERMS, fields)
        if version < 177:
            fields["faProfile"] = reader.text()
        reader.named(_KIND, fields)
        if fields["deltaNeutralOrderType"]:
            reader.named(_DELTA_NEUTRAL, fields)
        reader.named(_TRAIL_AND_SCALE, fields)
        if is_positive(fields["scalePriceIncrement"]):
            reader.named(SCALE_DETAIL, fields)
        reader.named(_ACTIVE, fields)
        if fields["hedgeType"]:
            fields["hedgeParam"] = reader.text()
        reader.named(_CLEARING, fields)
        delta_neutral_contract = reader.record(3) if reader.flag() else ()
        fields["algoStrategy"] = reader.text()
        algo = _records(reader, 2) if fields["algoStrategy"] else ()
        reader.named(_INTENT, fields)
        order_type = fields["orderType"]
        if order_type in ("PEG BENCH", "PEGBENCH"):
            reader.named(PEGGED_TO_BENCHMARK, fields)
        conditions = tuple(_condition(reader) for _ in range(reader.count()))
        if conditions:
            reader.named(("conditionsIgnoreRth", "conditionsCancelOrder"), fields)
        reader.named(_ADJUSTMENT, fields)
        for since, name in _SINCE:
            if version >= since:
                fields[name] = reader.text()
        if version >= 170:
            _read_compete(reader, contract, fields)
        _check_kinds(order_id, fields)
        return cls(
            order_id,
            contract,
            fields,
            legs,
            leg_prices,
            smart_routing,
            delta_neutral_contract,
            algo,
            conditions,
        )

    @property
    def is_what_if(self) -> bool:
        """Whether margin and commission are asked for instead of an order."""
        return self.fields["whatIf"] == "1"

    def venue_order(self, client_id: int, con_id: int, account: str, zone: Zone) -> dict[str, Any]:
        """Return what the venue acts on.

        Raises `ValueError` for a `goodTillDate` that is not a moment.
        """
        fields = self.fields
        good_till = fields["goodTillDate"]
        return {
            "client_id": client_id,
            "order_id": self.order_id,
            "con_id": con_id,
            "account": fields["account"] or account,
            "action": fields["action"],
            "quantity": fields["totalQuantity"] or "0",
            "order_type": fields["orderType"],
            "limit_price": fields["lmtPrice"] or None,
            "stop_price": fields["auxPrice"] or None,
            "trail_percent": fields["trailingPercent"] or None,
            "trail_stop_price": fields["trailStopPrice"] or None,
            "limit_offset": fields["lmtPriceOffset"] or None,
            "tif": fields["tif"] or "DAY",
            "good_till": zone.parse(good_till) if good_till else None,
            "parent_id": int(fields["parentId"] or 0),
            "transmit": fields["transmit"] == "1",
            "oca_group": fields["ocaGroup"],
            "oca_type": int(fields["ocaType"] or 0),
            "outside_rth": fields["outsideRth"] == "1",
            "trigger_method": int(fields["triggerMethod"] or 0),
            "order_ref": fields["orderRef"],
            "min_quantity": fields["minQty"] or None,
            "all_or_none": fields["allOrNone"] == "1",
            "auto_cancel_parent": fields.get("autoCancelParent") == "1",
        }


def is_positive(text: str) -> bool:
    """Tell whether a float field is set and above zero, which makes its details follow."""
    value = parse_number(text)
    return value is not None and value > 0


def _records(reader: Reader, length: int) -> tuple[tuple[str, ...], ...]:
    return tuple(reader.record(length) for _ in range(reader.count()))


def _condition(reader: Reader) -> tuple[str, ...]:
    kind = reader.text()
    length = _CONDITION_LENGTH.get(kind)
    if length is None:
        raise MalformedMessageError(f"condition type: expected 1 or 3 to 7, found `{kind}`")
    return (kind, *reader.record(1 + length))


def _read_compete(reader: Reader, contract: ContractQuery, fields: dict[str, str]) -> None:
    if contract.exchange == "IBKRATS":
        fields["minTradeQty"] = reader.text()
    order_type = fields["orderType"]
    has_mid_offsets = order_type in ("PEG MID", "PEGMID")
    if order_type in ("PEG BEST", "PEGBEST"):
        fields["minCompeteSize"] = reader.text()
        offset = reader.text()
        # An infinite offset means "up to the midpoint", and its two details follow.
        has_mid_offsets = offset in _INFINITE
        fields["competeAgainstBestOffset"] = (
            "Infinity" if has_mid_offsets else _plain_number(parse_number(offset))
        )
    if has_mid_offsets:
        reader.named(("midOffsetAtWhole", "midOffsetAtHalf"), fields)


def _check_kinds(order_id: int, fields: dict[str, str]) -> None:
    """Reduce each field to one spelling per value: unset is empty, numbers are plain."""
    for name, text in fields.items():
        if text:
            try:
                fields[name] = _spelled(name, text)
            except MalformedMessageError as error:
                raise MalformedMessageError(f"order {order_id}: {name}: {error}") from None


def _spelled(name: str, text: str) -> str:
    if name in _NUMBERS:
        return _plain_number(parse_number(text))
    if name == "totalQuantity":
        return _plain_number(parse_quantity(text))
    if name in _INTEGERS:
        number = parse_integer(text)
        return "" if number == _UNSET_INTEGER else str(number)
    if name in _FLAGS:
        parse_flag(text)
    return text


def _plain_number(value: Decimal | None) -> str:
    return "" if value is None else decimal_text(value)

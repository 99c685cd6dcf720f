"""openOrder and completedOrder: an order told back to clients.

What the client wrote comes back as it was, overlaid with what the venue knows, over the defaults
that TWS was recorded to fill in. Layouts: server versions 157 to 178.
"""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .place_order import PEGGED_TO_BENCHMARK, SCALE_DETAIL, PlaceOrder, is_positive
from .wire import UNSET_FLOAT, UNSET_INTEGER, decimal_text, message, parse_number, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from .contracts import SimInstrument

Values = dict[str, str]

# Recorded for a plain market order; everything not named here is empty when unset.
_DEFAULTS: Values = {
    "lmtPrice": "0.0",
    "auxPrice": "0.0",
    "tif": "DAY",
    "origin": "0",
    "outsideRth": "0",
    "hidden": "0",
    "discretionaryAmt": "0",
    "shortSaleSlot": "0",
    "exemptCode": "-1",
    "auctionStrategy": "0",
    "displaySize": UNSET_INTEGER,
    "blockOrder": "0",
    "sweepToFill": "0",
    "allOrNone": "0",
    "ocaType": "3",
    "eTradeOnly": "0",
    "firmQuoteOnly": "0",
    "parentId": "0",
    "triggerMethod": "0",
    "volatilityType": "0",
    "deltaNeutralOrderType": "None",
    "deltaNeutralConId": "0",
    "deltaNeutralOpenClose": "?",
    "deltaNeutralShortSale": "0",
    "deltaNeutralShortSaleSlot": "0",
    "continuousUpdate": "0",
    "referencePriceType": "0",
    "scaleInitLevelSize": UNSET_INTEGER,
    "scaleSubsLevelSize": UNSET_INTEGER,
    "scalePriceAdjustInterval": "0",
    "scaleAutoReset": "0",
    "scaleInitPosition": "0",
    "scaleInitFillQty": "0",
    "scaleRandomPercent": "0",
    "optOutSmartRouting": "0",
    "clearingIntent": "IB",
    "notHeld": "0",
    "solicited": "0",
    "whatIf": "0",
    "randomizeSize": "0",
    "randomizePrice": "0",
    "referenceContractId": "0",
    "isPeggedChangeAmountDecrease": "0",
    "peggedChangeAmount": "0",
    "referenceChangeAmount": "0",
    "conditionsIgnoreRth": "0",
    "conditionsCancelOrder": "0",
    "adjustedOrderType": "None",
    "triggerPrice": UNSET_FLOAT,
    "lmtPriceOffset": UNSET_FLOAT,
    "adjustedStopPrice": UNSET_FLOAT,
    "adjustedStopLimitPrice": UNSET_FLOAT,
    "adjustedTrailingAmount": UNSET_FLOAT,
    "adjustableTrailingUnit": "0",
    "cashQty": "0",
    "dontUseAutoPriceForHedge": "1",
    "isOmsContainer": "0",
    "discretionaryUpToLimitPrice": "0",
    "usePriceMgmtAlgo": "0",
    "autoCancelParent": "0",
    "minCompeteSize": "100",
    "competeAgainstBestOffset": "0.02",
    # Order state: margins and commission bounds are unset unless asked for with what-if.
    "initMarginBefore": UNSET_FLOAT,
    "maintMarginBefore": UNSET_FLOAT,
    "equityBefore": UNSET_FLOAT,
    "initMarginChange": UNSET_FLOAT,
    "maintMarginChange": UNSET_FLOAT,
    "equityChange": UNSET_FLOAT,
    "initMarginAfter": UNSET_FLOAT,
    "maintMarginAfter": UNSET_FLOAT,
    "equityAfter": UNSET_FLOAT,
    # Completed orders only.
    "refFuturesConId": UNSET_INTEGER,
    "imbalanceOnly": "0",
    "routeMarketableToBbo": "0",
    "parentPermId": "0",
}


class _Names:
    """A run of fields, picked from the values in one step."""

    def __init__(self, names: str) -> None:
        self._names = names.split()
        self._pick: Callable[[_Filled], tuple[str, ...]] = itemgetter(*self._names)

    def __call__(self, values: _Filled) -> tuple[str, ...]:
        return self._pick(values)


class _Filled(dict[str, str]):
    """Values whose missing fields are empty."""

    def __missing__(self, _name: str) -> str:
        return ""


_ORDER_HEAD = _Names(
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin "
    "orderRef"
)
_OPEN_FA = _Names(
    "clientId permId outsideRth hidden discretionaryAmt goodAfterTime sharesAllocation faGroup "
    "faMethod faPercentage"
)
_OPEN_BODY = _Names(
    "modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation "
    "exemptCode auctionStrategy startingPrice stockRefPrice delta stockRangeLower stockRangeUpper "
    "displaySize blockOrder sweepToFill allOrNone minQty ocaType eTradeOnly firmQuoteOnly "
    "nbboPriceCap parentId triggerMethod volatility volatilityType deltaNeutralOrderType "
    "deltaNeutralAuxPrice"
)
_OPEN_DELTA_NEUTRAL = _Names(
    "deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount "
    "deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale "
    "deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
)
_OPEN_TRAIL = _Names(
    "continuousUpdate referencePriceType trailStopPrice trailingPercent basisPoints "
    "basisPointsType comboLegsDescription"
)
_OPEN_CLEARING = _Names("optOutSmartRouting clearingAccount clearingIntent notHeld")
_OPEN_STATE = _Names(
    "solicited whatIf status initMarginBefore maintMarginBefore equityBefore initMarginChange "
    "maintMarginChange equityChange initMarginAfter maintMarginAfter equityAfter commission "
    "minCommission maxCommission commissionCurrency warningText randomizeSize randomizePrice"
)
_OPEN_TAIL = _Names(
    "adjustedOrderType triggerPrice effectiveTrailStop lmtPriceOffset adjustedStopPrice "
    "adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit softDollarName "
    "softDollarValue softDollarDisplayName cashQty dontUseAutoPriceForHedge isOmsContainer "
    "discretionaryUpToLimitPrice usePriceMgmtAlgo"
)
_COMPLETED_FA = _Names(
    "permId outsideRth hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage"
)
_COMPLETED_BODY = _Names(
    "modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation "
    "exemptCode startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize "
    "sweepToFill allOrNone minQty ocaType triggerMethod volatility volatilityType "
    "deltaNeutralOrderType deltaNeutralAuxPrice"
)
_COMPLETED_DELTA_NEUTRAL = _Names(
    "deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot "
    "deltaNeutralDesignatedLocation"
)
_COMPLETED_TRAIL = _Names(
    "continuousUpdate referencePriceType trailStopPrice trailingPercent comboLegsDescription"
)
_COMPLETED_CLEARING = _Names("clearingAccount clearingIntent notHeld")
_COMPLETED_STATE = _Names("solicited status randomizeSize randomizePrice")
_COMPLETED_TAIL = _Names(
    "effectiveTrailStop lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer "
    "autoCancelDate filledQuantity refFuturesConId autoCancelParent shareholder imbalanceOnly "
    "routeMarketableToBbo parentPermId completedTime completedStatus"
)
_SCALE_LEVELS = _Names("scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement")
_SCALE_DETAIL = _Names(" ".join(SCALE_DETAIL))
_PEGGED = _Names(" ".join(PEGGED_TO_BENCHMARK))
_CONDITIONS = _Names("conditionsIgnoreRth conditionsCancelOrder")
_COMPETE = _Names(
    "minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"
)


class OrderRecord:
    """One order as told to clients: the request, and the values that echo it."""

    __slots__ = ("instrument", "request")

    def __init__(self, request: PlaceOrder, instrument: SimInstrument) -> None:
        # Kept for as long as orders are listed: only what differs from what every order says.
        said = request.fields.items()
        own = {name: text for name, text in said if text and _DEFAULTS.get(name) != text}
        self.request = replace(request, fields=own)
        self.instrument = instrument

    def open_order(self, version: int, overlay: Values) -> bytes:
        """Return openOrder with the venue's values laid over the echo."""
        values = self._values(overlay)
        request = self.request
        fields: list[str] = ["5", overlay["orderId"], *self._contract()]
        fields += _ORDER_HEAD(values)
        fields += _OPEN_FA(values)
        if version < 177:
            fields.append(values["faProfile"])
        fields += _OPEN_BODY(values)
        if values["deltaNeutralOrderType"]:
            fields += _OPEN_DELTA_NEUTRAL(values)
        fields += _OPEN_TRAIL(values)
        self._add_legs_and_scale(fields, values)
        fields += _OPEN_CLEARING(values)
        self._add_strategy(fields, values)
        fields += _OPEN_STATE(values)
        self._add_benchmark_and_conditions(fields, values)
        fields += _OPEN_TAIL(values)
        if version >= 158:
            fields.append(request.fields.get("duration", ""))
        if version >= 160:
            fields.append(request.fields.get("postToAts", ""))
        if version >= 162:
            fields.append(values["autoCancelParent"])
        if version >= 170:
            fields += _COMPETE(values)
        return message(*fields)

    def completed_order(self, version: int, overlay: Values) -> bytes:
        """Return completedOrder with the venue's values laid over the echo."""
        values = self._values(overlay)
        fields: list[str] = ["101", *self._contract()]
        fields += _ORDER_HEAD(values)
        fields += _COMPLETED_FA(values)
        if version < 177:
            fields.append(values["faProfile"])
        fields += _COMPLETED_BODY(values)
        if values["deltaNeutralOrderType"]:
            fields += _COMPLETED_DELTA_NEUTRAL(values)
        fields += _COMPLETED_TRAIL(values)
        self._add_legs_and_scale(fields, values)
        fields += _COMPLETED_CLEARING(values)
        self._add_strategy(fields, values)
        fields += _COMPLETED_STATE(values)
        self._add_benchmark_and_conditions(fields, values)
        fields += _COMPLETED_TAIL(values)
        if version >= 170:
            fields += _COMPETE(values)
        return message(*fields)

    def _values(self, overlay: Values) -> _Filled:
        values = _Filled(_DEFAULTS)
        values.update(self.request.fields)
        values.update(overlay)
        # TWS writes the trailing stop twice, empty and as the unset float when there is none.
        # Readers keep the second.
        values["effectiveTrailStop"] = values["trailStopPrice"] or UNSET_FLOAT
        return values

    def _contract(self) -> tuple[str, ...]:
        instrument = self.instrument
        return (
            str(instrument.con_id),
            instrument.symbol,
            instrument.sec_type,
            instrument.last_trade_date,
            instrument.strike,
            instrument.right or "?",
            instrument.multiplier,
            self.request.contract.exchange or instrument.exchange,
            instrument.currency,
            instrument.local_symbol,
            instrument.trading_class,
        )

    def _add_legs_and_scale(self, fields: list[str], values: _Filled) -> None:
        request = self.request
        fields.append(str(len(request.legs)))
        for leg in request.legs:
            fields += leg
        fields.append(str(len(request.leg_prices)))
        fields += request.leg_prices
        _add_pairs(fields, request.smart_routing)
        fields += _SCALE_LEVELS(values)
        if is_positive(values["scalePriceIncrement"]):
            fields += _SCALE_DETAIL(values)
        fields.append(values["hedgeType"])
        if values["hedgeType"]:
            fields.append(values["hedgeParam"])

    def _add_strategy(self, fields: list[str], values: _Filled) -> None:
        request = self.request
        if request.delta_neutral_contract:
            fields += ("1", *request.delta_neutral_contract)
        else:
            fields.append("0")
        fields.append(values["algoStrategy"])
        if values["algoStrategy"]:
            _add_pairs(fields, request.algo)

    def _add_benchmark_and_conditions(self, fields: list[str], values: _Filled) -> None:
        if values["orderType"] in ("PEG BENCH", "PEGBENCH"):
            fields += _PEGGED(values)
        conditions = self.request.conditions
        fields.append(str(len(conditions)))
        for condition in conditions:
            fields += condition
        if conditions:
            fields += _CONDITIONS(values)


def open_overlay(event: dict[str, Any], account: str, currency: str) -> Values:
    """Return the venue's values of an `open_order` event under their wire names."""
    overlay = _overlay(event, account)
    overlay["clientId"] = str(event["client_id"])
    overlay["orderId"] = str(event["order_id"])
    overlay["totalQuantity"] = plain(event["quantity"])
    overlay["parentId"] = str(event["parent_id"])
    overlay["sharesAllocation"] = f"{event['perm_id']}.0/{account}/{overlay['totalQuantity']}"
    if event.get("commission") is not None:
        overlay["commission"] = event["commission"]
        overlay["commissionCurrency"] = currency
    return overlay


def completed_overlay(event: dict[str, Any], account: str, completed_time: str) -> Values:
    """Return the venue's values of an ended order under their wire names.

    TWS was recorded to report total quantity 0 for a filled order, and the original for a
    cancelled one.
    """
    overlay = _overlay(event, account)
    is_filled = event["status"] == "Filled"
    overlay["totalQuantity"] = "0" if is_filled else plain(event["quantity"])
    overlay["filledQuantity"] = plain(event["filled"])
    overlay["completedTime"] = completed_time
    overlay["completedStatus"] = event["completed_status"]
    return overlay


def what_if_overlay(
    request: PlaceOrder, client_id: int, account: str, currency: str, impact: dict[str, Any]
) -> Values:
    """Return the order state that answers a what-if request: every margin is a number."""
    overlay = {
        "orderId": str(request.order_id),
        "clientId": str(client_id),
        "permId": "0",
        "account": account,
        "whatIf": "1",
        "status": "PreSubmitted",
        "commission": impact["commission"],
        "minCommission": impact["commission"],
        "maxCommission": impact["commission"],
        "commissionCurrency": currency,
        "equityBefore": impact["equity"],
        "equityChange": "0",
        "equityAfter": impact["equity"],
    }
    for kind in ("init", "maint"):
        before = parse_number(impact.get(f"{kind}_margin_before") or "0")
        change = parse_number(impact[f"{kind}_margin"])
        if before is None or change is None:
            raise ValueError(f"what-if: {kind} margin is not a number")
        overlay[f"{kind}MarginBefore"] = decimal_text(before)
        overlay[f"{kind}MarginChange"] = decimal_text(change)
        overlay[f"{kind}MarginAfter"] = decimal_text(before + change)
    return overlay


def _overlay(event: dict[str, Any], account: str) -> Values:
    overlay = {
        "permId": str(event["perm_id"]),
        "action": event["action"],
        "orderType": event["order_type"],
        "tif": event["tif"],
        "ocaGroup": event["oca_group"],
        "orderRef": event["order_ref"],
        "account": account,
        "status": event["status"],
    }
    if event["oca_type"]:
        overlay["ocaType"] = str(event["oca_type"])
    for name, key in (
        ("lmtPrice", "limit_price"),
        ("auxPrice", "stop_price"),
        ("trailStopPrice", "trail_stop_price"),
        ("trailingPercent", "trail_percent"),
        ("lmtPriceOffset", "limit_offset"),
    ):
        if event[key] is not None:
            overlay[name] = plain(event[key])
    return overlay


def _add_pairs(fields: list[str], pairs: tuple[tuple[str, ...], ...]) -> None:
    fields.append(str(len(pairs)))
    for pair in pairs:
        fields += pair

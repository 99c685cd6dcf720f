"""What the exchange behind the wire does beyond filling orders, as a client hears it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ib_async import ComboLeg, Contract, Order

from orderloom.sim import Leg, SimInstrument
from orderloom.sim.times import SECOND
from orderloom.sim.wire import message

from .rig import AAPL, MSFT, Raw, encoded, opened, order


async def replies(raw: Raw, name: str) -> list[list[str]]:
    """Return the messages of a kind that were told by now."""
    await raw.write(message("49", "1"))
    found: list[list[str]] = []
    while (fields := await raw.read()) and fields[0] != "49":
        if fields[0] == name:
            found.append(fields)
    return found


EXECUTION, COMMISSION, STATUS, POSITION, ERROR, ACCOUNT = "11", "59", "3", "61", "4", "6"


@pytest.mark.parametrize(
    ("plan", "shares", "cost"),
    [
        ("fixed", "10", "1"), ("fixed", "1000", "5"), ("tiered", "10", "0.35"),
        ("tiered", "1000", "3.5"), ("none", "10", "0"),
    ],
)  # fmt: skip
async def test_commission_follows_the_plan(plan: str, shares: str, cost: str) -> None:
    async with opened(venue=json.dumps({"commission": plan})) as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(1, "BUY", shares, "MKT"))
        ((*_, amount, currency, _realized, _yield, _date),) = await replies(raw, COMMISSION)
        assert (amount, currency) == (cost, "USD")
        raw.close()


@pytest.mark.parametrize(
    ("kind", "fields", "price"),
    [("MKT", {}, "100.04"), ("LMT", {"lmtPrice": "100.05"}, "100.01")],
)
async def test_only_orders_without_a_limit_slip(
    kind: str, fields: dict[str, str], price: str
) -> None:
    async with opened(venue='{"fill": {"slippage_ticks": 3}}') as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(1, "BUY", "10", kind, **fields))
        ((*fill,),) = await replies(raw, EXECUTION)
        assert fill[20] == price
        raw.close()


async def test_orders_and_news_of_them_take_their_time() -> None:
    slow = {"latency": {"order_ns": SECOND // 10, "report_ns": SECOND // 5}}
    async with opened(venue=json.dumps(slow)) as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(1, "BUY", "10", "MKT"))
        assert await replies(raw, STATUS) == []
        exchange.wait(0.1)
        assert exchange.positions() == {AAPL.con_id: "10"}
        exchange.wait(0.1)
        assert await replies(raw, EXECUTION) == []
        exchange.wait(0.1)
        (fill,) = await replies(raw, EXECUTION)
        assert fill[20] == "100.01"
        raw.close()


async def test_a_split_ends_good_till_cancelled_orders_and_multiplies_shares() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(1, "BUY", "10", "MKT"), message("61", "1"))
        await raw.write(order(2, "SELL", "10", "LMT", lmtPrice="110"))
        await raw.write(order(3, "SELL", "10", "LMT", lmtPrice="110", tif="DAY"))
        await replies(raw, STATUS)
        exchange.tws.split("AAPL", 4)
        (status,) = await replies(raw, STATUS)
        assert status[1:3] == ["2", "Cancelled"]
        assert exchange.positions() == {AAPL.con_id: "40"}
        assert [each["order_id"] for each in json.loads(exchange.venue.orders())] == [3]
        raw.close()


async def test_a_dividend_is_told_as_cash() -> None:
    async with opened(venue='{"commission": "none"}') as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(1, "BUY", "10", "MKT"), message("6", "2", "1", ""))
        cash = [each[3] for each in await replies(raw, ACCOUNT) if each[2] == "TotalCashValue"]
        exchange.tws.dividend("AAPL", 0.5)
        paid = [each[3] for each in await replies(raw, ACCOUNT) if each[2] == "TotalCashValue"]
        assert [float(each) - float(cash[-1]) for each in paid] == [5.0]
        with pytest.raises(ValueError, match="dividend"):
            exchange.tws.dividend("AAPL", -0.5)
        raw.close()


SPREAD = SimInstrument(
    28812380, "AAPL", "BAG", legs=(Leg(AAPL.con_id, 1, "BUY"), Leg(MSFT.con_id, 2, "SELL"))
)


def combo(*legs: tuple[int, int, str]) -> Contract:
    made = [ComboLeg(con_id, ratio, action, "SMART") for con_id, ratio, action in legs]
    return Contract(symbol="AAPL", secType="BAG", exchange="SMART", currency="USD", comboLegs=made)


async def test_a_combo_is_found_by_its_legs_and_traded_at_its_own_price() -> None:
    listed: Any = (AAPL, MSFT, SPREAD)
    async with opened(instruments=listed) as exchange:
        exchange.quote(-4.05, -4.0, SPREAD.con_id)
        raw = await Raw.started(exchange)
        limit = Order(action="BUY", totalQuantity=2, orderType="LMT", lmtPrice=-4.0, tif="GTC")
        known = combo((MSFT.con_id, 2, "SELL"), (AAPL.con_id, 1, "BUY"))
        unknown = combo((MSFT.con_id, 1, "SELL"), (AAPL.con_id, 1, "BUY"))
        await raw.write(encoded(lambda client: client.placeOrder(1, unknown, limit)))
        ((*_, code, _text, _advanced),) = await replies(raw, ERROR)
        assert code == "200"
        await raw.write(encoded(lambda client: client.placeOrder(2, known, limit)))
        (opened_first, *_rest) = await replies(raw, "5")
        legs = "265598|1|BUY|SMART|0|0||-1"
        assert legs in "|".join(opened_first)
        assert opened_first[3:5] == ["AAPL", "BAG"]
        assert exchange.positions() == {SPREAD.con_id: "2"}
        await raw.write(encoded(lambda client: client.reqMktData(7, known, "", False, False, [])))
        prices = {fields[3]: fields[4] for fields in await replies(raw, "1")}
        assert prices["1"] == "-4.05"
        raw.close()

"""What the exchange behind the wire does beyond filling orders, as a client hears it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ib_async import ComboLeg, Contract, Order, Stock

from orderloom.sim import Leg, SimInstrument
from orderloom.sim.bands import PriceBands
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


EXECUTION, COMMISSION, STATUS, ERROR, ACCOUNT, HALTED = "11", "59", "3", "4", "6", "45"
STOCK = Stock("AAPL", "SMART", "USD")


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


def halts(told: list[list[str]]) -> list[str]:
    return [fields[4] for fields in told if fields[3] == "49"]


async def test_a_market_that_leans_on_a_band_is_paused_and_goes_on_around_new_prints() -> None:
    async with opened(band_percent=5.0) as exchange:
        raw = await Raw.started(exchange)
        await raw.write(encoded(lambda client: client.reqMktData(7, STOCK, "", False, False, [])))
        exchange.trade(100.0)
        exchange.quote(94.0, 94.98)  # the band ends at 95
        await raw.write(order(1, "SELL", "10", "MKT"))
        await replies(raw, HALTED)
        assert exchange.positions() == {}, "nothing trades outside the band"
        exchange.wait(10)
        exchange.quote(94.0, 95.02)  # off the band: the 15 seconds begin again
        exchange.quote(94.0, 94.98)
        exchange.wait(14)
        assert halts(await replies(raw, HALTED)) == []
        exchange.wait(1)
        assert halts(await replies(raw, HALTED)) == ["1"]
        exchange.quote(96.0, 96.02)
        assert exchange.positions() == {}, "nothing trades in a pause"
        exchange.wait(300)
        assert halts(await replies(raw, HALTED)) == ["0"]
        assert exchange.positions() == {AAPL.con_id: "-10"}
        exchange.trade(90.0)
        exchange.quote(90.0, 90.02)
        await raw.write(order(2, "BUY", "10", "MKT"))
        await replies(raw, HALTED)
        assert exchange.positions() == {}, "the band is around the print after the pause"
        raw.close()


def test_the_reference_follows_the_mean_of_five_minutes_in_steps_of_a_hundredth() -> None:
    bands = PriceBands(5.0, 0.01)
    assert bands.band is None
    bands.trade(0, 100.0)
    assert bands.band == (95.0, 105.0)
    bands.trade(SECOND, 101.9)  # the mean is 100.95
    assert bands.band == (95.0, 105.0)
    bands.trade(2 * SECOND, 102.1)  # and now 101.33
    assert bands.band == (96.27, 106.4)
    bands.trade(400 * SECOND, 110.0)  # alone in its five minutes
    assert bands.band == (104.5, 115.5)


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

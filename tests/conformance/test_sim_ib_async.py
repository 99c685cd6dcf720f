"""An unmodified ib_async program against the simulated TWS, over a real socket."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import astuple, replace
from typing import Any, TypeVar

import pytest
from ib_async import (
    IB,
    Contract,
    ExecutionFilter,
    LimitOrder,
    MarketOrder,
    Order,
    OrderState,
    RequestError,
    ScannerSubscription,
    Stock,
    StopOrder,
    Trade,
)

from orderloom.hours import Hours
from orderloom.sim import Bar
from orderloom.sim.times import SECOND
from orderloom.sim.wire import message

from .rig import AAPL, MSFT, OPEN, PATIENCE, ZONE, Exchange, Raw, encoded, hello, opened, until

STOCK = Stock("AAPL", "SMART", "USD")
T = TypeVar("T")


async def connected(exchange: Exchange, client_id: int = 1, **options: Any) -> IB:
    ib = IB()
    await ib.connectAsync(
        "127.0.0.1", exchange.tws.port, clientId=client_id, raiseSyncErrors=True, **options
    )
    return ib


async def answered(request: Awaitable[T]) -> T:
    return await asyncio.wait_for(request, PATIENCE)


def errors_of(ib: IB) -> list[tuple[int, int]]:
    """Collect request id and code of every error from now on."""
    seen: list[tuple[int, int]] = []
    ib.errorEvent += lambda request_id, code, *_: seen.append((request_id, code))
    return seen


def bracket(ib: IB, quantity: float, limit: float, target: float, stop: float) -> list[Order]:
    orders = ib.bracketOrder("BUY", quantity, limit, target, stop)
    for order in orders:
        order.tif = "GTC"
        order.orderRef = f"trade-1/{order.orderType}"
    return list(orders)


async def test_connecting_synchronises_account_positions_and_orders() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        assert ib.client.serverVersion() == 178
        assert ib.managedAccounts() == ["DU0000001"]
        assert ib.positions() == []
        assert ib.openTrades() == []
        values = {value.tag: value.value for value in ib.accountValues()}
        assert float(values["NetLiquidation"]) == 1_000_000
        assert ib.client.getReqId() >= 1
        ib.disconnect()


async def test_a_bracket_enters_exits_at_its_target_and_cancels_its_stop() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        entry, target, stop = (
            ib.placeOrder(STOCK, order) for order in bracket(ib, 100, 100.0, 105.0, 98.0)
        )
        await until(lambda: entry.orderStatus.status == "Submitted")
        assert target.orderStatus.status == stop.orderStatus.status == "PreSubmitted"
        assert ib.positions() == []

        exchange.quote(99.9, 100.0)
        await until(entry.isDone)
        await until(lambda: target.orderStatus.status == "Submitted")
        assert entry.filled() == 100
        assert [(each.contract.symbol, each.position) for each in ib.positions()] == [("AAPL", 100)]
        assert not stop.isDone()

        exchange.quote(105.0, 105.02)
        await until(lambda: target.isDone() and stop.isDone())
        assert (target.orderStatus.status, target.filled()) == ("Filled", 100)
        assert (stop.orderStatus.status, stop.filled()) == ("Cancelled", 0)
        await until(lambda: all(fill.commissionReport.execId for fill in ib.fills()))
        assert [fill.execution.side for fill in ib.fills()] == ["BOT", "SLD"]
        assert ib.fills()[0].commissionReport.realizedPNL == 0.0
        assert ib.fills()[1].commissionReport.realizedPNL > 490
        assert {fill.execution.orderRef for fill in ib.fills()} == {"trade-1/LMT"}
        assert ib.fills()[0].execution.time.timestamp() * SECOND <= exchange.now
        await until(lambda: ib.positions() == [])
        assert ib.openTrades() == []
        assert {code for _, code in errors} <= {202}

        completed = await answered(ib.reqCompletedOrdersAsync(False))
        assert sorted(trade.orderStatus.status for trade in completed) == [
            "Cancelled",
            "Filled",
            "Filled",
        ]
        ib.disconnect()


async def test_a_resting_order_is_modified_then_cancelled() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        trade = ib.placeOrder(STOCK, LimitOrder("BUY", 100, 90.0, tif="GTC", outsideRth=True))
        await until(lambda: trade.orderStatus.status == "Submitted")
        perm_id = trade.order.permId
        assert perm_id > 0

        trade.order.lmtPrice = 91.0
        trade.order.totalQuantity = 50
        ib.placeOrder(STOCK, trade.order)
        await until(lambda: trade.orderStatus.remaining == 50)
        (listed,) = await answered(ib.reqAllOpenOrdersAsync())
        assert (listed.order.lmtPrice, listed.order.totalQuantity) == (91.0, 50)
        assert (listed.order.permId, listed.order.outsideRth) == (perm_id, True)

        ib.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        assert trade.filled() == 0
        assert await answered(ib.reqAllOpenOrdersAsync()) == []
        ib.disconnect()


async def test_a_refused_order_leaves_nothing_alive() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        off_tick = ib.placeOrder(STOCK, LimitOrder("BUY", 100, 90.001, tif="DAY"))
        unknown = ib.placeOrder(Stock("NOPE", "SMART", "USD"), MarketOrder("BUY", 1))
        homeless = ib.placeOrder(Stock("AAPL", "", "USD"), MarketOrder("BUY", 1))
        await until(lambda: len(errors) >= 3)
        assert (off_tick.order.orderId, 110) in errors
        assert (unknown.order.orderId, 200) in errors
        assert (homeless.order.orderId, 321) in errors
        assert await answered(ib.reqAllOpenOrdersAsync()) == []
        ib.disconnect()


async def test_a_stop_that_triggers_cancels_the_target() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        entry, target, stop = (
            ib.placeOrder(STOCK, order) for order in bracket(ib, 100, 100.5, 105.0, 98.0)
        )
        await until(entry.isDone)
        exchange.quote(97.9, 97.95)
        exchange.trade(97.9)
        await until(lambda: stop.isDone() and target.isDone())
        assert (stop.orderStatus.status, stop.filled()) == ("Filled", 100)
        assert (target.orderStatus.status, target.filled()) == ("Cancelled", 0)
        await until(lambda: ib.positions() == [])
        ib.disconnect()


async def test_partial_fills_add_up_and_the_rest_can_be_cancelled() -> None:
    async with opened('{"fill": {"max_fraction_of_volume": 1.0}}') as exchange:
        ib = await connected(exchange)
        trade = ib.placeOrder(STOCK, LimitOrder("BUY", 100, 99.0, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        exchange.quote(98.9, 99.0, size=30.0)
        await until(lambda: trade.filled() == 30)
        assert (trade.orderStatus.remaining, trade.isDone()) == (70, False)
        exchange.quote(98.8, 98.9, size=50.0)
        await until(lambda: trade.filled() == 80)
        ib.cancelOrder(trade.order)
        await until(lambda: trade.orderStatus.status == "Cancelled")
        assert (trade.orderStatus.filled, trade.orderStatus.remaining) == (80, 20)
        shares = [(fill.execution.shares, fill.execution.cumQty) for fill in trade.fills]
        assert shares == [(30, 30), (50, 80)]
        await until(lambda: [each.position for each in ib.positions()] == [80])
        ib.disconnect()


async def test_a_refused_modification_leaves_the_order_alive_as_it_was() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        trade = ib.placeOrder(STOCK, LimitOrder("BUY", 100, 90.0, tif="GTC", orderRef="old"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        trade.order.lmtPrice = 90.001
        trade.order.outsideRth = True
        ib.placeOrder(STOCK, trade.order)
        await until(lambda: (trade.order.orderId, 110) in errors)
        observer = await connected(exchange, 2)  # ib_async keeps the edit on the Trade it knows
        (listed,) = await answered(observer.reqAllOpenOrdersAsync())
        assert (listed.order.lmtPrice, listed.order.outsideRth) == (90.0, False)
        assert listed.orderStatus.status == "Submitted"
        for each in (ib, observer):
            each.disconnect()


async def test_an_order_beyond_the_account_s_means_is_refused_and_so_is_its_what_if() -> None:
    async with opened('{"cash": "1000"}') as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        trade = ib.placeOrder(STOCK, LimitOrder("BUY", 10_000, 100.0, tif="DAY", orderRef="big"))
        await until(lambda: (trade.order.orderId, 201) in errors)
        await until(lambda: trade.orderStatus.status == "Inactive")
        assert trade.order.orderRef == "big"
        assert await answered(ib.reqAllOpenOrdersAsync()) == []
        nonsense = Order(action="BUY", totalQuantity=10, orderType="NONSENSE")
        # ib_async hands back an empty list, whatever its signature says.
        assert not isinstance(await answered(ib.whatIfOrderAsync(STOCK, nonsense)), OrderState)
        ib.disconnect()


async def test_a_trailing_stop_is_echoed_with_the_level_it_has_reached() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        entry = ib.placeOrder(STOCK, MarketOrder("BUY", 10, tif="DAY"))
        trail = Order(action="SELL", totalQuantity=10, orderType="TRAIL", auxPrice=2.0, tif="GTC")
        held = ib.placeOrder(STOCK, trail)
        await until(lambda: entry.isDone() and held.orderStatus.permId)
        exchange.quote(104.99, 105.01)
        exchange.trade(105.0)
        observer = await connected(
            exchange, 2
        )  # ib_async keeps the first level on a Trade it knows
        (listed,) = await answered(observer.reqAllOpenOrdersAsync())
        assert (listed.order.auxPrice, listed.order.trailStopPrice) == (2.0, 103.0)
        for each in (ib, observer):
            each.disconnect()


@pytest.mark.parametrize("version", range(157, 179))
async def test_every_layout_carries_an_order_to_its_fill(version: int) -> None:
    async with opened(max_server_version=version) as exchange:
        ib = await connected(exchange)
        assert ib.client.serverVersion() == version
        trade = ib.placeOrder(STOCK, MarketOrder("BUY", 10, orderRef="v", tif="DAY"))
        await until(lambda: trade.orderStatus.status == "Filled")
        await until(lambda: trade.filled() == 10)
        (details,) = await answered(ib.reqContractDetailsAsync(STOCK))
        assert (details.longName, details.minTick) == ("APPLE INC", 0.01)
        assert details.timeZoneId == "US/Eastern"
        assert details.liquidHours == AAPL.liquid_hours
        (completed,) = await answered(ib.reqCompletedOrdersAsync(False))
        assert completed.order.orderRef == "v"
        ib.disconnect()


async def test_what_if_tells_numbers_and_places_nothing() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        state = await answered(ib.whatIfOrderAsync(STOCK, LimitOrder("BUY", 100, 100.0)))
        assert 0 < float(state.initMarginChange) <= 10_000
        assert float(state.initMarginAfter) >= float(state.initMarginChange)
        assert 0 < state.commission < 10
        assert await answered(ib.reqAllOpenOrdersAsync()) == []
        ib.disconnect()


async def test_a_client_id_in_use_is_refused_and_its_owner_stays() -> None:
    async with opened() as exchange:
        ib = await connected(exchange, client_id=5)
        second = IB()
        errors = errors_of(second)
        with pytest.raises((TimeoutError, ConnectionError)):
            await second.connectAsync("127.0.0.1", exchange.tws.port, clientId=5, timeout=0.3)
        assert (-1, 326) in errors
        assert exchange.tws.client_ids == (5,)
        assert ib.isConnected()
        assert await answered(ib.reqCurrentTimeAsync())
        ib.disconnect()


async def test_clients_see_their_own_orders_and_may_list_everybody_s() -> None:
    async with opened() as exchange:
        first, second = await connected(exchange, 1), await connected(exchange, 2)
        trade = first.placeOrder(STOCK, LimitOrder("BUY", 10, 90.0, tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        assert await answered(second.reqOpenOrdersAsync()) == []
        (seen,) = await answered(second.reqAllOpenOrdersAsync())
        assert (seen.order.clientId, seen.order.permId) == (1, trade.order.permId)

        # Cancelling names no client: the number means the sender's own order.
        errors = errors_of(second)
        client: Any = second.client
        client.cancelOrder(trade.order.orderId)
        await until(lambda: errors)
        assert trade.orderStatus.status == "Submitted"
        client.reqGlobalCancel()
        await until(lambda: trade.orderStatus.status == "Cancelled")
        for ib in (first, second):
            ib.disconnect()


async def test_orders_outlive_their_connection() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        trade = ib.placeOrder(STOCK, LimitOrder("BUY", 10, 99.5, orderRef="kept", tif="GTC"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        used = trade.order.orderId
        ib.disconnect()
        await until(lambda: exchange.tws.client_ids == ())
        exchange.quote(99.0, 99.2)

        again = await connected(exchange)
        (fill,) = again.fills()
        assert (fill.execution.orderRef, fill.execution.shares) == ("kept", 10)
        assert fill.commissionReport.commission > 0
        assert again.client.getReqId() > used
        assert [each.position for each in again.positions()] == [10]
        again.disconnect()


async def test_executions_are_filtered_by_symbol_side_and_time() -> None:
    async with opened() as exchange:
        exchange.quote(499.0, 500.0, MSFT.con_id)
        ib = await connected(exchange)
        bought = ib.placeOrder(STOCK, MarketOrder("BUY", 10, tif="DAY"))
        other = ib.placeOrder(Stock("MSFT", "SMART", "USD"), MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: bought.isDone() and other.isDone())
        await until(lambda: len(ib.fills()) == 2)
        fills = await answered(ib.reqExecutionsAsync(ExecutionFilter(symbol="AAPL", side="BUY")))
        assert [fill.contract.symbol for fill in fills] == ["AAPL"]
        assert await answered(ib.reqExecutionsAsync(ExecutionFilter(side="SELL"))) == []
        later = ExecutionFilter(time=ZONE.stamp(exchange.now + 60 * SECOND))
        assert await answered(ib.reqExecutionsAsync(later)) == []
        ib.disconnect()


async def test_account_portfolio_and_profit_follow_a_position() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        pnl = ib.reqPnL("DU0000001")
        single = ib.reqPnLSingle("DU0000001", "", AAPL.con_id)
        trade = ib.placeOrder(STOCK, MarketOrder("BUY", 100, tif="DAY"))
        await until(lambda: trade.isDone() and ib.portfolio())
        (item,) = ib.portfolio()
        assert (item.contract.symbol, item.position) == ("AAPL", 100)
        assert item.averageCost == pytest.approx(100.01, abs=0.05)

        exchange.quote(101.0, 101.02)
        exchange.trade(101.01)
        exchange.now += 200 * SECOND
        exchange.tws.advance(exchange.now)
        await until(lambda: pnl.unrealizedPnL > 90)
        await until(lambda: single.position == 100 and single.value > 10_000)
        await until(lambda: ib.portfolio()[0].unrealizedPNL > 90)
        summary = {each.tag: each.value for each in await answered(ib.accountSummaryAsync())}
        assert float(summary["NetLiquidation"]) > 1_000_000
        ib.disconnect()


async def test_ticks_and_bars_reach_the_client_as_the_market_moves() -> None:
    async with opened() as exchange:
        minute = 60 * SECOND
        exchange.tws.load_history(
            AAPL.con_id,
            [Bar(OPEN - n * minute, 100.0, 101.0, 99.0, 100.5, 500.0) for n in range(1, 11)],
        )
        exchange.trade(100.0, 200.0)
        ib = await connected(exchange)
        stock = Stock("AAPL", "SMART", "USD")
        await answered(ib.qualifyContractsAsync(stock))
        assert stock.conId == AAPL.con_id
        ticker = ib.reqMktData(stock, "233")
        ticks = ib.reqTickByTickData(stock, "AllLast")
        live = ib.reqRealTimeBars(stock, 5, "TRADES", False)
        bars = await answered(
            ib.reqHistoricalDataAsync(
                stock, "", "600 S", "1 min", "TRADES", False, keepUpToDate=True
            )
        )
        assert len(bars) == 10
        assert bars[-1].close == 100.0
        await until(lambda: ticker.bid == 99.99 and ticker.last == 100.0)

        exchange.now = OPEN + minute
        exchange.trade(102.0, 50.0)
        await until(lambda: ticker.last == 102.0 and ticker.rtVolume == 250)
        await until(lambda: ticks.tickByTicks)
        await until(lambda: len(bars) == 11)
        assert (bars[-1].open, bars[-1].volume) == (102.0, 50.0)
        exchange.tws.advance(OPEN + 2 * minute)
        await until(lambda: len(bars) == 12 and live)
        assert (bars[-1].close, bars[-1].volume) == (102.0, 0.0)

        errors = errors_of(ib)
        ib.cancelHistoricalData(bars)
        ib.cancelMktData(stock)
        ib.cancelRealTimeBars(live)
        ib.cancelTickByTickData(stock, "AllLast")
        assert await answered(ib.reqCurrentTimeAsync())
        exchange.now = OPEN + 3 * minute
        exchange.trade(103.0)
        assert await answered(ib.reqCurrentTimeAsync())
        assert ticker.last == 102.0
        assert errors == []
        ib.disconnect()


async def test_bars_kept_up_to_date_may_begin_with_none() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        updates: list[tuple[int, float]] = []
        wrapper: Any = ib.wrapper
        wrapper.historicalDataUpdate = lambda *told: updates.append((told[0], told[1].close))
        bars = await answered(
            ib.reqHistoricalDataAsync(
                STOCK, "", "600 S", "1 min", "TRADES", False, keepUpToDate=True
            )
        )
        assert list(bars) == []
        exchange.trade(101.0)
        await until(lambda: updates)
        assert updates == [(bars.reqId, 101.0)]
        assert errors == []

        closed = ib.reqHistoricalDataAsync(
            Stock("MSFT", "SMART", "USD"), "", "600 S", "1 min", "TRADES", False
        )
        assert list(await answered(closed)) == []
        assert [code for _, code in errors] == [162]
        ib.disconnect()


WEEK = replace(
    AAPL,
    trading_hours="20250919:0400-20250919:1700;20250921:2000-20250922:1700;20250923:CLOSED",
    liquid_hours="20250918:0930-20250918:1600;20250919:0930-20250919:1300;20250920:CLOSED;"
    "20250922:0930-20250922:1600;20250923:0930-20250923:1600",
    is_regular=lambda at: at >= OPEN,
)


async def test_a_schedule_tells_the_sessions_that_have_begun() -> None:
    async with opened(instruments=(WEEK, MSFT)) as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)

        async def told(stock: Stock, days: int, **options: Any) -> list[tuple[str, ...]]:
            schedule = await answered(ib.reqHistoricalScheduleAsync(stock, days, **options))
            sessions = [astuple(each) for each in schedule.sessions] if schedule else []
            if sessions:
                bounds = schedule.startDateTime, schedule.endDateTime, schedule.timeZone
                assert bounds == (sessions[0][0], sessions[-1][1], "US/Eastern")
            return sessions

        short_friday = ("20250919-09:30:00", "20250919-13:00:00", "20250919")
        monday = ("20250922-09:30:00", "20250922-16:00:00", "20250922")
        assert await told(STOCK, 2) == [short_friday, monday]
        on_friday = await told(STOCK, 1, endDateTime="20250919 20:00:00 US/Eastern")
        assert on_friday == [short_friday]
        # A session that begins the evening before belongs to the day on which it ends.
        overnight = ("20250921-20:00:00", "20250922-17:00:00", "20250922")
        assert await told(STOCK, 1, useRTH=False) == [overnight]
        assert errors == []
        assert await told(Stock("MSFT", "SMART", "USD"), 1) == []
        assert [code for _, code in errors] == [162]
        ib.disconnect()


async def test_a_schedule_follows_the_calendar_before_the_market_began() -> None:
    monday = ZONE.parse("20251201 10:00:00")
    hours = Hours("XNYS", monday, monday)
    listed = replace(AAPL, liquid_hours=hours.text)
    async with opened(instruments=(listed,)) as exchange:
        exchange.now = monday
        ib = await connected(exchange)
        schedule = await answered(ib.reqHistoricalScheduleAsync(STOCK, 3))
        # Thanksgiving is left out, and the day after it is short.
        assert [(each.startDateTime, each.endDateTime) for each in schedule.sessions] == [
            ("20251126-09:30:00", "20251126-16:00:00"),
            ("20251128-09:30:00", "20251128-13:00:00"),
            ("20251201-09:30:00", "20251201-16:00:00"),
        ]
        year = await answered(ib.reqHistoricalScheduleAsync(STOCK, 240))
        assert len(year.sessions) == 240
        assert hours.days[0].open <= monday < hours.days[0].close
        ib.disconnect()


async def test_schedules_are_for_servers_that_know_them() -> None:
    async with opened(instruments=(WEEK,), max_server_version=164) as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        # ib_async takes 321 for a warning and would wait on.
        client: Any = ib.client  # untyped there
        client.reqHistoricalData(77, STOCK, "", "1 D", "1 day", "SCHEDULE", True, 1, False, [])
        await until(lambda: errors)
        assert errors == [(77, 321)]
        ib.disconnect()


async def test_the_head_of_the_past_is_the_first_bar_or_price_known_by_now() -> None:
    async with opened(instruments=(WEEK,)) as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)

        async def head(what: str, *, regular: bool, form: int) -> Any:
            return await answered(ib.reqHeadTimeStampAsync(STOCK, what, regular, form))

        minute = 60 * SECOND
        bars = [Bar(OPEN + n * minute, 100.0, 101.0, 99.0, 100.5, 500.0) for n in (-10, -9, 1)]
        exchange.tws.load_history(AAPL.con_id, bars)
        # A time without a zone is UTC, and seconds are the same moment.
        first = await head("ADJUSTED_LAST", regular=False, form=2)
        assert first.timestamp() * SECOND == OPEN - 10 * minute
        assert await head("TRADES", regular=False, form=1) == first.replace(tzinfo=None)
        assert (await head("BID", regular=True, form=2)).timestamp() * SECOND == exchange.now
        assert errors == []
        # The only bar of regular hours lies ahead.
        await head("TRADES", regular=True, form=1)
        assert [code for _, code in errors] == [162]
        client: Any = ib.client  # untyped there
        client.reqHeadTimeStamp(77, STOCK, "BID_ASK", True, 1)
        await until(lambda: errors[1:])
        assert errors[1:] == [(77, 321)]
        ib.disconnect()


NOT_SERVED: list[Callable[[Any], object]] = [
    lambda c: c.reqMktDepth(5, STOCK, 10, False, []),
    lambda c: c.cancelMktDepth(5, False),
    lambda c: c.exerciseOptions(5, STOCK, 1, 1, "", 0),
    lambda c: c.reqScannerSubscription(5, ScannerSubscription(), [], []),
    lambda c: c.cancelScannerSubscription(5),
    lambda c: c.reqFundamentalData(5, STOCK, "ReportSnapshot", []),
    lambda c: c.calculateImpliedVolatility(5, STOCK, 1.0, 100.0, []),
    lambda c: c.calculateOptionPrice(5, STOCK, 0.2, 100.0, []),
    lambda c: c.queryDisplayGroups(5),
    lambda c: c.reqPositionsMulti(5, "", ""),
    lambda c: c.reqSecDefOptParams(5, "AAPL", "", "STK", 265598),
    lambda c: c.reqSoftDollarTiers(5),
    lambda c: c.reqMatchingSymbols(5, "AA"),
    lambda c: c.reqSmartComponents(5, "a6"),
    lambda c: c.reqNewsArticle(5, "BRFG", "1", []),
    lambda c: c.reqHistoricalNews(5, 265598, "BRFG", "", "", 10, []),
    lambda c: c.reqHistogramData(5, STOCK, False, "1 day"),
    lambda c: c.reqHistoricalTicks(5, STOCK, "", "", 10, "TRADES", False, False, []),
    lambda c: c.reqWshMetaData(5),
    lambda c: c.reqUserInfo(5),
]


async def test_a_request_that_is_not_served_is_refused_by_its_own_id() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        for act in NOT_SERVED:
            await raw.write(encoded(act))
            answer = await raw.read()
            assert answer is not None
            assert (answer[0], answer[2], answer[3]) == ("4", "5", "505"), answer
        assert await raw.synchronised() == []
        raw.close()


async def test_unknown_contracts_and_rules_end_their_requests_with_an_error() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        errors = errors_of(ib)
        assert await answered(ib.reqContractDetailsAsync(Stock("NOPE", "SMART", "USD"))) == []
        assert [code for _, code in errors] == [200]
        by_id = await answered(ib.reqContractDetailsAsync(Contract(conId=MSFT.con_id)))
        assert [each.longName for each in by_id] == ["MICROSOFT CORP"]
        rule = await answered(ib.reqMarketRuleAsync(26))
        assert rule is not None
        assert [(each.lowEdge, each.increment) for each in rule] == [(0.0, 0.01)]
        ib.disconnect()


async def test_a_read_only_api_trades_nothing_and_shows_the_account() -> None:
    async with opened(is_read_only=True) as exchange:
        ib = await connected(exchange, readonly=True)
        errors = errors_of(ib)
        trade = ib.placeOrder(STOCK, MarketOrder("BUY", 1))
        await until(lambda: errors)
        assert errors == [(trade.order.orderId, 321)]
        assert ib.accountValues()
        assert ib.positions() == []
        ib.disconnect()


async def test_a_greeting_that_arrives_byte_by_byte_is_answered_once() -> None:
    async with opened() as exchange:
        raw = Raw(exchange.tws.port)
        await raw.write(*(bytes([each]) for each in hello(b"v157..178 +PACEAPI")))
        assert await raw.read() == ["178", ZONE.stamp(exchange.now)]
        assert exchange.tws.frames_out == 1  # nothing else before startApi
        await raw.write(message("71", "2", "9", ""))
        assert await raw.read() == ["15", "1", "DU0000001"]
        assert await raw.read() == ["9", "1", "1"]
        await until(lambda: exchange.tws.frames_in == 2)
        raw.close()


@pytest.mark.parametrize("greeting", [b"v100..156", b"157..178", b"v178..x"])
async def test_a_client_that_is_too_old_or_speaks_otherwise_is_cut_off(greeting: bytes) -> None:
    async with opened() as exchange:
        raw = Raw(exchange.tws.port)
        await raw.write(hello(greeting))
        assert await raw.read() is None
        raw.close()


async def test_broken_and_unknown_messages_are_answered_and_the_connection_lives() -> None:
    async with opened() as exchange:
        raw = Raw(exchange.tws.port)
        await raw.write(hello(b"v157..178"))
        await raw.read()
        await raw.write(message("71", "2", "9", ""))
        for _ in range(5):
            await raw.read()
        for broken, request_id, code in (
            (message("82"), "-1", "505"),
            (message("3", "77", "0", "AAPL"), "77", "320"),
            (message("1", "11", "12", "no"), "12", "320"),
            (message("61", "1", "2"), "-1", "320"),
            (b"\0\0\0\x02\xff\xfe", "-1", "320"),
            (b"\0\0\0\0", "-1", "320"),
        ):
            await raw.write(broken)
            answer = await raw.read()
            assert answer is not None
            assert (answer[0], answer[2], answer[3]) == ("4", request_id, code)
        await raw.write(message("49", "1"))
        assert await raw.read() == ["49", "1", str(exchange.now // SECOND)]
        raw.close()


async def test_counts_tell_a_driver_when_every_request_is_served() -> None:
    async with opened() as exchange:
        ib = await connected(exchange)
        before = exchange.tws.frames_in
        trades: list[Trade] = [
            ib.placeOrder(STOCK, StopOrder("SELL", 1, 50.0 + n, tif="GTC")) for n in range(20)
        ]
        await until(lambda: exchange.tws.frames_in == before + 20)
        await until(lambda: all(trade.orderStatus.permId for trade in trades))
        (connection,) = exchange.tws.connections
        assert connection.frames_out == exchange.tws.frames_out
        ib.disconnect()


async def test_notices_and_a_restart_reach_every_client() -> None:
    async with opened() as exchange:
        clients = [await connected(exchange, number) for number in (1, 2)]
        seen = [errors_of(ib) for ib in clients]
        exchange.tws.notice(1100, "Connectivity between IB and TWS has been lost.")
        await until(lambda: all((-1, 1100) in errors for errors in seen))
        exchange.tws.disconnect_clients()
        await until(lambda: not any(ib.isConnected() for ib in clients))
        with pytest.raises((ConnectionError, RequestError)):
            await answered(clients[0].reqCurrentTimeAsync())


async def test_orders_by_hand_are_bound_to_client_0_under_negative_ids() -> None:
    async with opened() as exchange:
        other = await connected(exchange, 1)
        fields = {"action": "BUY", "quantity": "10", "order_type": "LMT", "tif": "GTC"}
        exchange.tws.manual_order("AAPL", **fields, limit_price="90")
        (unbound,) = await answered(other.reqAllOpenOrdersAsync())
        assert (unbound.order.orderId, unbound.order.clientId) == (0, 0)

        master = await connected(exchange, 0)  # asks for automatic binding by itself
        (first,) = await answered(master.reqOpenOrdersAsync())
        assert first.order.orderId == -1
        exchange.tws.manual_order("AAPL", **fields, limit_price="91")
        await until(lambda: len(master.openTrades()) == 2)
        second = next(each for each in master.openTrades() if each.order.lmtPrice == 91.0)
        assert second.order.orderId == -2
        master.cancelOrder(second.order)
        await until(lambda: len(master.openTrades()) == 1)
        assert await answered(other.reqOpenOrdersAsync()) == []
        for ib in (other, master):
            ib.disconnect()


async def test_the_master_client_is_told_of_everybody_s_orders_and_others_are_not() -> None:
    async with opened(master_client_id=7) as exchange:
        master, owner, other = [await connected(exchange, number) for number in (7, 1, 2)]
        heard: dict[str, list[str]] = {"master": [], "other": []}
        for name, ib in (("master", master), ("other", other)):
            ib.openOrderEvent += lambda trade, name=name: heard[name].append(trade.order.orderRef)
        order = MarketOrder("BUY", 10, tif="DAY", orderRef="mine")
        trade = owner.placeOrder(STOCK, order)
        await until(trade.isDone)
        await until(lambda: master.fills() and master.fills()[0].commissionReport.execId)
        assert [fill.execution.orderRef for fill in master.fills()] == ["mine"]
        assert set(heard["master"]) == {"mine"}
        assert (heard["other"], other.fills()) == ([], [])
        for ib in (master, owner, other):
            ib.disconnect()

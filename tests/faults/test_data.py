"""Faults 49 to 59: prices and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orderloom.sim import faults

from .desk import AAPL, enter, on, trading

if TYPE_CHECKING:
    from pathlib import Path


async def test_fault_49_delayed_prices_are_no_prices_where_live_ones_were_asked_for(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.DelayedData())
        await desk.quote(101.0)
        await desk.signal("BUY")
        assert desk.refusals == ["NO_PRICE"]
        assert desk.placed() == []
        assert any("found delayed" in each for each in desk.problems)
        desk.tws.faults.clear()
        await desk.quote(102.0)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_50_a_feed_that_stands_still_grows_stale(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Freeze())
        for step in range(62):
            await desk.quote(100 + step / 100)
            await desk.wait(1)
        await desk.signal("BUY")
        assert desk.refusals == ["NO_PRICE"]
        assert desk.placed() == []
        desk.tws.faults.clear()
        await desk.quote(102.0)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_50_a_quote_that_trades_keep_to_stays_a_price(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        for _ in range(4):
            await desk.wait(30)
            desk.tws.publish_trade(desk.clock.now(), AAPL.con_id, 100.0, 100)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_50_a_quote_that_trades_have_left_is_no_price(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        for _ in range(4):
            await desk.wait(30)
            desk.tws.publish_trade(desk.clock.now(), AAPL.con_id, 100.5, 100)
        await desk.signal("BUY")
        assert desk.refusals == ["NO_PRICE"]
        assert desk.placed() == []


@pytest.mark.parametrize(
    ("kind", "price"),
    [("bid", "nan"), ("ask", "inf"), ("bid", -1.0), ("ask", 0.0), ("bid", 100.5), ("ask", 99.5)],
)
async def test_fault_51_a_price_that_cannot_be_is_never_traded_on(
    tmp_path: Path, kind: Any, price: Any
) -> None:
    rules = [on("BUY", {"enter": enter("BUY", size={"notional": "10000"})})]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.inject(faults.FalseTick(symbol="AAPL", kind=kind, price=price))
        await desk.signal("BUY")
        assert desk.refusals == ["NO_PRICE"]
        assert desk.placed() == []
        await desk.quote(100.0)
        await desk.quote(100.1)
        await desk.signal("BUY")
        assert desk.is_protected(99)


@pytest.mark.parametrize("price", [0.01, 10_000.0])
async def test_fault_52_one_false_print_sizes_no_entry(tmp_path: Path, price: float) -> None:
    rules = [on("BUY", {"enter": enter("BUY", size={"notional": "10000"})})]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.inject(faults.FalseTick(symbol="AAPL", kind="last", price=price))
        await desk.signal("BUY")
        assert desk.is_protected(99)
        assert desk.live() == ["SELL 99 LMT 108.01", "SELL 99 STP 97.01"]


async def test_fault_53_without_a_warm_atr_there_is_no_stop_and_no_entry(tmp_path: Path) -> None:
    of = {"indicator": {"name": "atr", "parameters": [14.0]}}
    atr = {"distance": {"multiple": 2.0, "of": of}}
    async with trading(tmp_path, rules=[on("BUY", {"enter": enter("BUY", stop=[atr])})]) as desk:
        await desk.signal("BUY")
        assert desk.refusals == ["NO_STOP"]
        assert desk.placed() == []


async def test_fault_55_a_prediction_served_again_after_a_restart_is_not_acted_on(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY", key="one")
        await desk.signal("SELL", key="two")
        await desk.wait(5)
        assert desk.is_flat()
        await desk.crash()
        await desk.restart()
        await desk.signal("BUY", key="one")
        assert desk.refusals[-1] == "DUPLICATE"
        assert desk.fills() == [100, -100]
        await desk.signal("BUY", key="three")
        assert desk.is_protected(100)


@pytest.mark.parametrize(("age", "reason"), [(3_600.0, "EXPIRED"), (-3_600.0, "FROM_FUTURE")])
async def test_fault_57_predictions_of_another_time_are_not_acted_on(
    tmp_path: Path, age: float, reason: str
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY", age=age)
        assert desk.refusals == [reason]
        assert desk.placed() == []


async def test_fault_58_both_sides_at_once_open_one_trade_of_one_side(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        for _ in range(10):
            await desk.signal("BUY")
            await desk.signal("SHORT")
        assert desk.fills() == [100]
        assert desk.is_protected(100)
        assert set(desk.refusals) == {"OPPOSITE_CONTEXT", "CONTEXT_OPEN"}


async def test_fault_58_flapping_predictions_are_held_back_by_their_cooldown(
    tmp_path: Path,
) -> None:
    flips = [
        on("BUY", {"enter": enter("BUY", opposite="reverse")}, cooldown=300_000_000_000),
        on("SHORT", {"enter": enter("SELL", opposite="reverse")}, cooldown=300_000_000_000),
    ]
    async with trading(tmp_path, rules=flips) as desk:
        for step in range(30):
            await desk.quote(100.0 + step % 2 / 100)
            await desk.signal("BUY" if step % 2 else "SHORT")
            await desk.wait(5)
        assert len(desk.placed("entry")) == 2
        assert desk.is_protected(100)

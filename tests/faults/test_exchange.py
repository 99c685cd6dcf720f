"""Faults 35 to 48: what an exchange does to orders."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orderloom.sim import faults
from orderloom.sim.times import SECOND

from .desk import AAPL, ORDER_NEWS, RESTING, RULES, TSLA, enter, on, trading

if TYPE_CHECKING:
    from pathlib import Path

RESTING_RULES = [on("BUY", {"enter": RESTING}), *RULES[1:]]
STARTS = ["on_full_fill", "on_first_fill_full_size", "on_partial_scaled"]
AFTER_PARTIAL = ["scale_to_filled", "keep_full", "cancelled"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("after", AFTER_PARTIAL)
async def test_fault_35_a_stop_covers_what_was_filled_not_what_was_wanted(
    tmp_path: Path, start: str, after: str
) -> None:
    venue = {"children_start": start, "children_after_partial_cancel": after}
    rules = [on("BUY", {"enter": enter("BUY", expires_after=1 * SECOND)})]
    async with trading(tmp_path, venue=venue, rules=rules) as desk:
        await desk.quote(100.0, size=40)
        await desk.signal("BUY")
        await desk.wait(10)
        assert desk.fills() == [40]
        assert desk.is_protected(40)
        await desk.quote(90.0)
        await desk.wait(5)
        assert desk.fills() == [40, -40]
        assert desk.is_flat()


async def test_fault_36_when_both_exits_fill_the_excess_is_traded_back_once(
    tmp_path: Path,
) -> None:
    venue = {"oca_reduction": "lagging", "oca_lag_ns": 60 * SECOND}
    # The broker itself turns the position around: only the books are compared.
    async with trading(tmp_path, venue=venue, is_audited=False) as desk:
        await desk.signal("BUY")
        desk.quote_unheard(108.5)
        desk.quote_unheard(96.5)
        await desk.wait(20)
        assert desk.fills() == [100, -100, -100, 100]
        assert desk.is_flat()
        assert desk.alarms.count("OVERFILL") == 1
        assert len(desk.placed("close")) == 1


async def test_fault_37_a_cancel_that_lost_to_a_fill_sells_once(tmp_path: Path) -> None:
    async with trading(tmp_path, rules=RESTING_RULES) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Hold(messages=[*ORDER_NEWS, "position"], duration=2 * SECOND))
        await desk.quote(98.9)
        assert desk.position() == 100
        await desk.operator("flatten")
        await desk.wait(15)
        assert 10148 in {each["code"] for each in desk.of("order_error")}
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


async def test_fault_38_a_change_that_lost_to_a_fill_ends_the_close(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Hold(messages=[*ORDER_NEWS, "position"], duration=2 * SECOND))
        await desk.quote(108.5)
        assert desk.position() == 0
        await desk.signal("SELL")
        await desk.wait(20)
        assert 104 in {each["code"] for each in desk.of("order_error")}
        assert desk.fills() == [100, -100]
        assert desk.is_flat()
        assert desk.runner.engine.context(0) is None


async def test_fault_39_during_a_halt_an_exit_is_priced_and_not_sent_at_every_tick(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Halt(symbol="AAPL"))
        await desk.signal("SELL")
        sent = desk.runner.sent
        for _ in range(60):
            await desk.quote(100.0)
        assert desk.position() == 100
        assert desk.runner.sent - sent <= 2
        await desk.wait(60)
        desk.tws.faults.clear()
        await desk.quote(99.5)
        await desk.wait(10)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


async def test_fault_40_a_gap_through_the_stop_is_sold_once_and_not_stopped_again(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.quote(80.0)
        await desk.wait(10)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()
        assert len(desk.placed()) == 3


async def test_fault_40_levels_that_a_gap_left_behind_are_never_the_wrong_way_round(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        # Exits end with a split, and the price is below the stop before new ones are placed.
        desk.tws.split("AAPL", 1)
        desk.quote_unheard(90.0)
        await desk.wait(10)
        await desk.quote(89.9)
        await desk.wait(10)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()
        for order in desk.placed("stop"):
            assert float(order["ticket"]["order_type"]["stop_price"]) < 100


async def test_fault_41_outside_its_session_a_stop_stays_and_nothing_is_added(
    tmp_path: Path,
) -> None:
    early = "20250922:0930-20250922:0932;20250923:0930-20250923:1600"
    short_day = (replace(AAPL, liquid_hours=early), TSLA)
    async with trading(tmp_path, instruments=short_day) as desk:
        await desk.signal("BUY")
        await desk.wait(100)
        assert desk.alarms == []
        await desk.wait(30)
        desk.tws.set_session(desk.clock.now(), AAPL.con_id, False)
        await desk.quote(90.0)
        await desk.wait(10)
        assert desk.alarms == ["EXITS_ASLEEP"], "told once"
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3
        desk.tws.set_session(desk.clock.now(), AAPL.con_id, True)
        await desk.quote(89.0)
        await desk.wait(5)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


@pytest.mark.parametrize(
    ("new", "old", "shares", "exits"),
    [(10, 1, 1000, ("10.8", "9.7")), (1, 10, 10, ("1080.11", "970.1"))],
)
async def test_fault_42_after_a_split_new_exits_are_for_its_shares_and_prices(
    tmp_path: Path, new: int, old: int, shares: int, exits: tuple[str, str]
) -> None:
    early = "20250922:0930-20250922:0932;20250923:0930-20250923:1600"
    short_day = (replace(AAPL, liquid_hours=early), TSLA)
    # A split is no fill: the sum of fills says nothing of the position after it.
    async with trading(tmp_path, is_audited=False, instruments=short_day) as desk:
        await desk.signal("BUY")
        await desk.wait(130)
        desk.tws.set_session(desk.clock.now(), AAPL.con_id, False)
        desk.tws.split("AAPL", new, old)
        await desk.wait(1)
        assert desk.alarms == ["EXITS_ASLEEP", "SPLIT"]
        price = 100.0 * old / new
        desk.tws.set_session(desk.clock.now(), AAPL.con_id, True)
        await desk.quote(price)
        await desk.wait(5)
        assert desk.fills() == [100]
        assert desk.is_protected(shares)
        assert desk.live() == [f"SELL {shares} LMT {exits[0]}", f"SELL {shares} STP {exits[1]}"]
        await desk.quote(price * 0.95)
        await desk.wait(5)
        assert desk.fills() == [100, -shares]
        assert desk.is_flat()
        assert desk.endings == ["STOP"]
        assert float(desk.runner.engine.position(0)[0]) == 0


async def test_fault_43_a_second_signal_waits_while_shares_are_located(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Locate(symbol="AAPL", duration=3_600 * SECOND))
        await desk.signal("SHORT")
        for _ in range(4):
            await desk.wait(120)
            await desk.signal("SHORT")
        assert desk.refusals == ["CONTEXT_OPEN"] * 4
        assert desk.position() == 0
        desk.tws.faults.clear()
        await desk.quote(100.5)
        assert desk.fills() == [-100]
        assert desk.is_protected(-100)


async def test_fault_44_refused_short_sales_end_with_the_daily_cap(tmp_path: Path) -> None:
    rules = [on("SHORT", {"enter": enter("SELL")}, daily_cap=3)]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.inject(faults.Refuse(code=201, count=999))
        for step in range(20):
            await desk.quote(100.0 + step / 100)
            await desk.signal("SHORT")
            await desk.wait(10)
        assert len(desk.placed("entry")) == 3
        assert desk.refusals[-1] == "DAILY_CAP"
        assert desk.is_flat()


@pytest.mark.parametrize("side", ["BUY", "SHORT"])
async def test_fault_45_a_share_more_than_ordered_is_told_and_sold_at_once(
    tmp_path: Path, side: str
) -> None:
    sign = 1 if side == "BUY" else -1
    async with trading(tmp_path) as desk:
        await desk.signal(side)
        await desk.inject(faults.Overfill(more=1))
        await desk.wait(30)
        assert desk.fills() == [sign * 100, sign * 1, -sign * 1]
        assert desk.is_protected(sign * 100)
        assert desk.alarms == ["OVERFILL"]
        assert len(desk.orders()) == 2
        await desk.signal(side)
        assert len(desk.placed("entry")) == 1
        await desk.quote(110.0 if side == "BUY" else 90.0)
        assert desk.is_flat()


async def test_fault_45_a_share_too_many_that_cannot_be_sold_goes_with_the_others(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Refuse(count=20, order_types=["MKT"]))
        await desk.inject(faults.Overfill(more=1))
        await desk.wait(3)
        assert desk.position() == 101
        assert desk.stopped() == 100
        await desk.wait(30)
        assert desk.is_flat()
        assert desk.fills() == [100, 1, -101]
        assert desk.alarms == ["OVERFILL", "UNCOVERED"]


async def test_fault_46_an_early_close_moves_the_end_of_the_day(tmp_path: Path) -> None:
    early = "20250922:0930-20250922:0940;20250923:0930-20250923:1600"
    short_day = (replace(AAPL, liquid_hours=early), TSLA)
    config = {"end_of_day": 120 * SECOND}
    async with trading(tmp_path, instruments=short_day, config=config) as desk:
        await desk.signal("BUY")
        await desk.wait(475)
        assert desk.is_protected(100)
        await desk.quote(100.5)
        await desk.wait(15)
        assert desk.is_flat()
        assert desk.endings == ["END_OF_DAY"]
        await desk.quote(101.0)
        await desk.signal("BUY")
        assert desk.refusals == ["SESSION_CLOSED"]


@pytest.mark.parametrize(("tick", "stop", "target"), [("0.05", "97", "108"), ("0.25", "97", "108")])
async def test_fault_47_every_price_is_on_the_instrument_s_grid(
    tmp_path: Path, tick: str, stop: str, target: str
) -> None:
    coarse = (replace(AAPL, tick=tick), TSLA)
    async with trading(tmp_path, instruments=coarse) as desk:
        await desk.signal("BUY")
        assert 110 not in {each["code"] for each in desk.of("order_error")}
        assert desk.is_protected(100)
        for each in desk.orders():
            price = float(each["limit_price"] or each["stop_price"])
            assert (price / float(tick)).is_integer()


async def test_fault_48_stops_that_end_with_the_day_are_placed_again(tmp_path: Path) -> None:
    rules = [on("BUY", {"enter": enter("BUY", exit_tif="DAY")})]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.signal("BUY")
        desk.tws.set_session(desk.clock.now(), AAPL.con_id, False)
        await desk.settle()
        await desk.wait(10)
        assert desk.is_protected(100)

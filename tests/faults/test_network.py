"""Faults 1 to 13: the line to TWS."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orderloom.sim import faults
from orderloom.sim.messages import MARKET_DATA
from orderloom.sim.times import SECOND

from .desk import ORDER_NEWS, TIMEOUTS, TSLA, trading

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("after", [100, 260, 500, 700])
async def test_fault_01_a_bracket_cut_on_its_way_buys_nothing_and_is_not_sent_again(
    tmp_path: Path, after: int
) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Cut(stream="requests", after_bytes=after))
        await desk.signal("BUY")
        await desk.back()
        # The last leg releases the others, and it is lost: TWS holds the first ones at most.
        await desk.wait(60)
        assert desk.fills() == []
        assert len(desk.placed()) == 3
        await desk.operator("flatten")
        await desk.wait(5)
        assert desk.is_flat()


async def test_fault_01_a_bracket_whose_answer_was_cut_off_is_placed_once(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        desk.tws.faults.inject(faults.Cut(stream="replies", after_bytes=1))
        await desk.signal("BUY")
        await desk.back()
        await desk.wait(10)
        assert desk.fills() == [100]
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3


async def test_fault_02_a_half_open_socket_is_given_up_and_its_order_not_repeated(
    tmp_path: Path,
) -> None:
    timeouts = replace(TIMEOUTS, silence=0.1, barrier=0.05)
    async with trading(tmp_path, settings={"timeouts": timeouts}) as desk:
        await desk.inject(faults.HalfOpen(duration=1 * SECOND))
        await desk.signal("BUY")
        await desk.until(lambda: not desk.broker.is_connected)
        assert desk.alarms == ["DISCONNECTED"]
        await desk.signal("BUY", symbol=1)
        assert len(desk.placed()) == 3
        await desk.wait(2)
        await desk.back()
        await desk.wait(30)
        assert desk.fills() == []
        assert desk.is_flat()
        assert len(desk.placed()) == 3


async def test_fault_03_fills_during_an_outage_are_found_out_in_its_end(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.quote(100.0, size=40)
        await desk.signal("BUY")
        assert desk.position() == 40
        await desk.inject(faults.Outage(duration=10 * SECOND, order_news="lost"))
        await desk.quote(100.0, size=1_000)
        assert desk.position() == 100
        await desk.signal("BUY", symbol=1)
        assert desk.position(TSLA) == 0
        assert desk.alarms == ["DISCONNECTED"]
        await desk.wait(12)
        assert desk.fills() == [40, 60]
        assert desk.is_protected(100)
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        assert desk.is_protected(100, TSLA)


async def test_fault_04_after_1101_no_price_counts_until_it_moves_again(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Outage(duration=1 * SECOND, has_lost_data=True))
        await desk.inject(faults.Drop(messages=list(MARKET_DATA)))
        await desk.wait(2)
        await desk.signal("BUY")
        assert desk.refusals == ["NO_PRICE"]
        desk.tws.faults.clear()
        await desk.quote(100.0)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_05_1102_without_1100_leads_to_a_snapshot_all_the_same(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Drop(messages=[*ORDER_NEWS, "position"]))
        await desk.quote(109.0)
        assert desk.position() == 0
        assert float(desk.runner.engine.position(0)[0]) == 100
        desk.tws.faults.clear()
        await desk.inject(faults.Code(code=1102, to="nobody"))
        await desk.wait(2)
        assert len(desk.of("snapshot", mark="ended")) == 2
        assert desk.is_flat()
        assert desk.endings == ["TARGET"]


async def test_fault_06_order_ids_rise_whatever_the_broker_says_is_next(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.RollBackIds(by=4), faults.Restart())
        await desk.back()
        assert desk.of("next_order_id")[-1]["order_id"] < 4
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        ids = [each["ticket"]["order_id"] for each in desk.placed()]
        assert ids == sorted(set(ids))
        assert len(ids) == 6
        assert desk.is_protected(100)
        assert desk.is_protected(100, TSLA)


async def test_fault_07_refused_logins_are_told_and_tried_until_one_works(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Restart(duration=60 * SECOND))
        await desk.until(lambda: any("next attempt" in each for each in desk.problems))
        assert desk.alarms == ["DISCONNECTED"]
        await desk.signal("BUY", symbol=1)
        assert desk.position(TSLA) == 0
        await desk.wait(61)
        await desk.back()
        assert desk.is_protected(100)


async def test_fault_08_the_client_id_is_kept_while_an_old_session_lingers(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        lingering = desk.another_line()
        desk.tws.disconnect_clients()
        await asyncio.sleep(0)
        await lingering.connect()
        await desk.until(lambda: any("326" in each for each in desk.problems))
        assert desk.tws.client_ids == (7,)
        await lingering.disconnect()
        await desk.back()
        assert desk.tws.client_ids == (7,)
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.is_flat()


async def test_fault_09_slow_handshakes_never_lead_to_two_sessions(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        most = 0
        desk.tws.faults.inject(faults.Hold(messages=["nextValidId"]))
        for _ in range(3):
            desk.tws.disconnect_clients()
            for _ in range(12):
                await asyncio.sleep(0.01)
                most = max(most, len(desk.tws.connections))
        desk.tws.faults.clear()
        await desk.until(lambda: desk.broker.is_connected)
        assert most == 1
        assert len(desk.tws.connections) == 1
        assert desk.tws.client_ids == (7,)


async def test_fault_10_without_an_end_of_positions_there_are_no_entries(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Hold(messages=["positionEnd"]), faults.Restart())
        await desk.until(lambda: len(desk.of("snapshot", mark="began")) == 2)
        assert desk.broker.is_connected
        await desk.broker.barrier()
        await desk.quote(100.0)
        await desk.signal("BUY")
        assert desk.placed() == []
        desk.tws.faults.clear()
        await desk.back()
        await desk.quote(100.0)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_11_an_answer_a_minute_late_is_waited_for(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Delay(messages=ORDER_NEWS, by=60 * SECOND, count=12))
        await desk.signal("BUY")
        await desk.wait(62)
        await desk.wait(62)
        assert desk.fills() == [100]
        assert len(desk.placed("entry")) == 1
        assert desk.is_protected(100)


@pytest.mark.parametrize("shape", ["noise", "unknown", "short", "oversized"])
async def test_fault_13_garbage_costs_at_most_the_line_and_never_the_stop(
    tmp_path: Path, shape: str
) -> None:
    timeouts = replace(TIMEOUTS, silence=0.1, barrier=0.05)
    async with trading(tmp_path, settings={"timeouts": timeouts}) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.parse_fault({"fault": "garbage", "shape": shape, "count": 3}))
        if shape == "oversized":
            await desk.back()
        else:
            assert len(desk.problems) == 3
        assert desk.is_protected(100)
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.is_flat()

"""Faults 60 to 69: clocks, processes, disks. The journal itself: tests/unit/test_journal."""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from orderloom._core import Event
from orderloom.clock import ManualClock
from orderloom.journal import Header, Journal, JournalFailed
from orderloom.runner import Runner
from orderloom.sim import faults
from orderloom.sim.times import SECOND

from .desk import OPEN, ORDER_NEWS, trading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("zone", ["US/Eastern", "Europe/Berlin", "Asia/Tokyo"])
async def test_fault_60_a_fill_counts_whatever_zone_its_time_is_written_in(
    tmp_path: Path, zone: str
) -> None:
    settings = {"time_zone": zone}
    async with trading(tmp_path, settings=settings, time_zone=zone, has_zoned_times=False) as desk:
        await desk.signal("BUY")
        await desk.signal("BUY")
        assert desk.fills() == [100]
        assert desk.is_protected(100)
        assert len(json.loads(desk.runner.engine.fills())) == 1


class SteppingClock(ManualClock):
    """A clock that a time server sets back."""

    def step_back(self, seconds: int) -> None:
        self._now -= seconds * SECOND


def test_fault_62_a_clock_that_steps_back_leaves_order_and_cooldowns_as_they_are(
    tmp_path: Path,
) -> None:
    clock = SteppingClock(OPEN)
    config = json.dumps({"run": "t", "instruments": [{"symbol": "AAPL", "tick": "0.01"}]})
    header = Header("0", config, ("AAPL",), "DU0000001", OPEN)
    with Journal.create(tmp_path / "journal.db", header) as journal:
        runner = Runner(config, clock=clock, journal=journal, on_problem=pytest.fail)
        for step in (0, 3_600, 1):
            clock.step_back(step)
            runner.post(Event.trade(0, 100.0, 1.0))
    with Journal.open(tmp_path / "journal.db") as recording:
        assert recording.verify() is None
        assert [at for _, at, _ in recording.events()] == [OPEN, OPEN, OPEN]


async def test_fault_62_while_the_clock_differs_from_tws_nothing_is_bought(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        assert desk.broker.server_offset == 0
        await desk.inject(faults.ClockSkew(by=-30 * SECOND))
        assert desk.broker.server_offset is not None
        assert -31 * SECOND < desk.broker.server_offset < -28 * SECOND
        await desk.settle()
        await desk.signal("BUY")
        assert desk.refusals == ["CLOCK_OFFSET"]
        assert desk.position() == 0
        assert desk.alarms == ["CLOCK_OFFSET"]
        desk.tws.faults.clear()
        await desk.settle()
        await desk.signal("BUY")
        assert desk.is_protected(100)
        await desk.inject(faults.ClockSkew(by=30 * SECOND))
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.is_flat(), "exits go on"


async def test_fault_63_an_intent_is_on_disk_when_its_bytes_leave(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        on_disk: list[list[int]] = []
        send = desk.broker.send

        def spy(command: object) -> None:
            with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
                rows = journal.execute("select body from commands where kind = 'place'")
                on_disk.append([json.loads(body)["ticket"]["order_id"] for (body,) in rows])
            send(command)  # type: ignore[arg-type]

        desk.broker.send = spy  # type: ignore[method-assign]
        await desk.signal("BUY")
        assert on_disk == [[1, 2, 3]] * 3
        assert desk.is_protected(100)


class Dead:
    """A process that ends before a byte of an order leaves it."""

    def send(self, command: object) -> None:
        """Do nothing more."""


async def test_fault_63_killed_between_journal_and_send_a_run_does_not_believe_it_sent(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        desk.runner.connect(cast("Any", Dead()))
        await desk.signal("BUY", key="one")
        await desk.crash()
        assert len(desk.placed()) == 3
        await desk.restart()
        await desk.wait(60)
        await desk.quote(100.5)
        assert desk.fills() == []
        assert desk.is_flat()
        await desk.signal("BUY", key="one")
        assert desk.refusals[-1] == "DUPLICATE"
        await desk.signal("BUY", key="two")
        assert desk.fills() == [100]
        assert desk.is_protected(100)


@pytest.mark.parametrize("heard", [0, 1, 2, 4, 7])
async def test_fault_64_killed_before_the_answer_a_run_finds_its_trade_and_buys_no_second(
    tmp_path: Path, heard: int
) -> None:
    async with trading(tmp_path) as desk:
        if heard:
            after = faults.When(of="openOrder", nth=heard)
            desk.tws.faults.inject(faults.Hold(messages=ORDER_NEWS, when=after))
        else:
            desk.tws.faults.inject(faults.Hold(messages=ORDER_NEWS))
        await desk.signal("BUY", key="one")
        await desk.crash()
        desk.tws.faults.clear()
        await desk.restart()
        await desk.signal("BUY", key="one")
        await desk.wait(10)
        assert desk.fills() == [100]
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


@pytest.mark.parametrize("lost", ["place", "order_opened", "execution"])
async def test_fault_65_what_a_lost_tail_held_is_learned_from_the_broker(
    tmp_path: Path, lost: str
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY", key="one")
        await desk.crash()
        desk.lose_tail(lost)
        await desk.restart()
        await desk.signal("BUY", key="one")
        assert desk.refusals[-1] == "DUPLICATE"
        assert desk.is_protected(100)
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


async def test_fault_65_a_trade_that_was_lost_altogether_is_told_and_left_protected(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY", key="one")
        await desk.crash()
        desk.lose_tail("signal")
        await desk.restart()
        await desk.signal("BUY", key="one")
        await desk.wait(20)
        # Nobody knows why it holds these: no risk is added until a person has looked.
        assert desk.alarms == ["FOREIGN_TRADE"]
        assert desk.refusals[-1] == "QUARANTINED"
        assert desk.fills() == [100]
        assert desk.is_protected(100)


async def test_fault_69_killed_again_during_its_recovery_a_run_counts_nothing_twice(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        for message in ("openOrderEnd", "execDetailsEnd", "positionEnd"):
            await desk.crash()
            desk.tws.faults.inject(faults.Hold(messages=[message]))
            await desk.restart()
            assert desk.runner.is_reconciling
            desk.tws.faults.clear()
        await desk.crash()
        await desk.restart()
        await desk.wait(10)
        assert desk.fills() == [100]
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3
        assert desk.endings == []


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file may grow any more: what a full disk is to whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_fault_67_with_a_full_disk_exits_go_on_and_entries_do_not(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        sent = len(desk.fills())
        with full_disk(tmp_path / "journal.db"):
            await desk.signal("BUY", symbol=1)
            assert len(desk.placed()) == 6
            assert desk.fills(desk.instruments[1]) == []
            assert desk.runner.engine.mode == "ReduceOnly"
            await desk.signal("SELL")
            await desk.wait(5)
        assert sent == 1
        assert desk.fills() == [100, -100]
        assert desk.is_flat()
        assert any("exits go on" in each for each in desk.problems)
        with pytest.raises(JournalFailed):
            desk.journal.commit()


@pytest.mark.parametrize(
    ("is_replaced", "said"), [(False, "was deleted or moved"), (True, "another file was put")]
)
async def test_fault_67_a_journal_that_was_taken_away_is_told_and_exits_go_on(
    tmp_path: Path, *, is_replaced: bool, said: str
) -> None:
    path = tmp_path / "journal.db"
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        watching = asyncio.create_task(desk.runner.watch_journal(0.01))
        await asyncio.sleep(0.05)
        assert desk.problems == []
        copy = path.read_bytes()
        path.unlink()
        if is_replaced:
            path.write_bytes(copy)
        for _ in range(500):
            await asyncio.sleep(0.01)
            if desk.problems:
                break
        await asyncio.sleep(0.05)
        assert [said in each and "exits go on" in each for each in desk.problems] == [True]
        assert desk.runner.engine.mode == "ReduceOnly"
        assert desk.is_protected(100)
        await desk.signal("BUY", symbol=1)
        assert desk.fills(desk.instruments[1]) == []
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()
        assert not watching.done()
        watching.cancel()

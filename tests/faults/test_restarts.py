"""The broker's program restarts at a known time: nothing is added before, all is checked after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orderloom.config.sections import RestartSettings
from orderloom.sim import faults
from orderloom.sim.times import SECOND

from .desk import ORDER_NEWS, TSLA, trading

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom.sim.faults import Fault

    from .desk import Desk

# The desk opens at 09:30 in New York.
AT_0935 = RestartSettings.model_validate({"at": "09:35", "before": "1m", "lasts": "2m"})


async def _restart_begins(desk: Desk) -> None:
    """Trade one symbol, and wait until its restart is about to be."""
    await desk.signal("BUY")
    await desk.wait(4 * 60 + 30)
    await desk.quote(100.0)
    await desk.quote(100.0, instrument=TSLA)


async def test_before_a_known_restart_nothing_is_opened_and_exits_go_on(tmp_path: Path) -> None:
    async with trading(tmp_path, restarts=(AT_0935,)) as desk:
        await _restart_begins(desk)
        await desk.signal("BUY", symbol=1)
        assert desk.refusals == ["BROKER_RESTART"]
        await desk.signal("SELL")
        await desk.wait(5)
        assert desk.is_flat()
        assert desk.is_flat(TSLA)
        snapshots = len(desk.of("snapshot", mark="ended"))
        await desk.wait(150)
        # Nothing was lost, and the broker is asked all the same.
        assert len(desk.of("snapshot", mark="ended")) == snapshots + 1
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        assert desk.is_protected(100, TSLA)
        assert desk.alarms == []


@pytest.mark.parametrize(
    "loss",
    [
        faults.Restart(duration=60 * SECOND),
        faults.NightlyReset(duration=60 * SECOND),
        faults.Outage(duration=60 * SECOND, has_lost_data=True, order_news="lost"),
    ],
    ids=lambda loss: loss.fault,
)
async def test_a_line_that_is_lost_in_a_known_restart_is_no_alarm(
    tmp_path: Path, loss: Fault
) -> None:
    async with trading(tmp_path, restarts=(AT_0935,)) as desk:
        await _restart_begins(desk)
        await desk.wait(30)
        await desk.inject(loss)
        await desk.until(lambda: desk.of("connection", state="down"))
        await desk.wait(61)
        await desk.until(lambda: desk.of("connection")[-1]["state"] == "up")
        await desk.until(lambda: desk.runner.engine.mode == "Active")
        # It is back, and it may be lost again: the time of the restart is not over.
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        assert desk.refusals == ["BROKER_RESTART"]
        await desk.wait(60)
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        assert desk.is_protected(100)
        assert desk.is_protected(100, TSLA)
        assert desk.alarms == []
        assert desk.problems == []


async def test_a_line_that_stays_lost_after_a_known_restart_is_alarmed_once(tmp_path: Path) -> None:
    async with trading(tmp_path, restarts=(AT_0935,)) as desk:
        await _restart_begins(desk)
        await desk.wait(30)
        await desk.inject(faults.Restart(duration=300 * SECOND))
        await desk.until(lambda: not desk.broker.is_connected)
        await desk.wait(115)
        assert desk.alarms == []
        assert desk.problems == []
        await desk.wait(10)
        assert desk.alarms == ["DISCONNECTED"]
        await desk.wait(180)
        await desk.back()
        await desk.wait(1)
        assert desk.alarms == ["DISCONNECTED"]
        assert desk.is_protected(100)


async def test_a_line_that_is_lost_at_another_time_is_alarmed_at_once(tmp_path: Path) -> None:
    async with trading(tmp_path, restarts=(AT_0935,)) as desk:
        await desk.inject(faults.Restart())
        await desk.until(lambda: desk.of("connection", state="down"))
        assert desk.alarms == ["DISCONNECTED"]
        await desk.back()


async def test_after_a_restart_nothing_is_opened_until_every_share_has_its_stop_again(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, restarts=(AT_0935,)) as desk:
        await _restart_begins(desk)
        await desk.wait(30)
        await desk.inject(faults.Restart(duration=119 * SECOND))
        await desk.until(lambda: not desk.broker.is_connected)
        desk.venue.global_cancel(desk.clock.now())
        assert desk.live() == []
        await desk.wait(118)
        # What it says of new orders is held back, until after the time of the restart.
        desk.tws.faults.inject(faults.Hold(messages=ORDER_NEWS))
        await desk.wait(1)
        await desk.back()
        await desk.wait(1)
        assert desk.of("hold")[-1]["is_on"] is False
        await desk.quote(100.0, instrument=TSLA)
        await desk.signal("BUY", symbol=1)
        assert desk.refusals == ["REDUCE_ONLY"]
        assert desk.is_flat(TSLA)
        desk.tws.faults.clear()
        await desk.settle()
        assert desk.is_protected(100)
        await desk.signal("BUY", symbol=1)
        assert desk.is_protected(100, TSLA)

"""Faults 14 to 34: what TWS says about orders, and what it leaves out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from orderloom.sim import faults
from orderloom.sim.times import SECOND

from .desk import ORDER_NEWS, RESTING, RULES, enter, on, trading

if TYPE_CHECKING:
    from pathlib import Path

RESTING_RULES = [on("BUY", {"enter": RESTING}), *RULES[1:]]
# Market orders fill five cents worse than the quote, so that exits are priced again.
SLIPPING = {"fill": {"slippage_ticks": 5}}


async def assert_still_one_order(tmp_path: Path, code: int) -> None:
    async with trading(tmp_path, rules=RESTING_RULES) as desk:
        await desk.signal("BUY")
        sent = desk.runner.sent
        await desk.inject(faults.Code(code=code), faults.Code(code=code))
        await desk.wait(90)
        await desk.quote(100.0)
        await desk.signal("BUY")
        assert desk.runner.sent == sent
        assert len(desk.orders()) == 3
        await desk.quote(98.9)
        assert desk.fills() == [100]
        assert desk.is_protected(100)


async def test_fault_14_a_preset_s_notice_is_no_cancel(tmp_path: Path) -> None:
    await assert_still_one_order(tmp_path, 10349)


@pytest.mark.parametrize("code", [399, 404, 2109])
async def test_fault_15_a_warning_is_no_refusal(tmp_path: Path, code: int) -> None:
    await assert_still_one_order(tmp_path, code)


@pytest.mark.parametrize("code", [463, 9_999, 10_311, 2_147_000])
async def test_fault_16_a_code_that_nobody_knows_ends_nothing(tmp_path: Path, code: int) -> None:
    await assert_still_one_order(tmp_path, code)


async def assert_one_stop_after_refused_changes(tmp_path: Path, code: int) -> None:
    async with trading(tmp_path, venue=SLIPPING) as desk:
        await desk.inject(faults.Refuse(what="modify", code=code, count=99))
        await desk.signal("BUY")
        await desk.wait(60)
        assert desk.live() == ["SELL 100 LMT 108.01", "SELL 100 STP 97.01"]
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3
        assert desk.alarms.count("CHANGE_UNCONFIRMED") == 2, "once for each exit"
        await desk.quote(96.0)
        await desk.wait(3)
        assert desk.fills() == [100, -100]
        assert desk.is_flat()


@pytest.mark.parametrize("code", [110, 321, 329])
async def test_fault_17_a_refused_change_leaves_one_stop(tmp_path: Path, code: int) -> None:
    await assert_one_stop_after_refused_changes(tmp_path, code)


@pytest.mark.parametrize("ending", ["target", "stop", "close"])
async def test_fault_18_of_a_change_that_became_an_order_one_is_cancelled(
    tmp_path: Path, ending: str
) -> None:
    async with trading(tmp_path, venue=SLIPPING) as desk:
        await desk.inject(faults.Fork())
        await desk.signal("BUY")
        assert desk.alarms == ["ORDER_FORKED"]
        assert desk.is_protected(100), "by one stop"
        assert len(desk.orders()) == 2
        await desk.wait(10)
        if ending == "close":
            await desk.signal("SELL")
        else:
            await desk.quote(110.0 if ending == "target" else 96.0)
        await desk.wait(20)
        assert desk.is_flat()
        assert desk.runner.engine.context(0) is None
        assert desk.alarms.count("ORDER_FORKED") == 1
        assert desk.fills() == [100, -100]


async def test_fault_19_an_order_that_waits_for_shares_is_not_placed_again(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Locate(symbol="AAPL"))
        await desk.signal("SHORT")
        await desk.wait(120)
        await desk.signal("SHORT")
        assert desk.position() == 0
        assert len(desk.placed()) == 3
        desk.tws.faults.clear()
        await desk.quote(100.5)
        assert desk.fills() == [-100]
        assert desk.is_protected(-100)


async def test_fault_19_an_inactive_order_whose_reason_follows_is_waited_for(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, venue={"locate_status": "inactive"}) as desk:
        await desk.inject(faults.Locate(symbol="AAPL"))
        await desk.signal("SHORT")
        await desk.wait(60)
        await desk.signal("SHORT")
        assert len(desk.placed("entry")) == 1
        assert len(desk.orders()) == 3
        desk.tws.faults.clear()
        await desk.quote(100.5)
        assert desk.fills() == [-100]
        assert desk.is_protected(-100)


async def test_fault_19_an_inactive_order_without_a_reason_is_cancelled_before_another(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, venue={"locate_status": "inactive"}) as desk:
        await desk.inject(
            faults.Locate(symbol="AAPL"), faults.Drop(messages=["orderStatus"], duration=SECOND)
        )
        await desk.signal("SHORT")
        await desk.wait(5)
        assert desk.is_flat()
        desk.tws.faults.clear()
        await desk.quote(100.5)
        assert desk.fills() == []
        await desk.signal("SHORT")
        assert desk.fills() == [-100]
        assert desk.is_protected(-100)


@pytest.mark.parametrize("reading", ["inactive", "cancelled", "nothing"])
async def test_fault_19_a_refused_order_is_over_and_its_symbol_free(
    tmp_path: Path, reading: str
) -> None:
    venue = {"account_type": "cash", "reject_status": reading}
    async with trading(tmp_path, venue=venue) as desk:
        await desk.signal("SHORT")
        await desk.wait(90)
        await desk.quote(100.5)
        assert desk.is_flat()
        await desk.signal("BUY")
        assert desk.fills() == [100]
        assert desk.is_protected(100)


async def test_fault_20_an_order_that_never_arrived_is_unknown_then_settled(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Drop(messages=["placeOrder"], count=3))
        await desk.signal("BUY")
        await desk.wait(4)
        await desk.signal("BUY")
        assert desk.refusals == ["CONTEXT_OPEN"]
        await desk.wait(56)
        assert desk.fills() == []
        assert desk.is_flat()
        assert desk.runner.engine.context(0) is None
        await desk.quote(100.5)
        await desk.signal("BUY")
        assert desk.is_protected(100)


async def test_fault_20_a_cancel_that_never_arrived_is_sent_again(tmp_path: Path) -> None:
    async with trading(tmp_path, rules=RESTING_RULES) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Drop(messages=["cancelOrder"], count=1))
        await desk.operator("flatten")
        assert len(desk.orders()) == 3
        await desk.wait(10)
        assert desk.is_flat()
        assert desk.fills() == []


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "drop status"])
async def test_fault_21_a_fill_counts_once_whatever_its_statuses_do(
    tmp_path: Path, fault: str
) -> None:
    async with trading(tmp_path) as desk:
        bends: dict[str, faults.Fault] = {
            "duplicate": faults.Duplicate(messages=ORDER_NEWS),
            "reorder": faults.Reorder(messages=ORDER_NEWS, window=5, duration=2 * SECOND),
            "drop status": faults.Drop(messages=["orderStatus"]),
        }
        await desk.inject(bends[fault])
        await desk.quote(100.0, size=60)
        await desk.signal("BUY")
        await desk.quote(100.0, size=60)
        await desk.wait(5)
        assert desk.fills() == [60, 40]
        assert desk.is_protected(100)
        assert len(desk.placed("entry")) == 1


async def test_fault_22_a_fill_before_its_order_is_known_is_ours(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Hold(messages=["openOrder", "orderStatus"], duration=1 * SECOND))
        await desk.signal("BUY")
        assert float(desk.runner.engine.position(0)[0]) == 100
        await desk.wait(3)
        assert "FOREIGN_TRADE" not in desk.alarms
        assert desk.is_protected(100)
        assert len(desk.placed()) == 3


async def test_fault_23_a_fill_that_is_told_only_when_asked_for_counts(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.inject(faults.Drop(messages=["execDetails", "commissionReport"], count=2))
        await desk.signal("BUY")
        assert desk.of("execution") == []
        await desk.wait(15)
        assert len(desk.of("execution")) == 1
        assert len([each for each in desk.notices if each["kind"] == "filled"]) == 1
        assert desk.is_protected(100)


async def test_fault_24_yesterday_s_fills_are_remembered_when_tws_forgets_them(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        desk.tws.disconnect_clients()
        await asyncio.sleep(0)
        desk.clock.advance_to(desk.clock.now() + 86_400 * SECOND)
        desk.tws.advance(desk.clock.now())
        heard = len(desk.of("execution"))
        await desk.back()
        assert len(desk.of("execution")) == heard, "TWS tells of today alone"
        await desk.quote(100.0)
        await desk.wait(30)
        assert desk.is_protected(100)
        assert "POSITION_MISMATCH" not in desk.alarms


async def test_fault_24_a_restart_on_the_next_day_takes_the_journal_s_word_for_it(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        desk.journal.commit()
        await desk.crash()
        desk.clock.advance_to(desk.clock.now() + 86_400 * SECOND)
        desk.tws.advance(desk.clock.now())
        await desk.restart()
        await desk.quote(100.5)
        await desk.wait(30)
        assert desk.is_protected(100)
        assert "POSITION_MISMATCH" not in desk.alarms
        assert len(desk.placed()) == 3


async def test_fault_25_a_completed_order_without_an_id_is_found_by_its_intent(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path, rules=RESTING_RULES) as desk:
        await desk.signal("BUY")
        desk.tws.disconnect_clients()
        (entry,) = [each for each in desk.orders() if each["action"] == "BUY"]
        desk.venue.cancel(desk.clock.now(), 7, entry["order_id"])
        assert desk.is_flat()
        await desk.back()
        await desk.wait(5)
        assert desk.is_flat()
        assert desk.runner.engine.context(0) is None
        assert len(desk.placed()) == 3


async def test_fault_26_an_order_by_hand_is_neither_adopted_nor_cancelled(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        desk.tws.manual_order(
            "AAPL", action="SELL", order_type="LMT", limit_price="150", quantity="50", tif="GTC"
        )
        await desk.signal("BUY")
        await desk.broker.reconcile()
        await desk.settle()
        await desk.operator("flatten")
        await desk.wait(5)
        assert desk.position() == 0
        assert desk.live() == ["SELL 50 LMT 150"]


async def test_fault_27_a_position_closed_by_hand_leaves_no_orphan(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        # The positions tell at once, the fill only when it is asked for.
        await desk.inject(faults.ManualTrade(symbol="AAPL", side="SELL", quantity=100))
        await desk.wait(1.1)
        assert desk.is_flat()
        assert desk.alarms == ["FOREIGN_TRADE"]
        assert desk.endings == ["MANUAL"]
        await desk.quote(90.0)
        await desk.quote(110.0)
        assert desk.fills() == [100, -100]


async def test_fault_28_a_change_that_misses_its_parent_does_not_end_the_stop(
    tmp_path: Path,
) -> None:
    await assert_one_stop_after_refused_changes(tmp_path, 135)


async def test_fault_29_a_stop_that_may_not_shrink_is_replaced_at_once(tmp_path: Path) -> None:
    venue = {"children_after_partial_cancel": "keep_full"}
    rules = [on("BUY", {"enter": enter("BUY", expires_after=5 * SECOND)})]
    async with trading(tmp_path, venue=venue, rules=rules) as desk:
        await desk.inject(faults.Refuse(what="modify", code=10326, count=99))
        await desk.quote(100.0, size=40)
        await desk.signal("BUY")
        await desk.wait(8)
        assert desk.is_protected(40)
        assert desk.live() == ["SELL 40 LMT 108.01", "SELL 40 STP 97.01"]
        assert desk.alarms.count("CHANGE_UNCONFIRMED") == 1
        await desk.wait(30)
        assert len(desk.placed("stop")) == 2
        await desk.quote(90.0)
        await desk.wait(20)
        assert desk.fills() == [40, -40]
        assert desk.is_flat()


@pytest.mark.parametrize("kinds", [["STP"], ["LMT", "STP"]])
async def test_fault_30_an_entry_whose_stop_is_refused_is_cancelled_before_it_fills(
    tmp_path: Path, kinds: list[str]
) -> None:
    async with trading(tmp_path) as desk:
        refusal = faults.Refuse(order_types=kinds, is_child=True, code=451, count=len(kinds))
        await desk.inject(refusal)
        await desk.signal("BUY")
        await desk.wait(30)
        assert desk.fills() == []
        assert desk.is_flat()


async def test_fault_30_an_entry_whose_target_is_refused_keeps_its_stop(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        refusal = faults.Refuse(order_types=["LMT"], is_child=True, code=451)
        await desk.inject(refusal)
        await desk.signal("BUY")
        await desk.wait(30)
        assert desk.is_protected(100)
        assert desk.live() == ["SELL 100 STP 97.01"]


@pytest.mark.parametrize("reading", ["inactive", "cancelled", "nothing"])
async def test_fault_31_when_every_stop_is_refused_the_shares_are_sold_at_once(
    tmp_path: Path, reading: str
) -> None:
    async with trading(tmp_path, venue={"reject_status": reading}) as desk:
        await desk.signal("BUY")
        await desk.wait(2)
        await desk.inject(
            faults.Refuse(order_types=["STP"], code=201, count=99),
            # Exits that are good till cancelled end with a split; one for one changes nothing else.
            faults.Split(symbol="AAPL", new=1),
        )
        await desk.quote(100.0)
        await desk.wait(0.5)
        assert desk.is_flat()
        assert desk.fills() == [100, -100]
        assert desk.endings == ["RECOVERY"]
        assert desk.alarms == ["EXIT_REFUSED"]


async def test_fault_32_a_corrected_fill_replaces_the_one_it_corrects(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Correct(price=99.5))
        await desk.wait(3)
        assert desk.runner.engine.position(0)[:2] == ("100", "99.5")
        assert desk.is_protected(100)
        assert desk.live() == ["SELL 100 LMT 107.46", "SELL 100 STP 96.52"]


async def test_fault_32_a_bust_that_only_the_position_tells_takes_its_exits_along(
    tmp_path: Path,
) -> None:
    silent = {"bust_news": "position_only"}
    async with trading(tmp_path, is_audited=False, venue=silent) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Bust())
        await desk.wait(30)
        assert desk.alarms == ["POSITION_MISMATCH"]
        assert desk.is_flat()
        assert desk.runner.engine.position(0)[0] == "0"


async def test_fault_32_a_bust_told_as_a_correction_takes_its_exits_along(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.signal("BUY")
        await desk.inject(faults.Bust())
        await desk.wait(5)
        assert desk.is_flat()
        assert desk.runner.engine.position(0)[0] == "0"
        assert desk.runner.engine.context(0) is None


@pytest.mark.parametrize("fault", ["absent", "early", "late"])
async def test_fault_33_a_trade_ends_whatever_becomes_of_its_commission(
    tmp_path: Path, fault: str
) -> None:
    async with trading(tmp_path, venue={"commission": "fixed"}) as desk:
        reports = ["commissionReport"]
        bends: dict[str, faults.Fault] = {
            "absent": faults.Drop(messages=reports),
            "early": faults.Hold(messages=["execDetails"], duration=1 * SECOND),
            "late": faults.Hold(messages=reports, duration=4 * SECOND),
        }
        await desk.inject(bends[fault])
        await desk.signal("BUY")
        await desk.wait(2)
        await desk.quote(109.0)
        await desk.wait(10)
        assert desk.is_flat()
        assert desk.endings == ["TARGET"]
        paid = 0.0 if fault == "absent" else 2.0
        assert float(desk.runner.engine.position(0)[3]) == pytest.approx(paid, abs=0.5)


async def test_fault_34_fills_during_a_snapshot_count_once(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        await desk.quote(100.0, size=20)
        await desk.signal("BUY")
        taking = asyncio.ensure_future(desk.broker.reconcile())
        for _ in range(4):
            desk.quote_unheard(100.0, size=20)
            await asyncio.sleep(0.002)
        assert await taking
        await desk.settle()
        assert sum(desk.fills()) == 100
        assert desk.is_protected(100)
        assert "POSITION_MISMATCH" not in desk.alarms

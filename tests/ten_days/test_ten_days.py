"""Two of the ten days, in the ordinary tests: a Friday, the clocks go forward, a Monday."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from orderloom.replay import replay

from .harness import trade
from .world import MINUTE

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_weekend_with_its_restarts_leaves_every_share_stopped_and_the_books_alike(
    tmp_path: Path,
) -> None:
    days = await trade(tmp_path, count=2, first=date(2026, 3, 6), seed=2, bar=15 * MINUTE)
    nights = days.watch.nights
    assert [(f"{night.date:%a}", night.moment) for night in nights] == [
        ("Fri", "before"), ("Sat", "after"), ("Sat", "before"), ("Sun", "after"),
        ("Sun", "before"), ("Sun", "after"), ("Sun", "before"), ("Mon", "after"),
    ]  # fmt: skip
    assert [text for night in nights for text in night.wrong] == []
    assert any(night.positions for night in nights), "something is held over the weekend"
    summary = days.summary
    assert summary["exit_code"] == 0
    assert summary["invariant_violations"] == 0
    assert summary["ledger_differences"] == []
    assert {trip["symbol"] for trip in summary["round_trips"]} >= {"TSLA"}
    # Four times the line was lost, and none of them was an alarm.
    assert days.watch.lines_lost == 4
    assert set(days.watch.alarms) <= {"EXITS_ASLEEP"}
    replayed = replay(tmp_path / "run")
    assert replayed.difference is None
    assert len(replayed.files) >= 2, "each day has a file of its own"

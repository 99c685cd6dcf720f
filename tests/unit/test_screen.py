"""What a run shows may find no reader and no room; the run does not end for that."""

from __future__ import annotations

import os
from io import StringIO

import pytest
from rich.console import Console

from orderloom.cli.screen import Screen, round_trips


def test_a_reader_that_left_and_a_disk_that_is_full_do_not_reach_the_run() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for stream in (os.fdopen(writer, "w"), open("/dev/full", "w", encoding="utf-8")):  # noqa: SIM115
        screen = Screen(stream, is_quiet=False)
        for _ in range(3):
            screen.problem("the journal cannot be written " * 1_000)
        # What is left in the stream's own buffer cannot be written either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.close()


def test_problems_are_shown_as_they_are() -> None:
    stream = StringIO()
    Screen(stream, is_quiet=True).problem("[bold]not a style[/]")
    assert "[bold]not a style[/]" in stream.getvalue()


@pytest.mark.parametrize(
    ("closed", "shown"),
    [
        ("2026-03-10T20:59:00Z", "03-10 14:30-20:59"),
        ("2026-03-11T00:10:00Z", "03-10 14:30-03-11 00:10"),
    ],
)
def test_a_trade_over_midnight_shows_the_day_of_its_end(closed: str, shown: str) -> None:
    trip = {
        "symbol": "AAPL", "side": "LONG", "rule": "long-on-strong-buy", "exit_reason": "END_OF_DAY",
        "quantity": "100", "tranches": 2, "entry_price": "150.02", "exit_price": "162.00",
        "pnl": "-1198.00", "commission": "2.00",
        "opened_at": "2026-03-10T14:30:00Z", "closed_at": closed,
    }  # fmt: skip
    stream = StringIO()
    Console(file=stream, width=120).print(round_trips([trip]))
    assert stream.getvalue().rstrip().endswith(f" {shown}")

"""What a run shows may find no reader and no room; the run does not end for that."""

from __future__ import annotations

import os
from io import StringIO

from orderloom.cli.screen import Screen


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

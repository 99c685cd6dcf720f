"""Some of what `make crash` does at length: a sample over all points of a scripted day."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECOVERIES = 300


def test_a_desk_that_sends_before_it_has_written_is_caught_by_its_first_order() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--hasty"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0, done.stdout
    assert "I7: place/modify 1 of order 1 leaves, 0 are durable" in done.stderr


def test_a_desk_that_is_killed_anywhere_ends_where_one_that_lives_does() -> None:
    # A process of its own: it forks, which a process with threads must not.
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", str(RECOVERIES), "--stride", "13"],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # Each worker tells now and then how far it is: its last word counts.
    lines = re.findall(r"^(worker \d+): .*?(\d+) recoveries", done.stdout, re.MULTILINE)
    recoveries = {worker: int(count) for worker, count in lines}
    assert sum(recoveries.values()) >= RECOVERIES, done.stdout

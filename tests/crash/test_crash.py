"""Some of what `make crash` does at length: a sample over all points of a scripted day."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECOVERIES = 300


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

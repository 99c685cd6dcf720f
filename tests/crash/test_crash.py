"""Some of what `make crash` does at length: a sample over all points of a scripted day."""

from __future__ import annotations

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
    counted = [line for line in done.stdout.splitlines() if "recoveries" in line]
    assert sum(int(line.split("recoveries")[0].split()[-1]) for line in counted[-2:]) >= RECOVERIES

"""What does a back-test need in memory, beside the data that it is given?

Asked: how far a fresh process grows at its peak over what it had with its data, for a year of
one-minute bars with linked orders (the strategy of `strategy.py`), and for a sweep over them
with 2 sets of parameters and with 200. Columns are read where they lie, so a back-test keeps its
orders, fills and account and no second copy of the data; a sweep keeps a row of numbers for each
set, and as many back-tests as run at a time.

The ordinary tests ask the same of a small year; what the interpreter itself needs stays in the
bounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .series import YEAR

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000
COLUMNS = 6
"""Of 8 bytes: start, open, high, low, close, volume."""

PEAK = """
def peak():
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

def forget_peak():
    # Making the data took more than the data does: the peak is what is there from here on.
    with open("/proc/self/clear_refs", "w") as marks:
        marks.write("5")
    return peak()
"""

BACKTEST = """
import json, sys
from benches.strategy import strategy
from benches.series import walk
from orderloom import backtest
rules, table = strategy(), vars(walk(int(sys.argv[1]), seed=1))
backtest(rules, {"A": vars(walk(100, seed=1))}, commission="none")
before = forget_peak()
result = backtest(rules, {"A": table}, commission="none")
print(json.dumps({"grown": peak() - before, "trades": result.summary()["trades"]}))
"""

SWEEP = """
import json, sys
from benches.strategy import strategy
from benches.series import walk
from orderloom import sweep
length, sets = map(int, sys.argv[1:])
table = vars(walk(length, seed=1))
grid = {"stop": [1 + n / 100 for n in range(sets // 2)], "target": [2.0, 3.0]}
few = {"stop": [1.0], "target": [2.0]}
sweep(strategy, few, {"A": vars(walk(100, seed=1))}, commission="none", workers=1)
before = forget_peak()
result = sweep(strategy, grid, {"A": table}, commission="none", workers=1)
print(json.dumps({"grown": peak() - before, "sets": len(result.rows)}))
"""


def measured(program: str, *arguments: int) -> dict[str, int]:
    """What the program tells of itself in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK + program, *map(str, arguments)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    told: dict[str, int] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def bars(request: pytest.FixtureRequest) -> int:
    return YEAR if request.config.getoption("benchmark_enable") else YEAR // 10


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")


def test_a_back_test_needs_little_more_than_its_data(bars: int) -> None:
    told = measured(BACKTEST, bars)
    data = COLUMNS * 8 * bars
    sys.stdout.write(
        f"\n{bars:,} bars of {data / MEGABYTE:.1f} MB, {told['trades']:,} trades: "
        f"peak {told['grown'] / MEGABYTE:.1f} MB higher\n"
    )
    assert told["trades"] > bars // 100
    assert told["grown"] <= 1.5 * data + 60 * MEGABYTE


def test_a_sweep_keeps_results_and_no_copies_of_the_data(bars: int) -> None:
    few, many = measured(SWEEP, bars, 2), measured(SWEEP, bars, 200)
    data = COLUMNS * 8 * bars
    grown = [f"{each['grown'] / MEGABYTE:.1f} MB with {each['sets']} sets" for each in (few, many)]
    sys.stdout.write(
        f"\n{bars:,} bars of {data / MEGABYTE:.1f} MB: peak higher by {', '.join(grown)}\n"
    )
    assert (few["sets"], many["sets"]) == (2, 200)
    # A hundredth of a copy for each further set: one copy of the data for all of them.
    assert many["grown"] - few["grown"] <= data + 20 * MEGABYTE

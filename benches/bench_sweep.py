"""Do two threads try parameters twice as fast as one?

Asked: 200 sets of stop and target over a year of one-minute bars (the strategy of
`strategy.py`), with one thread and with two; the second figure tells nothing on a machine
that is busy otherwise. The ordinary tests run it small.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from orderloom import sweep

from .series import YEAR, walk
from .strategy import strategy

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.benchmark(group="200 back-tests of a year")
@pytest.mark.parametrize("threads", [1, 2])
def test_200_sets(
    benchmark: BenchmarkFixture, request: pytest.FixtureRequest, threads: int
) -> None:
    is_full = bool(request.config.getoption("benchmark_enable"))
    if threads > (os.cpu_count() or 1):
        pytest.skip("fewer cores than threads")
    table = vars(walk(YEAR if is_full else 1_000, seed=1))
    stops, targets = (20, 10) if is_full else (3, 2)
    grid = {
        "stop": [1 + number / 10 for number in range(stops)],
        "target": [1 + number / 5 for number in range(targets)],
    }
    result = benchmark.pedantic(  # type: ignore[no-untyped-call]  # untyped in pytest-benchmark
        lambda: sweep(strategy, grid, {"A": table}, commission="none", workers=threads),
        rounds=3 if is_full else 1,
    )
    assert len(result.rows) == stops * targets
    assert all(row["trades"] > 0 for row in result.rows)

"""Where does the time of a year of real minutes go, its Parquet files included?

Asked: every recorded minute of `equity_minute` in the data folder read from Parquet, joined, and
played through the strategy of `strategy.py`; the parts of it are in the JSON as `extra_info`.
Skipped where there are no such data. The ordinary tests play one file.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

from orderloom import backtest

from .strategy import strategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from pytest_benchmark.fixture import BenchmarkFixture

SMALL = "AAPL_minute_20210915_0917_lumibot.parquet"
COLUMNS = ("ts_utc", "open", "high", "low", "close", "volume")


def read(paths: list[Path]) -> dict[str, pl.DataFrame]:
    """The minutes of each file, whose name tells the symbol."""
    return {
        path.stem: pl.read_parquet(path, columns=list(COLUMNS)).with_columns(
            pl.col("volume").cast(pl.Float64)
        )
        for path in paths
    }


def test_real_minutes_from_parquet_to_trades(
    benchmark: BenchmarkFixture, request: pytest.FixtureRequest, data: Callable[[str], Path]
) -> None:
    is_full = bool(request.config.getoption("benchmark_enable"))
    pattern = "*_minute_*.parquet" if is_full else SMALL
    paths = [
        path for path in sorted(data("equity_minute").glob(pattern)) if "_quotes_" not in path.name
    ]
    rules = strategy()
    parts: dict[str, list[float]] = {"read": [], "play": [], "tables": []}

    def run() -> int:
        began = time.perf_counter()
        tables = read(paths)
        is_read = time.perf_counter()
        result = backtest(rules, tables, span="1m")
        is_played = time.perf_counter()
        trades = result.trades
        parts["read"].append(is_read - began)
        parts["play"].append(is_played - is_read)
        parts["tables"].append(time.perf_counter() - is_played)
        assert result.native.signals == 0
        assert result.summary()["incidents"] == 0
        return len(trades)

    trades = benchmark.pedantic(  # type: ignore[no-untyped-call]  # untyped in pytest-benchmark
        run, rounds=9 if is_full else 1, warmup_rounds=int(is_full)
    )
    minutes = sum(len(table) for table in read(paths).values())
    assert trades > minutes / 500
    benchmark.extra_info["minutes"] = minutes
    for part, seconds in parts.items():
        benchmark.extra_info[f"{part} ms"] = round(1e3 * median(seconds), 2)

"""Does an ATR cost more than TA-Lib's, over an array and bar by bar?

Asked: nanoseconds per bar of ATR(14) over 100,000 bars, beside TA-Lib's C function; and of one call
from Python that takes a bar and gives the value, beside TA-Lib's stream object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import talib
from talib import stream

from orderloom import ATR

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

BARS = 100_000
WARM = 100
STREAMED = 10_100
PERIOD = 14


@pytest.fixture(scope="module")
def bars() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, BARS)))
    return close + rng.random(BARS), close - rng.random(BARS), close


@pytest.fixture(scope="module")
def expected(bars: tuple[Floats, Floats, Floats]) -> Floats:
    value: Floats = talib.ATR(*bars, PERIOD)
    return value


@pytest.mark.benchmark(group="ATR over an array")
@pytest.mark.parametrize("function", [talib.ATR, ATR.batch], ids=["TA-Lib", "orderloom"])
def test_over_an_array(
    benchmark: BenchmarkFixture,
    bars: tuple[Floats, Floats, Floats],
    expected: Floats,
    function: Callable[..., object],
) -> None:
    value = np.asarray(benchmark(function, *bars, PERIOD))
    np.testing.assert_allclose(value, expected, rtol=1e-9)


@pytest.mark.benchmark(group="ATR bar by bar")
@pytest.mark.parametrize("library", ["TA-Lib", "orderloom"])
def test_bar_by_bar(
    benchmark: BenchmarkFixture, bars: tuple[Floats, Floats, Floats], expected: Floats, library: str
) -> None:
    highs, lows, closes = (column[WARM:STREAMED].tolist() for column in bars)
    rows = list(zip(highs, lows, closes, strict=True))

    def warm() -> tuple[tuple[Callable[[float, float, float], float | None]], dict[str, object]]:
        high, low, close = (column[:WARM] for column in bars)
        if library == "TA-Lib":
            return (stream.ATR(high, low, close, PERIOD).update,), {}
        update = ATR(PERIOD).update
        for bar in zip(high.tolist(), low.tolist(), close.tolist(), strict=True):
            update(*bar)
        return (update,), {}

    def run(update: Callable[[float, float, float], float | None]) -> float | None:
        value = None
        for high, low, close in rows:
            value = update(high, low, close)
        return value

    value = benchmark.pedantic(run, setup=warm, rounds=100)  # type: ignore[no-untyped-call]
    assert value == pytest.approx(expected[STREAMED - 1], rel=1e-9)

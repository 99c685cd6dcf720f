"""ATR against TA-Lib, bar by bar and over arrays."""

from __future__ import annotations

import array
import math
from typing import Literal

import numpy as np
import polars as pl
import pytest
import talib

from orderloom._core import ATR

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Bars = tuple[Floats, Floats, Floats]


def random_bars(count: int, seed: int = 7) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.003, count)))
    gap = rng.normal(0, 0.5, count)
    high = np.maximum(close, close + gap) + rng.random(count)
    low = np.minimum(close, close + gap) - rng.random(count)
    return high, low, close


@pytest.mark.parametrize("period", [1, 2, 14, 50])
def test_batch_equals_ta_lib(period: int) -> None:
    high, low, close = random_bars(5_000)
    ours = np.asarray(ATR.batch(high, low, close, period))
    theirs = talib.ATR(high, low, close, period)
    assert np.isnan(ours[:period]).all()
    assert not np.isnan(ours[period:]).any()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_streaming_equals_batch_and_is_none_for_as_many_bars_as_its_period() -> None:
    high, low, close = random_bars(2_000)
    smoothings: tuple[Literal["wilder", "sma"], ...] = ("wilder", "sma")
    for smoothing in smoothings:
        atr = ATR(14, smoothing)
        streamed = [
            atr.update(*bar)
            for bar in zip(high.tolist(), low.tolist(), close.tolist(), strict=True)
        ]
        assert streamed[:14] == [None] * 14
        batch = np.asarray(ATR.batch(high, low, close, 14, smoothing))
        np.testing.assert_allclose(np.array(streamed[14:], dtype=float), batch[14:], rtol=1e-12)
        assert (atr.value, atr.is_warm) == (streamed[-1], True)


def test_the_plain_mean_is_the_mean_of_the_last_true_ranges() -> None:
    high, low, close = random_bars(300)
    true_range = talib.TRANGE(high, low, close)
    expected = [true_range[end - 14 : end].mean() for end in range(15, 301)]
    ours = np.asarray(ATR.batch(high, low, close, 14, "sma"))
    np.testing.assert_allclose(ours[14:], expected, rtol=1e-12)


def test_any_column_of_floats_is_taken_and_the_result_can_be_written() -> None:
    high, low, close = random_bars(100)
    expected = np.asarray(ATR.batch(high, low, close))
    table = np.column_stack([high, low, close])
    assert not table[:, 0].flags.c_contiguous
    for columns in (
        [table[:, index] for index in range(3)],
        [array.array("d", column) for column in (high, low, close)],
        [column.tolist() for column in (high, low, close)],
        [pl.Series(column) for column in (high, low, close)],
    ):
        np.testing.assert_array_equal(np.asarray(ATR.batch(*columns)), expected)
    result = ATR.batch(high, low, close)
    assert (len(result), result.format) == (100, "d")
    assert math.isnan(result[13])
    assert result.tolist()[14] == expected[14]
    np.asarray(result)[0] = 0.0
    assert result[0] == 0.0
    assert len(ATR.batch([], [], [])) == 0


def test_bad_input_is_refused_with_its_name() -> None:
    high, low, close = random_bars(10)
    with pytest.raises(ValueError, match=r"`low` must be as long as `high` \(10\), was 9"):
        ATR.batch(high, low[:9], close)
    with pytest.raises(TypeError, match="`close` must be a column of floats, was `<class 'str'>`"):
        ATR.batch(high, low, "close")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`close`, row 1, must be a number .*, was `None`"):
        ATR.batch([2.0, 2.0], [1.0, 1.0], [1.0, None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="`high` must have one dimension, has 2"):
        ATR.batch(np.ones((2, 2)), low, close)
    with pytest.raises(ValueError, match="`period` must be from 1 to 100000, was `0`"):
        ATR(0)
    with pytest.raises(ValueError, match="`smoothing` must be wilder or sma, was `ema`"):
        ATR(14, "ema")  # type: ignore[arg-type]

"""Indicators against TA-Lib and against published vectors of other libraries.

TA-Lib is the oracle wherever it has the indicator. The vectors are read from beside the repository
and skipped where they are absent; each comparison names the convention of its source.
"""

from __future__ import annotations

import csv
import gzip
import json
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import talib
from talib._ta_lib import MA_Type

from orderloom._core import INDICATORS, Indicator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Bars = dict[str, Floats]


@cache
def random_bars(count: int = 3_000) -> Bars:
    rng = np.random.default_rng(11)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.003, count)))
    opened = np.concatenate([[100.0], close[:-1]]) + rng.normal(0, 0.1, count)
    high = np.maximum(opened, close) + rng.random(count)
    low = np.minimum(opened, close) - rng.random(count)
    volume = rng.integers(1, 10_000, count).astype(float)
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume}


def ours(name: str, *parameters: float, bars: Bars) -> Floats:
    indicator = Indicator(name, *parameters)
    return np.asarray(indicator.batch(**{key: bars[key] for key in indicator.columns}))


def typical(bars: Bars) -> Floats:
    return (bars["high"] + bars["low"] + bars["close"]) / 3


def stochastic(bars: Bars) -> tuple[Floats, Floats]:
    plain = MA_Type.SMA
    return talib.STOCH(bars["high"], bars["low"], bars["close"], 14, 3, plain, 3, plain)


TA_LIB: dict[tuple[str, tuple[float, ...]], Callable[[Bars], Any]] = {
    ("atr", (14,)): lambda b: talib.ATR(b["high"], b["low"], b["close"], 14),
    ("sma", (20,)): lambda b: talib.SMA(b["close"], 20),
    ("ema", (20,)): lambda b: talib.EMA(b["close"], 20),
    ("rsi", (14,)): lambda b: talib.RSI(b["close"], 14),
    ("stdev", (20,)): lambda b: talib.STDDEV(b["close"], 20),
    ("bollinger_upper", (20, 2)): lambda b: talib.BBANDS(b["close"], 20, 2, 2)[0],
    ("bollinger_mid", (20, 2)): lambda b: talib.BBANDS(b["close"], 20, 2, 2)[1],
    ("bollinger_lower", (20, 2)): lambda b: talib.BBANDS(b["close"], 20, 2, 2)[2],
    ("macd", (12, 26, 9)): lambda b: talib.MACD(b["close"], 12, 26, 9)[0],
    ("macd_signal", (12, 26, 9)): lambda b: talib.MACD(b["close"], 12, 26, 9)[1],
    ("macd_histogram", (12, 26, 9)): lambda b: talib.MACD(b["close"], 12, 26, 9)[2],
    ("highest", (20,)): lambda b: talib.MAX(b["high"], 20),
    ("lowest", (20,)): lambda b: talib.MIN(b["low"], 20),
    ("roc", (10,)): lambda b: talib.ROC(b["close"], 10),
    ("obv", ()): lambda b: talib.OBV(b["close"], b["volume"]),
    ("adx", (14,)): lambda b: talib.ADX(b["high"], b["low"], b["close"], 14),
    ("plus_di", (14,)): lambda b: talib.PLUS_DI(b["high"], b["low"], b["close"], 14),
    ("minus_di", (14,)): lambda b: talib.MINUS_DI(b["high"], b["low"], b["close"], 14),
    ("stochastic_k", (14, 3, 3)): lambda b: stochastic(b)[0],
    ("stochastic_d", (14, 3, 3)): lambda b: stochastic(b)[1],
    ("cci", (20,)): lambda b: talib.CCI(b["high"], b["low"], b["close"], 20),
}  # fmt: skip


@pytest.mark.parametrize(("name", "parameters"), TA_LIB, ids=str)
def test_values_and_warm_up_equal_ta_lib(name: str, parameters: tuple[float, ...]) -> None:
    bars = random_bars()
    expected = TA_LIB[name, parameters](bars)
    value = ours(name, *parameters, bars=bars)
    np.testing.assert_array_equal(np.isnan(value), np.isnan(expected))
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9 * scale)


def test_what_ta_lib_lacks_follows_its_definition() -> None:
    bars = random_bars()
    mid, width = ours("ema", 20, bars=bars), 2 * ours("atr", 10, bars=bars)
    np.testing.assert_allclose(ours("keltner_upper", 20, 2, 10, bars=bars), mid + width)
    np.testing.assert_allclose(ours("keltner_lower", 20, 2, 10, bars=bars), mid - width)
    before = talib.MAX(bars["high"], 20)
    np.testing.assert_array_equal(ours("donchian_upper", 20, bars=bars)[1:], before[:-1])
    value = np.cumsum(typical(bars) * bars["volume"]) / np.cumsum(bars["volume"])
    np.testing.assert_allclose(ours("vwap", bars=bars), value)
    direction = ours("supertrend_direction", 10, 3, bars=bars)[10:]
    line = ours("supertrend", 10, 3, bars=bars)[10:]
    np.testing.assert_array_equal(direction, np.where(line < bars["close"][10:], 1.0, -1.0))


def test_vwap_starts_afresh_with_the_session() -> None:
    vwap = Indicator("vwap")
    assert vwap.update(1.0, 3.0, 1.0, 2.0, 0.0) is None
    assert vwap.update(1.0, 3.0, 1.0, 2.0, 5.0) == 2.0
    vwap.begin_session()
    assert vwap.update(1.0, 9.0, 3.0, 6.0, 1.0) == 6.0


def test_every_name_can_be_made_and_says_what_it_reads() -> None:
    assert len(INDICATORS) >= 25
    for name in INDICATORS:
        try:
            indicator = Indicator(name)
        except ValueError as error:
            assert "must be given" in str(error)  # noqa: PT017 - narrows which names need a period
            indicator = Indicator(name, 5)
        assert set(indicator.columns) <= {"open", "high", "low", "close", "volume"}
        assert indicator.columns
    with pytest.raises(TypeError, match="`atr` needs the column `high`"):
        Indicator("atr").batch(close=[1.0], low=[1.0])
    with pytest.raises(TypeError, match="`batch` takes columns of a bar, was given `price`"):
        Indicator("sma", 5).batch(price=[1.0])


@pytest.fixture
def vectors(data: Callable[[str], Path]) -> Path:
    return data("reference/indicators")


def read(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8-sig")


def table(path: Path) -> dict[str, Floats]:
    """A CSV file by lower-case column; cells that are no number, and empty ones, become NaN."""

    def number(cell: str | None) -> float:
        try:
            return float(cell or "nan")
        except ValueError:
            return float("nan")

    rows = list(csv.DictReader(StringIO(read(path))))
    return {
        key.strip().lower(): np.array([number(row[key]) for row in rows]) for key in rows[0] if key
    }


def skender(folder: Path, name: str, key: str) -> Floats:
    rows = json.loads(read(folder / f"{name}.standard.json.gz"))
    return np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=float)


@pytest.mark.parametrize(
    ("name", "parameters", "file", "key"),
    [
        ("atr", (14,), "atr", "atr"),
        ("sma", (20,), "sma", "sma"),
        ("ema", (20,), "ema", "ema"),
        ("rsi", (14,), "rsi", "rsi"),
        ("stdev", (14,), "stdev", "stdDev"),
        ("bollinger_upper", (20, 2), "bb", "upperBand"),
        ("bollinger_lower", (20, 2), "bb", "lowerBand"),
        ("donchian_upper", (20,), "donchian", "upperBand"),
        ("donchian_mid", (20,), "donchian", "centerline"),
        ("supertrend", (10, 3), "supertrend", "superTrend"),
        ("chandelier_long", (22, 3), "chexit", "chandelierExit"),
    ],
)
def test_values_equal_skenders(
    vectors: Path, name: str, parameters: tuple[float, ...], file: str, key: str
) -> None:
    """Same conventions as ours, from Wilder's start to the channel without the current bar."""
    expected = skender(vectors / "skender", file, key)
    assert np.isfinite(expected).sum() > 400
    value = ours(name, *parameters, bars=table(vectors / "skender" / "quotes_default.csv.gz"))
    np.testing.assert_array_equal(np.isnan(value), np.isnan(expected))
    np.testing.assert_allclose(value, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "parameters", "file", "key", "tolerance", "settles_after"),
    [
        # Plain means: equal from the first value on, to the digits that were printed.
        ("atr_sma", (14,), "spy_atr", "average true range 14", 2e-4, 15),
        ("bollinger_upper", (20, 2), "spy_bollinger_bands", "bollinger bands® 20 2 top", 1e-5, 20),
        ("highest_of_closes", (5,), "spy_max", "max_5", 1e-9, 5),
        ("obv", (), "spy_with_obv", "obv", 1e-4, 2),
        # Averages without an end: another start, so compared once it is forgotten.
        ("atr", (14,), "spy_atr_wilder", "average true range 14", 2e-4, 150),
    ],
)
def test_values_equal_leans(
    vectors: Path,
    name: str,
    parameters: tuple[float, ...],
    file: str,
    key: str,
    tolerance: float,
    settles_after: int,
) -> None:
    bars = table(vectors / "lean" / f"{file}.csv.gz")
    expected = bars[key]
    if name == "highest_of_closes":
        name, bars = "highest", bars | {"high": bars["close"]}
    value = ours(name, *parameters, bars=bars)
    compared = np.isfinite(expected) & np.isfinite(value)
    compared[: settles_after - 1] = False
    assert compared.sum() > 100
    np.testing.assert_allclose(value[compared], expected[compared], rtol=tolerance)


def tulip(file: Path, name: str) -> list[tuple[tuple[float, ...], list[Floats]]]:
    """All cases of an indicator: parameters, then columns in, then columns out."""
    cases = []
    for block in read(file).replace("\r", "").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines and lines[0].split()[0] == name:
            numbers = [np.array(line.strip("{}").split(","), dtype=float) for line in lines[1:]]
            cases.append((tuple(float(word) for word in lines[0].split()[1:]), numbers))
    return cases


@pytest.mark.parametrize(
    ("theirs", "names", "columns"),
    [
        ("atr", ["atr"], ["high", "low", "close"]),
        ("sma", ["sma"], ["close"]),
        ("rsi", ["rsi"], ["close"]),
        ("stddev", ["stdev"], ["close"]),
        ("bbands", ["bollinger_lower", "bollinger_mid", "bollinger_upper"], ["close"]),
        ("max", ["highest"], ["high"]),
        ("min", ["lowest"], ["low"]),
        ("wilders", ["rma"], ["close"]),
    ],
)
def test_values_equal_tulips(
    vectors: Path, theirs: str, names: list[str], columns: list[str]
) -> None:
    """Printed to a few digits, without the warm-up.

    Their first bar has a true range, from high to low: ours has the same behind a bar like it.
    """
    cases = tulip(vectors / "tulip" / "tulip_vectors.txt.gz", theirs)
    assert cases
    for parameters, numbers in cases:
        bars = dict(zip(columns, numbers, strict=False))
        if theirs == "atr":
            bars = {name: np.concatenate([column[:1], column]) for name, column in bars.items()}
        outputs = numbers[len(columns) :]
        assert len(outputs) == len(names)
        for name, expected in zip(names, outputs, strict=True):
            value = ours(name, *parameters, bars=bars)
            warm = value[np.isfinite(value)]
            np.testing.assert_allclose(warm, expected, rtol=1e-3, atol=2e-3)

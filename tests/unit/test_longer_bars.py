"""Bars over longer spans: as an expression of rules, and over tables against another library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderloom import backtest, over, resample, rule
from orderloom._core import Indicator
from orderloom.actions import log
from orderloom.conditions import atr, bar, ema, sma
from orderloom.config import load_settings
from orderloom.config.lint import lint
from orderloom.errors import ConfigError, LanguageError
from orderloom.expression import parse_condition
from orderloom.structured import parse_structured

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = 60_000_000_000
# A Tuesday, before and after which New York changes its clocks.
OPEN = int(datetime(2026, 3, 10, 13, 30, tzinfo=UTC).timestamp()) * 10**9
DAY = 86_400 * 10**9


def minutes(count: int, seed: int = 5, start: int = OPEN) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    close = 100 + np.cumsum(draw.normal(0, 0.05, count)).round(2)
    opened = np.concatenate([[100.0], close[:-1]])
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    return {
        "ts_utc": start + MINUTE * np.arange(count),
        "open": opened, "close": close,
        "high": top + draw.integers(0, 5, count) / 100,
        "low": bottom - draw.integers(0, 5, count) / 100,
        "volume": draw.integers(1, 900, count).astype(float),
    }  # fmt: skip


def regular_days(count: int) -> dict[str, Any]:
    """Minutes of 9:30 to 16:00 in New York on weekdays in March 2026, after the 9th."""
    days = [day for day in range(count) if day % 7 not in {4, 5}]
    parts = [minutes(390, seed=day, start=OPEN + day * DAY) for day in days]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def as_polars(table: dict[str, Any], every: str) -> pl.DataFrame:
    """Another library's longer bars, on New York's clock."""
    frame = pl.DataFrame(table).with_columns(
        at=pl.from_epoch("ts_utc", "ns")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("America/New_York")
    )
    return frame.group_by_dynamic("at", every=every).agg(
        pl.first("ts_utc"), pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"),
        pl.sum("volume"),
    )  # fmt: skip


@pytest.mark.parametrize("span", ["2m", "5m", "15m", "30m", "1h", "4h", "1d"])
def test_longer_bars_equal_another_librarys(span: str) -> None:
    table = regular_days(9)
    ours, theirs = resample(table, span, calendar="XNYS"), as_polars(table, span)
    assert len(ours["open"]) == len(theirs) > 5
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(ours[name], theirs[name].to_numpy(), err_msg=name)
    # Ours begin where the session does; none of theirs holds a minute before that.
    np.testing.assert_array_equal(ours["ts_utc"], theirs["ts_utc"].to_numpy())


def test_bars_of_prints_are_cut_by_the_session() -> None:
    close = OPEN + 390 * MINUTE
    prints = {"ts_utc": [OPEN - 1, OPEN, OPEN + 40, close - 1, close, OPEN + DAY],
              "price": [9.0, 10.0, 12.0, 11.0, 99.0, 20.0], "size": [1.0] * 6}  # fmt: skip
    table = resample(prints, "1d", calendar="XNYS")
    assert table["open"].tolist() == [10.0, 20.0]
    assert table["close"].tolist() == [11.0, 20.0]
    assert table["volume"].tolist() == [3.0, 1.0]
    assert resample({"A": prints}, "1d")["A"]["volume"].tolist() == [5.0, 1.0]


def test_data_that_do_not_come_to_such_bars_are_refused() -> None:
    table = minutes(10)
    with pytest.raises(ValueError, match="bars of 90 s cannot be built from bars of 60 s"):
        resample(table, "90s")
    with pytest.raises(ValueError, match="divide a day"):
        resample(table, "7m")
    with pytest.raises(ValueError, match="row 1: times must not go back"):
        resample({**table, "ts_utc": table["ts_utc"][::-1].copy()}, "5m", base="1m")
    with pytest.raises(LanguageError, match="no column"):
        resample({"ts_utc": [1], "open": [1.0]}, "5m")
    with pytest.raises(LanguageError, match="no column `open` among none"):
        resample({}, "5m")
    with pytest.raises(LanguageError, match="no column `open` among ts_utc, price"):
        resample({"ts_utc": [1], "price": [1.0]}, "5m", base="1m")


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_row_that_no_back_test_would_play_is_refused_by_its_place(
    column: str, value: float
) -> None:
    table = minutes(10)
    values = np.array(table[column], dtype=float)
    values[7] = value
    expected = "a size of 0 or more" if column == "volume" else "a price above 0"
    with pytest.raises(ValueError, match=f"row 7: `{column}` must be {expected}, was `"):
        resample({**table, column: values}, "5m")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("high", 1e-3, "at least open and close"), ("low", 1e9, "at most open and close")],
)
def test_a_bar_that_does_not_hold_its_ends_is_refused_by_its_place(
    column: str, value: float, said: str
) -> None:
    table = minutes(10)
    values = np.array(table[column], dtype=float)
    values[7] = value
    with pytest.raises(ValueError, match=f"row 7: `{column}` must be {said}, was `"):
        resample({**table, column: values}, "5m")


def test_prints_that_no_back_test_would_play_are_refused_by_their_place() -> None:
    prints = {"ts_utc": [0, 1], "price": [1.0, 0.0], "size": [1.0, 1.0]}
    with pytest.raises(ValueError, match="row 1: `price` must be a price above 0, was `0`"):
        resample(prints, "5m")
    with pytest.raises(ValueError, match="row 0: `size` must be a size of 0 or more, was `-1`"):
        resample({**prints, "price": [1.0, 1.0], "size": [-1.0, 1.0]}, "5m")


def test_an_indicator_over_longer_bars_is_one_tree_in_all_three_forms() -> None:
    python = over(atr(14), "5m") > 1.5
    native = {
        "compare": {
            "left": {
                "indicator": {
                    "name": "atr",
                    "parameters": [14.0],
                    "over": {"span": 5 * MINUTE, "of": "bars"},
                }
            },
            "is": ">",
            "right": {"number": 1.5},
        }
    }
    assert python.as_dict() == native
    assert parse_condition('over(atr(14), "5 min") > 1.5').as_dict() == native
    assert parse_structured({"indicator": 'over(atr(14), "5m")', ">": 1.5}).as_dict() == native
    prints = over(ema(9), timedelta(seconds=15), of="trades")
    assert str(prints) == 'over(ema(9), "15s", of="trades")'
    assert parse_condition(f"{prints} > 1").as_dict() == (prints > 1).as_dict()


@pytest.mark.parametrize(
    "text",
    [
        'over(atr(14), "7m") > 1',
        'over(atr(14), "2d") > 1',
        'over(atr(14), "0s") > 1',
        'over(over(atr(14), "5m"), "10m") > 1',
        'over(bar.close, "5m") > 1',
        'over(atr(14), "5m", of="quotes") > 1',
        "over(atr(14), 5) > 1",
    ],
)
def test_what_is_no_indicator_over_longer_bars_is_refused(text: str) -> None:
    with pytest.raises(LanguageError):
        parse_condition(text)


STRATEGY = """
market: {{calendar: XNYS, bars: 2m, symbols: [AAPL]}}
rules:
  - name: buy
    on: Bar
    symbols: [AAPL]
    when: bar.close > over(sma({period}), "{span}")
    do:
      - enter: {{side: BUY, shares: 1, stop: [{{percent: 1}}]}}
"""


def test_check_refuses_bars_that_cannot_be_built_and_doubts_what_is_known_too_late(
    tmp_path: Path,
) -> None:
    path = tmp_path / "strategy.yaml"

    def doubts(period: int, span: str) -> list[str]:
        path.write_text(STRATEGY.format(period=period, span=span))
        return [each.what for each in lint(load_settings(path)) if "sma" in each.what]

    assert doubts(20, "10m") == []
    assert '`over(sma(20), "1d")` needs 20 bars and can have 6' in doubts(20, "1d")[0]
    with pytest.raises(ConfigError, match=r"cannot be built from `market\.bars` of 2m"):
        doubts(20, "5m")


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(1, 900),
    span=st.sampled_from(["2m", "5m", "30m", "1h", "1d"]),
    name=st.sampled_from(["sma", "ema", "rsi", "atr"]),
    seed=st.integers(0, 9),
)
def test_rules_see_the_indicator_of_the_bars_that_are_complete(
    count: int, span: str, name: str, seed: int
) -> None:
    """Every minute's value in a back-test is that of the indicator over `resample`'s bars."""
    table = minutes(count, seed=seed)
    longer = resample(table, span, calendar="XNYS")
    indicator = Indicator(name, 3)
    values = np.asarray(indicator.batch(**{key: longer[key] for key in indicator.columns}))
    length = {"2m": 2, "5m": 5, "30m": 30, "1h": 60, "1d": 1_440}[span]
    seen = _seen(table, name, span)
    # Bars end on New York's clock, half past nine being 570 minutes; the session ends at 16:00.
    start = (np.asarray(longer["ts_utc"]) - OPEN) // MINUTE + 570
    end = (start // length + 1) * length
    end = np.where(start < 960, np.minimum(end, 960), end)
    for minute, value in enumerate(seen):
        complete = int((end <= minute + 571).sum())
        expected = values[complete - 1] if complete else np.nan
        assert (value is None) == bool(np.isnan(expected))
        if value is not None:
            assert value == pytest.approx(expected, rel=1e-12)


def _seen(table: dict[str, Any], name: str, span: str) -> list[float | None]:
    """The value at each bar, as a condition in Python is shown it."""
    found: list[float | None] = []

    def look(view: Any) -> bool:
        found.append(view.value(f'over({name}(3), "{span}")'))
        return False

    watch = rule(
        "watch", on="Bar", symbols=["A"], then=log("never"),
        when=parse_condition(f'(known(over({name}(3), "{span}")) or bar.close > 0) and look',
                             custom=["look"]),
    )  # fmt: skip
    backtest(watch, {"A": table}, span="1m", calendar="XNYS", conditions={"look": look})
    assert len(found) == len(table["open"])
    return found


def test_bars_that_do_not_divide_longer_ones_are_refused_by_a_back_test() -> None:
    watch = rule("watch", on="Bar", symbols=["A"], then=log("held"),
                 when=bar.close > over(sma(3), "90s"))  # fmt: skip
    with pytest.raises(ValueError, match=r'over\(sma\(3\), "1m30s"\).* cannot be built'):
        backtest(watch, {"A": minutes(10)})


def test_bars_of_prints_make_a_back_test_play_prints() -> None:
    watch = rule("watch", on="Bar", symbols=["A"], then=log("held"),
                 when=over(sma(1), "15s", of="trades") > 0)  # fmt: skip
    result = backtest(watch, {"A": minutes(10)})
    assert result.summary()["fired"] >= 9

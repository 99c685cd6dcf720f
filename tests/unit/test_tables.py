"""Tables as users have them: which column holds the times, and whose a table is."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from orderloom.errors import LanguageError
from orderloom.tables import by_symbol, rows

MINUTE = 60_000_000_000
START = 1_773_153_000_000_000_000  # 2026-03-10 14:30 UTC
TIMES = [START, START + MINUTE]


def frame(**columns: Any) -> Any:
    return pd.DataFrame({"Close": [1.0, 2.0], **columns})


def times_of(table: Any) -> list[int]:
    return list(by_symbol(table, ("close",), "A")["A"]["ts_utc"])


@pytest.mark.parametrize("name", ["Date", "Datetime", "DATETIME", "Timestamp", "ts_utc"])
def test_times_are_found_however_their_column_is_written(name: str) -> None:
    stamps = pd.to_datetime(TIMES, utc=True)
    for column in (TIMES, stamps, stamps.tz_convert("America/New_York")):
        assert times_of(frame(**{name: column})) == TIMES
        assert times_of(frame(**{name: column}).set_index(name)) == TIMES


def test_texts_and_dates_are_times_too() -> None:
    midnights = [1_773_100_800_000_000_000, 1_773_187_200_000_000_000]
    texts = ["2026-03-10T00:00+00:00", "2026-03-11T09:00+09:00"]
    for column in (texts, [date(2026, 3, 10), date(2026, 3, 11)]):
        assert times_of(frame(Date=column)) == midnights
        assert times_of(frame(Date=column).set_index("Date")) == midnights
        assert times_of({"Date": np.array(column), "Close": [1.0, 2.0]}) == midnights


def test_an_index_without_a_name_says_times_if_it_holds_some() -> None:
    assert times_of(frame().set_index(pd.to_datetime(TIMES, utc=True))) == TIMES


def test_an_index_that_counts_rows_is_no_time() -> None:
    with pytest.raises(LanguageError, match=r"no times among Close, Day, .* a column of ts_utc"):
        by_symbol(frame(Day=pd.to_datetime(TIMES, utc=True)), ("close",), "A")


def test_a_dict_is_of_tables_only_if_it_holds_some() -> None:
    columns = {"Date": TIMES, "Close": [1.0, 2.0]}
    assert list(by_symbol(columns, ("close",), "A")) == ["A"]
    for table in (columns, pd.DataFrame(columns), pl.DataFrame(columns)):
        assert list(by_symbol({"X": table, "Y": table}, ("close",), "A")) == ["X", "Y"]


@pytest.mark.parametrize("table", [{}, {"Date": TIMES, "Last": [1.0, 2.0]}])
def test_a_dict_of_columns_without_the_right_ones_is_told_which_are_missing(table: Any) -> None:
    with pytest.raises(LanguageError, match=r"no column `close` among .* the columns close"):
        by_symbol(table, ("close",), "A")


def test_columns_in_the_other_order_of_bytes_are_read_as_numpy_reads_them() -> None:
    for order in "<>":
        table = {
            "ts_utc": np.array(TIMES, f"{order}i8"),
            "close": np.array([1.5, 2.5], f"{order}f8"),
        }
        columns = by_symbol(table, ("close",), "A")["A"]
        assert memoryview(columns["close"]).format == "d"
        assert (columns["close"].tolist(), columns["ts_utc"].tolist()) == ([1.5, 2.5], TIMES)


def test_a_time_that_is_missing_is_told_with_its_row() -> None:
    stamps = pd.DatetimeIndex([pd.Timestamp(START), pd.NaT])
    for table in (frame(Date=stamps), {"Date": stamps.to_numpy(), "Close": [1.0, 2.0]}):
        with pytest.raises(LanguageError, match="row 1: `date` is missing, expected a value"):
            by_symbol(table, ("close",), "A")


WHOLE: dict[str, Any] = {"ts_utc": TIMES, "close": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.DataFrame([[START, 1.0, 2.0]], columns=["ts_utc", "close", "close"]), "2 columns"),
        (
            pa.Table.from_arrays([TIMES, [1.0] * 2, [2.0] * 2], ["ts_utc", "close", "close"]),
            "2 columns",
        ),
        (
            {"ts_utc": TIMES, "Close": [1.0, 2.0], "CLOSE": [1.0, 2.0]},
            "columns `Close` and `CLOSE`",
        ),
        ({**WHOLE, "close": [1.0]}, "`close` has 1 rows, `ts_utc` has 2"),
        ({**WHOLE, "volume": [1.0]}, "`volume` has 1 rows, `ts_utc` has 2"),
        ({**WHOLE, "close": 1.0}, "`close`: found `1.0`, expected a column of values"),
        ({**WHOLE, "close": "close"}, "`close`: found `close`, expected a column of values"),
        ({**WHOLE, "close": [1.0, None]}, "row 1: `close` is missing, expected a value in every"),
        ({**WHOLE, "close": [1.0, True]}, "row 1: `close` is `true`, expected a number in every"),
        ({**WHOLE, "close": np.array([1, 0], bool)}, "row 0: `close` is .*, expected a number"),
        (pl.DataFrame({**WHOLE, "close": [True, False]}), "row 0: `close` is `true`, expected a"),
        ({**WHOLE, "close": [1.0, 10**400]}, "row 1: `close` is `1000.*, expected a number in"),
        (
            pd.DataFrame({**WHOLE, "symbol": pd.array(["A", None], "string")}),
            "row 1: `symbol` is missing, expected a value in every row",
        ),
        (pd.DataFrame({**WHOLE, "ts_utc": pd.array([START, None], "Int64")}), "row 0: found `np.f"),
        ({**WHOLE, "close": [1.0, "2"]}, "row 1: `close` is the text `'2'`, expected numbers"),
        (pl.DataFrame({**WHOLE, "close": [1.0, None]}), "row 1: `close` is missing"),
        (pa.table({**WHOLE, "close": [1.0, None]}), "row 1: `close` is missing"),
        (pl.DataFrame({**WHOLE, "ts_utc": [START, None]}), "row 1: `ts_utc` is missing"),
        ({**WHOLE, "ts_utc": [START, None]}, "row 1: `ts_utc` is missing"),
    ],
)
def test_a_table_that_cannot_be_meant_is_told_with_its_column_and_row(
    table: Any, said: str
) -> None:
    with pytest.raises(LanguageError, match=said):
        by_symbol(table, ("close",), "A")


def test_prices_that_are_text_are_told_as_text_in_every_library() -> None:
    texts = {**WHOLE, "close": ["1.5", "2.5"]}
    frames = pd.DataFrame(texts), pl.DataFrame(texts), pa.table(texts)
    categories = (
        frames[0].astype({"close": "category"}),
        frames[1].with_columns(pl.col("close").cast(pl.Categorical)),
    )
    arrays = [{**WHOLE, "close": np.array(texts["close"], kind)} for kind in ("U", "S", "O")]
    for table in (texts, *frames, *categories, *arrays):
        with pytest.raises(LanguageError, match=r"row 0: `close` is the text `.*`, exp"):
            by_symbol(table, ("close",), "A")


@pytest.mark.parametrize("name", ["ts_utc", "close", "volume", "symbol"])
def test_a_masked_row_is_missing_and_not_what_lies_below_the_mask(name: str) -> None:
    table = {**WHOLE, "volume": [1.0, 2.0], "symbol": ["A", "A"]}
    for kind in {"ts_utc": ["i8", "M8[ns]"], "symbol": ["U1", "O"]}.get(name, ["f8", "i4"]):
        column: Any = np.ma.array(table[name], dtype=kind)
        whole = by_symbol({**table, name: column}, ("close",), None)["A"]
        assert [len(each) for each in whole.values()] == [2] * len(whole)
        column[1] = np.ma.masked
        with pytest.raises(LanguageError, match=f"row 1: `{name}` is missing, expected a value"):
            by_symbol({**table, name: column}, ("close",), None)


def test_columns_are_read_by_their_place_whatever_their_labels() -> None:
    later = pd.DataFrame({"Date": [START - MINUTE, *TIMES], "Close": [1.0, 2.0, 3.0]})[1:]
    stamped = later.set_index(pd.to_datetime(TIMES, utc=True))
    views: Any = {"Date": TIMES, "Close": [2.0, 3.0]}.values()
    for columns in (
        dict(later.items()),
        dict(stamped.items()),
        dict(zip(later, views, strict=True)),
    ):
        found = by_symbol(columns, ("close",), "A")["A"]
        assert list(found["ts_utc"]) == TIMES
        assert list(found["close"]) == [2.0, 3.0]


def test_what_is_masked_in_rows_is_none() -> None:
    confidence = np.ma.array([0.5, 0.7], mask=[False, True])
    told = list(rows({"at": TIMES, "confidence": confidence}))
    assert [row["confidence"] for row in told] == [0.5, None]


def test_a_lazy_table_is_collected() -> None:
    whole = pl.DataFrame({**WHOLE, "symbol": ["A", "B"]})
    for table in (whole.lazy(), {"A": whole[:1].lazy(), "B": whole[1:].lazy()}):
        found = by_symbol(table, ("close",), None)
        assert {name: list(part["close"]) for name, part in found.items()} == {"A": [1], "B": [2]}
    assert list(rows(whole.lazy())) == whole.to_dicts()


def test_rows_of_a_frame_have_the_times_of_its_index_whatever_that_is_called() -> None:
    stamps = pd.to_datetime(TIMES, utc=True)
    for index in (stamps, stamps.rename("when"), stamps.rename("Date")):
        told = list(rows(frame().set_index(index)))
        assert [(row["ts_utc"], row["Close"]) for row in told] == list(
            zip(stamps, [1, 2], strict=True)
        )
    by_ticker = frame(ts_utc=TIMES, ticker=["A", "B"]).set_index("ticker")
    assert [(row["ts_utc"], row["ticker"]) for row in rows(by_ticker)] == [
        (TIMES[0], "A"),
        (TIMES[1], "B"),
    ]


@pytest.mark.parametrize("values", [["BUY"], "BUY"])
def test_rows_of_uneven_columns_are_refused(values: Any) -> None:
    with pytest.raises(LanguageError, match="`signal`"):
        list(rows({"ts_utc": TIMES, "signal": values}))


@pytest.mark.parametrize(
    ("per_second", "unit"), [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds")]
)
def test_numbers_that_are_no_nanoseconds_are_told(per_second: int, unit: str) -> None:
    times = [1_710_408_600 * per_second, 1_710_408_660 * per_second]
    for column in (times, pl.Series(times), np.array(times)):
        with pytest.raises(LanguageError, match=f"looks like {unit}.* multiply by"):
            by_symbol({**WHOLE, "ts_utc": column}, ("close",), "A")


@pytest.mark.parametrize("symbols", [["A"], ["A", "B", "C"], ["A", None], ["A", float("nan")]])
def test_every_row_has_a_symbol(symbols: list[Any]) -> None:
    with pytest.raises(LanguageError, match="`symbol`"):
        by_symbol({**WHOLE, "symbol": symbols}, ("close",), None)

"""Market data files of every kind become items in time order, or are refused with file and row."""

from __future__ import annotations

import csv as csv_module
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderloom.feeds import (
    Bar,
    FeedError,
    Kind,
    Print,
    Quote,
    detect,
    expand,
    quotes_around,
    read_items,
    read_market,
)
from orderloom.instant import iso_to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MINUTE = 60_000_000_000
AT = iso_to_ns("2026-03-10T13:30:00Z")

BARS = """\
# Comment lines may lead.
ts_utc,symbol,open,high,low,close,volume
2026-03-10T13:30:00Z,A,10,11,9.5,10.5,101
2026-03-10T13:30:00Z,B,20,20,20,20,3
2026-03-10T13:31:00Z,A,10.5,10.6,10.2,10.2,50
2026-03-10T09:33:00-04:00,A,10.2,10.2,10,10,7
"""
QUOTES = """\
ts_utc,symbol,bid,bid_size,ask,ask_size,suspicious
2026-03-10T13:30:30Z,A,10.4,200,10.41,100,false
2026-03-10T13:30:30Z,A,0,0,10.42,100,false
2026-03-10T13:30:31Z,A,1,1,99,1,true
"""


def csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def parquet(path: Path, text: str) -> Path:
    pl = pytest.importorskip("polars")
    frame = pl.read_csv(text.encode(), comment_prefix="#")
    at = pl.Series([iso_to_ns(each) for each in frame["ts_utc"]])
    stamps = pl.from_epoch(at, "ns").dt.replace_time_zone("UTC").alias("ts_utc")
    prices = pl.col("open", "high", "low", "close").cast(pl.Float64)
    frame.with_columns(stamps, prices).write_parquet(path)
    return path


def lines(path: Path, text: str) -> Path:
    """The same rows as JSON lines, numbers as numbers."""
    rows = csv_module.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    with path.open("w", encoding="utf-8-sig") as file:
        for row in rows:
            values = {
                name: text if name in {"ts_utc", "symbol"} or not text else json.loads(text)
                for name, text in row.items()
            }
            file.write(json.dumps(values) + "\n\n")
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[1]", r"bad\.jsonl:2: expected a JSON object, found"),
        ("{", r"bad\.jsonl:2: expected a JSON object: "),
        pytest.param(
            '{"ts_utc": ' + "[" * 100_000,
            r"bad\.jsonl:2: expected a JSON object of plain values, found: nested too deeply",
            id="nested",
        ),
        ('{"ts_utc": 5, "symbol": "A"}', r"bad\.jsonl:2: `ts_utc`: expected ISO 8601"),
        (
            '{"ts_utc": "2026-03-10T13:31:00Z", "symbol": "A", "price": "ten", "size": 1}',
            r"bad\.jsonl:2: `price`: expected a number, found: ten",
        ),
        (
            '{"ts_utc": "2026-03-10T13:31:00Z", "symbol": "A", "price": 10}',
            r"bad\.jsonl:2: `size`: expected a whole number",
        ),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    good = '{"ts_utc": "2026-03-10T13:30:00Z", "symbol": "A", "price": 10, "size": 1}'
    with pytest.raises(FeedError, match=said):
        read_items(csv(tmp_path / "bad.jsonl", f"{good}\n{line}\n"))


def test_whole_sizes_may_be_written_as_floats(tmp_path: Path) -> None:
    text = '{"ts_utc": "2026-03-10T13:30:00Z", "symbol": "A", "price": 10.0, "size": %s}'
    (found,) = read_items(csv(tmp_path / "floats.jsonl", text % "100.0"))
    (expected,) = read_items(csv(tmp_path / "whole.jsonl", text % "100"))
    assert found == expected
    for size in ("100.5", "1e30", "NaN", "Infinity"):
        with pytest.raises(FeedError, match=r"`size`: expected a whole number"):
            read_items(csv(tmp_path / "no.jsonl", text % size))


def test_every_format_holds_the_same_bars(tmp_path: Path) -> None:
    from_csv = read_items(csv(tmp_path / "bars.csv", BARS))

    assert from_csv == read_items(parquet(tmp_path / "bars.parquet", BARS))
    assert from_csv == read_items(lines(tmp_path / "bars.jsonl", BARS))
    assert from_csv[0] == Bar(AT, "A", MINUTE, 10.0, 11.0, 9.5, 10.5, 101)
    assert [item.at for item in from_csv] == [AT, AT, AT + MINUTE, AT + 3 * MINUTE]


def test_files_are_merged_in_time_and_cut_without_changing_the_length_of_bars(
    tmp_path: Path,
) -> None:
    paths = [csv(tmp_path / "bars.csv", BARS), csv(tmp_path / "quotes.csv", QUOTES)]

    items = list(read_market(paths, symbols={"A"}, start=AT + 1, end=AT + 3 * MINUTE))
    last = list(read_market(paths[:1], start=AT + 3 * MINUTE))

    assert [type(item) for item in items] == [Quote, Quote, Bar]
    assert items[1] == Quote(AT + MINUTE // 2, "A", None, 10.42, 0, 100)
    assert last == [Bar(AT + 3 * MINUTE, "A", MINUTE, 10.2, 10.2, 10.0, 10.0, 7)]


def test_at_the_same_time_the_first_file_comes_first(tmp_path: Path) -> None:
    bars = csv(tmp_path / "bars.csv", BARS)
    trade = f"ts_utc,symbol,price,size\n{BARS.splitlines()[2][:20]},A,10,5\n"
    prints = csv(tmp_path / "prints.csv", trade)

    assert next(read_market([prints, bars])) == Print(AT, "A", 10.0, 5)
    assert isinstance(next(read_market([bars, prints])), Bar)


HEAD = "ts_utc,symbol,open,high,low,close,volume\n"
GOOD = "2026-03-10T13:30:00Z,A,10,11,9,10,5\n"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("2026-03-10T13:30:00Z,A,10,11,9,10,5", "ts_utc"),
        ("2026-03-10T13:29:00Z,A,10,11,9,10,5", "ts_utc"),
        ("2026-03-10T13:31:00,A,10,11,9,10,5", "ts_utc"),
        (",A,10,11,9,10,5", "ts_utc"),
        ("2026-03-10T13:31:00Z,,10,11,9,10,5", "symbol"),
        ("2026-03-10T13:31:00Z,A,nan,11,9,10,5", "open"),
        ("2026-03-10T13:31:00Z,A,10,inf,9,10,5", "high"),
        ("2026-03-10T13:31:00Z,A,10,11,-9,10,5", "low"),
        ("2026-03-10T13:31:00Z,A,10,11,9,,5", "close"),
        ("2026-03-10T13:31:00Z,A,10,11,9,ten,5", "close"),
        ("2026-03-10T13:31:00Z,A,10,9.5,9,10,5", "high"),
        ("2026-03-10T13:31:00Z,A,10,11,9,10,-5", "volume"),
        ("2026-03-10T13:31:00Z,A,10,11,9,10,1.5", "volume"),
        ("2026-03-10T13:31:00Z,A,1e30,1e30,1e30,1e30,5", "open"),
        ("2026-03-10T13:31:00Z,A,10,11,9,10,99999999999999999999", "volume"),
        ("0001-03-10T13:31:00Z,A,10,11,9,10,5", "ts_utc"),
        ("9999-12-31T23:59:00-12:00,A,10,11,9,10,5", "ts_utc"),
    ],
)
def test_an_impossible_row_is_named_with_its_line_and_column(
    tmp_path: Path, row: str, column: str
) -> None:
    path = csv(tmp_path / "bad.csv", f"# generated\n{HEAD}{GOOD}{row}\n")

    with pytest.raises(FeedError, match=rf"bad\.csv:4: `{column}`: expected .*, found: "):
        read_items(path)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("1773153000", ", which looks like seconds, hint: write `2026-03-10T14:30:00Z`"),
        ("1773153000000", ", which looks like milliseconds, hint: write `2026-03-10T14:30:00Z`"),
        ("1773153000000000", ", which looks like microseconds, hint: write `2026-03-10T14:30:00Z`"),
        ("20260310", ""),
    ],
)
def test_a_time_in_another_unit_is_told_as_one(tmp_path: Path, at: str, said: str) -> None:
    with pytest.raises(FeedError) as caught:
        read_items(csv(tmp_path / "bad.csv", f"{HEAD}{at},A,10,11,9,10,5\n"))
    assert str(caught.value).endswith(f"in 1900 to 2199, found: {at}{said}")


@pytest.mark.parametrize(("more", "said"), [(",6", "more"), ("", "fewer")])
def test_a_row_of_another_length_is_named(tmp_path: Path, more: str, said: str) -> None:
    row = GOOD.rstrip() + more if more else GOOD.rpartition(",")[0]
    path = csv(tmp_path / "bad.csv", f"{HEAD}{row}\n")

    with pytest.raises(FeedError, match=rf"bad\.csv:2: expected 7 values .*, found {said}"):
        read_items(path)


def test_the_mark_that_spreadsheets_write_first_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "marked.csv"
    path.write_text(BARS, encoding="utf-8-sig")

    assert read_items(path) == read_items(csv(tmp_path / "bars.csv", BARS))


def test_columns_of_the_wrong_type_are_refused(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    path = tmp_path / "text.parquet"
    pl.DataFrame({"ts_utc": ["x"], "symbol": ["A"], "price": [1.0], "size": [1]}).write_parquet(
        path
    )

    with pytest.raises(FeedError, match="column `ts_utc`: expected a time with a zone"):
        read_items(path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("few.csv", "ts_utc,symbol,open,high,low\n", "for bars it lacks close"),
        ("none.csv", "", "no kind of market data"),
        ("x.txt", "ts_utc", "expected a .parquet, .csv, .jsonl or .ndjson file"),
        ("empty.jsonl", "", "no kind of market data"),
        ("broken.parquet", "not parquet", "expected Parquet"),
    ],
)
def test_a_file_of_no_known_kind_is_refused(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(FeedError, match=said):
        detect(csv(tmp_path / name, text))


def test_a_single_bar_does_not_tell_its_length(tmp_path: Path) -> None:
    path = csv(tmp_path / "one.csv", HEAD + GOOD)

    with pytest.raises(FeedError, match="hint: give bars that follow each other"):
        read_items(path)
    assert read_items(path, span=MINUTE)[0] == Bar(AT, "A", MINUTE, 10.0, 11.0, 9.0, 10.0, 5)


def test_without_polars_parquet_names_the_remedy_and_csv_works(tmp_path: Path) -> None:
    csv(tmp_path / "bars.csv", BARS)
    (tmp_path / "bars.parquet").touch()
    script = (
        "import sys; sys.modules['polars'] = None\n"
        "from orderloom.feeds import FeedError, read_items\n"
        "print(len(read_items('bars.csv')))\n"
        "try: read_items('bars.parquet')\n"
        "except FeedError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(sys.modules["orderloom.feeds"].__path__[0]).parents[1])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.splitlines()[0] == "4"
    assert "orderloom[data]" in done.stdout


cents = st.integers(1, 10**7)


@given(st.lists(cents, min_size=4, max_size=4), st.integers(0, 10**9), st.booleans())
def test_the_path_of_a_bar_keeps_its_prices_volume_and_span(
    prices: Sequence[int], volume: int, rises: bool
) -> None:
    low, a, b, high = (each / 100 for each in sorted(prices))
    opening, close = (a, b) if rises else (b, a)
    bar = Bar(AT, "A", MINUTE, opening, high, low, close, volume)

    path = expand(bar)

    assert sum(each.size for each in path) == volume
    assert min(each.size for each in path) >= 0
    assert [each.at - AT for each in path] == [0, MINUTE // 4, MINUTE // 2, MINUTE - 1_000_000]
    assert (path[0].price, path[-1].price) == (opening, close)
    extremes = [path[1].price, path[2].price]
    assert extremes == ([low, high] if close >= opening else [high, low])


def test_the_quote_around_a_print_is_one_tick_wide_on_each_side() -> None:
    assert quotes_around(Print(AT, "A", 10.1, 250), 0.01) == Quote(AT, "A", 10.09, 10.11, 250, 250)
    assert quotes_around(Print(AT, "A", 0.01, 0), 0.01) == Quote(AT, "A", None, 0.02, 0, 100)


REAL = [
    ("equity_minute/AAPL_minute_trades_lean.parquet", Kind.BARS, 2303, 60),
    ("equity_minute/NWSA_minute_quotes_lean.parquet", Kind.QUOTE_BARS, 2 * 932, None),
    ("equity_second/BAC_second_trades_lean.parquet", Kind.BARS, 39261, 1),
    ("equity_daily/ETF_daily_2006_2013_yahoo_pyalgotrade.parquet", Kind.BARS, 7047, 86400),
    ("equity_hour/SPWRA_hour_lean.parquet", Kind.BARS, 1108, 3600),
    ("equity_tick/XXX_20180102_quotes_taq_highfrequency.parquet", Kind.QUOTES_IN_LOTS, 66695, None),
    ("equity_tick/BAC_20131007_trades_lean.parquet", Kind.PRINTS, 88172, None),
]


@pytest.mark.parametrize(("name", "kind", "count", "seconds"), REAL)
def test_real_files_are_read_in_time_order(
    data: Callable[[str], Path], name: str, kind: Kind, count: int, seconds: int | None
) -> None:
    pytest.importorskip("polars")
    path = data(name)
    items = read_items(path)

    assert detect(path).kind is kind
    assert len(items) <= count
    assert len(items) > count * 0.99
    assert all(a.at <= b.at for a, b in itertools.pairwise(items))
    spans = {item.span for item in items if isinstance(item, Bar)}
    assert spans == ({seconds * 1_000_000_000} if seconds else set())

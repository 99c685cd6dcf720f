"""The columns of a file as plain lists, with the number of each row.

Both formats end here, so that everything after is checked and read in one way.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orderloom.feeds.items import FeedError
from orderloom.feeds.kind import (
    LINES,
    OPTIONAL,
    MarketFile,
    columns_of,
    csv_text,
    json_rows,
    require_polars,
)
from orderloom.instant import iso_to_ns, ns_to_iso, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

_TEXT: Final = frozenset({"symbol"})
_WHOLE: Final = frozenset(
    {"volume", "size", "bid_size", "ask_size", "bid_size_lots", "ask_size_lots", "correction"}
)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with `start <= ts_utc < end` of the wanted symbols, in the order of the file."""

    file: MarketFile
    rows: list[int]  # as a person counts: first data row 1 in Parquet, else the line's number
    columns: dict[str, list[Any]]
    step: int | None  # the smallest distance of two rows of a symbol in the whole file, ns

    def place(self, index: int) -> str:
        """File and row, for a message."""
        word = ": row " if self.file.path.suffix == ".parquet" else ":"
        return f"{self.file.path}{word}{self.rows[index]}"


def read_table(
    file: MarketFile, start: int | None, end: int | None, symbols: Collection[str] | None
) -> Table:
    """Read what is wanted of a file.

    Raises:
        FeedError: a value or a column of another type than expected.
    """
    if file.path.suffix == ".parquet":
        return _read_parquet(file, start, end, symbols)
    given = json_rows(file.path) if file.path.suffix in LINES else _csv_rows(file.path)
    return _read_text(file, given, start, end, symbols)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The rows, each with its line's number."""
    with csv_text(path) as text:
        lines = text.readlines()
        comments = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
        reader = csv.DictReader(lines[comments:])
        for row in reader:
            number = comments + reader.line_num
            if None in row or None in row.values():
                raise FeedError(
                    f"{path}:{number}: expected {len(reader.fieldnames or ())} values as the first "
                    f"line names, found {'more' if None in row else 'fewer'}"
                )
            yield number, row


def _read_text(
    file: MarketFile,
    given: Iterable[tuple[int, dict[str, str | None]]],
    start: int | None,
    end: int | None,
    symbols: Collection[str] | None,
) -> Table:
    found = columns_of(file.path)
    names = [name for name in (*file.kind.columns, *OPTIONAL) if name in found]
    rows: list[int] = []
    columns: dict[str, list[Any]] = {name: [] for name in names}
    last: dict[str, int] = {}
    steps: set[int] = set()
    for number, row in given:
        values = {
            name: _cell(name, row.get(name), f"{file.path}:{number}", _parser(name))
            for name in names
        }
        at, symbol = values["ts_utc"], values["symbol"]
        if at is None or not symbol:
            name = "ts_utc" if at is None else "symbol"
            raise FeedError(f"{file.path}:{number}: `{name}`: expected a value, found: nothing")
        steps.add(at - last.get(symbol, at))
        last[symbol] = at
        if (start is not None and at < start) or (end is not None and at >= end):
            continue
        if symbols is not None and symbol not in symbols:
            continue
        rows.append(number)
        for name, value in values.items():
            columns[name].append(value)
    return Table(file, rows, columns, min((step for step in steps if step > 0), default=None))


def _parser(name: str) -> Callable[[str], Any]:
    if name == "ts_utc":
        return iso_to_ns
    if name in _TEXT:
        return str
    if name == "suspicious":
        return {"true": True, "false": False}.__getitem__
    return int if name in _WHOLE else float


def _cell(name: str, text: str | None, place: str, parse: Callable[[str], Any]) -> Any:
    if not text:
        return None
    try:
        return parse(text)
    except (ValueError, KeyError):
        expected = {
            iso_to_ns: "ISO 8601 with an offset, in 1900 to 2199",
            int: "a whole number",
        }.get(parse, "a number" if parse is float else "true or false")
        found = text[:60] + (_in_unit(text) if parse is iso_to_ns else "")
        raise FeedError(f"{place}: `{name}`: expected {expected}, found: {found}") from None


def _in_unit(text: str) -> str:
    """What a time looks like that is a number of a unit, and how it is written here."""
    at = int(text) if text.isdecimal() and len(text) < 20 else 0
    unit = unit_of(at)
    if unit is None:
        return ""
    return f", which looks like {unit.name}, hint: write `{ns_to_iso(at * unit.ns)}`"


def _read_parquet(
    file: MarketFile, start: int | None, end: int | None, symbols: Collection[str] | None
) -> Table:
    require_polars(file.path)
    import polars as pl  # noqa: PLC0415

    frame = pl.scan_parquet(file.path)
    schema = frame.collect_schema()
    names = [name for name in (*file.kind.columns, *OPTIONAL) if name in schema]
    for name in names:
        _check_type(file, name, schema[name])
    at = pl.col("ts_utc").dt.cast_time_unit("ns").dt.epoch("ns")
    frame = frame.select(names).with_row_index("row", offset=1).with_columns(ts_utc=at)
    steps = frame.select(step=pl.col("ts_utc").diff().over("symbol")).filter(pl.col("step") > 0)
    step = steps.select(pl.col("step").min()).collect().item()
    if start is not None:
        frame = frame.filter(pl.col("ts_utc") >= start)
    if end is not None:
        frame = frame.filter(pl.col("ts_utc") < end)
    if symbols is not None:
        frame = frame.filter(pl.col("symbol").is_in(list(symbols)))
    columns = frame.collect().to_dict(as_series=False)
    return Table(file, columns.pop("row"), columns, step)


def _check_type(file: MarketFile, name: str, found: Any) -> None:
    import polars as pl  # noqa: PLC0415

    if name == "ts_utc":
        is_right, expected = getattr(found, "time_zone", None) is not None, "a time with a zone"
    elif name in _TEXT:
        is_right, expected = found in (pl.String, pl.Categorical), "text"
    elif name == "suspicious":
        is_right, expected = found == pl.Boolean, "true or false"
    elif name in _WHOLE:
        is_right, expected = found.is_integer(), "whole numbers"
    else:
        is_right, expected = found.is_numeric(), "numbers"
    if not is_right:
        raise FeedError(f"{file.path}: column `{name}`: expected {expected}, found: {found}")

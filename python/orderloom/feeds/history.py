"""Files of market data as tables for back-tests: whole columns where a file has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orderloom.feeds.items import Bar, FeedError, Print
from orderloom.feeds.kind import Kind, detect
from orderloom.feeds.reader import read_market

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Table = dict[str, dict[str, Any]]
"""Columns by symbol."""

_KINDS: Final = {Kind.BARS: "bars", Kind.PRINTS: "prints", Kind.QUOTES: "quotes"}
_MARKS: Final = ("suspicious", "correction")


def read_history(
    paths: Sequence[Path],
    *,
    symbols: Sequence[str],
    start: int | None = None,
    end: int | None = None,
) -> dict[str, Table]:
    """Tables named as the arguments of `backtest`: `bars`, `quotes`, `prints`.

    One Parquet file of a kind is handed on as it lies; anything else is read row by row, checked
    and merged as for the simulated TWS.

    Args:
        paths: Parquet, CSV or JSON lines of any kind that `feeds` knows.
        symbols: Only these.
        start: First moment, UTC ns.
        end: First moment no longer wanted, UTC ns.

    Raises:
        FeedError: a file that does not hold what it should, or nothing of these symbols.
    """
    files = [detect(path) for path in paths]
    kinds = [file.kind for file in files]
    tables: dict[str, Table] = {}
    if len(set(kinds)) == len(kinds) and all(
        file.path.suffix == ".parquet" and file.kind in _KINDS for file in files
    ):
        for file in files:
            table = _columns(file.path, file.kind, symbols, start, end)
            if table:
                tables[_KINDS[file.kind]] = table
    else:
        tables = _rows(paths, symbols, start, end)
    if not tables:
        raise FeedError.none_of(symbols, paths, start, end)
    return tables


def _columns(
    path: Path, kind: Kind, symbols: Sequence[str], start: int | None, end: int | None
) -> Table:
    import polars as pl  # noqa: PLC0415 - `detect` has made sure of it

    frame = pl.scan_parquet(path)
    names = frame.collect_schema().names()
    for mark in _MARKS:
        if mark in names:
            frame = frame.filter(~pl.col(mark).cast(pl.Boolean).fill_null(value=False))
    at = pl.col("ts_utc").dt.cast_time_unit("ns").dt.epoch("ns")
    wanted = [name for name in (*kind.columns, "volume") if name in names]
    frame = frame.select(wanted).with_columns(ts_utc=at)
    if start is not None:
        frame = frame.filter(pl.col("ts_utc") >= start)
    if end is not None:
        frame = frame.filter(pl.col("ts_utc") < end)
    frame = frame.filter(pl.col("symbol").is_in(list(symbols)))
    numbers = [name for name in wanted if name not in {"ts_utc", "symbol"}]
    frame = frame.with_columns(pl.col(name).cast(pl.Float64) for name in numbers)
    if kind is Kind.QUOTES:  # one side may be missing; a bar is whole
        frame = frame.with_columns(pl.col(name).fill_null(float("nan")) for name in numbers)
    parts = frame.collect().partition_by("symbol", as_dict=True, maintain_order=True)
    return {
        str(symbol): {name: part[name].rechunk() for name in ("ts_utc", *numbers)}
        for (symbol,), part in parts.items()
    }


def _rows(
    paths: Sequence[Path], symbols: Sequence[str], start: int | None, end: int | None
) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    spans = set()
    names: tuple[str, ...]
    for item in read_market(paths, symbols=symbols, start=start, end=end):
        if isinstance(item, Bar):
            kind, names = "bars", ("open", "high", "low", "close", "volume")
            spans.add(item.span)
        elif isinstance(item, Print):
            kind, names = "prints", ("price", "size")
        else:
            kind, names = "quotes", ("bid", "ask", "bid_size", "ask_size")
        table = tables.setdefault(kind, {})
        columns = table.setdefault(item.symbol, {name: [] for name in ("ts_utc", *names)})
        columns["ts_utc"].append(item.at)
        for name in names:
            value = getattr(item, name)
            columns[name].append(float("nan") if value is None else float(value))
    if len(spans) > 1:
        found = ", ".join(f"{span // 1_000_000_000} s" for span in sorted(spans))
        raise FeedError(f"expected bars of one length in all files, found {found}")
    return tables

"""Which kind of market data a file holds, told by its columns."""

from __future__ import annotations

import csv
import json
from codecs import BOM_UTF8
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from orderloom.feeds.items import FeedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ALWAYS: Final = ("ts_utc", "symbol")
_QUOTE_BAR: Final = tuple(
    f"{side}_{what}" for side in ("bid", "ask") for what in ("open", "close", "size")
)


class Kind(Enum):
    """The columns that make a file of each kind, besides `ts_utc` and `symbol`."""

    BARS = ("open", "high", "low", "close")
    QUOTE_BARS = _QUOTE_BAR
    PRINTS = ("price", "size")
    QUOTES = ("bid", "ask", "bid_size", "ask_size")
    QUOTES_IN_LOTS = ("bid", "ask", "bid_size_lots", "ask_size_lots")

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that must be there."""
        own: tuple[str, ...] = self.value
        return _ALWAYS + own


_EXACT_MAX: Final = 2**53  # up to which each whole number is a float of its own
LINES: Final = (".jsonl", ".ndjson")
# Columns that are read where a file has them.
OPTIONAL: Final = ("volume", "suspicious", "correction")


@dataclass(frozen=True, slots=True)
class MarketFile:
    """A market data file and the kind of its rows."""

    path: Path
    kind: Kind


def detect(path: Path | str) -> MarketFile:
    """Look at the columns of a `.parquet`, `.csv`, `.jsonl` or `.ndjson` file.

    Raises:
        FeedError: neither, no kind fits the columns, or Parquet without polars installed.
        OSError: the file cannot be opened.
    """
    path = Path(path)
    found = columns_of(path)
    for kind in Kind:
        if set(kind.columns) <= set(found):
            return MarketFile(path, kind)
    nearest = min(Kind, key=lambda kind: len(set(kind.columns) - set(found)))
    missing = [name for name in nearest.columns if name not in found]
    raise FeedError(
        f"{path}: no kind of market data has the columns {', '.join(found)}\n"
        f"hint: for {nearest.name.lower().replace('_', ' ')} it lacks {', '.join(missing)}"
    )


def columns_of(path: Path) -> list[str]:
    """The column names of a file, in its order."""
    if path.suffix == ".csv":
        with csv_text(path) as file:
            return next(csv.reader(without_comments(file)), [])
    if path.suffix in LINES:
        return list(next((row for _, row in json_rows(path)), {}))
    if path.suffix != ".parquet":
        raise FeedError(
            f"{path}: expected a .parquet, .csv, .jsonl or .ndjson file, was `{path.suffix}`"
        )
    require_polars(path)
    import polars as pl  # noqa: PLC0415

    try:
        return pl.scan_parquet(path).collect_schema().names()
    except pl.exceptions.PolarsError as error:
        raise FeedError(f"{path}: expected Parquet: {error}") from None


@contextmanager
def csv_text(path: Path) -> Iterator[TextIO]:
    """Open a CSV file; tell content that is none as a `FeedError`."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            yield file
        except (UnicodeDecodeError, csv.Error) as error:
            raise FeedError(f"{path}: expected CSV in UTF-8: {error}") from None


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The objects of JSON lines, each with its line's number; values as CSV would write them."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(BOM_UTF8).strip() if number == 1 else line.strip()
            if not text:
                continue
            try:
                row = json.loads(text)
                cells = _as_texts(row) if isinstance(row, dict) else None
            except ValueError as error:  # not UTF-8 is one, too
                raise FeedError(f"{path}:{number}: expected a JSON object: {error}") from None
            except RecursionError:
                raise FeedError(
                    f"{path}:{number}: expected a JSON object of plain values, found: nested too "
                    "deeply"
                ) from None
            if cells is None:
                raise FeedError(f"{path}:{number}: expected a JSON object, found: {text[:60]!r}")
            yield number, cells


def _as_texts(row: dict[str, object]) -> dict[str, str | None]:
    return {name: _as_text(value) for name, value in row.items()}


def _as_text(value: object) -> str | None:
    # Many writers know one kind of number, and write 100 shares as 100.0.
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_MAX:
        return str(int(value))
    return value if isinstance(value, str) or value is None else json.dumps(value)


def without_comments(file: TextIO) -> Iterable[str]:
    """The lines of a CSV file after its leading `#` lines."""
    for line in file:
        if not line.startswith("#"):
            yield line
            break
    yield from file


def require_polars(path: Path) -> None:
    """Raise `FeedError` with the remedy where polars is not installed."""
    try:
        import polars as pl  # noqa: F401, PLC0415
    except ImportError:
        raise FeedError(
            f"{path}: reading Parquet needs polars\nhint: pip install 'orderloom[data]', or use CSV"
        ) from None

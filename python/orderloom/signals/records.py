"""Recorded predictions: read from JSON lines, CSV or Parquet, written as JSON lines.

A line is the `prediction` object of the documented schema or the whole envelope; a table has the
same names as columns (`probabilities` and `feature_values` as JSON text in CSV). An optional
`served_at` (ISO 8601) says when the server begins to serve the record; by default that is the
prediction's own time. A later one makes a source that is late, or that serves something again.
"""

from __future__ import annotations

import csv
import json
from codecs import BOM_UTF8
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom.errors import OrderloomError
from orderloom.instant import iso_to_ns, ns_to_iso
from orderloom.signals.parse import DOCUMENTED, decode, parse_message
from orderloom.signals.refusal import Refused, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orderloom.signals.fields import FieldMapping
    from orderloom.signals.prediction import Prediction

_NESTED: Final = ("probabilities", "feature_values")


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A prediction and the moment (UTC nanoseconds) from which it is served."""

    prediction: Prediction
    served_at: int

    def to_document(self) -> dict[str, Any]:
        """The prediction's document, with `served_at` where it says more than the prediction."""
        document = self.prediction.to_document()
        if self.served_at != self.prediction.predicted_at:
            document["served_at"] = ns_to_iso(self.served_at)
        return document


class RecordError(OrderloomError, ValueError):
    """A file of predictions that does not read as documented: file, line or row, and why."""

    exit_code = 2


def read_records(path: Path | str, mapping: FieldMapping = DOCUMENTED) -> list[PredictionRecord]:
    """All records of a `.jsonl`, `.ndjson`, `.csv` or `.parquet` file, by `served_at`.

    Raises:
        RecordError: an unknown kind of file, or a record that cannot be read, with its place.
        OSError: the file cannot be opened.
    """
    path = Path(path)
    kinds = {".jsonl": _lines, ".ndjson": _lines, ".csv": _csv_rows, ".parquet": _parquet_rows}
    if path.suffix not in kinds:
        raise RecordError(f"{path}: expected one of {', '.join(kinds)}, was `{path.suffix}`")
    records = []
    for place, document in kinds[path.suffix](path):
        try:
            records.append(record_of(document, mapping))
        except Refused as refused:
            raise RecordError(f"{place}: {refused.detail}") from None
        except ValueError as error:
            raise RecordError(f"{place}: {error}") from None
    return sorted(records, key=lambda record: record.served_at)


def write_records(path: Path | str, records: Iterable[PredictionRecord]) -> int:
    """Write JSON lines; returns how many."""
    lines = [json.dumps(record.to_document()) for record in records]
    Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return len(lines)


def record_of(document: Any, mapping: FieldMapping = DOCUMENTED) -> PredictionRecord:
    """One record.

    Raises:
        Refused: the prediction does not read as documented.
        ValueError: `served_at` is no time, or before the prediction itself.
    """
    prediction = parse_message(document, mapping)
    served = document.get("served_at")
    if served is None:
        return PredictionRecord(prediction, prediction.predicted_at)
    try:
        served_at = iso_to_ns(served)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`served_at`: expected ISO 8601 with an offset ({error}), found: {shown(served)}"
        ) from None
    if served_at < prediction.predicted_at:
        raise ValueError(f"`served_at`: expected no time before the prediction's, found: {served}")
    return PredictionRecord(prediction, served_at)


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.removeprefix(BOM_UTF8) if number == 1 else line
            if text.strip():
                yield f"{path}:{number}", _decoded(text, f"{path}:{number}")


def _decoded(line: bytes | str, place: str) -> Any:
    try:
        return decode(line)
    except Refused as refused:
        raise RecordError(f"{place}: {refused.detail}") from None


def _csv_rows(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        yield from _rows_of(path, csv.DictReader(file))


def _rows_of(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[str, Any]]:
    try:
        for row in reader:
            document: dict[str, Any] = {name: text for name, text in row.items() if text}
            for name in _NESTED:
                if name in document:
                    document[name] = _decoded(document[name], f"{path}:{reader.line_num}")
            yield f"{path}:{reader.line_num}", document
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordError(f"{path}: expected CSV in UTF-8: {error}") from None


def _parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        import polars as pl  # noqa: PLC0415
    except ImportError:
        raise RecordError(
            f"{path}: reading Parquet needs polars\nhint: pip install 'orderloom[data]'"
        ) from None
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RecordError(f"{path}: expected Parquet: {error}") from None
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    frame = frame.with_columns(pl.col(times).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z"))
    for number, row in enumerate(frame.iter_rows(named=True), start=1):
        document = {name: value for name, value in row.items() if value is not None}
        for name in _NESTED:
            if isinstance(document.get(name), str):
                document[name] = _decoded(document[name], f"{path}: row {number}")
        yield f"{path}: row {number}", document

"""Tables of any library as columns by symbol: polars, pandas, pyarrow, NumPy, or plain dicts.

Nothing is imported here that the caller's table did not bring along. Columns are handed on as they
are, for the native side to read in place; only a table of several symbols is taken apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from operator import index
from typing import TYPE_CHECKING, Any, Final

from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.instant import iso_to_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns = Mapping[str, Any]

TIME_NAMES: Final = ("ts_utc", "timestamp", "datetime", "time", "date", "at", "start")
"""What a column of times may be called, in order of preference."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAT: Final = -(2**63)  # how NumPy writes that a time is missing
_SYMBOL_NAMES: Final = ("symbol", "ticker")


def by_symbol(table: Any, needed: Sequence[str], only: str | None) -> dict[str, Columns]:
    """The columns of each symbol, with the times as `ts_utc`.

    Args:
        table: A table with a column `symbol`, one without, or a mapping of symbols to tables.
        needed: Columns that must be there besides the times.
        only: Whose a table without a column `symbol` is.

    Raises:
        LanguageError: No table, a column that is missing, or nobody's table.
    """
    if isinstance(table, Mapping) and any(map(_is_table, table.values())):
        return {
            str(symbol): columns
            for symbol, part in table.items()
            for columns in [_checked(part, needed)]
        }
    columns = _checked(table, needed)
    name = next((name for name in columns if name.lower() in _SYMBOL_NAMES), None)
    if name is None:
        if only is None:
            raise LanguageError(
                "a table without a column `symbol`", "one symbol in the rules, or that column"
            )
        return {only: columns}
    return _parts(table, columns, name)


def rows(table: Any) -> Iterator[dict[str, Any]]:
    """The rows of a table as dicts."""
    if hasattr(table, "iter_rows"):
        yield from table.iter_rows(named=True)
    elif hasattr(table, "to_pylist"):
        yield from table.to_pylist()
    elif isinstance(table, Mapping):
        names = list(table)
        for values in zip(*(table[name] for name in names), strict=True):
            yield dict(zip(names, values, strict=True))
    elif hasattr(table, "to_dict"):
        yield from table.reset_index().to_dict("records")
    elif fields := getattr(getattr(table, "dtype", None), "names", None):
        for row in table.tolist():
            yield dict(zip(fields, row, strict=True))
    elif isinstance(table, Iterable):
        yield from table
    else:
        raise LanguageError(f"found {shown(table)}", "a table or a list of rows")


def moment(value: object) -> int:
    """One time as UTC nanoseconds; without a zone it is taken to be UTC."""
    if isinstance(value, str):
        try:
            return iso_to_ns(value)
        except ValueError as error:
            raise LanguageError(
                f"found {shown(value)} ({error})", "ISO 8601 with an offset"
            ) from None
    if isinstance(value, datetime):
        if value != value:  # noqa: PLR0124 - pandas' NaT is a datetime
            raise LanguageError("a time that is missing", "a time in every row")
        known = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        # Whole microseconds, and what pandas knows beyond them.
        whole = (known - _EPOCH) // timedelta(microseconds=1)
        return whole * 1_000 + int(getattr(value, "nanosecond", 0))
    if isinstance(value, date):
        return moment(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return index(value)  # NumPy's integers, too
    raise LanguageError(f"found {shown(value)}", "a time: UTC nanoseconds, datetime or ISO 8601")


def _checked(table: Any, needed: Sequence[str]) -> dict[str, Any]:
    columns = _columns(table)
    for given in list(columns):  # `Close` is what some sources write
        columns.setdefault(given.lower(), columns[given])
    missing = [name for name in needed if name not in columns]
    if missing:
        hint = did_you_mean(missing[0], list(columns))
        raise LanguageError(
            f"no column `{missing[0]}` among {', '.join(columns) or 'none'}",
            f"the columns {', '.join(needed)}",
            hint,
        )
    name = next((name for name in TIME_NAMES if name in columns), None)
    if name is None:
        raise LanguageError(
            f"no times among {', '.join(columns)}", f"a column of {', '.join(TIME_NAMES)}"
        )
    columns["ts_utc"] = _times(columns[name])
    return {name: _native(column) for name, column in columns.items()}


def _is_table(value: Any) -> bool:
    """Whether it has columns, rather than being one."""
    return isinstance(value, Mapping) or _names(value) is not None


def _names(table: Any) -> Any:
    """Names of the columns; `None` for what has none."""
    names = getattr(table, "column_names", None)
    names = getattr(table, "columns", None) if names is None else names
    return getattr(getattr(table, "dtype", None), "names", None) if names is None else names


def _columns(table: Any) -> dict[str, Any]:
    """Every column by its name."""
    if isinstance(table, Mapping):
        return dict(table)
    if _is_of(table, "pandas"):
        found = {str(name): _plain(table[name]) for name in table.columns}
        if not any(name.lower() in TIME_NAMES for name in found) and _is_of_times(table.index):
            found["ts_utc"] = table.index
        return found
    names = _names(table)
    if names is None or not hasattr(table, "__getitem__"):
        raise LanguageError(
            f"found {shown(type(table).__name__)}",
            "a table of polars, pandas, pyarrow or NumPy, or a dict of columns",
        )
    return {str(name): table[name] for name in names}


def _is_of(value: object, library: str) -> bool:
    return type(value).__module__.partition(".")[0] == library


def _is_of_times(index: Any) -> bool:
    """Whether an index of pandas says times, rather than counts rows."""
    return index.dtype.kind == "M" or str(index.name).lower() in TIME_NAMES


def _plain(column: Any) -> Any:
    """A column of pandas as the array behind it; times stay."""
    return column if column.dtype.kind in "Mm" else column.to_numpy()


def _times(column: Any) -> Any:
    """Times in a form that the native side reads: 64-bit nanoseconds or an Arrow timestamp."""
    if _is_of(column, "pandas"):
        pd: Any = import_module("pandas")  # the caller's column brought it along
        if column.dtype.kind != "M" and not isinstance(column.dtype, pd.DatetimeTZDtype):
            return _times(column.to_numpy())
        # Its numbers are UTC whatever its zone.
        return _all_known(pd.DatetimeIndex(column).as_unit("ns").asi8)
    kind = getattr(getattr(column, "dtype", None), "kind", None)
    if kind == "M":
        return _all_known(column.astype("datetime64[ns]").view("int64"))
    if isinstance(column, list | tuple) or kind in {"O", "U"}:  # texts and dates of NumPy
        return [moment(value) for value in column]
    return column


def _all_known(times: Any) -> Any:
    """The numbers of times of NumPy, none of which is its `NaT`."""
    if len(times) and times.min() == _NAT:
        raise LanguageError(
            f"row {int(times.argmin())}: a time that is missing", "a time in every row"
        )
    return times


def _native(column: Any) -> Any:
    """A column of NumPy in the machine's order of bytes, which is read in place."""
    if not _is_of(column, "numpy") or column.dtype.isnative:
        return column
    return column.astype(column.dtype.newbyteorder("="))


def _parts(table: Any, columns: dict[str, Any], name: str) -> dict[str, Columns]:
    """A table taken apart by its column of symbols."""
    if hasattr(table, "partition_by"):
        parts = table.partition_by(name, as_dict=True, maintain_order=True)
        return {str(key[0]): _checked(part, ()) for key, part in parts.items()}
    if hasattr(table, "groupby"):
        return {str(key): _checked(part, ()) for key, part in table.groupby(name, sort=False)}
    if hasattr(table, "to_pylist"):
        pc: Any = import_module("pyarrow.compute")  # the caller's table brought it along
        names = pc.unique(table[name]).to_pylist()
        return {
            str(each): _checked(table.filter(pc.equal(table[name], each)), ()) for each in names
        }
    places: dict[str, list[int]] = {}
    for place, symbol in enumerate(columns[name]):
        places.setdefault(str(symbol), []).append(place)
    if len(places) == 1:
        return {next(iter(places)): columns}
    return {
        symbol: {key: _taken(column, wanted) for key, column in columns.items() if key != name}
        for symbol, wanted in places.items()
    }


def _taken(column: Any, places: list[int]) -> Any:
    return column.take(places) if hasattr(column, "take") else [column[place] for place in places]

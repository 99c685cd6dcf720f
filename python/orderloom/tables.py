"""Tables of any library as columns by symbol: polars, pandas, pyarrow, NumPy, or plain dicts.

Nothing is imported here that the caller's table did not bring along. Columns are handed on as they
are, for the native side to read in place; only a table of several symbols is taken apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from itertools import islice
from operator import index
from typing import TYPE_CHECKING, Any, Final, cast

from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.instant import iso_to_ns, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns = Mapping[str, Any]

TIME_NAMES: Final = ("ts_utc", "timestamp", "datetime", "time", "date", "at", "start")
"""What a column of times may be called, in order of preference."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_MAX: Final = 2**63 - 1
_NAT: Final = -(2**63)  # how NumPy writes that a time is missing
_SYMBOL_NAMES: Final = ("symbol", "ticker")
_NAMES: Final = ("ts_utc", *_SYMBOL_NAMES)
"""Columns whose values are no numbers, or judged elsewhere."""
_OPTIONAL: Final = ("volume", "size", "bid_size", "ask_size")


def by_symbol(table: Any, needed: Sequence[str], only: str | None) -> dict[str, Columns]:
    """The columns of each symbol, with the times as `ts_utc`.

    Args:
        table: A table with a column `symbol`, one without, or a mapping of symbols to tables.
        needed: Columns that must be there besides the times.
        only: Whose a table without a column `symbol` is.

    Raises:
        LanguageError: No table, a column that is missing, or nobody's table.
    """
    table = _collected(table)
    if isinstance(table, Mapping) and any(map(_is_table, table.values())):
        found: dict[str, Columns] = {}
        for symbol, part in table.items():
            with inside(str(symbol)):
                found[str(symbol)] = _checked(_collected(part), needed)
        return found
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
    table = _collected(table)
    if (names := _names(table)) is not None:
        _once(names)
    if hasattr(table, "iter_rows"):
        yield from table.iter_rows(named=True)
    elif hasattr(table, "to_pylist"):
        yield from table.to_pylist()
    elif isinstance(table, Mapping):
        _even(table, list(table))
        names = list(table)
        for values in zip(*(_walked(table[name]) for name in names), strict=True):
            yield dict(zip(names, values, strict=True))
    elif hasattr(table, "to_dict"):
        timed = _timed(table)
        named = [name for name in table.index.names if name is not None and name not in timed]
        yield from (timed.reset_index(named) if named else timed).to_dict("records")
    elif fields := getattr(getattr(table, "dtype", None), "names", None):
        for row in table.tolist():
            yield dict(zip(fields, row, strict=True))
    elif is_walkable(table):
        yield from table
    else:
        raise LanguageError(f"found {shown(table)}", "a table or a list of rows")


def is_walkable(value: Any) -> bool:
    """Whether it can be walked; to know it is to try, for an array of NumPy may hold one value."""
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _walked(column: Any) -> Any:
    """The values of a column; `None` for those that NumPy masks."""
    return column.tolist() if _is_maskable(column) else column


def moment(value: object) -> int:
    """One time as UTC nanoseconds; without a zone it is taken to be UTC.

    Raises:
        LanguageError: No time, or one that 64 bits do not hold.
    """
    ns = _nanoseconds(value)
    if not -_NS_MAX <= ns <= _NS_MAX:
        raise LanguageError(f"found {shown(value)}", "a time from 1678 to 2261")
    return ns


def _nanoseconds(value: object) -> int:
    if isinstance(value, str):
        try:
            return iso_to_ns(value)
        except ValueError as error:
            raise LanguageError(
                f"found {shown(value)} ({error})", "ISO 8601 with an offset"
            ) from None
    if isinstance(value, datetime) and is_known(value):  # pandas' `NaT` is one, too
        known = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        # Whole microseconds, and what pandas knows beyond them.
        whole = (known - _EPOCH) // timedelta(microseconds=1)
        return whole * 1_000 + int(getattr(value, "nanosecond", 0))
    if isinstance(value, date) and is_known(value):
        return _nanoseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if not isinstance(value, bool):
        with suppress(TypeError):
            return index(value)  # type: ignore[arg-type]  # NumPy's integers, too
    raise LanguageError(f"found {shown(value)}", "a time: UTC nanoseconds, datetime or ISO 8601")


def _checked(table: Any, needed: Sequence[str]) -> dict[str, Any]:
    columns = _columns(table)
    written = {name: name for name in columns}
    for given in list(columns):  # `Close` is what some sources write
        first = written.setdefault(given.lower(), given)
        if first != given and first != given.lower():
            raise LanguageError(f"columns {shown(first)} and {shown(given)}", "one of them")
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
    read = [*needed, *(name for name in (*_OPTIONAL, *_SYMBOL_NAMES) if name in columns)]
    for each in (name, *read):
        _unmasked(each, columns[each])
    columns["ts_utc"] = _times(name, columns[name])
    _even(columns, ["ts_utc", *read])
    _whole(columns, ["ts_utc", *read])
    _check_unit(columns["ts_utc"])
    return {name: _native(column) for name, column in columns.items()}


def _is_table(value: Any) -> bool:
    """Whether it has columns, rather than being one."""
    # A lazy one would complain of being asked for its columns.
    return isinstance(value, Mapping) or _is_lazy(value) or _names(value) is not None


def _names(table: Any) -> Any:
    """Names of the columns; `None` for what has none."""
    names = getattr(table, "column_names", None)
    names = getattr(table, "columns", None) if names is None else names
    return getattr(getattr(table, "dtype", None), "names", None) if names is None else names


def _columns(table: Any) -> dict[str, Any]:
    """Every column by its name."""
    if isinstance(table, Mapping):
        return {str(name): column for name, column in table.items()}
    names = _names(table)
    if names is None or not hasattr(table, "__getitem__"):
        raise LanguageError(
            f"found {shown(type(table).__name__)}",
            "a table of polars, pandas, pyarrow or NumPy, or a dict of columns",
        )
    _once(names)
    if _is_of(table, "pandas"):
        table = _timed(table)
        return {str(name): _plain(table[name]) for name in table.columns}
    return {str(name): table[name] for name in names}


def _collected(table: Any) -> Any:
    """The table that a lazy one of polars stands for."""
    return table.collect() if _is_lazy(table) else table


def _is_lazy(value: Any) -> bool:
    return _is_of(value, "polars") and type(value).__name__ == "LazyFrame"


def _timed(table: Any) -> Any:
    """A data frame of pandas with the times of its index as a column, where it has no other."""
    if any(str(name).lower() in TIME_NAMES for name in table.columns):
        return table
    return table.assign(ts_utc=table.index) if _is_of_times(table.index) else table


def _once(names: Iterable[Any]) -> None:
    """Refuse two columns of one name, of which nobody knows which is meant."""
    counts = Counter(map(str, names))
    for name, count in counts.items():
        if count > 1:
            raise LanguageError(f"{count} columns {shown(name)}", "one column of each name")


def _even(columns: Columns, names: Iterable[str]) -> None:
    """Refuse what is no column, or of another length than the first, or has a hole."""
    first: tuple[str, int] | None = None
    for name in names:
        column = columns[name]
        if isinstance(column, str | bytes) or not hasattr(column, "__len__"):
            raise LanguageError(f"`{name}`: found {shown(column)}", "a column of values")
        first = first or (name, len(column))
        if len(column) != first[1]:
            raise LanguageError(
                f"`{name}` has {len(column)} rows, `{first[0]}` has {first[1]}",
                "columns of one length",
            )


def _whole(columns: Columns, names: Iterable[str]) -> None:
    """Refuse a column with a row that has no value; NaN is one, and judged where it is played."""
    for name in names:
        is_sound = is_known if name in _NAMES else _is_number
        plain = (
            each.as_py() if hasattr(each, "as_py") else each for each in _doubtful(columns[name])
        )
        found = next(((row, value) for row, value in enumerate(plain) if not is_sound(value)), None)
        if found is None:
            continue
        row, value = found
        if not is_known(value):
            raise _missing(name, row)
        place = f"row {row}: `{name}` is"
        if isinstance(value, str | bytes):
            raise LanguageError(
                f"{place} the text {shown(value)}", "numbers", "make numbers of the column first"
            )
        raise LanguageError(f"{place} {shown(value)}", "a number in every row")


def _doubtful(column: Any) -> Iterable[Any]:
    """The values of a column that may be of different kinds; of one that cannot, the first."""
    count = getattr(column, "null_count", None)
    if count is None:
        is_mixed = isinstance(column, list | tuple) or _kind(column) == "O"
    else:
        is_mixed = bool(count() if callable(count) else count)
    if is_mixed:
        return cast("Iterable[Any]", column)
    # To walk a column of polars makes Python objects of thousands of values at once.
    return islice(column.head(1) if hasattr(column, "head") else column, 1)


def _unmasked(name: str, column: Any) -> None:
    """Refuse an array of NumPy with masked rows: in its memory there are numbers in their place."""
    if _is_maskable(column) and column.mask.any():
        row = int(column.mask.argmax())
        raise _missing(name, row)


def _missing(name: str, row: int) -> LanguageError:
    return LanguageError(f"row {row}: `{name}` is missing", "a value in every row")


def _is_maskable(column: Any) -> bool:
    return hasattr(column, "mask") and hasattr(column, "filled")


def _is_number(value: Any) -> bool:
    """Whether a float can hold it; a text or a boolean is none."""
    if isinstance(value, float):
        return True
    if isinstance(value, str | bytes | bool) or _kind(value) == "b":
        return False
    try:
        float(value)
    except (OverflowError, TypeError, ValueError):
        return False
    return True


def is_known(value: Any) -> bool:
    """Whether it is a value, rather than what tables have in the place of a missing one."""
    # NaN, which pandas writes for no text, and `NaT` differ from themselves; of `NA` nobody knows.
    return value is not None and type(value).__name__ != "NAType" and bool(value == value)  # noqa: PLR0124


def _check_unit(times: Any) -> None:
    """Refuse numbers that are seconds, milli- or microseconds of our years, not nanoseconds."""
    if not len(times):
        return
    ends = [each.as_py() if hasattr(each, "as_py") else each for each in (times[0], times[-1])]
    if not all(hasattr(each, "__index__") for each in ends):
        return
    if (unit := unit_of(*map(index, ends))) is not None:
        raise LanguageError(
            f"the times begin with {ends[0]}, which looks like {unit.name}",
            "UTC nanoseconds, or a column of a time type",
            f"multiply by {unit.ns:,}",
        )


def _is_of(value: object, library: str) -> bool:
    return type(value).__module__.partition(".")[0] == library


def _kind(column: Any) -> str | None:
    """NumPy's letter for what an array of it or of pandas holds."""
    return getattr(getattr(column, "dtype", None), "kind", None)


def _is_of_times(index: Any) -> bool:
    """Whether an index of pandas says times, rather than counts rows."""
    return index.dtype.kind == "M" or str(index.name).lower() in TIME_NAMES


def _plain(column: Any) -> Any:
    """A column of pandas as the array behind it; times stay."""
    return column if column.dtype.kind in "Mm" else column.to_numpy()


def _times(name: str, column: Any) -> Any:
    """Times in a form that the native side reads: 64-bit nanoseconds or an Arrow timestamp."""
    if _is_of(column, "pandas"):
        pd: Any = import_module("pandas")  # the caller's column brought it along
        if column.dtype.kind != "M" and not isinstance(column.dtype, pd.DatetimeTZDtype):
            return _times(name, column.to_numpy())
        # Its numbers are UTC whatever its zone.
        return _all_known(name, pd.DatetimeIndex(column).as_unit("ns").asi8)
    kind = _kind(column)
    if kind == "M":
        return _all_known(name, column.astype("datetime64[ns]").view("int64"))
    if isinstance(column, list | tuple) or kind in {"O", "U", "f"}:  # texts and dates of NumPy
        return list(_moments(name, column))
    return column


def _moments(name: str, column: Iterable[Any]) -> Iterator[int]:
    for row, value in enumerate(column):
        if not is_known(value):
            raise _missing(name, row)
        try:
            yield moment(value)
        except LanguageError as error:
            raise LanguageError(f"row {row}: {error.what}", error.expected, error.hint) from None


def _all_known(name: str, times: Any) -> Any:
    """The numbers of times of NumPy, none of which is its `NaT`."""
    if len(times) and times.min() == _NAT:
        raise _missing(name, int(times.argmin()))
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

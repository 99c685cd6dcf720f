"""From rows to items, each checked: nothing unsorted, unpriced or impossible passes."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Any, Final, NoReturn

from orderloom.feeds.items import Bar, FeedError, Item, Print, Quote
from orderloom.feeds.kind import Kind, detect
from orderloom.feeds.table import Table, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_MS: Final = 1_000_000
_LOT: Final = 100
# The core counts 10⁻⁸ in 64 bits; a bar's path and its sums must fit, too.
PRICE_MAX: Final = 10_000_000_000
SIZE_MAX: Final = 10_000_000_000
_SPANS: Final = (
    SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 4 * HOUR,
)  # fmt: skip


def read_market(
    paths: Iterable[Path | str],
    *,
    symbols: Collection[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    span: int | None = None,
) -> Iterator[Item]:
    """All items of the files in time order; at the same time, in the order of `paths`.

    Args:
        paths: Parquet, CSV or JSON lines of any kind that `detect` knows.
        symbols: Only these; None for all.
        start: First moment, UTC ns.
        end: First moment no longer wanted, UTC ns.
        span: Length of the bars in ns; by default told by the file (see `span_of`).

    Raises:
        FeedError: a file that does not hold what it should, before the first item.
    """
    files = [read_items(path, symbols=symbols, start=start, end=end, span=span) for path in paths]
    return merge(*files, key=lambda item: item.at)


def read_items(
    path: Path | str,
    *,
    symbols: Collection[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    span: int | None = None,
) -> list[Item]:
    """The items of one file in time order; arguments and errors as of `read_market`.

    Prints and quotes marked `suspicious`, and prints with a `correction`, are left out. A quote
    bar gives two quotes: its opening ones at its start, its closing ones a millisecond before its
    end; the extremes of bid and ask did not stand together and are not used.
    """
    file = detect(path)
    table = read_table(file, start, end, symbols)
    _check_order(table, is_strict=file.kind is Kind.BARS)
    items: list[Item] = []
    if file.kind is Kind.BARS:
        items.extend(_bars(table, span_of(table) if span is None else span))
    elif file.kind is Kind.QUOTE_BARS:
        length = span_of(table) if span is None else span
        items.extend(_quotes(table, "_open", 1, 0))
        items.extend(_quotes(table, "_close", 1, length - _MS))
    elif file.kind is Kind.PRINTS:
        items.extend(_prints(table))
    else:
        items.extend(_quotes(table, "", _LOT if file.kind is Kind.QUOTES_IN_LOTS else 1, 0))
    # Stable: what shares a stamp keeps the order of the file, which for ticks is meant.
    items.sort(key=lambda item: item.at)
    return items


def span_of(table: Table) -> int:
    """Length of the bars: the longest usual one that fits the smallest distance of two starts.

    The whole file decides, whatever part of it is wanted.

    Raises:
        FeedError: no symbol has two rows, or two are closer than a second.
    """
    step = table.step
    if not table.rows:
        return MINUTE  # Nothing will be made with it.
    if step is None or step < SECOND:
        raise FeedError(
            f"{table.file.path}: expected bars whose length can be told, "
            f"found: {'no two of a symbol' if step is None else f'a distance of {step} ns'}\n"
            "hint: give bars that follow each other, or in Python their length as `span`"
        )
    # A day is 23 hours long when the clocks go forward.
    return DAY if step >= 23 * HOUR else max(span for span in _SPANS if span <= step)


def _bars(table: Table, span: int) -> Iterator[Bar]:
    columns = table.columns
    volumes = columns.get("volume") or [0] * len(table.rows)
    names = ("ts_utc", "symbol", "open", "high", "low", "close")
    rows = zip(*(columns[name] for name in names), volumes, strict=True)
    for index, (at, symbol, opening, high, low, close, volume) in enumerate(rows):
        for name, price in (("open", opening), ("high", high), ("low", low), ("close", close)):
            _check_price(table, index, name, price)
        if not low <= min(opening, close) <= max(opening, close) <= high:
            found = f"open {opening}, high {high}, low {low}, close {close}"
            _refuse(table, index, "high", "open and close between low and high", found)
        yield Bar(
            at, symbol, span, opening, high, low, close, _size(table, index, "volume", volume)
        )


def _prints(table: Table) -> Iterator[Print]:
    columns = table.columns
    is_skipped = _skipped(table)
    rows = zip(*(columns[name] for name in Kind.PRINTS.columns), strict=True)
    for index, (at, symbol, price, size) in enumerate(rows):
        if not is_skipped(index):
            _check_price(table, index, "price", price)
            yield Print(at, symbol, price, _size(table, index, "size", size))


def _quotes(table: Table, suffix: str, unit: int, later: int) -> Iterator[Quote]:
    columns = table.columns
    is_skipped = _skipped(table)
    size_suffix = "_size_lots" if table.file.kind is Kind.QUOTES_IN_LOTS else "_size"
    names = ("ts_utc", "symbol", f"bid{suffix}", f"ask{suffix}", f"bid{size_suffix}")
    rows = zip(*(columns[name] for name in (*names, f"ask{size_suffix}")), strict=True)
    for index, (at, symbol, bid, ask, bid_size, ask_size) in enumerate(rows):
        if is_skipped(index):
            continue
        buy = _side(table, index, f"bid{suffix}", bid, bid_size, unit)
        sell = _side(table, index, f"ask{suffix}", ask, ask_size, unit)
        yield Quote(at + later, symbol, buy[0], sell[0], buy[1], sell[1])


def _side(
    table: Table, index: int, name: str, price: float | None, size: int | None, unit: int
) -> tuple[float | None, int]:
    """Price and size of one side; without a price, or with price 0, nobody quotes it."""
    if price is None or price == 0:
        return None, 0
    _check_price(table, index, name, price)
    return price, unit * _size(table, index, f"size of {name}", size)


def _skipped(table: Table) -> Callable[[int], bool]:
    marks = [table.columns[name] for name in ("suspicious", "correction") if name in table.columns]
    return lambda index: any(mark[index] for mark in marks)


def _check_order(table: Table, *, is_strict: bool) -> None:
    """Times of a symbol must rise; ticks may share one."""
    last: dict[str, int] = {}
    rows = zip(table.columns["ts_utc"], table.columns["symbol"], strict=True)
    for index, (at, symbol) in enumerate(rows):
        if at is None or not symbol:
            name = "ts_utc" if at is None else "symbol"
            _refuse(table, index, name, "a value", "nothing")
        before = last.get(symbol)
        if before is not None and (at < before or (is_strict and at == before)):
            expected = f"a time after the {symbol} row before it"
            _refuse(table, index, "ts_utc", expected, f"{before - at} ns earlier")
        last[symbol] = at


def _check_price(table: Table, index: int, name: str, price: Any) -> None:
    if price is None or not 0 < price < PRICE_MAX:  # NaN is neither
        _refuse(table, index, name, f"a price above 0 and below {PRICE_MAX:,}", price)


def _size(table: Table, index: int, name: str, size: Any) -> int:
    if size is None or not 0 <= size < SIZE_MAX:
        _refuse(table, index, name, f"a whole number from 0 to below {SIZE_MAX:,}", size)
    return int(size)


def _refuse(table: Table, index: int, name: str, expected: str, found: object) -> NoReturn:
    said = "nothing" if found is None else found
    raise FeedError(f"{table.place(index)}: `{name}`: expected {expected}, found: {said}")

"""Longer bars over whole tables, as the engine builds them for `over(…)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderloom import _core
from orderloom.errors import LanguageError
from orderloom.history import PRICES, bounds_of, sessions_of, span_of
from orderloom.tables import by_symbol

if TYPE_CHECKING:
    from orderloom.units import SpanLike

_ONLY = "-"


def resample(
    table: Any,
    span: SpanLike,
    *,
    base: SpanLike | None = None,
    calendar: str | None = None,
) -> dict[str, Any]:
    """Bars or prints as longer bars: the same that a rule's `over(…)` is computed from.

    Bars begin on the exchange's clock and never span a close; where nothing traded there is none.
    The last one is as far as the data go. Columns are memory views that `numpy.asarray` takes
    without copying: `ts_utc` (start, UTC nanoseconds), `open`, `high`, `low`, `close`, `volume`.

    Args:
        table: As `backtest` takes them: `open`, `high`, `low`, `close` and perhaps `volume`,
            labelled with their start, or `price` and perhaps `size`. With a column `symbol`, or as
            a dict of tables, the answer is a dict of tables, too.
        span: Length of the bars wanted: whole seconds that divide a day, such as `5m` or `1d`.
        base: Length of the bars given; by default their smallest distance. Prints have none: with
            it, the table is one of bars.
        calendar: Trading hours: an exchange's such as `XNYS`, `always`, or none. Without one, bars
            lie on the clock of UTC and days end at its midnight; with one, prints outside of a
            session belong to no bar.

    Raises:
        LanguageError: No such table, or a time without a unit.
        ValueError: A span that the bars given do not come to, times that go back, or a row that
            `backtest` would not play: a price that is not above 0, a size below 0, a high or low
            within open and close.

    Example:
        >>> minute = 60_000_000_000
        >>> bars = {"ts_utc": [0, minute, 2 * minute], "open": [1.0, 2.0, 3.0],
        ...         "high": [2.0, 4.0, 3.0], "low": [1.0, 1.5, 2.5], "close": [2.0, 3.0, 2.5]}
        >>> longer = resample(bars, "2m")
        >>> longer["ts_utc"].tolist(), longer["high"].tolist(), longer["close"].tolist()
        ([0, 120000000000], [4.0, 3.0], [3.0, 2.5])
    """
    is_of_prints = base is None and _has_prices(table)
    needed = ("price",) if is_of_prints else PRICES
    size = "size" if is_of_prints else "volume"
    made = {}
    for symbol, columns in by_symbol(table, needed, _ONLY).items():
        times = _core.as_column("ts_utc", columns["ts_utc"], True)
        made[symbol] = _core.resample(
            times,
            [columns[name] for name in needed],
            columns.get(size),
            span=span_of(span),
            base=None if base is None else span_of(base),
            sessions=sessions_of(calendar, bounds_of([times], [])),
        )
    return made.get(_ONLY, made)


def _has_prices(table: Any) -> bool:
    try:
        by_symbol(table, ("price",), _ONLY)
    except LanguageError:
        return False
    return True

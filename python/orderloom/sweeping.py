"""Many back-tests over one history, each with other parameters, on all cores of a machine or more.

The history is read and prepared once and shared by the threads, which run without the interpreter;
of each back-test only its measures stay.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice, product
from math import prod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from orderloom._core import as_column
from orderloom.arguments import check_kind, check_word
from orderloom.backtesting import Detail, as_frame, play
from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.history import History, Names, Source
from orderloom.tables import is_walkable

if TYPE_CHECKING:
    from typing import TypeAlias, Unpack

    from orderloom.config import Settings
    from orderloom.rules import Rule
    from orderloom.units import SpanLike

    Rules: TypeAlias = Settings | Rule | Sequence[Rule]
    Maker: TypeAlias = Callable[..., Rules]

Values = Mapping[str, Any]
"""One set of parameters."""

MEASURES: Final[dict[str, str]] = {
    "profit": "all that was earned, open positions at the last price, commissions paid",
    "drawdown": "largest fall of the profit below its highest point so far",
    "sharpe": "mean by deviation of the profit's daily changes (UTC), for a year of 252 days",
    "trades": "trades that are over",
    "won": "those of them with a profit before commissions",
    "profit_factor": "what was won for each unit lost; none where nothing was lost",
    "pnl": "profit of trades that are over, before commissions",
    "commission": "commissions of all fills",
}
"""What is known of each back-test."""

_LOW_IS_GOOD: Final = frozenset({"drawdown", "commission"})
_BATCHES_PER_WORKER: Final = 4
_SETS_MAX: Final = 1_000_000
"""Each set and its row are held, a kilobyte or so."""


class Options(TypedDict, total=False):
    """What `sweep` hands on to every back-test; see `backtest`."""

    span: SpanLike | None
    detail: Detail | None
    cash: object
    commission: Literal["fixed", "tiered", "none"]
    slippage_ticks: int
    volume_limits: bool
    venue: Mapping[str, Any] | None


def sweep(
    rules: str | os.PathLike[str] | Maker,
    grid: Mapping[str, Iterable[object]] | Iterable[Values],
    bars: object = None,
    signals: object = None,
    *,
    quotes: object = None,
    prints: object = None,
    calendar: str | None = None,
    poll: SpanLike | None = None,
    start: object = None,
    end: object = None,
    by: str = "profit",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    **options: Unpack[Options],
) -> Sweep:
    """Back-test every set of parameters and return a table of what came of each, the best first.

    Args:
        rules: A strategy file, whose values the parameters name by their path
            (`rules.long.do[0].enter.stop_percent`, `limits.max_open_contexts`,
            `rules.long.when.signal.confidence`), or a function that takes the parameters by name
            and returns what `backtest` takes. For other processes it must be one that can be
            imported there.
        grid: Lists of values by parameter, of which every combination is tried, up to a million;
            or a list of sets. Floats count to 12 digits.
        bars: As for `backtest`, as are `signals`, `quotes`, `prints`, `calendar`, `poll`, `start`
            and `end`.
        signals: Predictions.
        quotes: Bids and asks.
        prints: Trades of the market.
        calendar: Trading hours.
        poll: How often predictions are heard.
        start: From when on history is played.
        end: Where it is cut.
        by: The measure to sort by, one of `MEASURES`.
        workers: How many run at once; as many as there are cores if left out. With an executor,
            how many it is taken to have.
        executor: Who runs them instead of threads of this process: any of `concurrent.futures`, or
            a Dask client's `get_executor()`. The history is sent along four times per worker.
        progress: Whether to show a bar on the terminal.
        options: What else `backtest` takes: `span`, `detail`, `cash`, `commission`,
            `slippage_ticks`, `volume_limits`, `venue`.

    Raises:
        LanguageError: A parameter that leads nowhere, with the nearest that would.
        ConfigError: A value that cannot be.
        ValueError: A row of the history that cannot be played.

    Example:
        >>> from orderloom import bar, enter
        >>> from orderloom.rules import rule
        >>> rising = [100.0 + n for n in range(20)]
        >>> table = {"ts_utc": [n * 60_000_000_000 for n in range(20)], "open": rising,
        ...          "low": rising, "high": [price + 1 for price in rising], "close": rising}
        >>> def strategy(target):
        ...     return rule("buy", on="Bar", symbols="AAPL", when=bar.index == 3,
        ...                 then=enter("BUY", shares=10, stop_percent=5, target_percent=target))
        >>> found = sweep(strategy, {"target": [2, 4, 8]}, table, commission="none")
        >>> [(row["target"], row["profit"], row["trades"]) for row in found.rows]
        [(8, 83.2, 1), (4, 41.6, 1), (2, 20.8, 1)]
    """
    check_word("by", by, MEASURES)
    for name in options:
        check_word("options", name, Options.__annotations__)
    if workers is not None and not (isinstance(workers, int) and workers > 0):
        raise LanguageError(f"`workers`: found {shown(workers)}", "a whole number from 1")
    if executor is not None:
        check_kind("executor", executor, Executor, "one of `concurrent.futures`, or of its kind")
    check_kind("progress", progress, bool, "`True` or `False`")
    sets = _sets(grid)
    if isinstance(signals, Iterator):
        signals = list(signals)  # read more than once
    source = Source(bars, signals, quotes, prints, calendar, poll, start, end)
    plan = Plan(_maker(rules), source, options)
    plan.prepared(sets[0])  # what is wrong with the parameters or the data is said at once
    workers = workers or os.cpu_count() or 1
    size = 1 if executor is None else -(-len(sets) // (workers * _BATCHES_PER_WORKER))
    batches = [sets[start : start + size] for start in range(0, len(sets), size)]
    own = ThreadPoolExecutor(workers) if executor is None else nullcontext(executor)
    rows: list[list[dict[str, Any]]] = [[] for _ in batches]
    with own as pool, _bar(len(sets), is_shown=progress) as advance:
        futures: dict[Future[list[dict[str, Any]]], int] = {
            pool.submit(plan.run, batch): place for place, batch in enumerate(batches)
        }
        try:
            for future in as_completed(futures):
                rows[futures[future]] = future.result()
                advance(len(rows[futures[future]]))
        finally:
            for future in futures:
                future.cancel()
    return Sweep(_sorted([row for batch in rows for row in batch], by), tuple(sets[0]), by)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What came of each set of parameters, the best by `by` first."""

    rows: list[dict[str, Any]]
    parameters: tuple[str, ...]
    by: str

    @property
    def best(self) -> dict[str, Any]:
        """The parameters of the first row."""
        return {name: self.rows[0][name] for name in self.parameters}

    @property
    def table(self) -> Any:
        """Parameters and measures: a polars data frame where polars is installed, else columns."""
        names = self.rows[0]
        return as_frame({name: [_cell(row[name]) for row in self.rows] for name in names}, ())

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as Parquet.

        Raises:
            LanguageError: polars is not installed.
        """
        table = self.table
        if not hasattr(table, "write_parquet"):
            raise LanguageError(
                "the package `polars` is not installed",
                "it for Parquet",
                "pip install 'orderloom[data]'",
            )
        table.write_parquet(Path(path))


class Plan:
    """What a worker needs; the prepared history stays where it was made."""

    def __init__(self, maker: Maker, source: Source, options: Options) -> None:
        self._given = (maker, source, options)
        self._histories: dict[object, History] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        """As it was given, to another process."""
        return Plan, self._given

    def prepared(self, values: Values) -> tuple[Names, History]:
        """The rules with these parameters, and the history for their symbols."""
        maker, source, _ = self._given
        # One at a time: reading a file's rules silences warnings meanwhile, for all threads.
        with self._lock:
            names = Names(maker(**values))
            tickers = {} if names.settings is None else names.settings.signals.tickers
            key = (
                tuple(names.symbols), names.is_open, names.calendar(source.calendar),
                tuple(tickers.items()),
            )  # fmt: skip
            if key not in self._histories:
                self._histories[key] = _held(History.of(source, names))
            history = self._histories[key]
        names.symbols = list(history.symbols)
        return names, history

    def run(self, sets: Sequence[Values]) -> list[dict[str, Any]]:
        """The rows of these sets."""
        return [self._row(values) for values in sets]

    def _row(self, values: Values) -> dict[str, Any]:
        try:
            names, history = self.prepared(values)
            return {**values, **play(names, history, **self._given[2]).measures()}
        except Exception as error:
            error.add_note(f"with {', '.join(f'{name}={value}' for name, value in values.items())}")
            raise


@dataclass(frozen=True, slots=True)
class _OfFunction:
    """Asks a function, after a look at what it takes."""

    function: Maker

    def __call__(self, **values: object) -> Rules:
        signature = inspect.signature(self.function)
        try:
            signature.bind(**values)
        except TypeError as error:
            known = list(signature.parameters)
            odd = next((name for name in values if name not in known), None)
            name = getattr(self.function, "__name__", "the function")
            raise LanguageError(
                f"`{name}`: {error}" if odd is None else f"the parameter {shown(odd)} of `{name}`",
                f"values for {', '.join(f'`{each}`' for each in known)}",
                None if odd is None else did_you_mean(odd, known),
            ) from None
        return self.function(**values)


def _maker(rules: object) -> Maker:
    if isinstance(rules, str | os.PathLike):
        from orderloom.config.variants import Variants  # noqa: PLC0415 - slow to load

        return Variants.read(rules)
    if callable(rules):
        return _OfFunction(rules)
    raise LanguageError(
        f"found {shown(type(rules).__name__)}",
        "a strategy file, or a function of the parameters that returns rules",
    )


def _sets(grid: Mapping[str, Iterable[object]] | Iterable[Values]) -> list[dict[str, Any]]:
    if isinstance(grid, Mapping):
        axes = _axes(grid)
        sets = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    else:
        given: list[Any] = list(grid) if _is_list(grid) else [grid]
        for values in given:
            if not isinstance(values, Mapping):
                raise LanguageError(
                    f"`grid`: found {shown(values)}",
                    "values by parameter such as `{'stop': [1, 2]}`, or a list of such sets",
                )
        sets = [dict(values) for values in given]
    if not sets or not sets[0]:
        raise LanguageError("no parameters", "at least one set")
    sets = [{name: _plain(value) for name, value in values.items()} for values in sets]
    for values in sets:
        if values.keys() != sets[0].keys():
            raise LanguageError(
                f"sets of {', '.join(sets[0])} and of {', '.join(values)}",
                "the same parameters in each",
            )
    if taken := [name for name in sets[0] if name in MEASURES]:
        raise LanguageError(f"the parameter {shown(taken[0])}", "no measure's name")
    return sets


def _axes(grid: Mapping[str, Iterable[object]]) -> dict[str, list[object]]:
    """The values by parameter, when there are no more combinations than can be held."""
    for name, values in grid.items():
        if not _is_list(values):
            raise LanguageError(
                f"`grid`, {shown(name)}: found {shown(values)}",
                "a list of values to try",
                "a single value goes in brackets, as in `[5]`",
            )
    # As many as there may be, and one more: some have no end.
    axes = {name: list(islice(values, _SETS_MAX + 1)) for name, values in grid.items()}
    count = prod(map(len, axes.values()))
    if count > _SETS_MAX:
        is_cut = any(len(values) > _SETS_MAX for values in axes.values())
        raise LanguageError(
            f"{'at least ' if is_cut else ''}{count:,} sets of parameters",
            f"at most {_SETS_MAX:,}",
            "fewer values, larger steps",
        )
    return axes


def _is_list(values: object) -> bool:
    """Whether these are values, rather than one."""
    return is_walkable(values) and not isinstance(values, str | bytes | Mapping)


def _plain(value: Any) -> Any:
    """A value without what arithmetic left at its end: steps of 0.1 pass by 0.30000000000000004."""
    is_scalar = type(value).__module__ == "numpy" and value.ndim == 0
    plain = value.item() if is_scalar else value
    return float(f"{plain:.12g}") if isinstance(plain, float) else plain


def _held(history: History) -> History:
    """With columns that are read in place by every back-test."""

    def numbers(column: Any) -> Any:
        return None if column is None else as_column("column", column, is_time=False)

    def columns(each: Sequence[Any]) -> list[Any]:
        return [as_column("ts_utc", each[0], is_time=True), *map(numbers, each[1:])]

    return replace(
        history,
        bars=[(symbol, columns(each), numbers(volume)) for symbol, each, volume in history.bars],
        quotes=[
            (symbol, columns(each), sizes and list(map(numbers, sizes)))
            for symbol, each, sizes in history.quotes
        ],
        prints=[(symbol, columns(each), numbers(size)) for symbol, each, size in history.prints],
    )


def _sorted(rows: list[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """The best first, those without the measure last."""
    sign = 1 if by in _LOW_IS_GOOD else -1
    return sorted(rows, key=lambda row: (row[by] is None, sign * (row[by] or 0)))


def _cell(value: object) -> object:
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else json.dumps(value, default=str)


@contextmanager
def _bar(total: int, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    """Counts what is done, on the terminal if it is to be seen."""
    if not is_shown:
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only to be seen
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_bar:
        task = shown_bar.add_task("back-tests", total=total)
        yield lambda count: shown_bar.advance(task, count)

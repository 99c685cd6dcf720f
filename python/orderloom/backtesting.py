"""History at the speed of the machine: the engine that trades and an exchange, in one loop.

`backtest` plays bars, quotes, prints and predictions through the same engine, rules and linked
orders as a live run, with no socket between them. What differs from `orderloom run` on the same
data:

- The engine hears the broker's answers at once, in the same instant as its orders.
- By default it hears complete bars alone, as from a source that has nothing else, and orders fill
  along each bar's path: at its open, then at stops and limits as the price passes them. With
  `detail="quotes"` every print has a quote around it and orders fill against that, as in the
  simulated TWS; then both make the same decisions.
- A bar is told when its span is over, also where no trade ends it. TWS tells it with the first
  change of the next one.
- Account values are told when a fill changes them, by TWS every three minutes as well.
- Where quotes are all that is known of a symbol they trigger its stops; otherwise prints do.
- A prediction is heard at its time (`served_at` where a record has one); `poll` rounds that up to
  the polls of a run.

Functions of a script are asked as they are live (slower: each question costs some 20 µs).
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

from orderloom._core import run_backtest
from orderloom.arguments import check_kind, check_word
from orderloom.errors import LanguageError, shown
from orderloom.history import RUN, History, Names, Source, span_of
from orderloom.venue import check_field, check_venue, venue_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from orderloom._core import BacktestResult, Command, Engine, Event, Glance, Outcome
    from orderloom.config import Settings
    from orderloom.questions import Actions, Condition
    from orderloom.rules import Rule
    from orderloom.units import SpanLike

    Listener: TypeAlias = Callable[[int, int, Event, Outcome | None], None]

Detail = Literal["bars", "prints", "quotes"]

# The engine waits for the disk when this many journal entries are ahead of it.
_JOURNAL_AHEAD: Final = 50_000
_CASH_MAX: Final = 90_000_000_000


def backtest(
    rules: Settings | Rule | Sequence[Rule],
    bars: object = None,
    signals: object = None,
    *,
    quotes: object = None,
    prints: object = None,
    span: SpanLike | None = None,
    detail: Detail | None = None,
    calendar: str | None = None,
    cash: object = 1_000_000,
    commission: Literal["fixed", "tiered", "none"] = "fixed",
    slippage_ticks: int = 0,
    volume_limits: bool = False,
    venue: Mapping[str, Any] | None = None,
    poll: SpanLike | None = None,
    start: object = None,
    end: object = None,
    conditions: Mapping[str, Condition] | None = None,
    actions: Mapping[str, Actions] | None = None,
    journal: Path | str | None = None,
) -> Backtest:
    """Play history through rules, up to its last price, and return what came of it.

    What is open then stays open, and is worth that price.

    Tables are polars (lazy ones, too), pandas or pyarrow tables, NumPy structured arrays or dicts
    of columns, with a column `symbol` where there are several, or a dict of such tables by symbol.
    Float64 columns are read in place. Times are UTC: a column `ts_utc` (or another of
    `tables.TIME_NAMES`) of nanoseconds or of a time type.

    Args:
        rules: A configuration with all it says, or rules alone.
        bars: Columns `open`, `high`, `low`, `close` and perhaps `volume`, labelled with their
            start.
        signals: Predictions: a file, `Prediction` objects, or rows of `ticker`, `signal`, a time
            and perhaps `confidence`, `id`, `price`.
        quotes: Columns `bid`, `ask` and perhaps `bid_size`, `ask_size`.
        prints: Columns `price` and perhaps `size`.
        span: Length of the bars; by default told by their smallest distance.
        detail: What the engine hears of bars: themselves, also their path of prints, also a quote
            around each print. By default what the rules' triggers ask for.
        calendar: Trading hours: an exchange's, `always`, or none (no sessions and no end of day).
            By default that of the configuration, none for rules alone.
        cash: Money at the start.
        commission: IBKR's published US rates, fixed or tiered, or nothing.
        slippage_ticks: How much worse orders without a limit fill.
        volume_limits: Whether a bar's volume limits what fills in it: a quarter at each price of
            its path. Thin bars then fill orders in part, and a bracket's exits wait for the rest of
            its entry, as at the broker.
        venue: More of the simulated exchange's configuration; what it says goes before the above.
        poll: Predictions are heard at multiples of this after the first moment, the newest per
            ticker, instead of at their time.
        start: What is before this is not played, neither prices nor predictions.
        end: What is not before this is not played.
        conditions: Functions of a script that answer `ask(…)`, by name.
        actions: Functions of a script that say what to do, by name.
        journal: Where to write every event and what followed from it, a new file; slower. One that
            fails leaves none.

    Raises:
        LanguageError: Something that cannot be played or written, or rules that cannot run.
        ValueError: A row that cannot be played; its symbol and number are named.

    Example:
        >>> from orderloom import bar, enter, context
        >>> from orderloom.rules import rule
        >>> minute = 60_000_000_000
        >>> rising = [100.0 + n for n in range(20)]
        >>> table = {"ts_utc": [n * minute for n in range(20)], "open": rising, "low": rising,
        ...          "high": [price + 1 for price in rising], "close": [p + 1 for p in rising]}
        >>> buy = rule("buy", on="Bar", symbols=["AAPL"], when=~context.is_open & (bar.index == 3),
        ...            then=enter("BUY", shares=10, stop_percent=5, target_percent=8))
        >>> result = backtest(buy, table, commission="none")
        >>> [(t["exit_reason"], t["entry_price"], t["exit_price"]) for t in result.rows("trades")]
        [('TARGET', 104.0, 112.32)]
    """
    names = Names(rules)
    source = Source(bars, signals, quotes, prints, calendar, poll, start, end)
    history = History.of(source, names)
    script = _script(names, conditions, actions)
    began = time.perf_counter()
    with _journal(journal, names) as listener:
        native = play(
            names,
            history,
            span=span,
            detail=detail,
            cash=cash,
            commission=commission,
            slippage_ticks=slippage_ticks,
            volume_limits=volume_limits,
            venue=venue,
            script=script,
            listener=listener,
        )
    had = (venue or {}).get("cash", cash)
    return Backtest(native, float(str(had)), time.perf_counter() - began)


def play(
    names: Names,
    history: History,
    *,
    span: SpanLike | None = None,
    detail: Detail | None = None,
    cash: object = 1_000_000,
    commission: str = "fixed",
    slippage_ticks: int = 0,
    volume_limits: bool = False,
    venue: Mapping[str, Any] | None = None,
    script: Callable[[Command, Glance, int], Event] | None = None,
    listener: Listener | None = None,
) -> BacktestResult:
    """Play a history that is prepared; the arguments are those of `backtest`."""
    if detail is not None:
        check_word("detail", detail, get_args(Detail))
    check_kind("volume_limits", volume_limits, bool, "`True` or `False`")
    check_field(("commission",), commission, "commission")
    check_field(("fill", "slippage_ticks"), slippage_ticks, "slippage_ticks")
    more: Mapping[str, Any] = {} if venue is None else venue
    check_venue(more, "venue")
    venue_config = {
        "cash": _money(cash),
        "commission": commission,
        **more,
        "fill": {"slippage_ticks": slippage_ticks, **more.get("fill", {})},
    }
    return run_backtest(
        names.engine_config(),
        venue_json(venue_config),
        bars=history.bars,
        quotes=history.quotes,
        prints=history.prints,
        sessions=history.sessions,
        events=history.events,
        span=None if span is None else _span(span),
        within=history.within,
        detail=detail or _detail(names.rules),
        is_limited_by_volume=volume_limits,
        script=script,
        listener=listener,
    )


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a back-test left behind. Tables are made when they are asked for.

    A table is a polars data frame where polars is installed, else a dict of columns with times in
    UTC nanoseconds; `rows` gives dicts either way.
    """

    native: BacktestResult
    cash: float
    seconds: float
    """Wall time of the run, without reading files."""

    @property
    def trades(self) -> Any:
        """Trades that are over: one row per round trip."""
        return as_frame(self.native.trades(), ("opened_at", "closed_at"))

    @property
    def orders(self) -> Any:
        """Every order as it stood at the end."""
        return as_frame(self.native.orders(), ("sent_at", "done_at"))

    @property
    def fills(self) -> Any:
        """Every fill with its commission."""
        return as_frame(self.native.fills(), ("at",))

    @property
    def reasons(self) -> Any:
        """What was wanted and not done, with the reason's code and the numbers compared."""
        return as_frame(self.native.reasons(), ("at",))

    @property
    def incidents(self) -> Any:
        """What an operator would have been told."""
        return as_frame(self.native.incidents(), ("at",))

    @property
    def equity(self) -> Any:
        """Cash and positions at the last prices, whenever a bar of every symbol was complete."""
        at, profit = self.native.equity()
        columns = {"at": at, "equity": [self.cash + value for value in profit]}
        return as_frame(columns, ("at",))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """One of the tables as dicts, times in UTC nanoseconds."""
        columns = getattr(self.native, table)()
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def summary(self) -> dict[str, Any]:
        """The run in numbers: events, signals, trades, profit, refusals, what is left."""
        trades, reasons = self.native.trades(), self.native.reasons()
        refused: dict[str, int] = {}
        for reason in reasons["reason"]:
            refused[reason] = refused.get(reason, 0) + 1
        return {
            "events": self.native.events,
            "signals": self.native.signals,
            "fired": self.native.fired,
            "refused": refused,
            "trades": len(trades["pnl"]),
            "won": sum(pnl > 0 for pnl in trades["pnl"]),
            "pnl": round(sum(trades["pnl"]), 8),
            "commission": round(
                sum(value or 0.0 for value in self.native.fills()["commission"]), 8
            ),
            "profit": self.native.profit,
            "final_positions": self.native.positions(),
            "live_orders": self.native.live_orders,
            "incidents": len(self.native.incidents()["at"]),
            "seconds": self.seconds,
        }


def _money(cash: object) -> str:
    try:
        amount = Decimal(str(cash))
    except (InvalidOperation, ValueError):
        amount = Decimal("NaN")
    if amount.is_finite() and 0 <= amount <= _CASH_MAX:
        return format(amount, "f")
    raise LanguageError(f"`cash`: found {shown(cash)}", f"an amount of 0 to {_CASH_MAX:,}")


def _span(given: SpanLike) -> int:
    try:
        return span_of(given)
    except LanguageError as error:
        raise LanguageError(f"`span`: {error.what}", error.expected, error.hint) from None


def _detail(rules: Sequence[Rule]) -> Detail:
    triggers = {trigger for rule in rules for trigger in rule.on}
    if "Quote" in triggers:
        return "quotes"
    return "prints" if "Trade" in triggers or any(map(_is_over_prints, rules)) else "bars"


def _is_over_prints(rule: Rule) -> bool:
    """Whether the condition or a level reads an indicator over bars of prints."""
    return '"of": "trades"' in json.dumps(rule.as_dict())


def _script(
    names: Names,
    conditions: Mapping[str, Condition] | None,
    actions: Mapping[str, Actions] | None,
) -> Callable[[Command, Glance, int], Event] | None:
    conditions = {} if conditions is None else conditions
    actions = {} if actions is None else actions
    for argument, functions in (("conditions", conditions), ("actions", actions)):
        check_kind(argument, functions, Mapping, "functions by name, as in `{'name': function}`")
    if not conditions and not actions:
        return None
    from orderloom.questions import Questions, checked_function  # noqa: PLC0415 - scripts alone

    for name, function in (*conditions.items(), *actions.items()):
        checked_function(function, name, "a function of a script")
    symbols, rules = tuple(names.symbols), [rule.name for rule in names.rules]

    waiting = _Waiting()
    engine = cast("Engine", waiting)
    questions = Questions(engine, symbols, rules, conditions, actions, lambda: waiting.since)

    def ask(command: Command, glance: Glance, at: int) -> Event:
        waiting.glance, waiting.since = glance, at
        return questions.answer(command)

    return ask


class _Waiting:
    """The engine that waits for an answer, and since when: what a script's functions look at."""

    glance: Glance
    since = 0

    def worth(self, operand: str, symbol: int | None = None, ask: int | None = None) -> Any:
        return self.glance.worth(operand, symbol, ask)


class _Journaled:
    """Writes every event and its outcome, and waits where the disk cannot keep up."""

    def __init__(self, path: Path, config: str, symbols: Sequence[str]) -> None:
        from orderloom.journal import Header, Journal  # noqa: PLC0415 - only on request
        from orderloom.version import __version__  # noqa: PLC0415 - as above

        header = Header(__version__, config, tuple(symbols), RUN, time.time_ns())
        self._path = path
        try:
            self._journal = Journal.create(path, header)
        except (OSError, sqlite3.Error) as error:
            why = "it is there already" if isinstance(error, FileExistsError) else str(error)
            raise LanguageError(
                f"`journal`: {path} cannot be written ({getattr(error, 'strerror', None) or why})",
                "a new file, in a directory that can be written",
            ) from None

    def __enter__(self) -> Listener:
        return self._write

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._journal.close()
        if kind is not None and issubclass(kind, Exception):
            # Of a back-test that failed there is no result, and no part of one.
            self._path.unlink()

    def _write(self, seq: int, at: int, event: Event, outcome: Outcome | None) -> None:
        self._journal.append_event(seq, at, event)
        if outcome is not None:
            self._journal.append_outcome(seq, outcome.commands, outcome.notices)
        if self._journal.pending > _JOURNAL_AHEAD:
            self._journal.commit()


def _journal(path: Path | str | None, names: Names) -> AbstractContextManager[Listener | None]:
    from contextlib import nullcontext  # noqa: PLC0415 - only without a journal

    if path is None:
        return nullcontext()
    check_kind("journal", path, str | os.PathLike, "a path")
    return _Journaled(Path(path), names.engine_config(), names.symbols)


def as_frame(columns: dict[str, Any], times: Sequence[str]) -> Any:
    """The columns as a polars data frame where polars is installed."""
    try:
        import polars as pl  # noqa: PLC0415 - optional
    except ImportError:
        return columns
    frame = pl.DataFrame({name: pl.Series(name, values) for name, values in columns.items()})
    in_utc = [pl.col(name).cast(pl.Int64).cast(pl.Datetime("ns", "UTC")) for name in times]
    return frame.with_columns(in_utc)

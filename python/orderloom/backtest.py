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
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from orderloom._core import Event, run_backtest
from orderloom.errors import LanguageError, inside
from orderloom.tables import by_symbol, moment, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from orderloom._core import BacktestResult, Command, Engine, Glance, Outcome
    from orderloom.config import Settings
    from orderloom.questions import Actions, Condition
    from orderloom.rules import Rule
    from orderloom.signals import Prediction
    from orderloom.units import SpanLike

Detail = Literal["bars", "prints", "quotes"]

_PRICES: Final = ("open", "high", "low", "close")
_RUN: Final = "backtest"
_DAY: Final = 86_400_000_000_000
# The engine waits for the disk when this many journal entries are ahead of it.
_JOURNAL_AHEAD: Final = 50_000


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
    conditions: Mapping[str, Condition] | None = None,
    actions: Mapping[str, Actions] | None = None,
    journal: Path | str | None = None,
) -> Backtest:
    """Play history through rules and return what came of it.

    Tables are polars, pandas or pyarrow tables, NumPy structured arrays or dicts of columns, with a
    column `symbol` where there are several, or a dict of such tables by symbol. Float64 columns are
    read in place. Times are UTC: a column `ts_utc` (or another of `tables.TIME_NAMES`) of
    nanoseconds or of a time type.

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
        venue: More of the simulated exchange's configuration.
        poll: Predictions are heard at multiples of this after the first moment, the newest per
            ticker, instead of at their time.
        conditions: Functions of a script that answer `ask(…)`, by name.
        actions: Functions of a script that say what to do, by name.
        journal: Where to write every event and what followed from it; slower.

    Raises:
        LanguageError: Something that cannot be played, or rules that cannot run.
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
    settings, given_rules = _settings(rules)
    names = _Names(settings, given_rules)
    with inside("bars"):
        bar_columns = [] if bars is None else names.columns(bars, _PRICES)
    with inside("quotes"):
        quote_columns = [] if quotes is None else names.columns(quotes, ("bid", "ask"))
    with inside("prints"):
        print_columns = [] if prints is None else names.columns(prints, ("price",))
    with inside("signals"):
        events = [] if signals is None else sorted(names.signals(signals), key=lambda each: each[0])
    times = [columns["ts_utc"] for _, columns in (*bar_columns, *quote_columns, *print_columns)]
    bounds = _bounds(times, [at for at, _, _ in events])
    if poll is not None:
        events = list(_polled(events, bounds[0], int(_span(poll))))
    config = names.engine_config()
    calendar = calendar if settings is None or calendar is not None else settings.market.calendar
    sessions = _sessions(calendar, bounds)
    venue_config = {
        "cash": str(cash),
        "commission": commission,
        "fill": {"slippage_ticks": slippage_ticks},
        **(venue or {}),
    }
    script = _script(names, conditions or {}, actions or {}) if conditions or actions else None
    began = time.perf_counter()
    with _journal(journal, config, names.symbols) as listener:
        native = run_backtest(
            config,
            json.dumps(venue_config),
            bars=[
                (symbol, [columns["ts_utc"], *(columns[name] for name in _PRICES)],
                 columns.get("volume"))
                for symbol, columns in bar_columns
            ],
            quotes=[
                (symbol, [columns["ts_utc"], columns["bid"], columns["ask"]],
                 [columns["bid_size"], columns["ask_size"]] if "bid_size" in columns else None)
                for symbol, columns in quote_columns
            ],
            prints=[
                (symbol, [columns["ts_utc"], columns["price"]], columns.get("size"))
                for symbol, columns in print_columns
            ],
            sessions=sessions,
            events=[(at, event) for at, _, event in events],
            span=None if span is None else int(_span(span)),
            detail=detail or _detail(names.rules),
            is_limited_by_volume=volume_limits,
            script=script,
            listener=listener,
        )  # fmt: skip
    return Backtest(native, float(str(cash)), time.perf_counter() - began)


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
        return _frame(self.native.trades(), ("opened_at", "closed_at"))

    @property
    def orders(self) -> Any:
        """Every order as it stood at the end."""
        return _frame(self.native.orders(), ("sent_at", "done_at"))

    @property
    def fills(self) -> Any:
        """Every fill with its commission."""
        return _frame(self.native.fills(), ("at",))

    @property
    def reasons(self) -> Any:
        """What was wanted and not done, with the reason's code and the numbers compared."""
        return _frame(self.native.reasons(), ("at",))

    @property
    def incidents(self) -> Any:
        """What an operator would have been told."""
        return _frame(self.native.incidents(), ("at",))

    @property
    def equity(self) -> Any:
        """Cash and positions at the last prices, whenever a bar of every symbol was complete."""
        at, profit = self.native.equity()
        columns = {"at": at, "equity": [self.cash + value for value in profit]}
        return _frame(columns, ("at",))

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


class _Names:
    """Symbols by number: those that the strategy names, then those that the data brings."""

    def __init__(self, settings: Settings | None, rules: Sequence[Rule]) -> None:
        self.settings = settings
        self.rules = rules
        named = (symbol for rule in rules for symbol in rule.symbols)
        self.symbols = list(dict.fromkeys(named) if settings is None else settings.symbols)
        self._is_open = settings is None and not all(rule.symbols for rule in rules)

    def columns(self, table: object, needed: Sequence[str]) -> list[tuple[int, Mapping[str, Any]]]:
        """The columns of every symbol that is traded."""
        only = self.symbols[0] if len(self.symbols) == 1 else None
        if only is None and self._is_open and not self.symbols:
            only = "-"
        found = by_symbol(table, needed, only)
        if self._is_open:
            self.symbols += [symbol for symbol in found if symbol not in self.symbols]
        known = {symbol: number for number, symbol in enumerate(self.symbols)}
        return [(known[symbol], columns) for symbol, columns in found.items() if symbol in known]

    def signals(self, source: object) -> Iterator[tuple[int, str, Event]]:
        """When each prediction is heard, its ticker, and its event."""
        from orderloom.signals import Prediction, read_records  # noqa: PLC0415 - loads its client

        if isinstance(source, str | Path):
            for record in read_records(Path(source)):
                yield record.served_at, record.prediction.ticker, self._event(record.prediction)
            return
        for row in cast("Iterable[Any]", rows(source)):
            if isinstance(row, Prediction):
                yield row.predicted_at, row.ticker, self._event(row)
            elif hasattr(row, "prediction"):
                yield row.served_at, row.prediction.ticker, self._event(row.prediction)
            else:
                yield self._row(row)

    def _row(self, row: Mapping[str, Any]) -> tuple[int, str, Event]:
        from orderloom.tables import TIME_NAMES  # noqa: PLC0415

        ticker = row.get("ticker", row.get("symbol"))
        name = next((name for name in TIME_NAMES if name in row), None)
        if ticker is None or name is None or "signal" not in row:
            raise LanguageError(
                f"a row of {', '.join(map(str, row))}", "`ticker`, `signal` and a time in every row"
            )
        at, side = moment(row[name]), str(row["signal"])
        key = str(row.get("id") or f"{ticker}|{at}|{side}")
        confidence, price = row.get("confidence"), row.get("price")
        event = Event.signal(
            key, ticker, self._number(ticker), side, confidence, None, [], at, price, []
        )  # fmt: skip
        return at, ticker, event

    def _event(self, prediction: Prediction) -> Event:
        return Event.signal(
            prediction.key,
            prediction.ticker,
            self._number(prediction.ticker),
            str(prediction.signal),
            prediction.confidence,
            prediction.numeric,
            list(prediction.probabilities or ()),
            prediction.predicted_at,
            prediction.stock_price,
            list(prediction.features.items()),
        )

    def _number(self, ticker: str) -> int | None:
        renamed = {} if self.settings is None else self.settings.signals.tickers
        name = renamed.get(ticker, ticker)
        return self.symbols.index(name) if name in self.symbols else None

    def engine_config(self) -> str:
        """The engine's configuration as JSON."""
        if self.settings is not None:
            return self.settings.engine_config(_RUN)
        instruments = [{"symbol": symbol, "tick": "0.01"} for symbol in self.symbols]
        rules = [rule.as_dict() for rule in self.rules]
        return json.dumps({"run": _RUN, "instruments": instruments, "rules": rules})


def _settings(rules: object) -> tuple[Settings | None, Sequence[Rule]]:
    from orderloom.rules import Rule  # noqa: PLC0415

    if isinstance(rules, Rule):
        return None, (rules,)
    if hasattr(rules, "engine_config"):
        settings = cast("Settings", rules)
        return settings, settings.rules
    return None, tuple(cast("Iterable[Rule]", rules))


def _detail(rules: Sequence[Rule]) -> Detail:
    triggers = {trigger for rule in rules for trigger in rule.on}
    if "Quote" in triggers:
        return "quotes"
    return "prints" if "Trade" in triggers else "bars"


def _span(value: SpanLike) -> int:
    from orderloom.units import Span  # noqa: PLC0415

    return Span.parse(value)


def _bounds(columns: Sequence[Any], moments: Sequence[int]) -> tuple[int, int]:
    """First and last moment of everything."""
    ends = [at for column in columns if len(column) for at in (column[0], column[-1])]
    known = [_nanoseconds(at) for at in ends] + [*moments[:1], *moments[-1:]]
    return (min(known), max(known)) if known else (0, 0)


def _nanoseconds(value: Any) -> int:
    plain = value.as_py() if hasattr(value, "as_py") else value
    return moment(plain) if not hasattr(plain, "__index__") else int(plain)


def _sessions(calendar: str | None, bounds: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    if calendar is None:
        return []
    from orderloom.hours import Hours  # noqa: PLC0415 - calendars are slow to load

    hours = Hours(calendar, bounds[0], bounds[1] + _DAY)
    return [(day.date, day.utc_offset, day.open, day.close) for day in hours.days]


def _polled(
    events: list[tuple[int, str, Event]], first: int, every: int
) -> Iterator[tuple[int, str, Event]]:
    """The newest prediction of each ticker at each poll, where there is a new one."""
    waiting: dict[tuple[int, str], Event] = {}
    for at, ticker, event in events:
        waiting[first + max(-(-(at - first) // every), 0) * every, ticker] = event
    for (at, ticker), event in sorted(waiting.items(), key=lambda item: item[0][0]):
        yield at, ticker, event


def _script(
    names: _Names, conditions: Mapping[str, Condition], actions: Mapping[str, Actions]
) -> Callable[[Command, Glance, int], Event]:
    from orderloom.questions import Questions  # noqa: PLC0415 - only scripts need it

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
        from orderloom.version import __version__  # noqa: PLC0415

        header = Header(__version__, config, tuple(symbols), _RUN, time.time_ns())
        self._journal = Journal.create(path, header)

    def __enter__(self) -> Callable[[int, int, Event, Outcome | None], None]:
        return self._write

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def _write(self, seq: int, at: int, event: Event, outcome: Outcome | None) -> None:
        self._journal.append_event(seq, at, event)
        if outcome is not None:
            self._journal.append_outcome(seq, outcome.commands, outcome.notices)
        if self._journal.pending > _JOURNAL_AHEAD:
            self._journal.commit()


def _journal(
    path: Path | str | None, config: str, symbols: Sequence[str]
) -> AbstractContextManager[Callable[[int, int, Event, Outcome | None], None] | None]:
    from contextlib import nullcontext  # noqa: PLC0415

    return nullcontext() if path is None else _Journaled(Path(path), config, symbols)


def _frame(columns: dict[str, Any], times: Sequence[str]) -> Any:
    """The columns as a polars data frame where polars is installed."""
    try:
        import polars as pl  # noqa: PLC0415 - optional
    except ImportError:
        return columns
    frame = pl.DataFrame({name: pl.Series(name, values) for name, values in columns.items()})
    in_utc = [pl.col(name).cast(pl.Int64).cast(pl.Datetime("ns", "UTC")) for name in times]
    return frame.with_columns(in_utc)

"""History as the native loop takes it: symbols by number, columns, sessions, predictions.

Made once for a back-test, and once for all those of a sweep that trade the same symbols.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from warnings import warn

from orderloom._core import Event
from orderloom.arguments import check_kind
from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.instant import ns_to_iso, unit_of
from orderloom.tables import TIME_NAMES, by_symbol, is_known, is_walkable, moment, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from orderloom.config import Settings
    from orderloom.rules import Rule
    from orderloom.signals import Prediction
    from orderloom.units import SpanLike

PRICES: Final = ("open", "high", "low", "close")
RUN: Final = "backtest"
_NEW: Final = 10**17
"""In 1973. No market data is older, and no seconds or milliseconds of today are as many."""
_STACK: Final = 4
"""From a warning here to who calls `backtest`."""
SIDES: Final = ("BUY", "SELL", "SHORT", "NEUTRAL")


@dataclass(frozen=True, slots=True)
class Source:
    """What a user gives: tables, predictions, hours, and from when to when they are played."""

    bars: object = None
    signals: object = None
    quotes: object = None
    prints: object = None
    calendar: str | None = None
    poll: SpanLike | None = None
    start: object = None
    end: object = None


@dataclass(frozen=True, slots=True)
class History:
    """What is played; `symbols` in the order of their numbers."""

    symbols: Sequence[str]
    bars: list[tuple[int, list[Any], Any]]
    quotes: list[tuple[int, list[Any], list[Any] | None]]
    prints: list[tuple[int, list[Any], Any]]
    sessions: list[tuple[int, int, int, int]]
    events: list[tuple[int, Event]]
    within: tuple[int | None, int | None]

    @classmethod
    def of(cls, source: Source, names: Names) -> History:
        """The part of `source` that concerns these names.

        Raises:
            LanguageError: Something that cannot be played, or nothing that can.
        """
        tables = ("bars", "quotes", "prints", "signals")
        given = [name for name in tables if getattr(source, name) is not None]
        if not given:
            raise LanguageError("no data", "`bars`, `quotes`, `prints` or `signals`")
        with _inside("bars"):
            bars = [] if source.bars is None else names.columns(source.bars, PRICES)
        with _inside("quotes"):
            quotes = [] if source.quotes is None else names.columns(source.quotes, ("bid", "ask"))
        with _inside("prints"):
            prints = [] if source.prints is None else names.columns(source.prints, ("price",))
        with _inside("signals"):
            signals = [] if source.signals is None else list(names.signals(source.signals))
        events = sorted(signals, key=lambda each: each[0])
        names.check_played({symbol for symbol, _ in (*bars, *quotes, *prints)})
        bars, quotes, prints = (list(filter(_has_rows, each)) for each in (bars, quotes, prints))
        times = [columns["ts_utc"] for _, columns in (*bars, *quotes, *prints)]
        if not times and not events:
            raise LanguageError(f"{', '.join(given)}: no rows", "at least one")
        within = _within(source)
        _check_unit(times, {"start": within[0], "end": within[1], "signals": _first(events)})
        bounds = bounds_of(times, [at for at, _, _ in events])
        _check_overlap(within, bounds)
        if source.poll is not None:
            first = bounds_of(times, [])[0] if times else bounds[0]
            first = first if within[0] is None else max(first, within[0])
            with _inside("poll"):
                every = span_of(source.poll)
            events = list(_polled(events, first, every))
        return cls(
            symbols=tuple(names.symbols),
            bars=[
                (symbol, [columns["ts_utc"], *(columns[name] for name in PRICES)],
                 columns.get("volume"))
                for symbol, columns in bars
            ],
            quotes=[
                (symbol, [columns["ts_utc"], columns["bid"], columns["ask"]],
                 [columns["bid_size"], columns["ask_size"]] if "bid_size" in columns else None)
                for symbol, columns in quotes
            ],
            prints=[
                (symbol, [columns["ts_utc"], columns["price"]], columns.get("size"))
                for symbol, columns in prints
            ],
            sessions=sessions_of(names.calendar(source.calendar), bounds),
            events=[(at, event) for at, _, event in events],
            within=within,
        )  # fmt: skip


class Names:
    """Symbols by number: those that the strategy names, then those that the data brings."""

    def __init__(self, given: Settings | Rule | Sequence[Rule]) -> None:
        self.settings, self.rules = settings, rules = _settings(given)
        named = (symbol for rule in rules for symbol in rule.symbols)
        self.symbols = list(dict.fromkeys(named) if settings is None else settings.symbols)
        # Whether symbols of the data are traded that no rule names.
        self.is_open = settings is None and not all(rule.symbols for rule in rules)
        self._unnamed: set[str] = set()

    def columns(self, table: object, needed: Sequence[str]) -> list[tuple[int, Mapping[str, Any]]]:
        """The columns of every symbol that is traded."""
        only = self.symbols[0] if len(self.symbols) == 1 else None
        if only is None and self.is_open and not self.symbols:
            only = "-"
        found = by_symbol(table, needed, only)
        if self.is_open:
            self.symbols += [symbol for symbol in found if symbol not in self.symbols]
        known = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._unnamed.update(found.keys() - known)
        return [(known[symbol], columns) for symbol, columns in found.items() if symbol in known]

    def check_played(self, played: Collection[int]) -> None:
        """Tell of data that are not played because their symbols are not those of the rules.

        Raises:
            LanguageError: No data are.
        """
        if not self._unnamed:
            return
        found = ", ".join(sorted(self._unnamed))
        missing = [name for number, name in enumerate(self.symbols) if number not in played]
        if not played:
            hint = did_you_mean(min(self._unnamed), missing)
            raise LanguageError(f"prices of {found}", f"those of {', '.join(missing)}", hint)
        if missing:
            warn(
                f"no prices of {', '.join(missing)}, which the rules name, and those of {found}, "
                "which they do not, are not played",
                stacklevel=_STACK,
            )

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

    def _row(self, given: object) -> tuple[int, str, Event]:
        if not isinstance(given, Mapping):
            raise LanguageError(f"found {shown(given)}", "a file, a table or a list of rows")
        row = {str(name).lower(): value for name, value in given.items()}
        ticker = row.get("ticker", row.get("symbol"))
        name = next((name for name in TIME_NAMES if name in row), None)
        if not is_known(ticker) or name is None or "signal" not in row:
            raise LanguageError(
                f"a row of {', '.join(map(str, given))}",
                "`ticker`, `signal` and a time in every row",
            )
        if not isinstance(ticker, str):
            raise LanguageError(f"a row with the ticker {shown(ticker)}", "a text")
        at, side = moment(row[name]), str(row["signal"])
        if side not in SIDES:
            raise LanguageError(
                f"a row with the signal {shown(side)}",
                f"one of {', '.join(SIDES)}",
                "in capitals" if side.upper() in SIDES else None,
            )
        given_id = row.get("id", "")
        is_named = is_known(given_id) and given_id != ""
        key = str(given_id) if is_named else f"{ticker}|{at}|{side}"
        confidence = _number(row, "confidence", lambda share: 0 <= share <= 1, "0 to 1")
        price = _number(row, "price", lambda price: 0 < price < math.inf, "a number above 0")
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

    def calendar(self, given: str | None) -> str | None:
        """Trading hours: those given, else the configuration's."""
        if given is None:
            return None if self.settings is None else self.settings.market.calendar
        check_kind("calendar", given, str, "an exchange's such as `XNYS`, or `always`")
        return given

    def engine_config(self) -> str:
        """The engine's configuration as JSON."""
        if self.settings is not None:
            return self.settings.engine_config(RUN)
        instruments = [{"symbol": symbol, "tick": "0.01"} for symbol in self.symbols]
        rules = [rule.as_dict() for rule in self.rules]
        return json.dumps({"run": RUN, "instruments": instruments, "rules": rules})


def _settings(rules: object) -> tuple[Settings | None, Sequence[Rule]]:
    from orderloom.rules import Rule  # noqa: PLC0415

    if isinstance(rules, Rule):
        return None, (rules,)
    if hasattr(rules, "engine_config"):
        settings = cast("Settings", rules)
        return settings, settings.rules
    is_one = isinstance(rules, str) or not is_walkable(rules)
    given = (rules,) if is_one else tuple(cast("Iterable[Any]", rules))
    for each in given:
        check_kind("rules", each, Rule, "a configuration, a rule or a list of rules")
    return None, given


def span_of(value: SpanLike) -> int:
    """Nanoseconds, more than none."""
    from orderloom.units import Span  # noqa: PLC0415

    span = Span.parse(value)
    if span == 0:
        raise LanguageError(f"found {shown(str(value))}", "some time, such as `1m`")
    return span


def _number(
    row: Mapping[str, Any], name: str, is_good: Callable[[float], bool], expected: str
) -> float | None:
    """The number of a row, if it has one."""
    value: Any = row.get(name)
    if not is_known(value):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not is_good(number):
        raise LanguageError(f"a row with the {name} {shown(value)}", expected)
    return number


@contextmanager
def _inside(name: str) -> Iterator[None]:
    """Names the table, and its symbol, in the sentence of a mistake in it."""
    try:
        yield
    except LanguageError as error:
        place = ", ".join(map(str, (name, *error.path)))
        raise LanguageError(
            f"{place}: {error.what}", error.expected, error.hint, path=(name, *error.path)
        ) from None


def _has_rows(table: tuple[int, Mapping[str, Any]]) -> bool:
    return len(table[1]["ts_utc"]) > 0


def _within(source: Source) -> tuple[int | None, int | None]:
    start, end = _moment("start", source.start), _moment("end", source.end)
    if start is not None and end is not None and start >= end:
        raise LanguageError(
            f"`start` is {ns_to_iso(start)}, `end` is {ns_to_iso(end)}", "an end after the start"
        )
    return start, end


def _first(events: Sequence[tuple[int, str, Event]]) -> int | None:
    return events[0][0] if events else None


def _check_overlap(within: tuple[int | None, int | None], bounds: tuple[int, int]) -> None:
    """Some of the data has to be between start and end."""
    (start, end), (first, last) = within, bounds
    beyond = "start" if start is not None and start > last else None
    beyond = "end" if end is not None and end <= first else beyond
    if beyond is not None:
        raise LanguageError(
            f"`{beyond}`: no rows from `start` to `end`",
            f"a time inside the data, which goes from {ns_to_iso(first)} to {ns_to_iso(last)}",
        )


def _check_unit(columns: Sequence[Any], moments: Mapping[str, int | None]) -> None:
    """Refuse what is no nanoseconds: decades before all prices."""
    if not columns or bounds_of(columns, [])[0] < _NEW:
        return
    for name, at in moments.items():
        if at is None or not 0 < at < _NEW:
            continue
        unit = unit_of(at)
        raise LanguageError(
            f"{name}: the time {ns_to_iso(at)}" if unit is None
            else f"{name}: {at}, which looks like {unit.name}",
            "one of the prices' years in UTC nanoseconds, a datetime or ISO 8601",
            None if unit is None else f"multiply by {unit.ns:,}",
        )  # fmt: skip


def _moment(name: str, given: object) -> int | None:
    with _inside(name):
        return None if given is None else moment(given)


def bounds_of(columns: Sequence[Any], moments: Sequence[int]) -> tuple[int, int]:
    """First and last moment of everything."""
    ends = [at for column in columns if len(column) for at in (column[0], column[-1])]
    known = [_nanoseconds(at) for at in ends] + [*moments[:1], *moments[-1:]]
    return (min(known), max(known)) if known else (0, 0)


def _nanoseconds(value: Any) -> int:
    plain = value.as_py() if hasattr(value, "as_py") else value
    return moment(plain) if not hasattr(plain, "__index__") else int(plain)


def sessions_of(calendar: str | None, bounds: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Date, offset from UTC, open and close of a calendar's sessions; none without one."""
    if calendar is None:
        return []
    from orderloom.hours import Hours  # noqa: PLC0415 - calendars are slow to load

    hours = Hours(calendar, *bounds)
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

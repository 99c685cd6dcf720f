# ruff: noqa: A002 - the field names of market data
"""The native engine as Python sees it; `mypy.stubtest` holds this file to the built module.

Times are UTC nanoseconds. A `symbol` is the index of an instrument in the engine's configuration.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, final

from typing_extensions import Buffer, disjoint_base

__all__ = [
    "ATR",
    "INDICATORS",
    "BacktestResult",
    "Chain",
    "Command",
    "Engine",
    "Entries",
    "Event",
    "EventBus",
    "Glance",
    "Inbox",
    "Indicator",
    "Notice",
    "Outcome",
    "Snapshot",
    "Subscription",
    "Ticket",
    "Ticks",
    "Venue",
    "bar_path",
    "as_column",
    "resample",
    "run_backtest",
]

_E = TypeVar("_E")

class _Recordable(Protocol):
    @property
    def kind(self) -> str: ...
    def json(self) -> str: ...

class _Array(Protocol):
    def __array__(self) -> Any: ...

_Floats = Buffer | _Array | Sequence[float]

_Side = Literal["BUY", "SELL"]

@final
class Event:
    """Something that happened. Constructors raise `ValueError` naming the field that is wrong."""

    @staticmethod
    def quote(
        symbol: int, bid: float | None, ask: float | None, bid_size: float, ask_size: float
    ) -> Event: ...
    @staticmethod
    def trade(symbol: int, price: float, size: float) -> Event: ...
    @staticmethod
    def bar(
        symbol: int,
        start: int,
        span: int,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        is_history: bool = False,
    ) -> Event: ...
    @staticmethod
    def session(symbol: int, date: int, utc_offset: int, open: int, close: int) -> Event: ...
    @staticmethod
    def signal(
        key: str,
        ticker: str,
        symbol: int | None,
        side: str,
        confidence: float | None,
        numeric: int | None,
        probabilities: list[float],
        predicted_at: int,
        price: float | None,
        features: list[tuple[str, float]],
    ) -> Event: ...
    @staticmethod
    def signal_rejected(source: str, reason: str, detail: str) -> Event: ...
    @staticmethod
    def order_opened(
        order_id: int,
        perm_id: int,
        order_ref: str,
        symbol: int | None,
        side: str,
        quantity: float,
        limit_price: float | None,
        stop_price: float | None,
        status: str,
    ) -> Event: ...
    @staticmethod
    def order_status(
        order_id: int,
        perm_id: int,
        status: str,
        filled: float,
        remaining: float,
        why_held: str = "",
    ) -> Event: ...
    @staticmethod
    def order_completed(perm_id: int, order_ref: str, status: str, filled: float) -> Event: ...
    @staticmethod
    def execution(
        exec_id: str,
        order_id: int,
        perm_id: int,
        order_ref: str,
        symbol: int,
        side: str,
        quantity: float,
        price: float,
        executed_at: int,
    ) -> Event: ...
    @staticmethod
    def commission(exec_id: str, amount: float, currency: str) -> Event: ...
    @staticmethod
    def order_error(order_id: int, code: int, text: str) -> Event: ...
    @staticmethod
    def position_report(symbol: int, quantity: float, average_cost: float | None) -> Event: ...
    @staticmethod
    def account_value(tag: str, value: float) -> Event: ...
    @staticmethod
    def snapshot(mark: str) -> Event: ...
    @staticmethod
    def next_order_id(order_id: int) -> Event: ...
    @staticmethod
    def connection(state: str) -> Event: ...
    @staticmethod
    def restarted(config: str) -> Event:
        """Tell that a new process goes on under an engine configuration (JSON)."""

    @staticmethod
    def reloaded(config: str) -> Event:
        """Tell that other rules and settings are taken up under way (JSON)."""

    @staticmethod
    def hold(reason: str, is_on: bool, detail: str = "") -> Event: ...
    @staticmethod
    def clock() -> Event: ...
    @staticmethod
    def operator(
        word: str,
        *,
        reason: str = "",
        symbol: int | None = None,
        rule: str = "",
        enabled: bool = True,
    ) -> Event: ...
    @staticmethod
    def reading(name: str, symbol: int | None, value: float | None) -> Event: ...
    @staticmethod
    def answer(
        ask: int, value: bool | None, actions: str | None = None, failure: str = ""
    ) -> Event: ...
    @staticmethod
    def from_json(text: str) -> Event: ...
    @property
    def kind(self) -> str: ...
    @property
    def symbol(self) -> int | None: ...
    def json(self) -> str: ...

@final
class Ticket:
    """An order as it is to be sent, in the words of TWS."""

    @property
    def order_id(self) -> int: ...
    @property
    def order_ref(self) -> str: ...
    @property
    def symbol(self) -> int: ...
    @property
    def side(self) -> _Side: ...
    @property
    def quantity(self) -> float: ...
    @property
    def order_type(self) -> Literal["MKT", "LMT", "STP", "STP LMT", "TRAIL"]: ...
    @property
    def limit_price(self) -> float | None: ...
    @property
    def stop_price(self) -> float | None: ...
    @property
    def trail_amount(self) -> float | None: ...
    @property
    def trail_percent(self) -> float | None: ...
    @property
    def tif(self) -> Literal["DAY", "GTC", "IOC"]: ...
    @property
    def parent_id(self) -> int: ...
    @property
    def oca_group(self) -> str: ...
    @property
    def oca_type(self) -> int: ...
    @property
    def transmit(self) -> bool: ...
    @property
    def outside_rth(self) -> bool: ...

@final
class Command:
    """Something that the shell must do before the next event."""

    @property
    def kind(
        self,
    ) -> Literal["place", "modify", "cancel", "reconcile", "ask", "alert", "log", "notify"]: ...
    @property
    def ticket(self) -> Ticket | None: ...
    @property
    def role(self) -> str | None: ...
    @property
    def context(self) -> int | None: ...
    @property
    def order_id(self) -> int | None: ...
    @property
    def symbol(self) -> int | None: ...
    @property
    def text(self) -> str | None: ...
    @property
    def code(self) -> str | None: ...
    @property
    def ask(self) -> tuple[int, int] | None: ...
    def json(self) -> str: ...

@final
class Notice:
    """What the engine made of an event."""

    @property
    def kind(self) -> str: ...
    def json(self) -> str: ...

@final
class Outcome:
    """All that follows from one event."""

    @property
    def commands(self) -> list[Command]: ...
    @property
    def notices(self) -> list[Notice]: ...
    @property
    def fired(self) -> list[int]:
        """Rules that acted, by their places in the configuration, in the order of judging."""

@final
class Chain:
    """Follows a journal's hash chain from the row `id`, whose hash is `hash`."""

    def __new__(cls, id: int, hash: str) -> Self: ...
    @property
    def id(self) -> int:
        """The last row that follows from the one before it."""

    @property
    def hash(self) -> str:
        """Its hash."""

    @property
    def events(self) -> int:
        """Events among the rows that were followed."""

    @property
    def outcomes(self) -> int:
        """Commands and notices among them."""

    def follow(self, rows: Sequence[bytes]) -> str | None:
        """Follow rows as `Recording.batches` yields them.

        Stops before the first that does not follow from the one before it, and says why.
        """

@final
class Entries:
    """Entries of a journal that follow each other; each has a `kind` and `json()`."""

    def __new__(cls, seq: int, at: int, type: str, records: Sequence[_Recordable]) -> Self:
        """Of one type, and of one event."""

    def __len__(self) -> int:
        """How many were not turned into rows yet."""

    def rows(
        self,
        last: tuple[int, int, int, str],
        most: int,
        spellings: Sequence[str],
        redact: Callable[[str], str],
    ) -> tuple[list[int | str], list[tuple[int, str]], tuple[int, int, int, str]]:
        """Turn up to `most` of them into rows after `last`; other threads run meanwhile.

        A text with one of the `spellings` in it goes through `redact`. `last` is a row's id, event,
        time and hash. Returns the rows' values one behind the other, the texts of snapshots with
        their rows' ids, and the new last row.
        """

@final
class Inbox:
    """What waits for the thread that writes a journal, in the order of arrival."""

    def __new__(cls) -> Self: ...
    def __len__(self) -> int: ...
    def event(self, seq: int, at: int, event: _Recordable) -> int:
        """Take in an event; how many items wait now."""

    def entries(self, seq: int, at: int, type: str, records: Sequence[_Recordable]) -> int:
        """Take in entries of one type that belong to one event; how many items wait now."""

    def mark(self, mark: Any, is_awaited: bool) -> None:
        """Take in something else that is to keep its place; with `is_awaited` `take` is quick."""

    def take(self, within: float | None, gather: float) -> list[Any]:
        """Give away all that waits: `Entries`, and the marks between them.

        As soon as there is something, but `gather` seconds later unless somebody waits; nothing
        when nothing came `within` seconds. Other threads run meanwhile.
        """

@final
class Snapshot:
    """An engine as it stood between two events."""

    LAYOUT: ClassVar[int]
    """Which snapshots this orderloom reads: those of the same number."""

    @property
    def kind(self) -> Literal["engine"]: ...
    def json(self) -> str:
        """All of it; other threads run meanwhile."""

@final
class Engine:
    """One event in, all commands out.

    The configuration is JSON; what is wrong in it raises `ValueError`, naming the rule and field.
    """

    def __new__(cls, config: str) -> Engine: ...
    @staticmethod
    def restore(snapshot: str) -> Engine:
        """Return the engine that the JSON of a `Snapshot` tells of, the same from there on.

        One of another layout, or with anything missing, raises `ValueError`.
        """

    def snapshot(self) -> Snapshot:
        """Keep the engine as it stands now, to be written down whenever there is time."""

    def on_event(self, seq: int, at: int, event: Event) -> Outcome | None:
        """Judge one event; `None` when nothing came of it. `at` never moves back."""

    def on_events(
        self, seq: int, at: Sequence[int], events: Sequence[Event]
    ) -> list[tuple[int, Outcome]]:
        """Judge events that happened at the times `at`, numbered from `seq` on.

        Returns what followed, each with its event's place in `events`. For recordings and research:
        nothing is carried out between two of them. Other threads run meanwhile.
        """

    def replay(self, rows: Sequence[bytes]) -> tuple[int, int, str | None, str | None] | None:
        """Take in rows of a journal as `Recording.batches` yields them.

        Commands and notices are compared with what the engine makes of their event. Returns the
        first difference: event number, place among its outcome, what the journal has, what the
        engine says. An event that cannot be read raises `ValueError`.
        """

    def catch_up(self, rows: Sequence[bytes]) -> None:
        """Take in the events among rows of a journal; compare nothing."""

    def unmatched(self) -> tuple[int, int, list[tuple[Literal["command", "notice"], str]]]:
        """Return what the last replayed event led to and no row held.

        The event's number, how much of its outcome was held, and type and JSON of the rest.
        """

    def trace(
        self, seq: int, at: int, event: Event, *, rule: int | None = None, symbol: int | None = None
    ) -> list[str]:
        """Take in an event and tell what each rule made of it: JSON, in the order of judging."""

    def explain(self, seq: int, at: int, event: Event, rule: str) -> list[str]:
        """Tell what a rule would make of an event that came now; changes nothing.

        JSON, one per symbol; empty when the event does not trigger the rule. A name that no rule
        has raises `ValueError`.
        """

    def preview(self, config: str) -> str:
        """Tell what the event `reloaded` with this configuration would do; changes nothing.

        JSON: the names of rules `added`, `removed` and `changed`, and the indicators that begin
        `cold`. A configuration that cannot be taken up raises `ValueError`.
        """

    def next_deadline(self) -> int | None:
        """When time alone makes something due."""

    @property
    def config(self) -> str:
        """The configuration that is in force, as JSON."""

    def warm_up_bars(self, span: int) -> int:
        """Bars of `span` ns that the rules' indicators need before they are warm."""

    def misfit(self, span: int) -> str | None:
        """The indicator over longer bars that bars of `span` ns do not build; `None` if all can."""

    @property
    def mode(self) -> Literal["Active", "ReduceOnly", "Halted"]: ...
    @property
    def ordered_mode(self) -> Literal["Active", "ReduceOnly", "Halted"]:
        """The mode as far as somebody ordered it, whatever line and broker allow."""

    def quarantined(self) -> list[int]:
        """Numbers of the symbols that take no entries until a person resumes."""

    def position(self, symbol: int) -> tuple[str, str | None, str, str]:
        """Signed quantity, average price, realised profit before commissions, and commissions.

        All decimal strings; no average price when flat.
        """

    def unrealized(self, symbol: int) -> str | None:
        """Profit if the position were closed at the last price; `None` when flat or unpriced."""

    def mark(self, symbol: int) -> str | None:
        """The last price."""

    def profit(self) -> str:
        """Profit of the run: realised and unrealised, after commissions."""

    def live_orders(self) -> str:
        """Every order that may still do something, as a JSON array."""

    def order(self, order_id: int) -> str | None:
        """One order of this run, alive or ended, as a JSON object."""

    def fills(self) -> str:
        """Every fill as it counts now, corrections applied, as a JSON array."""

    def of_single_orders(self) -> list[str]:
        """By symbol, what orders outside any trade bought less what they sold, in shares of now.

        All decimal strings; after a split they are those that it made.
        """

    def context(self, symbol: int) -> str | None:
        """The open trade of a symbol as a JSON object."""

    def worth(
        self, operand: str, symbol: int | None = None, ask: int | None = None
    ) -> float | str | bool | None:
        """What an operand of the rule tree, as JSON, is worth to rules about `symbol` now.

        On the event of the question `ask`, if that is waiting; `None` while it is unknown.
        """

    def indicators(
        self, symbol: int
    ) -> list[tuple[str, list[float], tuple[int, str] | None, float | None]]:
        """Name, parameters, longer bars and value of every indicator that rules use."""

@final
class Ticks:
    """Level one of every market data request: ticks become whole quotes and prints.

    What ticks lead to: events in their order, or the id of a request whose data is delayed although
    live was asked for.
    """

    def __new__(cls) -> Self: ...
    def add(self, request: int, symbol: int, wants_live: bool) -> None: ...
    def remove(self, request: int) -> None: ...
    def message(self, fields: list[str]) -> list[Event | int]:
        """Take a message of type 1 or 2 as `ib_async` split it; `ValueError` for another form."""

    def take(self, data: bytes, at: int) -> tuple[int, list[Event | int], list[str] | None, bool]:
        """Take ticks as they came from the socket, from `at` on, until one's data is delayed.

        Where the next message begins, what the ticks led to, the fields of a message that is no
        tick, if that stopped it, and whether no message is whole any more. When all was taken, the
        quote that changed last is told, too.
        """

    def price(self, request: int, kind: int, value: float, size: float) -> list[Event | int]: ...
    def size(self, request: int, kind: int, value: float) -> list[Event | int]: ...
    def flush(self) -> Event | None:
        """Return the quote that changed and was not told yet."""

    def withdraw(self, request: int) -> Event | None:
        """Withdraw its prices; another request's quote that was not told yet is returned."""

    def withhold(self, request: int, is_withheld: bool) -> bool:
        """Pass its live ticks on or not; whether they were withheld before."""

@final
class Venue:
    """A simulated exchange with one account: one command in, its events out, from a seed.

    Orders and instruments go in as JSON objects, events come out as JSON arrays; `None` says that
    there are none. What cannot be read raises `ValueError` naming the field.
    """

    def __new__(cls, config: str) -> Venue: ...
    def add_instrument(self, instrument: str) -> None: ...
    def place(self, at: int, order: str) -> str:
        """Take a new order, or a change of one that is alive under the same numbers."""

    def cancel(self, at: int, client_id: int, order_id: int) -> str: ...
    def global_cancel(self, at: int) -> str: ...
    def session(self, at: int, con_id: int, is_open: bool) -> str:
        """Open or close the regular session of an instrument."""

    def quote(
        self,
        at: int,
        con_id: int,
        bid: float | None,
        ask: float | None,
        bid_size: float,
        ask_size: float,
    ) -> str | None: ...
    def trade(self, at: int, con_id: int, price: float, size: float) -> str | None:
        """Take a print: it triggers stops and fills what rests at its price."""

    def sweep(self, at: int, con_id: int, price: float, size: float) -> str | None:
        """Take a print that stands for all prices since the one before, as bars need it."""

    def advance(self, at: int) -> str | None:
        """Let time pass without a price."""

    def fork(self, at: int, order: str) -> str:
        """Take a change of a live order as a second order under the same numbers."""

    def halt(self, at: int, con_id: int, is_halted: bool) -> str: ...
    def locate(self, at: int, con_id: int, is_hard: bool) -> str:
        """Say whether an instrument is hard to borrow."""

    def manual_trade(
        self, at: int, con_id: int, side: str, quantity: float, price: float | None = None
    ) -> str:
        """Fill something that no client's order explains."""

    def manual_order(self, at: int, order: str) -> str:
        """Take an order by hand: client 0 and number 0 until it is bound."""

    def bind(self) -> list[tuple[int, int]]:
        """Give live orders by hand negative numbers; permanent and new numbers."""

    def split(self, at: int, con_id: int, new: int, old: int) -> str:
        """Split a stock `new` for `old`."""

    def correct_latest(self, at: int, price: float) -> str:
        """Correct the price of the latest execution."""

    def overfill(self, at: int, more: float) -> str:
        """Fill the order of the latest execution by more than it asked for."""

    def bust_latest(self, at: int) -> str:
        """Take the latest execution back."""

    def dividend(self, at: int, con_id: int, amount: float) -> str:
        """Pay an amount for each share held."""

    def band(self, at: int, con_id: int, band: tuple[float, float] | None) -> str:
        """Let an instrument trade between two prices only, or anywhere."""

    def what_if(self, at: int, order: str) -> str:
        """Tell margin and commission of an order, and place nothing."""

    def orders(self) -> str:
        """Every order that is alive."""

    def completed(self) -> str:
        """Every order that has ended."""

    def executions(self) -> str:
        """Every fill, with its commission."""

    def positions(self) -> str: ...
    def account(self) -> str:
        """The account's values by their TWS tags, as a JSON object."""

def bar_path(
    open: float, high: float, low: float, close: float, volume: float, start: int, span: int
) -> list[tuple[int, float, float]]:
    """Unfold a bar into four prints, `(at, price, size)`: open, its extremes, close."""

@final
class Subscription:
    """One handler's place on a bus."""

    @property
    def event_class(self) -> type[Any]: ...
    @property
    def handler(self) -> Callable[..., object]: ...
    @property
    def is_active(self) -> bool: ...
    def cancel(self) -> bool:
        """End it, also inside a handler. Returns whether it was active."""

@disjoint_base
class EventBus:
    """The native part of `orderloom.bus.EventBus`: plain handlers, called in order."""

    def __new__(
        cls,
        on_error: Callable[[Callable[..., object], object, BaseException], object] | None = None,
    ) -> Self: ...
    @property
    def errors(self) -> int:
        """How many times a handler raised."""

    def subscribe(self, event_class: type[_E], handler: Callable[[_E], object]) -> Subscription: ...
    def publish(self, event: object, /) -> int:
        """Deliver `event`, then what handlers published meanwhile.

        Returns how many handlers `event` reached; 0 inside a handler, where it waits for its turn.
        """

    def has_handlers(self, event_class: type[Any]) -> bool:
        """Whether anybody would get an event of exactly this class."""

    def report(self, handler: Callable[..., object], event: object, error: BaseException) -> None:
        """Count and report what a handler raised that was called elsewhere."""

@final
class ATR:
    """Average True Range in price units, fed bar by bar; `None` for the first `period` bars.

    `wilder` is smoothed as its inventor and TA-Lib do it, `sma` is the plain mean of the last
    `period` true ranges. Bad parameters raise `ValueError`.
    """

    def __new__(cls, period: int = 14, smoothing: Literal["wilder", "sma"] = "wilder") -> ATR: ...
    def update(self, high: float, low: float, close: float) -> float | None:
        """Take the next complete bar."""

    @property
    def value(self) -> float | None: ...
    @property
    def is_warm(self) -> bool: ...
    @property
    def period(self) -> int: ...
    @staticmethod
    def batch(
        high: _Floats,
        low: _Floats,
        close: _Floats,
        period: int = 14,
        smoothing: Literal["wilder", "sma"] = "wilder",
    ) -> memoryview[float]:
        """Compute whole columns of one length, NaN until warm.

        Contiguous float64 buffers are read in place while the interpreter is free: do not write to
        them from another thread meanwhile. `numpy.asarray` takes the result without copying.
        """

@final
class Indicator:
    """Any indicator by the name that conditions use, fed bar by bar.

    An unknown name and bad parameters raise `ValueError`.
    """

    def __new__(cls, name: str, *parameters: float) -> Indicator: ...
    def update(
        self, open: float, high: float, low: float, close: float, volume: float = 0.0
    ) -> float | None:
        """Take the next complete bar."""

    def begin_session(self) -> None:
        """Say that the next bar belongs to a new exchange session."""

    @property
    def value(self) -> float | None: ...
    @property
    def is_warm(self) -> bool: ...
    @property
    def warmup(self) -> int:
        """Bars needed until the first value."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """All of them, defaults filled in."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a bar that it reads."""

    def batch(self, **columns: _Floats) -> memoryview[float]:
        """Compute whole columns, `open` to `volume`, from the start; as `ATR.batch`."""

INDICATORS: tuple[str, ...]

@final
class Glance:
    """The engine of a back-test that waits for an answer, for as long as it waits."""

    def worth(
        self, operand: str, symbol: int | None = None, ask: int | None = None
    ) -> float | str | bool | None:
        """As `Engine.worth`; `RuntimeError` once the question is over."""

@final
class BacktestResult:
    """What a back-test left behind; each table is a dict of columns, made when it is asked for."""

    def trades(self) -> dict[str, list[Any]]: ...
    def orders(self) -> dict[str, list[Any]]: ...
    def fills(self) -> dict[str, list[Any]]: ...
    def reasons(self) -> dict[str, list[Any]]: ...
    def incidents(self) -> dict[str, list[Any]]: ...
    def equity(self) -> tuple[memoryview[int], memoryview[float]]:
        """Moments in UTC ns, and the run's profit at them."""

    def positions(self) -> dict[str, float]: ...
    def measures(self) -> dict[str, float | int | None]:
        """The run in a few numbers; `orderloom.sweeping.MEASURES` tells what they are."""

    @property
    def live_orders(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def signals(self) -> int: ...
    @property
    def fired(self) -> int: ...
    @property
    def profit(self) -> float: ...
    @property
    def mode(self) -> str: ...

def resample(
    times: Any,
    prices: Sequence[Any],
    sizes: Any | None,
    *,
    span: int,
    base: int | None,
    sessions: Sequence[tuple[int, int, int, int]],
) -> dict[str, memoryview[Any]]:
    """Bars of `base` ns, or prints, as bars of `span` ns.

    `prices` are open, high, low and close, or the price alone; without `base` the distance of the
    bars tells it. Data that do not fit raise `ValueError`.
    """

def as_column(name: str, column: Any, is_time: bool) -> Any:
    """A column that back-tests read in place: itself, or a memory view of its copied values."""

def run_backtest(
    config: str,
    venue: str,
    *,
    bars: Sequence[tuple[int, Sequence[Any], Any]],
    quotes: Sequence[tuple[int, Sequence[Any], Sequence[Any] | None]],
    prints: Sequence[tuple[int, Sequence[Any], Any]],
    sessions: Sequence[tuple[int, int, int, int]],
    events: Sequence[tuple[int, Event]],
    span: int | None,
    within: tuple[int | None, int | None],
    detail: str,
    is_limited_by_volume: bool,
    script: Callable[[Command, Glance, int], Event] | None,
    listener: Callable[[int, int, Event, Outcome | None], object] | None,
) -> BacktestResult:
    """Play a whole history while the interpreter is free; see `orderloom.backtesting`.

    Columns are buffers or Arrow streams, read in place where they hold 64-bit values: do not write
    to them from another thread meanwhile. What is before the first moment of `within`, or not
    before the second, is not played. A row that cannot be played raises `ValueError`.
    """

"""What happened, as scripts hear it: one frozen class per kind, in a tree for the event bus.

Subscribing to a class receives its subclasses: `MarketEvent` hears prices, quotes, bars, volumes
and indicators. Prices, quantities and money are `Decimal`, a model's statistics are floats, times
are UTC nanoseconds.

Example:
    >>> fill = FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(100), price=Decimal("150.02"))
    >>> isinstance(fill, OrderEvent), fill.quantity * fill.price
    (True, Decimal('15002.00'))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseEvent:
    """Something that happened.

    Attributes:
        id: Its number in the journal; what follows from an event has its number, a point, and a
            number of its own.
        at: When orderloom learned of it, UTC nanoseconds.
        source: Who told it: `broker`, `signals`, `engine`, `script`, `operator` or `clock`.
        correlation: The `id` of the event that began the trade it belongs to; its own otherwise.

    Example:
        >>> BaseEvent(id="412", at=1_773_153_000_000_000_000).time.isoformat()
        '2026-03-10T14:30:00+00:00'
    """

    trigger: ClassVar[str] = ""
    """Its word in `on:` of rules, for those that trigger rules."""

    id: str = ""
    at: int = 0
    source: str = ""
    correlation: str = ""

    @property
    def time(self) -> datetime:
        """`at` as a datetime in UTC, to the microsecond."""
        return datetime.fromtimestamp(self.at // 1_000_000_000, UTC).replace(
            microsecond=self.at // 1_000 % 1_000_000
        )


# -- the market -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEvent(BaseEvent):
    """The market of a symbol moved.

    Example:
        >>> issubclass(BarEvent, MarketEvent)
        True
    """

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEvent(MarketEvent):
    """A trade printed: rules call it `Trade`.

    Example:
        >>> PriceEvent(symbol="AAPL", price=Decimal("150.02"), size=Decimal(100)).price
        Decimal('150.02')
    """

    trigger: ClassVar[str] = "Trade"

    price: Decimal
    size: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteEvent(MarketEvent):
    """Best bid and ask changed; a side that nobody quotes is `None`.

    Example:
        >>> quote = QuoteEvent(symbol="AAPL", bid=Decimal("150.01"), ask=Decimal("150.03"))
        >>> quote.ask - quote.bid
        Decimal('0.02')
    """

    trigger: ClassVar[str] = "Quote"

    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal = Decimal(0)
    ask_size: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarEvent(MarketEvent):
    """A bar is complete. `start` and `span` are nanoseconds.

    A bar with `is_history` lies before the run: it warms indicators and triggers no rule.

    Example:
        >>> bar = BarEvent(symbol="AAPL", start=0, span=60_000_000_000, open=Decimal(150),
        ...                high=Decimal(152), low=Decimal(149), close=Decimal(151))
        >>> bar.high - bar.low
        Decimal('3')
    """

    trigger: ClassVar[str] = "Bar"

    start: int
    span: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)
    is_history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeEvent(MarketEvent):
    """How much was traded during a bar of `span` nanoseconds.

    Example:
        >>> VolumeEvent(symbol="AAPL", volume=Decimal(12_500), span=60_000_000_000).volume
        Decimal('12500')
    """

    volume: Decimal
    span: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorEvent(MarketEvent):
    """An indicator that rules use, after a bar; `value` is `None` until it is warm.

    `over` tells the longer bars that it is computed from, if it is: their span in nanoseconds, and
    `bars` or `trades`, which they are built of.

    Example:
        >>> IndicatorEvent(symbol="AAPL", name="atr", parameters=(14.0,), value=1.25).value
        1.25
    """

    name: str
    parameters: tuple[float, ...]
    value: float | None
    over: tuple[int, str] | None = None


# -- predictions and readings ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsFlowEvent(BaseEvent):
    """A prediction source spoke.

    Example:
        >>> issubclass(PredictionSignalEvent, OptionsFlowEvent)
        True
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionSignalEvent(OptionsFlowEvent):
    """A new prediction, once, however often it is served.

    `symbol` is absent for a ticker that is none of ours. `key` is its identity, `predicted_at` UTC
    nanoseconds, `confidence` 0 to 1.

    Example:
        >>> PredictionSignalEvent(symbol="AAPL", side="BUY", confidence=0.91).side
        'BUY'
    """

    trigger: ClassVar[str] = "PredictionSignal"

    symbol: str | None
    side: str
    confidence: float | None = None
    ticker: str = ""
    key: str = ""
    numeric: int | None = None
    probabilities: tuple[float, ...] = ()
    predicted_at: int = 0
    price: Decimal | None = None
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDroppedEvent(OptionsFlowEvent):
    """A prediction that no rule saw, with its reason code, such as `DUPLICATE` or `EXPIRED`.

    Example:
        >>> SignalDroppedEvent(ticker="AAPL", side="BUY", key="7", reason="EXPIRED").reason
        'EXPIRED'
    """

    ticker: str
    side: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRejectedEvent(OptionsFlowEvent):
    """A source answered with something that is no prediction.

    Example:
        >>> SignalRejectedEvent(feed="AAPL", reason="MALFORMED", detail="no side").reason
        'MALFORMED'
    """

    feed: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingEvent(BaseEvent):
    """A value that a script pushed in; `None` withdraws it.

    Example:
        >>> ReadingEvent(name="vix", value=17.5).symbol is None
        True
    """

    trigger: ClassVar[str] = "Reading"

    name: str
    value: float | None
    symbol: str | None = None


# -- orders and fills -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(BaseEvent):
    """One of our orders.

    Example:
        >>> OrderEvent(symbol="AAPL", order_id=7, role="stop").role
        'stop'
    """

    symbol: str
    order_id: int = 0
    order_ref: str = ""
    role: str = ""
    """`entry`, `stop`, `target`, `close` or `single`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNewEvent(OrderEvent):
    """An order left for the broker, for the trade `context`; `parent_id` is 0 without a parent.

    Example:
        >>> OrderNewEvent(symbol="AAPL", order_id=7, role="stop", side="SELL",
        ...               quantity=Decimal(100), order_type="STP",
        ...               stop_price=Decimal("145.5")).stop_price
        Decimal('145.5')
    """

    side: str
    quantity: Decimal
    order_type: str
    """`MKT`, `LMT`, `STP`, `STP LMT` or `TRAIL`."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    parent_id: int = 0
    context: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderModifiedEvent(OrderNewEvent):
    """The same order left once more, with another price or quantity, or because no answer came.

    Example:
        >>> OrderModifiedEvent(symbol="AAPL", side="SELL", quantity=Decimal(60),
        ...                    order_type="STP", stop_price=Decimal(146)).quantity
        Decimal('60')
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusEvent(OrderEvent):
    """Where an order stands, computed from every fact about it.

    `phase` is `submitting`, `working`, `held`, `cancelling`, `unknown`, `filled`, `cancelled` or
    `rejected`.

    Example:
        >>> OrderStatusEvent(symbol="AAPL", order_id=7, phase="working").phase
        'working'
    """

    phase: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelledEvent(OrderStatusEvent):
    """The broker confirmed that an order was cancelled.

    Example:
        >>> OrderCancelledEvent(symbol="AAPL", order_id=7).phase
        'cancelled'
    """

    phase: str = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejectedEvent(OrderStatusEvent):
    """The broker refused an order; `code` and `reason` are its last words on it.

    Example:
        >>> OrderRejectedEvent(symbol="AAPL", order_id=7, code=201, reason="no locate").code
        201
    """

    phase: str = "rejected"
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderGroupEvent(OrderEvent):
    """Orders left that belong together: `bracket` (`order_id` is the entry's) or `oca`.

    Example:
        >>> OrderGroupEvent(symbol="AAPL", order_id=7, kind="bracket", members=(7, 8, 9)).members
        (7, 8, 9)
    """

    kind: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FillEvent(OrderEvent):
    """Shares or contracts changed hands; `order_id` is 0 or less when the order was not ours.

    Example:
        >>> FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(40), price=Decimal(150)).side
        'BUY'
    """

    trigger: ClassVar[str] = "Fill"

    side: str
    quantity: Decimal
    price: Decimal
    exec_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommissionEvent(OrderEvent):
    """What a fill cost became known.

    Example:
        >>> CommissionEvent(symbol="AAPL", exec_id="0001.01", amount=Decimal("1.00")).amount
        Decimal('1.00')
    """

    exec_id: str
    amount: Decimal


# -- positions and trades -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEvent(BaseEvent):
    """A position changed from `was` to `quantity`, both signed.

    Example:
        >>> PositionEvent(symbol="AAPL", was=Decimal(0), quantity=Decimal(-25)).quantity
        Decimal('-25')
    """

    trigger: ClassVar[str] = "Position"

    symbol: str
    was: Decimal
    quantity: Decimal
    average_price: Decimal | None = None
    realized: Decimal = Decimal(0)
    """Profit of the symbol since the start, before commissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpenedEvent(PositionEvent):
    """Something is held that was not before.

    Example:
        >>> PositionOpenedEvent(symbol="AAPL", was=Decimal(0), quantity=Decimal(100)).was
        Decimal('0')
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionUpdatedEvent(PositionEvent):
    """What is held grew, shrank or changed its side.

    Example:
        >>> PositionUpdatedEvent(symbol="AAPL", was=Decimal(100), quantity=Decimal(40)).quantity
        Decimal('40')
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosedEvent(PositionEvent):
    """Nothing is held any more.

    Example:
        >>> PositionClosedEvent(symbol="AAPL", was=Decimal(40), quantity=Decimal(0)).quantity
        Decimal('0')
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEvent(BaseEvent):
    """A trade: everything from the entry to the last exit of one side of one symbol.

    Example:
        >>> ContextEvent(symbol="AAPL", context=3).context
        3
    """

    symbol: str
    context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOpened(ContextEvent):
    """A rule began a trade, `LONG` or `SHORT`.

    Example:
        >>> ContextOpened(symbol="AAPL", context=3, side="LONG", rule="long-on-buy").rule
        'long-on-buy'
    """

    side: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextScaled(ContextEvent):
    """A tranche was added; `tranches` counts all of them.

    Example:
        >>> ContextScaled(symbol="AAPL", context=3, tranches=2).tranches
        2
    """

    tranches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextConcluded(ContextEvent):
    """A trade is over: flat at the broker, nothing of it live or unknown.

    `exit_reason` is `TARGET`, `STOP`, `TRAIL`, `CLOSE_ALL`, `REVERSAL`, `END_OF_DAY`, `MANUAL` or
    `RECOVERY`; it and the prices are absent when nothing was ever filled. `pnl` is before
    `commission`.

    Example:
        >>> over = ContextConcluded(symbol="AAPL", context=3, side="LONG", rule="long-on-buy",
        ...                         exit_reason="TARGET", pnl=Decimal(1198), commission=Decimal(2))
        >>> over.net
        Decimal('1196')
    """

    trigger: ClassVar[str] = "ContextConcluded"

    side: str
    rule: str
    exit_reason: str | None
    quantity: Decimal = Decimal(0)
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None
    tranches: int = 1
    pnl: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    opened_at: int = 0
    closed_at: int = 0

    @property
    def net(self) -> Decimal:
        """Profit after commissions."""
        return self.pnl - self.commission


# -- rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvent(BaseEvent):
    """A rule's condition held.

    Example:
        >>> RuleEvent(rule="long-on-buy", symbol="AAPL").rule
        'long-on-buy'
    """

    rule: str
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFiredEvent(RuleEvent):
    """A rule's actions were carried out.

    Example:
        >>> RuleFiredEvent(rule="long-on-buy", symbol="AAPL").symbol
        'AAPL'
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBlockedEvent(RuleEvent):
    """Something kept a rule from acting: its reason code, and both numbers or what was missing.

    Example:
        >>> RuleBlockedEvent(rule="long-on-buy", reason="COOLDOWN", detail="acted 3s ago").reason
        'COOLDOWN'
    """

    reason: str
    detail: str = ""


# -- everything else ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEvent(BaseEvent):
    """Time passed: something was due.

    Example:
        >>> TimeEvent(at=1_773_153_000_000_000_000).time.hour
        14
    """

    trigger: ClassVar[str] = "Clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent(TimeEvent):
    """The current or next regular session of a symbol became known; UTC nanoseconds.

    Example:
        >>> SessionEvent(symbol="AAPL", opens=0, closes=23_400_000_000_000).closes // 10**9 // 60
        390
    """

    trigger: ClassVar[str] = ""

    symbol: str
    opens: int
    closes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent(BaseEvent):
    """The line to the broker is `up` or `down`, or its prices are `data_stale`.

    Example:
        >>> ConnectionEvent(state="down").state
        'down'
    """

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeEvent(BaseEvent):
    """What may be sent changed: `Active`, `ReduceOnly` or `Halted`.

    Example:
        >>> ModeEvent(mode="Halted", reason="by hand").mode
        'Halted'
    """

    mode: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent(BaseEvent):
    """One value of the account, by its TWS name, such as `NetLiquidation`.

    Example:
        >>> AccountEvent(tag="NetLiquidation", value=Decimal(100_000)).value
        Decimal('100000')
    """

    tag: str
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorEvent(BaseEvent):
    """A person's word: `halt`, `resume`, `reduce_only`, `flatten` or `enable_rule`.

    Example:
        >>> OperatorEvent(word="enable_rule", rule="long-on-buy", enabled=False).enabled
        False
    """

    word: str
    reason: str = ""
    symbol: str | None = None
    rule: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadEvent(BaseEvent):
    """Other rules and settings were taken up under way; names of rules, and of cold indicators.

    Example:
        >>> ReloadEvent(changed=("long-on-buy",)).changed
        ('long-on-buy',)
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    cold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEvent(BaseEvent):
    """Something that an operator must know; the symbol, if any, is reduce-only from here.

    Example:
        >>> IncidentEvent(code="SCRIPT_FAILED", text="`calm` raised").code
        'SCRIPT_FAILED'
    """

    code: str
    text: str
    symbol: str | None = None
    order_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent(BaseEvent):
    """What a rule's `log` (`is_urgent` false) or `notify` said.

    Example:
        >>> MessageEvent(rule="watch", text="near the high").is_urgent
        False
    """

    rule: str
    text: str
    symbol: str | None = None
    is_urgent: bool = False


EVENTS: Final[dict[str, type[Any]]] = {
    name: member
    for name, member in dict(globals()).items()
    if isinstance(member, type) and issubclass(member, BaseEvent)
}
"""Every class of this module by its name."""

__all__ = [*EVENTS, "EVENTS"]  # noqa: PLE0604 - computed, so that no class is forgotten

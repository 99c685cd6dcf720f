"""Rules alone, without a broker and a clock: events in, what follows out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from orderloom import events
from orderloom._core import Engine, Event
from orderloom.bus import EventBus
from orderloom.hand import BY_HAND, RULE, Hand
from orderloom.orders import LinkedOrderManager, OrderManager
from orderloom.positions import PositionTracker
from orderloom.publisher import Publisher
from orderloom.questions import Questions
from orderloom.strategy import StrategyController
from orderloom.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from orderloom._core import Command
    from orderloom.actions import Action
    from orderloom.questions import Actions, Condition
    from orderloom.rules import Rule

_RUN: Final = "rules"


class RuleEngine:
    """The native engine alone: for notebooks, tests, and systems with a broker of their own.

    It takes the classes of `events` that come from outside (prices, quotes, bars, predictions,
    readings, fills, account values, words of an operator) and gives back what followed, as the
    classes that it makes itself: which rules fired or were blocked, which orders it wants sent,
    what was opened and closed. Its time is that of the events; one without a time happens at the
    same moment as the one before. Orders are only told: say what became of them with `FillEvent`.

    Args:
        rules: In order of definition.
        symbols: What may be traded beside what the rules name.
        conditions: Python functions that `ask("name")` asks.
        actions: Python functions that `actions.custom("name")` asks.
        limits: The last gate before an order, as under `limits:` of the configuration.
        ticks: Smallest price step by symbol; 0.01 where it is left out.

    Raises:
        ValueError: A rule, limit or tick that cannot run, by its name.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import OrderNewEvent, PredictionSignalEvent, PriceEvent, create_buy_rule
        >>> engine = RuleEngine([create_buy_rule("AAPL", shares=100, stop_percent=3)])
        >>> _ = engine.on_event(PriceEvent(symbol="AAPL", price=Decimal("150.00")))
        >>> followed = engine.on_event(PredictionSignalEvent(symbol="AAPL", side="BUY",
        ...                                                  confidence=0.9))
        >>> [(order.role, order.side, order.stop_price) for order in followed
        ...  if isinstance(order, OrderNewEvent)]
        [('entry', 'BUY', None), ('stop', 'SELL', Decimal('145.5'))]
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        symbols: Sequence[str] = (),
        conditions: Mapping[str, Condition] | None = None,
        actions: Mapping[str, Actions] | None = None,
        limits: Mapping[str, object] | None = None,
        ticks: Mapping[str, Decimal | str] | None = None,
    ) -> None:
        self.rules: Final = tuple(rules)
        named = [symbol for rule in self.rules for symbol in rule.symbols]
        self.symbols: Final = tuple(dict.fromkeys([*named, *symbols]))
        self.bus: Final = EventBus()
        """Hears everything that happens here."""
        steps = {symbol: str(tick) for symbol, tick in (ticks or {}).items()}
        everything = [*self.rules, RULE]
        config = {
            "run": _RUN,
            "instruments": [
                {
                    "symbol": symbol,
                    "tick": steps.get(symbol, "0.01"),
                    "multiplier": 1,
                    "currency": "USD",
                }
                for symbol in self.symbols
            ],
            "limits": dict(limits or {}),
            "rules": [rule.as_dict() for rule in everything],
        }
        self.native: Final = Engine(json.dumps(config, default=str))
        """The engine itself."""
        names = [rule.name for rule in everything]
        hand = Hand(self.symbols, self._post)
        self._at = 0
        self._seq = 0
        self._fills = 0
        self._followed: list[events.BaseEvent] = []
        self._waiting: list[Event] = []
        self._is_busy = False
        self._questions = Questions(
            self.native,
            self.symbols,
            names,
            dict(conditions or {}),
            {**(actions or {}), BY_HAND: hand.actions},
            lambda: self._at,
        )
        self._publisher = Publisher(self.bus, self.symbols, names, self.native)
        self.positions: Final = PositionTracker(self.native, self.symbols)
        """What is held, from the fills that were told."""
        self.orders: Final = OrderManager(self.native, self.symbols, hand)
        """Orders that were asked for."""
        self.linked: Final = LinkedOrderManager(self.native, self.symbols, hand)
        """Trades and their linked orders."""
        self.strategy: Final = StrategyController(self.rules, self.bus, self._post)
        """The rules, to be listed and switched."""
        for event in (
            Event.connection("up"),
            Event.snapshot("began"),
            Event.next_order_id(1),
            Event.snapshot("ended"),
        ):
            self._post(event)
        self.bus.subscribe(events.BaseEvent, self._followed.append)

    def on_event(self, event: events.BaseEvent | Event) -> tuple[events.BaseEvent, ...]:
        """Take what happened and tell what followed, in order; `event` itself is not repeated.

        Everything that a broker says has a native form, `orderloom.Event`, which is taken as well.

        Raises:
            TypeError: An event that only the engine makes.
            ValueError: A symbol that nobody named, or a number that cannot be.
        """
        self._followed.clear()
        if isinstance(event, Event):
            self._post(event)
            return tuple(self._followed)
        self._at = max(self._at, event.at)
        self._post(self._native(event))
        return tuple(told for told in self._followed if type(told) is not type(event))

    def act(self, symbol: str, *actions: Action) -> tuple[events.BaseEvent, ...]:
        """Do actions now, under the limits of rules, and tell what followed."""
        self._followed.clear()
        self.linked.act(symbol, *actions)
        return tuple(told for told in self._followed if not isinstance(told, events.ReadingEvent))

    def view(self, symbol: str | None = None) -> View:
        """The state by the documented names, as conditions see it."""
        return View(self.native, self.symbols, symbol)

    def _post(self, event: Event) -> None:
        self._waiting.append(event)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._waiting:
                self._handle(self._waiting.pop(0))
        finally:
            self._is_busy = False

    def _handle(self, event: Event) -> None:
        self._seq += 1
        outcome = self.native.on_event(self._seq, self._at, event)
        asked: list[Command] = []
        if outcome is not None:
            asked = [command for command in outcome.commands if command.kind == "ask"]
        self._waiting[:0] = [self._questions.answer(command) for command in asked]
        self._publisher.on_event(self._at, event, outcome)

    def _native(self, event: events.BaseEvent) -> Event:
        match event:
            case events.PriceEvent():
                return Event.trade(
                    self._number(event.symbol), float(event.price), float(event.size)
                )
            case events.QuoteEvent():
                return Event.quote(
                    self._number(event.symbol),
                    _float(event.bid),
                    _float(event.ask),
                    float(event.bid_size),
                    float(event.ask_size),
                )
            case events.BarEvent():
                return Event.bar(
                    self._number(event.symbol),
                    event.start,
                    event.span,
                    float(event.open),
                    float(event.high),
                    float(event.low),
                    float(event.close),
                    float(event.volume),
                    event.is_history,
                )
            case events.PredictionSignalEvent():
                return self._signal(event)
            case events.ReadingEvent():
                about = None if event.symbol is None else self._number(event.symbol)
                return Event.reading(event.name, about, event.value)
            case events.FillEvent():
                return self._fill(event)
            case events.AccountEvent():
                return Event.account_value(event.tag, float(event.value))
            case events.ConnectionEvent():
                return Event.connection(event.state)
            case events.SessionEvent():
                day = datetime.fromtimestamp(event.opens / 1e9, UTC)
                date = day.year * 10_000 + day.month * 100 + day.day
                return Event.session(self._number(event.symbol), date, 0, event.opens, event.closes)
            case events.OperatorEvent():
                return self._operator(event)
            case events.TimeEvent():
                return Event.clock()
            case _:
                raise TypeError(f"`{type(event).__name__}` comes out of the engine, not into it")

    def _signal(self, event: events.PredictionSignalEvent) -> Event:
        symbol = event.symbol if event.symbol in self.symbols else None
        predicted_at = event.predicted_at or self._at
        key = event.key or f"{event.symbol}-{predicted_at}-{event.side}-{self._seq}"
        return Event.signal(
            key,
            event.ticker or event.symbol or "",
            None if symbol is None else self._number(symbol),
            event.side,
            event.confidence,
            event.numeric,
            list(event.probabilities),
            predicted_at,
            _float(event.price),
            list(event.features.items()),
        )

    def _fill(self, event: events.FillEvent) -> Event:
        self._fills += 1
        return Event.execution(
            event.exec_id or f"{_RUN}.{self._fills}.01",
            event.order_id,
            max(event.order_id, 0),
            event.order_ref,
            self._number(event.symbol),
            event.side,
            float(event.quantity),
            float(event.price),
            event.at or self._at,
        )

    def _operator(self, event: events.OperatorEvent) -> Event:
        return Event.operator(
            event.word,
            reason=event.reason,
            symbol=None if event.symbol is None else self._number(event.symbol),
            rule=event.rule,
            enabled=event.enabled,
        )

    def _number(self, symbol: str) -> int:
        if symbol not in self.symbols:
            known = ", ".join(self.symbols) or "none"
            raise ValueError(f"`symbol` must be one of {known}, was `{symbol}`")
        return self.symbols.index(symbol)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)

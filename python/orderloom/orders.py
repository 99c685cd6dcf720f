"""Orders as the engine knows them, and the acts that change them.

Orders, groups and brackets are views: facts read when they are asked for. The managers act by
handing *actions* to the engine (`hand.Hand`), which passes them through the same limits as a
rule's and plans the commands; nothing here talks to a broker.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orderloom import actions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderloom._core import Engine
    from orderloom.actions import Action
    from orderloom.hand import Hand
    from orderloom.levels import LevelsLike

_DONE = frozenset({"filled", "cancelled", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as it stood when it was read.

    Attributes:
        role: `entry`, `stop`, `target`, `close` or `single`.
        phase: `submitting`, `working`, `held`, `cancelling`, `unknown`, `filled`, `cancelled` or
            `rejected`, computed from every fact that the broker told.
        filled: FIX CumQty, by executions.
        context: Number of the trade it belongs to.
        oca: Name of its one-cancels-all group, where we named one.
        oca_kind: What a fill does to the rest of that group: `cancel`, `reduce` or
            `reduce_with_block`.

    Example:
        >>> order = Order(order_id=7, order_ref="run-1-entry", symbol="AAPL", role="entry",
        ...               side="BUY", quantity=Decimal(100), filled=Decimal(40), phase="working")
        >>> order.remaining, order.is_done
        (Decimal('60'), False)
    """

    order_id: int
    order_ref: str
    symbol: str
    role: str
    side: str
    quantity: Decimal
    filled: Decimal
    phase: str
    average_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    context: int | None = None
    oca: str | None = None
    oca_kind: str | None = None

    @property
    def remaining(self) -> Decimal:
        """Not filled yet: FIX LeavesQty."""
        return Decimal(0) if self.is_done else self.quantity - self.filled

    @property
    def is_done(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.phase in _DONE


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """Orders that belong together.

    Example:
        >>> OrderGroup("AAPL", ()).is_live
        False
    """

    symbol: str
    orders: tuple[Order, ...]

    @property
    def is_live(self) -> bool:
        """Whether any of them may still do something."""
        return any(not order.is_done for order in self.orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __len__(self) -> int:
        return len(self.orders)


@dataclass(frozen=True, slots=True)
class BracketOrder(OrderGroup):
    """One tranche of a trade: its entry, and the newest stop and target around it.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import PriceEvent, RuleEngine, enter
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
        >>> _ = engine.linked.enter("AAPL", enter("BUY", shares=100, stop_percent=3))
        >>> (bracket,) = engine.linked.brackets("AAPL")
        >>> bracket.entry.quantity, bracket.stop.stop_price, bracket.target
        (Decimal('100'), Decimal('145.5'), None)
    """

    @property
    def entry(self) -> Order | None:
        """What opened it; `None` for shares that no entry of ours explains."""
        return self._newest("entry")

    @property
    def stop(self) -> Order | None:
        """What limits its loss."""
        return self._newest("stop")

    @property
    def target(self) -> Order | None:
        """What takes its profit."""
        return self._newest("target")

    def _newest(self, role: str) -> Order | None:
        return next((order for order in reversed(self.orders) if order.role == role), None)


@dataclass(frozen=True, slots=True)
class OCOGroup(OrderGroup):
    """Single orders of which a fill cancels or reduces the others; `name` is TWS ocaGroup.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import PriceEvent, RuleEngine
        >>> from orderloom.actions import oco, order
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
        >>> _ = engine.orders.place("AAPL", oco([order("SELL", shares=10, limit=160),
        ...                                      order("SELL", shares=10, stop=140)]))
        >>> (group,) = engine.orders.oco_groups("AAPL")
        >>> group.kind, [order.limit_price or order.stop_price for order in group]
        ('cancel', [Decimal('160'), Decimal('140')])
    """

    name: str = ""

    @property
    def kind(self) -> str | None:
        """What a fill of one does to the rest: `cancel`, `reduce` or `reduce_with_block`."""
        return next((order.oca_kind for order in self.orders), None)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Filled shares of a trade that no live stop protects, and for how long by now.

    Example:
        >>> Uncovered(Decimal(100), 0.25)
        Uncovered(quantity=Decimal('100'), seconds=0.25)
    """

    quantity: Decimal
    seconds: float


class OrderManager:
    """Every order of the run, and single orders outside any trade.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import PriceEvent, RuleEngine
        >>> from orderloom.actions import order
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
        >>> _ = engine.orders.place("AAPL", order("BUY", shares=10, limit=149))
        >>> [(order.side, order.limit_price, order.phase) for order in engine.orders.live]
        [('BUY', Decimal('149'), 'submitting')]
        >>> _ = engine.orders.cancel("AAPL")
        >>> engine.orders.live[0].phase
        'cancelling'
    """

    def __init__(self, engine: Engine, symbols: Sequence[str], hand: Hand) -> None:
        self._engine = engine
        self._symbols = symbols
        self._hand = hand

    @property
    def live(self) -> tuple[Order, ...]:
        """Every order that may still do something."""
        return tuple(self._order(body) for body in json.loads(self._engine.live_orders()))

    def order(self, order_id: int) -> Order | None:
        """One order, alive or ended."""
        text = self._engine.order(order_id)
        return None if text is None else self._order(json.loads(text))

    def of(self, symbol: str) -> tuple[Order, ...]:
        """Live orders of one symbol."""
        return tuple(order for order in self.live if order.symbol == symbol)

    def oco_groups(self, symbol: str) -> tuple[OCOGroup, ...]:
        """Live one-cancels-all groups of one symbol that stand outside its trade."""
        groups: dict[str, list[Order]] = {}
        for order in self.of(symbol):
            if order.role == "single" and order.oca is not None:
                groups.setdefault(order.oca, []).append(order)
        return tuple(OCOGroup(symbol, tuple(orders), name) for name, orders in groups.items())

    def place(self, symbol: str, order: actions.Order | actions.Oco) -> None:
        """Send a single order, or a group of them, made by `actions.order` and `actions.oco`."""
        self._hand.act(symbol, order)

    def cancel(self, symbol: str) -> None:
        """Cancel the symbol's live entries and single orders; exits stay."""
        self._hand.act(symbol, actions.cancel())

    def _order(self, body: dict[str, Any]) -> Order:
        exact = ("quantity", "filled", "average_price", "limit_price", "stop_price")
        numbers = {key: None if body[key] is None else Decimal(body[key]) for key in exact}
        return Order(**{**body, **numbers, "symbol": self._symbols[body["symbol"]]})


class LinkedOrderManager(OrderManager):
    """Trades: entries with their stops and targets, as linked groups.

    Each act is carried out on an event of its own, under the same limits as a rule's; the bus tells
    what became of it as `RuleFiredEvent` or `RuleBlockedEvent` of the rule `by-hand`.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import PriceEvent, RuleEngine, enter
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(150)))
        >>> _ = engine.linked.enter("AAPL", enter("SELL", shares=25, stop_percent=4,
        ...                                       target_percent=10))
        >>> [(order.role, order.side) for order in engine.linked.live]
        [('entry', 'SELL'), ('target', 'BUY'), ('stop', 'BUY')]
        >>> engine.linked.side("AAPL")
        'SHORT'
    """

    def side(self, symbol: str) -> str | None:
        """`LONG` or `SHORT` while a trade is open, else `None`."""
        context = self._context(symbol)
        return None if context is None else str(context["side"])

    def uncovered(self, symbol: str) -> Uncovered | None:
        """The watchdog's gauge of the symbol's trade; `None` while every share has a live stop.

        Time is the engine's: that of the last event.
        """
        context = self._context(symbol)
        if context is None or context["uncovered"] is None:
            return None
        quantity, span_ns = context["uncovered"]
        return Uncovered(Decimal(quantity), span_ns / 1e9)

    def brackets(self, symbol: str) -> tuple[BracketOrder, ...]:
        """The tranches of the symbol's open trade, with every order that ever belonged to them."""
        context = self._context(symbol)
        if context is None:
            return ()
        return tuple(
            BracketOrder(
                symbol,
                tuple(order for order in map(self.order, members) if order is not None),
            )
            for members in context["brackets"]
        )

    def enter(self, symbol: str, action: actions.Enter) -> None:
        """Open a trade, by what `actions.enter` describes."""
        self._hand.act(symbol, action)

    def scale_in(self, symbol: str, action: actions.ScaleIn) -> None:
        """Add a tranche to the open trade, by what `actions.scale_in` describes."""
        self._hand.act(symbol, action)

    def double_down(self, symbol: str, action: actions.DoubleDown | None = None) -> None:
        """Rest a tranche on the losing side of the open trade."""
        self._hand.act(symbol, action if action is not None else actions.double_down())

    def adjust_stop(self, symbol: str, levels: LevelsLike) -> None:
        """Move the stop of every tranche, never away from the market."""
        self._hand.act(symbol, actions.adjust_stop(levels))

    def adjust_target(self, symbol: str, levels: LevelsLike) -> None:
        """Move the target of every tranche."""
        self._hand.act(symbol, actions.adjust_target(levels))

    def close(self, symbol: str) -> None:
        """Close the symbol's trade, on either side."""
        self._hand.act(symbol, actions.close_all())

    def close_everything(self) -> None:
        """Close every trade."""
        self._hand.act(self._symbols[0], actions.close_everything())

    def act(self, symbol: str, *given: Action) -> None:
        """Do several actions in order; stops at the first that is refused."""
        self._hand.act(symbol, *given)

    def _context(self, symbol: str) -> dict[str, Any] | None:
        text = self._engine.context(self._symbols.index(symbol))
        return None if text is None else json.loads(text)

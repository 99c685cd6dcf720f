"""What the broker holds that is not of the run: orders it does not know, shares of no trade.

They are a person's, another program's, or an earlier run's whose journal is lost. Nothing here
touches them; somebody must know of them.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orderloom._core import Engine, Event, Outcome

_OVER: Final = frozenset({"ApiCancelled", "Cancelled", "Filled"})
_ENDS: Final = ("order_status", "order_completed")


class UnknownOrder(NamedTuple):
    """An order at the broker that the engine does not know. Numbers are decimal strings."""

    symbol: str
    side: str
    quantity: str
    limit_price: str | None
    stop_price: str | None
    perm_id: int
    order_ref: str

    def __str__(self) -> str:
        prices = (("limit", self.limit_price), ("stop", self.stop_price))
        terms = " ".join(f"{name} {price}" for name, price in prices if price is not None)
        words = (self.side, self.quantity, self.symbol, terms or "at market", self.order_ref)
        return " ".join(filter(None, words))


def told_shares(shares: Iterable[tuple[str, str]]) -> list[str]:
    """Symbols and what is held of them outside any trade, in words."""
    return [f"{held} {symbol} of no trade" for symbol, held in shares]


class Outside:
    """A listener of the runner that keeps the broker's last word on what is not the run's.

    `on_found` is told at the end of the first snapshot, and of what a later one brings. Of another
    client's order the last snapshot is all that is known.
    """

    def __init__(
        self, engine: Engine, symbols: Sequence[str], on_found: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._symbols = symbols
        self._on_found = on_found
        self._orders: dict[int, UnknownOrder] = {}
        # What this snapshot has listed so far.
        self._listed: set[int] = set()
        self._reported: dict[int, str] = {}
        # Filled since the snapshot began: its word on the position may be from before.
        self._moved: set[int] = set()
        self._told: set[object] = set()
        # Intents found to be the run's: they stay so, and are told again all the time.
        self._ours: set[str] = set()
        self._heard: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
            "snapshot": self._snapshot,
            "position_report": self._position_report,
            "order_opened": self._order_opened,
            **dict.fromkeys(_ENDS, self._order_ended),
        }

    @property
    def orders(self) -> list[UnknownOrder]:
        """Orders in the run's symbols, or under its client number, that it does not know."""
        return list(self._orders.values())

    @property
    def shares(self) -> dict[str, str]:
        """By symbol, shares that neither a trade nor a single order of the run explains.

        Short ones are below zero.
        """
        holdings = zip(self._symbols, self.holdings(), strict=True)
        return {name: _text(held - own) for name, (held, own) in holdings if held != own}

    def holdings(self) -> list[tuple[Decimal, Decimal]]:
        """By symbol, what the broker holds, and what of it trades and single orders explain."""
        found = []
        single = self._engine.of_single_orders()
        for place in range(len(self._symbols)):
            held = self._engine.position(place)[0]
            if place not in self._moved:
                held = self._reported.get(place, held)
            trade = json.loads(self._engine.context(place) or "null")
            own = Decimal(trade["quantity"] if trade else 0)
            own = -own if trade and trade["side"] == "SHORT" else own
            found.append((Decimal(held), own + Decimal(single[place])))
        return found

    @property
    def quarantined(self) -> list[dict[str, str]]:
        """Symbols that take no entries until a person resumes, with both."""
        holdings = self.holdings()
        return [
            {
                "symbol": self._symbols[place],
                "held": _text(holdings[place][0]),
                "own": _text(holdings[place][1]),
            }
            for place in self._engine.quarantined()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Both, as `summary.json` has them."""
        orders = [order._asdict() for order in self.orders]
        return {"unknown_orders": orders, "unclaimed_shares": self.shares}

    def on_event(self, _at: int, event: Event, outcome: Outcome | None) -> None:
        """Take one event with what came of it."""
        kind = event.kind
        if kind in _ENDS and not self._orders:
            return
        if kind in self._heard:
            self._heard[kind](json.loads(event.json()))
        elif kind == "execution" and outcome is not None:
            # One that is told again is no news, and makes no notice.
            told = (json.loads(each.json()) for each in outcome.notices if each.kind == "filled")
            self._moved |= {notice["symbol"] for notice in told}

    def _snapshot(self, told: dict[str, str]) -> None:
        if told["mark"] == "began":
            self._listed.clear()
            self._moved.clear()
            self._reported.clear()
            return
        # An order that was not listed is over, and a symbol without a word on it is not held.
        self._orders = {key: order for key, order in self._orders.items() if key in self._listed}
        for place in range(len(self._symbols)):
            self._reported.setdefault(place, "0")
        self._tell()

    def _position_report(self, told: dict[str, Any]) -> None:
        self._reported[told["symbol"]] = told["quantity"]

    def _order_opened(self, told: dict[str, Any]) -> None:
        symbol, key = told["symbol"], told["perm_id"]
        # Of another client's orders only those in our symbols concern anybody here.
        if (symbol is None and told["order_id"] <= 0) or self._knows(told):
            return
        if told["status"] in _OVER:
            self._orders.pop(key, None)
            return
        self._listed.add(key)
        self._orders[key] = UnknownOrder(
            symbol="-" if symbol is None else self._symbols[symbol],
            side=told["side"],
            quantity=told["quantity"],
            limit_price=told["limit_price"],
            stop_price=told["stop_price"],
            perm_id=key,
            order_ref=told["order_ref"],
        )

    def _order_ended(self, told: dict[str, Any]) -> None:
        if told["status"] in _OVER:
            self._orders.pop(told["perm_id"], None)

    def _knows(self, told: dict[str, Any]) -> bool:
        """Whether it is an order of the run, by the rule of the engine: its intent says whose."""
        ref = told["order_ref"]
        if ref in self._ours:
            return True
        order = json.loads(self._engine.order(told["order_id"]) or "null")
        is_ours = order is not None and order["order_ref"] == ref
        if ref and not is_ours:
            is_ours = any(
                each["order_ref"] == ref for each in json.loads(self._engine.live_orders())
            )
        if ref and is_ours:
            self._ours.add(ref)
        return is_ours

    def _tell(self) -> None:
        orders = [order for key, order in self._orders.items() if key not in self._told]
        shares = {pair for pair in self.shares.items() if pair not in self._told}
        self._told.update(self._orders, shares)
        found = [*map(str, orders), *told_shares(shares)]
        if found:
            self._on_found(
                f"at the broker, but not of this run: {'; '.join(found)}; left as they are, "
                "hint: nothing here protects or closes them, look at them in TWS"
            )


def _text(shares: Decimal) -> str:
    return f"{shares.normalize():f}"

"""What the engine heard and made of it, published on the bus as the classes of `events`.

An event object is built only when somebody listens to its class or an ancestor of it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from orderloom import events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orderloom._core import Command, Engine, Event, Notice, Outcome
    from orderloom.bus import EventBus

_Body = dict[str, Any]
_Classes = tuple[type[events.BaseEvent], ...]

_EVENTS: Final[Mapping[str, _Classes]] = {
    "quote": (events.QuoteEvent,),
    "trade": (events.PriceEvent,),
    "bar": (events.BarEvent, events.VolumeEvent),
    "session": (events.SessionEvent,),
    "signal_rejected": (events.SignalRejectedEvent,),
    "account_value": (events.AccountEvent,),
    "connection": (events.ConnectionEvent,),
    "clock": (events.TimeEvent,),
    "operator": (events.OperatorEvent,),
    "reading": (events.ReadingEvent,),
}
"""What an event is told as, by its kind: all of them."""

_NOTICES: Final[Mapping[str, _Classes]] = {
    "signal_judged": (events.PredictionSignalEvent, events.SignalDroppedEvent),
    "rule_fired": (events.RuleFiredEvent,),
    "rule_blocked": (events.RuleBlockedEvent,),
    "filled": (events.FillEvent,),
    "commission_paid": (events.CommissionEvent,),
    "position_changed": (
        events.PositionUpdatedEvent,
        events.PositionOpenedEvent,
        events.PositionClosedEvent,
    ),
    "context_opened": (events.ContextOpened,),
    "context_scaled": (events.ContextScaled,),
    "context_concluded": (events.ContextConcluded,),
    "order_changed": (
        events.OrderStatusEvent,
        events.OrderCancelledEvent,
        events.OrderRejectedEvent,
    ),
    "mode_changed": (events.ModeEvent,),
    "reloaded": (events.ReloadEvent,),
}
"""What a notice is told as, by its kind: one of them."""

_COMMANDS: Final[Mapping[str, type[events.BaseEvent]]] = {
    "place": events.OrderNewEvent,
    "modify": events.OrderModifiedEvent,
    "alert": events.IncidentEvent,
    "log": events.MessageEvent,
    "notify": events.MessageEvent,
}
"""What a command is told as, by its kind."""

_SOURCES: Final[Mapping[str, str]] = {
    "signal_rejected": "signals",
    "reading": "script",
    "operator": "operator",
    "clock": "clock",
}
_EXACT: Final = frozenset(
    {"bid", "ask", "bid_size", "ask_size", "price", "size", "open", "high", "low", "close",
     "volume", "quantity", "average_price", "realized", "was", "amount", "entry_price",
     "exit_price", "pnl", "commission", "limit_price", "stop_price", "value"}
)  # fmt: skip
_ORDER_TYPES: Final[Mapping[str, str]] = {
    "market": "MKT",
    "limit": "LMT",
    "stop": "STP",
    "stop_limit": "STP LMT",
    "trail_amount": "TRAIL",
    "trail_percent": "TRAIL",
}
_REMEMBERED: Final = frozenset({"order_error", "answer", "execution"})
TOLD: Final[frozenset[type[events.BaseEvent]]] = frozenset(
    {
        *(told for classes in (*_EVENTS.values(), *_NOTICES.values()) for told in classes),
        *_COMMANDS.values(),
        events.IndicatorEvent,
        events.OrderGroupEvent,
    }
)
"""Every class of which objects are published; the others are their ancestors."""


class Publisher:
    """A listener of the runner that publishes on a bus.

    Args:
        bus: Where to.
        symbols: Names of the instruments by the engine's numbers.
        rules: Names of the rules by the engine's numbers.
        engine: Read for the values of indicators.
        seq: Number of the last event before the first one that it hears.
        openers: Names of the rules that opened trades which are open already.
    """

    def __init__(
        self,
        bus: EventBus,
        symbols: Sequence[str],
        rules: Sequence[str],
        engine: Engine,
        seq: int = 0,
        openers: Mapping[int, str] | None = None,
    ) -> None:
        self._bus = bus
        self._symbols = symbols
        self.rules = rules
        """Names by the engine's numbers; others after a reload."""
        self._engine = engine
        self._seq = seq
        self._at = 0
        self._parts = 0
        # How orders and fills belong to trades, and which event began each of those.
        self._begun: dict[int, str] = {}
        self._opened_by: dict[int, str] = dict(openers or {})
        self._context_of: dict[int, int | None] = {}
        self._ref_of: dict[int, str] = {}
        self._order_of: dict[str, int] = {}
        self._asked_on: dict[int, str] = {}
        self._refusals: dict[int, tuple[int, str]] = {}
        self._cause = ""

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        """Take one event with what came of it."""
        self._seq += 1
        kind = event.kind
        if outcome is None and kind not in _REMEMBERED and not self._is_heard(kind):
            return
        self._at = at
        self._parts = 0
        self._cause = str(self._seq)
        if kind in _REMEMBERED:
            self._remember(kind, json.loads(event.json()))
        for event_class in _EVENTS.get(kind, ()):
            if self._bus.has_handlers(event_class):
                fields = _spelled(kind, self._named(json.loads(event.json())))
                self._tell(event_class, fields, _SOURCES.get(kind, "broker"))
        if kind == "bar" and self._bus.has_handlers(events.IndicatorEvent):
            self._tell_indicators(event)
        if outcome is not None:
            self._take_outcome(event, outcome)

    def _is_heard(self, kind: str) -> bool:
        has_handlers = self._bus.has_handlers
        for event_class in _EVENTS.get(kind, ()):
            if has_handlers(event_class):
                return True
        return kind == "bar" and has_handlers(events.IndicatorEvent)

    def _remember(self, kind: str, body: _Body) -> None:
        match kind:
            case "order_error":
                self._refusals[body["order_id"]] = (body["code"], body["text"])
            case "answer":
                # The rule is judged on the event that it was asked on.
                self._cause = self._asked_on.pop(body["ask"], self._cause)
            case _:
                self._cause = self._beginning(body) or self._cause

    def _tell_indicators(self, event: Event) -> None:
        symbol = event.symbol
        assert symbol is not None  # noqa: S101 - bars are about one
        for name, parameters, over, value in self._engine.indicators(symbol):
            fields = {"name": name, "parameters": tuple(parameters), "over": over, "value": value}
            self._tell(events.IndicatorEvent, {"symbol": self._symbols[symbol], **fields})

    def _take_outcome(self, event: Event, outcome: Outcome) -> None:
        # What belongs to what is remembered although nobody may listen yet.
        for command in outcome.commands:
            if command.kind == "place" and (ticket := command.ticket) is not None:
                self._context_of[ticket.order_id] = command.context
                self._ref_of[ticket.order_id] = ticket.order_ref
            elif command.ask is not None:
                self._asked_on[command.ask[0]] = self._cause
        for notice in outcome.notices:
            self._take_notice(notice, event)
        for command in outcome.commands:
            event_class = _COMMANDS.get(command.kind)
            if event_class is not None and self._bus.has_handlers(event_class):
                self._tell(event_class, self._sent(json.loads(command.json())))
        if self._bus.has_handlers(events.OrderGroupEvent):
            self._tell_groups(outcome.commands)

    def _take_notice(self, notice: Notice, event: Event) -> None:
        kind = notice.kind
        if kind not in {"context_opened", "filled"} and not any(
            self._bus.has_handlers(event_class) for event_class in _NOTICES.get(kind, ())
        ):
            return
        body = json.loads(notice.json())
        if kind == "context_opened":
            self._begun[body["context"]] = self._cause
            self._opened_by[body["context"]] = self._rule(body["rule"])
        elif kind == "filled":
            self._order_of[body["exec_id"]] = body["order_id"]
        event_class, fields = self._told(kind, self._named(body), event)
        if self._bus.has_handlers(event_class):
            self._tell(event_class, fields, "signals" if kind == "signal_judged" else "engine")

    def _told(self, kind: str, body: _Body, event: Event) -> tuple[type[events.BaseEvent], _Body]:
        """The class that a notice is told as, with at least its fields."""
        usual, *others = _NOTICES[kind]
        match kind:
            case "signal_judged" if body["dropped"] is not None:
                return others[0], {**body, "reason": body["dropped"]}
            case "signal_judged":
                said = self._named(json.loads(event.json()))
                lists = {
                    "probabilities": tuple(said["probabilities"]),
                    "features": dict(said["features"]),
                }
                return usual, {**said, **lists}
            case "filled":
                order_ref = self._ref_of.get(body["order_id"], "")
                return usual, {**body, "role": body["role"] or "", "order_ref": order_ref}
            case "commission_paid":
                order_id = self._order_of.get(body["exec_id"], 0)
                order_ref = self._ref_of.get(order_id, "")
                return usual, {**body, "order_id": order_id, "order_ref": order_ref}
            case "context_concluded":
                # The rule that opened it may be gone by now.
                opener = self._opened_by.pop(body["context"], body["rule"])
                return usual, {**body, "rule": opener}
            case "reloaded":
                return usual, {key: tuple(names) for key, names in body.items() if key != "kind"}
            case "position_changed" if body["was"] == 0:
                return others[0], body
            case "position_changed" if body["quantity"] == 0:
                return others[1], body
            case "order_changed" if body["phase"] == "cancelled":
                return others[0], body
            case "order_changed" if body["phase"] == "rejected":
                code, reason = self._refusals.get(body["order_id"], (0, ""))
                return others[1], {**body, "code": code, "reason": reason}
            case _:
                return usual, body

    def _sent(self, body: _Body) -> _Body:
        """The fields of a command: an order's are flat, and in the words of TWS."""
        kind, ticket = body["kind"], body.pop("ticket", None)
        if ticket is None:
            return {**self._named(body), "is_urgent": kind == "notify"}
        how = ticket["order_type"]
        prices = {key: how[key] for key in ("limit_price", "stop_price") if key in how}
        flat = {
            **ticket,
            **prices,
            "order_type": _ORDER_TYPES[how["type"]],
            "parent_id": ticket["parent"] or 0,
        }
        return self._named({**body, **flat})

    def _tell_groups(self, commands: Sequence[Command]) -> None:
        groups: dict[tuple[str, int | str], list[Command]] = {}
        for command in commands:
            ticket = command.ticket
            if command.kind != "place" or ticket is None:
                continue
            is_bracket = command.context is not None
            key = ("bracket", ticket.parent_id or ticket.order_id)
            groups.setdefault(key if is_bracket else ("oca", ticket.oca_group), []).append(command)
        for (kind, _), group in groups.items():
            first = group[0].ticket
            if len(group) > 1 and first is not None:
                fields = {
                    "symbol": self._symbols[first.symbol],
                    "order_id": first.order_id,
                    "order_ref": first.order_ref,
                    "role": group[0].role,
                    "kind": kind,
                    "members": tuple(command.order_id for command in group),
                }
                self._tell(events.OrderGroupEvent, fields)

    # -- common to all -----------------------------------------------------------------------

    def _tell(
        self, event_class: type[events.BaseEvent], fields: _Body, source: str = "engine"
    ) -> None:
        known = event_class.__dataclass_fields__
        fields = {key: value for key, value in fields.items() if key in known}
        fields["id"] = f"{self._seq}.{self._parts}" if self._parts else str(self._seq)
        fields["at"] = self._at
        fields["source"] = source
        fields["correlation"] = self._beginning(fields) or self._cause
        self._parts += 1
        self._bus.publish(event_class(**fields))

    def _beginning(self, fields: _Body) -> str | None:
        """The id of the event that began the trade which these fields belong to."""
        context = fields.get("context", self._context_of.get(fields.get("order_id", 0)))
        return None if context is None else self._begun.get(context)

    def _rule(self, number: int) -> str:
        return self.rules[number] if number < len(self.rules) else ""

    def _named(self, body: _Body) -> _Body:
        """The fields with names for numbers of symbols and rules, and exact numbers."""
        named: _Body = {}
        for key, value in body.items():
            if key == "symbol" and isinstance(value, int):
                named[key] = self._symbols[value]
            elif key == "rule" and isinstance(value, int):
                named[key] = self._rule(value)
            elif key in _EXACT and isinstance(value, str):
                named[key] = Decimal(value)
            else:
                named[key] = value
        return named


def _spelled(kind: str, body: _Body) -> _Body:
    """The fields of an event under the names of its class."""
    match kind:
        case "session":
            session = body["session"]
            return {**body, "opens": session["open"], "closes": session["close"]}
        case "signal_rejected":
            return {**body, "feed": body["source"]}
        case _:
            return body

"""The tally of a run, kept from its notices: signals, round trips, refusals, incidents."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from orderloom.instant import ns_to_iso
from orderloom.report.funnel import HEARD, Funnel, is_entry
from orderloom.report.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orderloom._core import Event, Outcome
    from orderloom.config import Settings

_VIOLATIONS: Final = frozenset({"OVERFILL", "UNCOVERED", "POSITION_MISMATCH", "ORDER_FORKED"})
_COUNTED: Final = frozenset({"alert", "ask", "place"})
_RECENT: Final = 12


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A trade that is over. Numbers are decimal strings, times UTC ISO 8601."""

    symbol: str
    side: str
    quantity: str
    entry_price: str
    exit_price: str
    exit_reason: str
    tranches: int
    pnl: str
    commission: str
    opened_at: str
    closed_at: str
    rule: str

    @classmethod
    def of(cls, notice: Mapping[str, Any], *, symbol: str, rule: str) -> RoundTrip:
        """The trade that a `context_concluded` notice tells of."""
        return cls(
            symbol=symbol,
            side=notice["side"],
            quantity=notice["quantity"],
            entry_price=_rounded(notice["entry_price"]),
            exit_price=_rounded(notice["exit_price"]),
            exit_reason=notice["exit_reason"],
            tranches=notice["tranches"],
            pnl=notice["pnl"],
            commission=notice["commission"],
            opened_at=ns_to_iso(notice["opened_at"]),
            closed_at=ns_to_iso(notice["closed_at"]),
            rule=rule,
        )


class RunTally:
    """A listener of the runner that counts what `summary.json` tells.

    `symbols` and `rules` are the names by the engine's numbers, `openers` those of the rules that
    opened trades which it finds open.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        rules: Sequence[str],
        openers: Mapping[int, str] | None = None,
    ) -> None:
        self._symbols = symbols
        self._rules = rules
        # Under which name a rule opened a trade, whatever becomes of the rule.
        self._openers: Final[dict[int, str]] = dict(openers or {})
        self.latency: Final = Latency()
        self.funnel: Final = Funnel()
        self.entries = 0
        # By rule, on whatever event: how often it acted, and what kept it from acting.
        self._fired: Final[Counter[str]] = Counter()
        self._blocked: Final[dict[str, Counter[str]]] = {}
        self.rejected: Final[Counter[str]] = Counter()
        self.round_trips: Final[list[RoundTrip]] = []
        self.unfilled = 0
        # What the broker said of an order last, and which orders it refused.
        self._objections: Final[dict[int, tuple[int, str]]] = {}
        self.rejected_orders: Final[list[dict[str, Any]]] = []
        self.incidents: Final[list[dict[str, Any]]] = []
        self.uncovered_max_ns = 0
        self.fills = 0
        self.events = 0
        self.mode = "ReduceOnly"
        self.recent: Final[list[str]] = []

    def follow(self, settings: Settings) -> None:
        """Read what comes under the names of other rules."""
        self._rules = [rule.name for rule in settings.rules]

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        """Take one event with what came of it."""
        self.events += 1
        if event.kind == "signal_rejected":
            self._signal_rejected(at, json.loads(event.json()))
        elif event.kind == "order_error":
            told = json.loads(event.json())
            self._objections[told["order_id"]] = told["code"], told["text"]
        elif event.kind in HEARD:
            self.funnel.on_event(self.events, json.loads(event.json()))
        if outcome is None:
            return
        for command in outcome.commands:
            if command.kind in _COUNTED:
                self._command(at, json.loads(command.json()))
        for notice in outcome.notices:
            handler = getattr(self, f"_{notice.kind}", None)
            if handler is not None:
                body = json.loads(notice.json())
                self.funnel.on_notice(self.events, body)
                handler(at, body)

    @property
    def violations(self) -> int:
        """Incidents that mean that an invariant was broken, at the broker or by us."""
        return sum(1 for incident in self.incidents if incident["code"] in _VIOLATIONS)

    def signals(self) -> dict[str, Any]:
        """The signal funnel."""
        return {**self.funnel.as_dict(), "rejected": dict(sorted(self.rejected.items()))}

    def rules(self) -> dict[str, Any]:
        """By rule, on whatever event: how often it acted, and what kept it from acting.

        A reversal acts twice: it closes, and enters when that is done.
        """
        names = dict.fromkeys([*self._rules, *self._fired, *self._blocked])
        return {
            name: {
                "fired": self._fired[name],
                "blocked": dict(sorted(self._blocked.get(name, {}).items())),
            }
            for name in names
        }

    def opener(self, context: int, rule: int) -> str:
        """Name the rule that opened a trade, which counts as that of number `rule` now, or `-`."""
        return self._openers.get(context) or self._rule(rule)

    def summary(self) -> dict[str, Any]:
        """Everything that the tally knows, as `summary.json` has it."""
        return {
            "signals": self.signals(),
            "rules": self.rules(),
            "entries": self.entries,
            "round_trips": [asdict(trip) for trip in self.round_trips],
            "unfilled_entries": self.unfilled,
            "rejected_orders": self.rejected_orders,
            "fills": self.fills,
            "events": self.events,
            "uncovered_max_ms": self.uncovered_max_ns // 1_000_000,
            "invariant_violations": self.violations,
            "incidents": self.incidents,
            "pnl": _text(sum((Decimal(trip.pnl) for trip in self.round_trips), Decimal())),
            "commission": _text(
                sum((Decimal(trip.commission) for trip in self.round_trips), Decimal())
            ),
            "latency_us": {"signal_to_wire": self.latency.as_dict()},
        }

    def _say(self, at: int, text: str) -> None:
        self.recent.append(f"{ns_to_iso(at)[11:19]}  {text}")
        del self.recent[:-_RECENT]

    def _name(self, symbol: int | None) -> str:
        return "-" if symbol is None else self._symbols[symbol]

    def _rule(self, rule: int) -> str:
        return self._rules[rule] if rule < len(self._rules) else "-"

    def _signal_rejected(self, at: int, body: dict[str, Any]) -> None:
        self.rejected[body["reason"]] += 1
        if self.rejected[body["reason"]] == 1:
            self._say(at, f"prediction rejected: {body['reason']} ({body['detail']})")

    def _command(self, at: int, command: dict[str, Any]) -> None:
        self.funnel.on_command(self.events, command)
        self.entries += is_entry(command)
        if command["kind"] == "alert":
            self._alert(at, command)

    def _signal_judged(self, at: int, notice: dict[str, Any]) -> None:
        dropped = notice["dropped"]
        if dropped is None:
            if notice["side"] != "NEUTRAL":
                self._say(at, f"{notice['ticker']} signal {notice['side']}")
        elif dropped != "DUPLICATE":
            self._say(at, f"{notice['ticker']} signal {notice['side']} dropped: {dropped}")

    def _rule_fired(self, at: int, notice: dict[str, Any]) -> None:
        name = self._rule(notice["rule"])
        self._fired[name] += 1
        self._say(at, f"{self._name(notice['symbol'])} {name} fired")

    def _rule_blocked(self, at: int, notice: dict[str, Any]) -> None:
        name = self._rule(notice["rule"])
        self._blocked.setdefault(name, Counter())[notice["reason"]] += 1
        self._say(
            at,
            f"{self._name(notice['symbol'])} {name} blocked: "
            f"{notice['reason']} ({notice['detail']})",
        )

    def _filled(self, at: int, notice: dict[str, Any]) -> None:
        self.fills += 1
        self._say(
            at,
            f"{self._name(notice['symbol'])} {notice['role'] or 'foreign'} filled: "
            f"{notice['side']} {notice['quantity']} at {notice['price']}",
        )

    def _order_changed(self, at: int, notice: dict[str, Any]) -> None:
        if notice["phase"] != "rejected":
            return
        code, text = self._objections.get(notice["order_id"], (None, "no reason given"))
        name, role = self._name(notice["symbol"]), notice["role"]
        self.rejected_orders.append(
            {
                "at": ns_to_iso(at),
                "symbol": name,
                "role": role,
                "order_id": notice["order_id"],
                "code": code,
                "text": text,
            }
        )
        self._say(at, f"{name} {role} refused by the broker: {text}")

    def _mode_changed(self, at: int, notice: dict[str, Any]) -> None:
        self.mode = notice["mode"]
        self._say(at, f"mode {notice['mode']}: {notice['reason']}")

    def _reloaded(self, at: int, notice: dict[str, Any]) -> None:
        parts = [f"{len(notice[how])} {how}" for how in ("added", "removed", "changed")]
        self._say(at, f"rules reloaded: {', '.join(parts)}")

    def _context_opened(self, _at: int, notice: dict[str, Any]) -> None:
        self._openers[notice["context"]] = self._rule(notice["rule"])

    def _context_concluded(self, at: int, notice: dict[str, Any]) -> None:
        self.uncovered_max_ns = max(self.uncovered_max_ns, notice["uncovered_max"])
        opener = self.opener(notice["context"], notice["rule"])
        self._openers.pop(notice["context"], None)
        if notice["exit_reason"] is None:
            self.unfilled += 1
            self._say(at, f"{self._name(notice['symbol'])} entry ended without a fill")
            return
        trip = RoundTrip.of(
            notice,
            symbol=self._name(notice["symbol"]),
            rule=opener,
        )
        self.round_trips.append(trip)
        self._say(
            at,
            f"{trip.symbol} {trip.side} {trip.quantity} over: {trip.exit_reason} "
            f"at {trip.exit_price}, P&L {trip.pnl}",
        )

    def _alert(self, at: int, incident: dict[str, Any]) -> None:
        self.incidents.append(
            {
                "at": ns_to_iso(at),
                "code": incident["code"],
                "symbol": self._name(incident["symbol"]),
                "order_id": incident["order_id"],
                "text": incident["text"],
            }
        )
        self._say(at, f"INCIDENT {incident['code']}: {incident['text']}")


def _rounded(price: str | None) -> str:
    """An average price to four places, as brokers show it."""
    return "" if price is None else _text(round(Decimal(price), 4))


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")

"""The way of predictions from their source to a fill, counted the same for every report.

A prediction is *received*; one that is not *dropped* is *new*. On new ones, *matched* counts each
rule whose condition held, Python's answers included; *refused* counts those of them that something
else kept from acting, by its reason. *Sent* are the entries that followed at once, a trade's first
tranche or a further one; *filled* are those of them that were filled at least in part. What rules
do on bars, prices and fills is no part of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

DROPPED: Final = ("DUPLICATE", "EXPIRED", "FROM_FUTURE", "UNKNOWN_SYMBOL")
"""Why a prediction goes to no rule."""

HEARD: Final = frozenset({"signal", "answer"})
"""Kinds of event that `Funnel.on_event` wants; the others lead to nothing that it counts."""


class Funnel:
    """Counts from events, commands and notices as the journal has them; of one symbol, or all.

    Example:
        >>> funnel = Funnel()
        >>> funnel.on_event(1, {"kind": "signal", "symbol": 0})
        >>> funnel.on_notice(1, {"kind": "signal_judged", "dropped": None})
        >>> funnel.on_notice(1, {"kind": "rule_fired", "rule": 0, "symbol": 0})
        >>> funnel.new, funnel.matched
        (1, 1)
    """

    def __init__(self, symbol: int | None = None) -> None:
        self.received = 0
        self.new = 0
        self.matched = 0
        self.dropped: Final[Counter[str]] = Counter()
        self.refused: Final[Counter[str]] = Counter()
        self._symbol = symbol
        # The event that a prediction came with, or an answer that a rule asked for on one.
        self._seq: int | None = None
        self._asks: set[int] = set()
        self._sent: set[int] = set()
        self._filled: set[int] = set()

    @property
    def sent(self) -> int:
        """Entries that left for the broker."""
        return len(self._sent)

    @property
    def filled(self) -> int:
        """Of those, how many were filled at least in part."""
        return len(self._filled)

    def on_event(self, seq: int, body: dict[str, Any]) -> None:
        """Take an event whose kind is in `HEARD`."""
        if body["kind"] == "answer":
            is_ours = body["ask"] in self._asks
        else:
            is_ours = self._symbol in {None, body["symbol"]}
        if is_ours:
            self._seq = seq

    def on_command(self, seq: int, body: dict[str, Any]) -> None:
        """Take a command that followed from event `seq`."""
        if seq != self._seq:
            return
        if body["kind"] == "ask":
            self._asks.add(body["ask"])
        elif is_entry(body):
            self._sent.add(body["ticket"]["order_id"])

    def on_notice(self, seq: int, body: dict[str, Any]) -> None:
        """Take what was told of event `seq`."""
        kind = body["kind"]
        if kind == "filled" and body["order_id"] in self._sent:
            self._filled.add(body["order_id"])
        if seq != self._seq:
            return
        if kind == "signal_judged":
            self.received += 1
            self.new += body["dropped"] is None
            if body["dropped"] is not None:
                self.dropped[body["dropped"]] += 1
        elif kind in {"rule_fired", "rule_blocked"}:
            self.matched += 1
            if kind == "rule_blocked":
                self.refused[body["reason"]] += 1

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "received": self.received,
            **{name.lower(): self.dropped[name] for name in DROPPED},
            "new": self.new,
            "matched": self.matched,
            "refused": dict(sorted(self.refused.items())),
            "sent": self.sent,
            "filled": self.filled,
        }


def is_entry(body: dict[str, Any]) -> bool:
    """Whether a command sends an order that opens a trade or adds a tranche to one."""
    return bool(body["kind"] == "place" and body["role"] == "entry")

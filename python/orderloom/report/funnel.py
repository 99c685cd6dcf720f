"""The way of predictions from their source to a fill, counted the same for every report.

A prediction is *received*; one that is not *dropped* is *new*. On new ones, *matched* counts each
rule whose condition held, Python's answers included; *refused* counts those of them that something
else kept from acting, by its reason. *Sent* are the entries that followed, a trade's first tranche
or a further one, at once or, of a reversal, when the trade on the other side was over; what keeps
the second half of one from acting is *refused*, too. *Filled* are those that were filled at least
in part. What rules do on bars, prices and fills is no part of it.
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
        # By symbol: the rules that acted on a prediction and did not enter yet, which they may when
        # its trade is over, and those of a trade that this event ended.
        self._acted: dict[int, set[int]] = {}
        self._over: dict[int, set[int]] = {}
        # By symbol: the first entry that followed from this event.
        self._entered: dict[int, int] = {}
        self._last = 0
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
        self._begin(seq)
        if is_entry(body):
            ticket = body["ticket"]
            self._entered.setdefault(ticket["symbol"], ticket["order_id"])
        if seq != self._seq:
            return
        if body["kind"] == "ask":
            self._asks.add(body["ask"])
        elif is_entry(body):
            self._sent.add(body["ticket"]["order_id"])

    def on_notice(self, seq: int, body: dict[str, Any]) -> None:
        """Take what was told of event `seq`."""
        self._begin(seq)
        kind = body["kind"]
        if kind == "context_concluded":
            self._over[body["symbol"]] = self._acted.pop(body["symbol"], set())
        elif kind in {"rule_fired", "rule_blocked"} and self._follows(body):
            self._second_half(body)
            return
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
            elif body["symbol"] is not None and body["symbol"] not in self._entered:
                self._acted.setdefault(body["symbol"], set()).add(body["rule"])

    def _begin(self, seq: int) -> None:
        """Forget what only counts within one event."""
        if seq != self._last:
            self._last = seq
            self._over.clear()
            self._entered.clear()

    def _follows(self, body: dict[str, Any]) -> bool:
        """Whether a rule that acted on a prediction went on because the trade of then is over.

        The engine tells that right after the end of the trade, before what other rules make of it.
        """
        return body["rule"] in self._over.pop(body["symbol"], ())

    def _second_half(self, body: dict[str, Any]) -> None:
        if body["kind"] == "rule_blocked":
            self.refused[body["reason"]] += 1
        elif (entry := self._entered.get(body["symbol"])) is not None:
            self._sent.add(entry)

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

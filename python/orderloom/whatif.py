"""Other rules over the events of a run: where would they have decided otherwise?

The broker's side of the journal is what it was: fills and order states answer what the run really
sent. So the first difference of a symbol is certain, and what follows in that symbol is judged
against trades that the other rules would not have had; a back-test plays those out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from orderloom._core import Engine, Event
from orderloom.errors import OrderloomError
from orderloom.explain import rule_names
from orderloom.instant import ns_to_iso
from orderloom.journal import RECONFIGURE, Run
from orderloom.replay import at_start
from orderloom.report.funnel import is_entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orderloom.config import Settings

# What was decided on: a symbol, and a rule's name or `signal`.
_Subject: TypeAlias = tuple[str, str]
_DECISIONS = frozenset({"signal_judged", "rule_fired", "rule_blocked"})


class ComparisonImpossible(OrderloomError):  # noqa: N818 - says what it is
    """Other rules that cannot be put in force where a day's file begins."""

    exit_code = 2


@dataclass(slots=True)
class Change:
    """A decision that comes out differently. `was` and `would_be` are `None` for none at all.

    One that comes out so `times` in a row, such as on every bar, is told once.
    """

    seq: int
    at: str
    symbol: str
    what: str
    """`signal`, or the name of a rule."""
    was: str | None
    would_be: str | None
    is_certain: bool
    """Whether it is the symbol's first difference: nothing before it could have caused it."""
    times: int = 1
    until: str | None = None
    """When it came out so for the last time, if not only once."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What other rules would have decided on the events of a run."""

    events: int
    decisions: int
    """Decisions of the run."""
    changes: list[Change]
    entries: tuple[int, int]
    """Orders that open a trade or add to one, on whatever event: of the run, of the others."""
    unheard: tuple[str, ...]
    """Symbols of the other rules that the journal has no events of."""
    skipped: tuple[str, ...]
    """Why days of the run before could not be judged."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "events": self.events,
            "decisions": self.decisions,
            "entries": {"was": self.entries[0], "would_be": self.entries[1]},
            "unheard_symbols": list(self.unheard),
            "skipped": list(self.skipped),
            "changes": [asdict(change) for change in self.changes],
        }


def whatif(path: Path, settings: Settings) -> Compared:
    """Judge the events of the journal at `path` by the rules of `settings`.

    The file of a later day begins with the trades that were open and with indicators as they stood;
    indicators that only the other rules use begin cold.

    Raises:
        JournalBroken: it is no journal, or its hash chain is broken.
        ComparisonImpossible: the file of a later day, and rules for symbols that it does not know.
    """
    with Run.open(path) as run:
        run.verify()
        return _compare(run, settings)


def _compare(run: Run, settings: Settings) -> Compared:
    old = run.last_config()
    # Symbol numbers in the events count the journal's instruments, so those come first.
    known = {instrument["symbol"] for instrument in old["instruments"]}
    added = [each for each in settings.instruments() if each["symbol"] not in known]
    config = settings.engine_config(old["run"], [*old["instruments"], *added])
    engine = _engine(run, config)
    symbols = [each["symbol"] for each in (*old["instruments"], *added)]
    was = _decided(run, symbols)
    rules = [rule.name for rule in settings.rules]
    changes: list[Change] = []
    last: dict[_Subject, Change] = {}
    differing: set[str] = set()
    events = entries = 0
    for seq, at, body in run.events():
        events += 1
        event = Event.from_json(body)
        if event.kind in RECONFIGURE:
            # The other rules count throughout: taken up again, they change nothing.
            event = getattr(Event, event.kind)(config)
        outcome = engine.on_event(seq, at, event)
        would_be: Mapping[_Subject, str] = {}
        if outcome is not None:
            entries += sum(is_entry(json.loads(command.json())) for command in outcome.commands)
            notices = (json.loads(n.json()) for n in outcome.notices if n.kind in _DECISIONS)
            would_be = dict(_decision(notice, rules, symbols) for notice in notices)
        had = was.get(seq, {})
        here: set[str] = set()
        for subject in sorted(had.keys() | would_be.keys()):
            came, comes = had.get(subject), would_be.get(subject)
            before = last.get(subject)
            if came == comes:
                last.pop(subject, None)
            elif before is not None and (before.was, before.would_be) == (came, comes):
                before.times += 1
                before.until = ns_to_iso(at)
            else:
                is_certain = subject[0] not in differing
                change = Change(seq, ns_to_iso(at), *subject, came, comes, is_certain)
                changes.append(change)
                last[subject] = change
                here.add(subject[0])
        differing |= here
    sent = sum(is_entry(json.loads(entry.body)) for entry in run.commands())
    decisions = sum(len(each) for each in was.values())
    unheard = tuple(each["symbol"] for each in added)
    skipped = tuple(map(str, run.skipped))
    return Compared(events, decisions, changes, (sent, entries), unheard, skipped)


def _engine(run: Run, config: str) -> Engine:
    """The other rules' engine: at the beginning, or as it stood when a later day's file begins."""
    if run.first.header.previous is None:
        return Engine(config)
    engine = at_start(run.first)
    _, seq, at, _ = run.first.start
    outcome = engine.on_event(seq, at, Event.reloaded(config))
    for command in () if outcome is None else outcome.commands:
        if command.kind == "alert":
            # Such as a symbol that the engine of that day does not know.
            raise ComparisonImpossible(f"{run.first.path}: {command.text}")
    return engine


def _decided(run: Run, symbols: Sequence[str]) -> dict[int, dict[_Subject, str]]:
    decided: dict[int, dict[_Subject, str]] = {}
    rules: list[str] = []
    configs = run.configs()[::-1]
    for entry in run.notices():
        while configs and configs[-1][0] <= entry.seq:
            rules = rule_names(configs.pop()[1])
        if entry.kind in _DECISIONS:
            subject, outcome = _decision(json.loads(entry.body), rules, symbols)
            decided.setdefault(entry.seq, {})[subject] = outcome
    return decided


def _decision(
    notice: Mapping[str, Any], rules: Sequence[str], symbols: Sequence[str]
) -> tuple[_Subject, str]:
    if notice["kind"] == "signal_judged":
        return (notice["ticker"], "signal"), notice["dropped"] or "new"
    symbol = "-" if notice["symbol"] is None else symbols[notice["symbol"]]
    # A rule that ended between two events may still close what it opened.
    name = rules[notice["rule"]] if notice["rule"] < len(rules) else "-"
    return (symbol, name), notice.get("reason") or "fired"

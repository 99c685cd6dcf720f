"""Why rules acted, or what kept them from acting: a journal run again, with the engine looked at.

Costs a live run nothing, and answers for any event of any journal.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.errors import OrderloomError
from orderloom.journal import RECONFIGURE, Run
from orderloom.replay import at_start
from orderloom.report.funnel import DROPPED, HEARD, Funnel

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom._core import Engine

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400


class UnknownNameError(OrderloomError):
    """A symbol, rule or time that the journal does not have."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Part of any day, or of one, in the exchange's time: seconds since midnight, `to` excluded."""

    start: int
    to: int
    day: date | None = None

    def distance(self, moment: datetime) -> int:
        """Seconds from the window to a moment in the exchange's time: 0 inside, below 0 before."""
        second = (moment.hour * 60 + moment.minute) * 60 + moment.second
        if self.day is not None:
            second += (moment.date() - self.day).days * _DAY
        return min(second - self.start, 0) or max(second - self.to + 1, 0)


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule at one event for one symbol."""

    seq: int
    at: int
    time: str
    """In the exchange's time as far as the journal knows it, else UTC."""
    event: str
    rule: str
    symbol: str | None
    reason: str | None
    """Why it did not act; `None`: it acted."""
    detail: str
    verdict: dict[str, Any]
    """All that the engine told: the condition as a tree with values, the gates, the open trade."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "seq": self.seq,
            "at": self.at,
            "time": self.time,
            "event": self.event,
            "rule": self.rule,
            "symbol": self.symbol,
            "reason": self.reason,
            "detail": self.detail,
            "condition": self.verdict["condition"],
            "gates": self.verdict["gates"],
            "cooldown_left_ns": self.verdict.get("cooldown_left"),
            "trade": self.verdict.get("trade"),
        }


@dataclass(slots=True)
class RuleAccount:
    """What came of one rule over a whole run, grouped by what kept it from acting."""

    rule: str
    judged: int = 0
    fired: list[Judged] = field(default_factory=list)
    blocked: list[Judged] = field(default_factory=list)
    """Its condition held and something else stood in the way."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Predictions that never reached it."""
    false: dict[str, tuple[int, Judged]] = field(default_factory=dict)
    """By the part that did not hold: how often, and the closest that it came."""
    unknown: dict[str, tuple[int, Judged]] = field(default_factory=dict)
    """By the values that were missing: how often, and the last time."""

    def add(self, judged: Judged) -> None:
        """Count one verdict."""
        self.judged += 1
        blocker = judged.verdict["blocker"]
        if blocker is None:
            self.fired.append(judged)
        elif judged.reason in DROPPED and judged.event == "signal":
            self.dropped[judged.reason] += 1
        elif judged.reason == "CONDITION_UNKNOWN":
            name = " and ".join(blocker.get("missing", [])) or judged.detail
            self.unknown[name] = (self.unknown.get(name, (0, judged))[0] + 1, judged)
        elif judged.reason == "CONDITION_FALSE":
            name = judged.detail.partition("`: ")[0].strip("`")
            times, closest = self.false.get(name, (0, judged))
            self.false[name] = (times + 1, min(closest, judged, key=_distance))
        else:
            self.blocked.append(judged)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rule": self.rule,
            "judged": self.judged,
            "fired": [judged.as_dict() for judged in self.fired],
            "blocked": [judged.as_dict() for judged in self.blocked],
            "dropped": dict(self.dropped),
            "condition_false": [
                {"part": part, "times": times, "closest": judged.as_dict()}
                for part, (times, judged) in self.false.items()
            ],
            "condition_unknown": [
                {"missing": missing, "times": times, "last": judged.as_dict()}
                for missing, (times, judged) in self.unknown.items()
            ],
        }


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer to one question."""

    judged: list[Judged]
    """What a window was asked about; empty without one."""
    accounts: dict[str, RuleAccount]
    """By rule, over the whole run; empty when a window was asked about."""
    funnel: Funnel
    nearest: tuple[Judged | None, Judged | None]
    """With a window: the closest verdict before it and the closest one after it."""
    skipped: tuple[str, ...]
    """Why days of the run before cannot be explained any more."""


def explain(
    path: Path, *, symbol: str | None = None, rule: str | None = None, at: str | None = None
) -> Explained:
    """Answer for a symbol, a rule or a time of the journal at `path`; all of them if left out.

    `at` is `HH:MM` or `HH:MM:SS` in the exchange's time, or ISO 8601.

    Raises:
        JournalBroken: it is no journal, or its hash chain is broken.
        UnknownNameError: the journal has no such symbol or rule, or the time cannot be read.
    """
    window = None if at is None else time_window(at)
    with Run.open(path) as run:
        run.verify()
        return _Reader(run, symbol, rule, window).read()


def time_window(text: str) -> TimeWindow:
    """Read a time of day, or a moment with its day.

    Raises:
        UnknownNameError: it is neither.

    Example:
        >>> time_window("10:31")
        TimeWindow(start=37860, to=37920, day=None)
    """
    for form, length in (("%H:%M", 60), ("%H:%M:%S", 1)):
        try:
            time = datetime.strptime(text, form).time()  # noqa: DTZ007 - a time of day has no zone
        except ValueError:
            continue
        start = (time.hour * 60 + time.minute) * 60 + time.second
        return TimeWindow(start, start + length)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnknownNameError(
            f"--at: expected a time such as `10:31`, `10:31:05` or `2026-03-10T10:31`, "
            f"found `{text}`"
        ) from None
    start = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return TimeWindow(start, start + (1 if moment.second else 60), moment.date())


class _Reader:
    """Runs one journal again for one question."""

    def __init__(
        self, run: Run, symbol: str | None, rule: str | None, window: TimeWindow | None
    ) -> None:
        config = run.first.header.config
        last = run.last_config()
        self._run = run
        self._engine = at_start(run.first)
        self._symbols = [each["symbol"] for each in last["instruments"]]
        self._rules = rule_names(config)
        known = dict.fromkeys(name for _, each in run.configs() for name in rule_names(each))
        self._symbol = None if symbol is None else _place("symbol", symbol, self._symbols)
        self._asked = (
            list(known) if rule is None else [list(known)[_place("rule", rule, list(known))]]
        )
        self._window = window
        # The session of a later day was told in the file before, and the engine knows it.
        known_offset = _utc_offset(self._engine)
        self._offset = known_offset or 0
        self._is_local = known_offset is not None

    def read(self) -> Explained:
        accounts = {name: RuleAccount(name) for name in self._asked}
        inside: list[Judged] = []
        before: tuple[int, Judged | None] = (-sys.maxsize, None)
        after: tuple[int, Judged | None] = (sys.maxsize, None)
        for seq, at, body in self._run.events():
            event = Event.from_json(body)
            if event.kind == "session":
                self._offset = json.loads(body)["session"]["utc_offset"]
                self._is_local = True
            elif event.kind in RECONFIGURE:
                # The numbers in verdicts count the rules that are in force.
                self._rules = rule_names(body)
            for judged in self._judged(seq, at, event):
                if judged.rule not in accounts:
                    continue
                if self._window is None:
                    accounts[judged.rule].add(judged)
                    continue
                distance = self._window.distance(self._local(at))
                if distance == 0:
                    inside.append(judged)
                elif before[0] <= distance < 0:
                    before = (distance, judged)
                elif 0 < distance < after[0]:
                    after = (distance, judged)
        funnel = count_signals(self._run, self._symbol)
        if self._window is not None:
            accounts = {}
        skipped = tuple(map(str, self._run.skipped))
        return Explained(inside, accounts, funnel, (before[1], after[1]), skipped)

    def _judged(self, seq: int, at: int, event: Event) -> list[Judged]:
        verdicts = self._engine.trace(seq, at, event, symbol=self._symbol)
        return [self._read(seq, at, event.kind, json.loads(verdict)) for verdict in verdicts]

    def _read(self, seq: int, at: int, event: str, verdict: dict[str, Any]) -> Judged:
        blocker, symbol = verdict["blocker"], verdict["symbol"]
        local = self._local(at).isoformat(sep=" ", timespec="seconds")
        return Judged(
            seq=seq,
            at=at,
            time=local if self._is_local else f"{local}Z",
            event=event,
            rule=self._rules[verdict["rule"]],
            symbol=None if symbol is None else self._symbols[symbol],
            reason=None if blocker is None else blocker["reason"],
            detail="" if blocker is None else blocker["detail"],
            verdict=verdict,
        )

    def _local(self, at: int) -> datetime:
        moment = datetime.fromtimestamp(at // _SECOND, tz=UTC) + timedelta(
            seconds=self._offset // _SECOND
        )
        return moment.replace(tzinfo=None)


def count_signals(run: Run, symbol: int | None) -> Funnel:
    """Count what became of predictions, from what the journal says; of one symbol, or of all."""
    funnel = Funnel(symbol)
    events = merge(*(run.events(kind) for kind in sorted(HEARD)))
    # Of one event, the event comes first, then its commands, then what was told of it.
    for seq, _, take, body in merge(
        ((seq, 0, funnel.on_event, body) for seq, _, body in events),
        ((entry.seq, 1, funnel.on_command, entry.body) for entry in run.commands()),
        ((entry.seq, 2, funnel.on_notice, entry.body) for entry in run.notices()),
        key=lambda item: item[:2],
    ):
        take(seq, json.loads(body))
    return funnel


def rule_names(config: str) -> list[str]:
    """Return the names of an engine's rules; the numbers in notices count from here."""
    return [rule["name"] for rule in json.loads(config)["rules"]]


def _utc_offset(engine: Engine) -> int | None:
    """How far the exchange's clock is from UTC, in ns, as the engine was told last."""
    slots = json.loads(engine.snapshot().json())["state"]["slots"]
    sessions = (slot["market"]["session"] for slot in slots)
    return next((int(each["utc_offset"]) for each in sessions if each is not None), None)


def _place(what: str, name: str, known: list[str] | tuple[str, ...]) -> int:
    if name not in known:
        raise UnknownNameError(
            f"--{what}: expected one of {', '.join(f'`{each}`' for each in known)}, found `{name}`"
        )
    return known.index(name)


def _distance(judged: Judged) -> float:
    distance = judged.verdict["blocker"].get("distance")
    return float("inf") if distance is None else abs(distance)

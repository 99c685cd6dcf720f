"""The shell around the engine: journals every event, judges it, and carries out every command.

One event is finished, commands and all, before the next is looked at. The runner knows no broker
and no market: adapters post events, and what it sends goes through the `Broker` port.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from orderloom._core import Engine, Event
from orderloom.errors import OrderloomError
from orderloom.journal import JournalFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orderloom._core import Command, Outcome
    from orderloom.journal import Journal
    from orderloom.ports import Broker, Clock
    from orderloom.recovery import Recovered

_FOR_THE_BROKER: Final = frozenset({"place", "modify", "cancel"})
_OF_A_PERSON: Final = frozenset({"operator", "reloaded"})
_SECOND: Final = 1_000_000_000
# A replay at full speed waits for the disk when this many entries are ahead of it.
_JOURNAL_AHEAD: Final = 50_000
# What is deleted is told soon enough for a person to act, and a look costs microseconds.
_WATCH_S: Final = 5.0
# As many events are judged again after a crash in a fraction of a second.
SNAPSHOT_EVENTS: Final = 100_000


class Listener(Protocol):
    """Hears every event with what came of it, in order, after its commands were carried out."""

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        """Take one event; `outcome` is `None` when nothing came of it."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How long one batch of orders took, in ns: judging, making it durable, handing it over."""

    engine_ns: int
    journal_ns: int
    broker_ns: int
    finished_ns: int
    orders: int


class Runner:
    """Owns the engine, the journal and the order of events.

    `post` may be called from any adapter on the event loop, also while another event is being
    carried out; it then waits its turn. `on_problem` takes what an operator should read.
    """

    def __init__(
        self,
        config: str,
        *,
        clock: Clock,
        journal: Journal,
        on_problem: Callable[[str], None],
        listeners: Sequence[Listener] = (),
        recovered: Recovered | None = None,
        snapshot_events: int = SNAPSHOT_EVENTS,
    ) -> None:
        self.engine: Final = Engine(config) if recovered is None else recovered.engine
        self.openers: Final = {} if recovered is None else recovered.openers
        """Names of the rules that opened the trades that it began with, by numbers of trades."""
        self.journal: Final = journal
        self.listeners: Final[list[Listener]] = list(listeners)
        self._clock = clock
        self._now = clock.now
        self._on_problem = on_problem
        self._broker: Broker | None = None
        self._queue: deque[Event] = deque()
        self._is_busy = False
        self._is_finished = False
        # A journal that goes on is numbered on.
        self._seq, self._at = (0, 0) if recovered is None else recovered.last[1:3]
        self._has_journal_failed = False
        self._snapshot_events = snapshot_events
        self._since_snapshot = 0 if recovered is None else recovered.events
        self._day = None if recovered is None else recovered.day
        self._next_day: int | None = None
        self._turn_at = sys.maxsize
        self._broker_ns = 0
        self._wakes_at = sys.maxsize
        self._is_due_sooner = asyncio.Event()
        self.sent = 0
        """Orders, changes and cancels handed to the broker so far."""
        self.is_reconciling = False
        """Whether a snapshot of the broker is being received."""
        self.last_dispatch: Dispatch | None = None
        """The last event that led to an order."""
        self.on_ask: Callable[[Command], Event] | None = None
        """Answers the questions of rules to Python; without it they stay unanswered."""

    def connect(self, broker: Broker) -> None:
        """Take the broker that commands go to."""
        self._broker = broker

    def on_sent(self, _order_id: int, _sent_ns: int, encoding_ns: int) -> None:
        """Take the broker's word on how long it took to hand an order over (`ports.OnSent`)."""
        self._broker_ns += encoding_ns

    @property
    def next_deadline(self) -> int | None:
        """When time alone makes something due; `on_time` is wanted then."""
        return self.engine.next_deadline()

    @property
    def is_idle(self) -> bool:
        """Whether every posted event is finished."""
        return not self._queue and not self._is_busy

    def post(self, event: Event) -> None:
        """Take the next event."""
        if self._is_finished:
            return
        self._queue.append(event)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._queue:
                self._handle(self._queue.popleft())
        finally:
            self._is_busy = False

    def finish(self) -> None:
        """Take no more events: what adapters say while they are put away is not the run's."""
        self._is_finished = True

    def on_time(self) -> None:
        """Say that time has passed, if something is due."""
        deadline = self.next_deadline
        if deadline is not None and deadline <= self._clock.now():
            self.post(Event.clock())

    async def keep_time(self) -> None:
        """Send `Clock` whenever it is due, until cancelled."""
        while True:
            deadline = self.next_deadline
            self._wakes_at = sys.maxsize if deadline is None else deadline
            self._is_due_sooner.clear()
            waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._is_due_sooner.wait())}
            if deadline is not None:
                waits.add(asyncio.ensure_future(self._clock.sleep_until(deadline)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            self.on_time()

    async def watch_journal(self, every_s: float = _WATCH_S) -> None:
        """Look now and then whether the journal still is where it was, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            if self._has_journal_failed:
                continue
            try:
                # A disk that hangs is to keep no event waiting.
                await asyncio.to_thread(self.journal.check_place)
            except JournalFailed as failure:
                self._journal_failed(failure)

    async def keep_up(self) -> None:
        """Wait for the disk while the journal is far ahead of it."""
        if self.journal.pending > _JOURNAL_AHEAD and not self._has_journal_failed:
            try:
                await self.journal.commit_async()
            except JournalFailed as failure:
                self._journal_failed(failure)

    def _handle(self, event: Event) -> None:
        # The engine's time never moves back; the journal says the same.
        self._at = at = max(self._at, self._now())
        if at >= self._turn_at:
            self._begin_day()
        self._seq = seq = self._seq + 1
        self.journal.append_event(seq, at, event)
        kind = event.kind
        if kind == "snapshot":
            self.is_reconciling = "began" in event.json()
        elif kind == "session":
            self._hear_session(json.loads(event.json())["session"])
        began = time.perf_counter_ns()
        outcome = self.engine.on_event(seq, at, event)
        if outcome is not None:
            commands = outcome.commands
            engine_ns = time.perf_counter_ns() - began
            self.journal.append_outcome(seq, commands, outcome.notices)
            if commands:
                self._carry_out(commands, engine_ns)
        if kind in _OF_A_PERSON:
            # A person's word is durable before it is answered: a halt outlives the process.
            self._commit()
        for listener in self.listeners:
            listener.on_event(at, event, outcome)
        deadline = self.engine.next_deadline()
        if deadline is not None and deadline < self._wakes_at:
            self._is_due_sooner.set()
        self._since_snapshot += 1
        if self._since_snapshot >= self._snapshot_events:
            self.journal.append_snapshot(self.engine.snapshot())
            self._since_snapshot = 0

    def _hear_session(self, session: Mapping[str, int]) -> None:
        """Note when the journal is to go on in the file of another day of the exchange.

        That is its midnight, or the evening before if the session begins then.
        """
        day = session["date"]
        if self._day is None:
            self._day = day  # The file has just begun.
        elif self._day < day <= (self._next_day or day):
            midnight = datetime.strptime(str(day), "%Y%m%d").replace(tzinfo=UTC).timestamp()
            self._next_day = day
            self._turn_at = min(session["open"], int(midnight) * _SECOND - session["utc_offset"])

    def _begin_day(self) -> None:
        assert self._next_day is not None  # noqa: S101 - told with the time
        self.journal.turn(self._next_day, self.engine.config, self.engine.snapshot())
        self._day, self._next_day, self._turn_at = self._next_day, None, sys.maxsize
        self._since_snapshot = 0
        for problem in self.journal.problems():
            self._on_problem(problem)

    def _carry_out(self, commands: Sequence[Command], engine_ns: int) -> None:
        orders = [command for command in commands if command.kind in _FOR_THE_BROKER]
        journal_ns = 0
        if orders:
            # An intent is durable before its bytes leave.
            journal_ns = self._commit()
            if self._has_journal_failed:
                orders = _reducing(orders)
        self._broker_ns = 0
        sent = 0
        for command in orders:
            sent += self._send(command)
        for command in commands:
            if command.kind == "reconcile":
                self.is_reconciling = True
                self._send(command)
            elif command.kind == "alert":
                self._on_problem(f"{command.code}: {command.text}")
        if sent:
            self.sent += sent
            self.last_dispatch = Dispatch(
                engine_ns, journal_ns, self._broker_ns, time.monotonic_ns(), sent
            )
        # Answers come before whatever else waits: the rule is judged on the state it was asked in.
        asked = [self._ask(command) for command in commands if command.kind == "ask"]
        self._queue.extendleft(reversed(asked))

    def _ask(self, command: Command) -> Event:
        if self.on_ask is not None:
            return self.on_ask(command)
        assert command.ask is not None  # noqa: S101 - so for this kind
        return Event.answer(command.ask[0], None, failure="no script runs that could answer")

    def _send(self, command: Command) -> bool:
        if self._broker is None:
            self._on_problem(f"order {command.order_id}: there is no broker yet, nothing was sent")
            return False
        try:
            self._broker.send(command)
        except OrderloomError as error:
            # Nothing left: the engine goes on asking, and reconciles when the line is back.
            self._on_problem(str(error))
            return False
        return True

    def _commit(self) -> int:
        if self._has_journal_failed:
            return 0
        try:
            return self.journal.commit()
        except JournalFailed as failure:
            self._journal_failed(failure)
            return 0

    def _journal_failed(self, failure: JournalFailed) -> None:
        if self._has_journal_failed:
            return
        self._has_journal_failed = True
        self._on_problem(f"{failure}; no new entries, exits go on")
        self.post(Event.operator("reduce_only", reason=str(failure)))


def _reducing(orders: Sequence[Command]) -> list[Command]:
    """The commands that add no risk: all but entries, and the children that wait for them."""
    entries = {
        command.order_id
        for command in orders
        if command.kind == "place" and command.role in {"entry", "single"}
    }
    return [
        command
        for command in orders
        if command.order_id not in entries
        and not (command.ticket is not None and command.ticket.parent_id in entries)
    ]

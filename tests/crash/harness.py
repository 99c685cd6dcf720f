"""One day with kills, against the same day without."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom.journal import Run, newest
from orderloom.replay import replay, replay_all
from orderloom.sim.times import SECOND

from .day import RULES, NextDay, Price, Signal
from .desk import live
from .exchange import DATE, OPEN, exchange
from .process import Child, Killed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .day import Step

_BROKEN: Final = frozenset({"OVERFILL", "POSITION_MISMATCH", "ORDER_FORKED", "FOREIGN_TRADE"})
_MILLISECOND: Final = SECOND // 1000


@dataclass(slots=True)
class Told:
    """What a day came to."""

    trace: list[dict[str, Any]] = field(default_factory=list)
    """The exchange's ledger after each step."""
    times: list[int] = field(default_factory=list)
    """When each step was over, UTC ns."""
    points: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    killed_in: list[int] = field(default_factory=list)
    """The steps in which the desk was killed."""
    notes: list[str] = field(default_factory=list)


class Day:
    """Plays one day to one desk, which is started again whenever it was killed.

    `kills` are points: of the first life, of the second, and so on; the life after the last of
    them is let live. Predictions of the steps in `untold` are never made. A desk `is_hasty` that
    sends before it has written.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        kills: Sequence[int] = (),
        *,
        untold: Collection[int] = (),
        away: int = 0,
        is_written: bool = False,
        is_hasty: bool = False,
    ) -> None:
        self._steps = steps
        self._is_hasty = is_hasty
        self._away = away
        self._kills = list(kills)
        self._untold = untold
        self._is_written = is_written
        self._at = OPEN
        self._day = DATE
        self._told = Told()
        self._directory = Path(tempfile.mkdtemp(prefix="crash-"))
        self._exchange = Child(exchange)
        self._desk: Child | None = None
        self._port = 0
        self._deadline: int | None = None
        self._books: dict[str, Any] = {}
        self._missed: list[dict[str, Any]] = []
        self._back_at = 0
        self._step = 0

    def play(self) -> Told:
        """Play it to the end. Raises `AssertionError` when something ended that should not."""
        try:
            self._port = self._exchange.ask()["port"]
            for number, step in enumerate(self._steps):
                self._step = number
                for request in self._requests(step):
                    self._tell(request)
                self._told.trace.append(self._exchange.ask()["ledger"])
                self._told.times.append(self._at)
            self._away = self._back_at = 0
            self._tell({})
            self._compare_books()
            self._end()
            return self._told
        finally:
            self._exchange.end()
            if self._desk is not None:
                self._desk.end()
            shutil.rmtree(self._directory, ignore_errors=True)

    def _requests(self, step: Step) -> Iterator[dict[str, Any]]:
        if isinstance(step, Price):
            self._at += 10 * _MILLISECOND
            self._exchange.ask(at=self._at, symbol=step.symbol, price=step.price, size=step.size)
            yield {}
        elif isinstance(step, Signal):
            yield {"signal": (f"signal-{self._step}", step.symbol, step.side)}
        elif isinstance(step, NextDay):
            self._day += 1
            yield {"day": self._day}
        else:
            yield from self._wait(step.seconds)

    def _wait(self, seconds: float) -> Iterator[dict[str, Any]]:
        end = self._at + round(seconds * SECOND)
        while self._at < end:
            due = self._deadline or end
            self._at = min(end, max(due, self._at + _MILLISECOND))
            self._exchange.ask(at=self._at)
            yield {}

    def _tell(self, request: dict[str, Any]) -> None:
        """Let the desk take a step, however often it has to be started for that."""
        if "signal" in request and self._step in self._untold:
            request = {}
        if self._step < self._back_at:
            self._missed += [request] if request else []
            return
        waiting = [*self._missed, request]
        while waiting:
            try:
                if self._desk is None:
                    self._start()
                    continue
                self._hear(self._desk.ask(at=self._at, is_written=self._is_written, **waiting[0]))
            except Killed:
                self._mourn()
                if self._step < self._back_at:
                    self._missed = [each for each in waiting if each]
                    return
            else:
                waiting.pop(0)
        self._missed = []

    def _start(self) -> None:
        kill = self._kills[len(self._told.killed_in)] if self._kills_left else None
        body = partial(
            live, directory=self._directory, rules=RULES, last=kill, is_hasty=self._is_hasty
        )
        self._desk = Child(body)
        self._hear(self._desk.ask(port=self._port, at=self._at))

    def _end(self) -> None:
        """End the desk in order; it may be killed while it ends."""
        while True:
            assert self._desk is not None
            try:
                last = self._desk.ask(is_end=True)
            except Killed:
                self._mourn()
                self._tell({})
                self._compare_books()
            else:
                break
        self._told.points, self._told.kinds = last["points"], last["kinds"]
        assert self._desk.wait() == 0
        self._replay()

    @property
    def _kills_left(self) -> bool:
        return len(self._told.killed_in) < len(self._kills)

    def _mourn(self) -> None:
        assert self._desk is not None
        assert self._kills_left, "killed once more than asked"
        self._told.killed_in.append(self._step)
        self._desk = None
        self._back_at = self._step + self._away

    def _hear(self, answer: dict[str, Any]) -> None:
        self._deadline = answer["deadline"]
        self._books = answer

    def _compare_books(self) -> None:
        """What the engine believes is what the exchange's ledger has, to the cent (I12).

        By now everything was closed: nothing is held or lives, and no fill turned a position (I1).
        """
        books, ledger = self._books, self._exchange.ask()["ledger"]
        # In a thin market an entry that is filled for a part holds its stop back, kill or no kill.
        assert not _BROKEN.intersection(books["incidents"]), books
        assert ledger["turned"] == [], ledger
        for symbol, cash in ledger["cash"].items():
            theirs = (ledger["held"][symbol], ledger["alive"][symbol])
            assert theirs == ("0", []), (symbol, theirs, books)
            mine = {
                name: Decimal(books[name][symbol]) for name in ("held", "realized", "commission")
            }
            assert mine == {
                "held": 0,
                "realized": Decimal(cash),
                "commission": Decimal(ledger["commission"][symbol]),
            }, (symbol, books, ledger)
            assert books["alive"][symbol] == 0, (symbol, books)

    def _replay(self) -> None:
        """All lives are one run, and its files tell the same again, together and alone (I14)."""
        path = Path(json.loads((self._directory / "seat" / "last.json").read_text())["journal"])
        with Run.until(newest(path)) as run:
            days = sum(isinstance(step, NextDay) for step in self._steps)
            # A kill between two files may leave one day in the file of the other.
            assert len(run.files) == 1 + days or self._kills
            for replayed in (replay_all(run), *(replay(each.path) for each in run.files)):
                assert replayed.difference is None, replayed.difference
                assert replayed.is_closed

"""The thread that owns a journal's file.

Three facts shape it. SQLite gives up the interpreter lock at each step and may wait 5 ms to get it
back while the event loop computes; so a batch is one statement, whatever its size (row by row, a
busy loop leaves 1,800 rows a second; as one statement, over 20,000). An order waits for all
that was appended before it; so rows go into an open transaction every few milliseconds, and only
the `fsync` is left to wait for. And an `fsync` that failed once proves nothing when it succeeds
later; so a failed journal stays failed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from orderloom.journal.compaction import compact_all_but
from orderloom.journal.errors import JournalFailed
from orderloom.journal.file import Rows, begin, connect, settle
from orderloom.journal.header import Previous

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orderloom.journal.chain import Link
    from orderloom.journal.file import Recordable
    from orderloom.journal.header import Header
    from orderloom.redaction import Redactor


Item = tuple[int, int, str, "Sequence[Recordable]"]
"""Entries of one type that belong to one event: its number, its time, their type, they."""


class End(NamedTuple):
    """The last entry of an orderly run, or of a file of it: then it names the next."""

    kind: str = "closed"
    body: str = "{}"

    def json(self) -> str:
        """Return all that it says; of a run, nothing but that it is there."""
        return self.body


@dataclass(frozen=True, slots=True)
class Turn:
    """The end of a day: what comes after it goes to the file at `path`."""

    seq: int
    at: int
    path: Path
    header: Header
    snapshot: Recordable
    """The engine after everything before."""


Durable = Future[None]

_CHECKPOINT_ROWS = 20_000
_GATHER_S = 0.005


class Writer(threading.Thread):
    """Takes items in order; they are durable when somebody waits, or after `linger` seconds."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        last: Link,
        redactor: Redactor,
        linger: float,
        keep: int | None,
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self.failure: JournalFailed | None = None
        self.lost = 0
        """Entries given to a failed journal."""
        self.problems: list[str] = []
        """Why days that are over could not be made small."""
        self._connection = connection
        self._path = path
        self._last = last
        self._redactor = redactor
        self._linger = linger
        self._keep = keep
        self._compaction: threading.Thread | None = None
        self._queue: SimpleQueue[Item | Turn | Durable | None] = SimpleQueue()
        self.put: Final[Callable[[Item | Turn], None]] = self._queue.put
        """Hands over an item; never waits."""
        self.pending: Final = self._queue.qsize
        """Tells how many items were not taken yet."""
        self._awaited = threading.Event()
        self._unfolded = 0
        self._undurable = 0
        self._due: float | None = None  # when the open transaction ends at the latest

    def durable(self) -> Durable:
        """Return a future that ends when all items put before it are durable, or failed."""
        future: Durable = Future()
        self._queue.put(future)
        self._awaited.set()
        return future

    def fail(self, reason: str) -> None:
        """Stop acknowledging, for good; the first reason is kept."""
        self.failure = self.failure or JournalFailed(self._path, reason)

    def stop(self) -> None:
        """Let the thread end after what it was given; waits for it."""
        self._queue.put(None)
        self._awaited.set()
        self.join()
        if self._compaction is not None:
            self._compaction.join()

    def run(self) -> None:
        """Write until stopped."""
        is_stopping = False
        while not is_stopping:
            items, waiting, is_stopping = self._gather()
            self._undurable += _entries(items)
            if self.failure is None:
                try:
                    self._insert(items)
                    if waiting or is_stopping or self._wait_s() == 0:
                        self._commit()
                except Exception as error:  # whatever it was, nothing is durable
                    self.fail(str(error) or type(error).__name__)
            if self.failure is not None:
                self.lost += self._undurable
                self._undurable, self._due = 0, None
            for future in waiting:
                if self.failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(self.failure)
            self._fold(is_stopping)

    def _gather(self) -> tuple[list[Item | Turn], list[Durable], bool]:
        """Wait for work; wait a little for more of it unless somebody waits."""
        items: list[Item | Turn] = []
        waiting: list[Durable] = []
        try:
            taken = self._queue.get(timeout=self._wait_s())
        except Empty:
            return items, waiting, False
        if isinstance(taken, tuple | Turn):
            self._awaited.wait(_GATHER_S)
        self._awaited.clear()
        while True:
            if taken is None:
                return items, waiting, True
            if isinstance(taken, tuple | Turn):
                items.append(taken)
            else:
                waiting.append(taken)
            try:
                taken = self._queue.get_nowait()
            except Empty:
                return items, waiting, False

    def _wait_s(self) -> float | None:
        """Seconds until the open transaction must end; `None` when there is none."""
        return None if self._due is None else max(self._due - time.monotonic(), 0)

    def _insert(self, items: list[Item | Turn]) -> None:
        rows = Rows(self._last, self._redactor)
        for place, item in enumerate(items):
            if isinstance(item, Turn):
                self._write(rows)
                self._turn(item, _entries(items[place:]))
                rows = Rows(self._last, self._redactor)
            else:
                rows.add(*item)
        self._write(rows)

    def _write(self, rows: Rows) -> None:
        if not rows:
            return
        if self._due is None:
            self._connection.execute("begin immediate")
            self._due = time.monotonic() + self._linger
        rows.insert(self._connection)
        self._last = rows.last
        self._unfolded += len(rows)

    def _turn(self, turn: Turn, left: int) -> None:
        """End this file and go on in the next; `left` entries are given and not written yet.

        Its last row names the next file, which appears whole. Killed before that, a run goes on
        behind that row; after it, in the next file. There is no third place.
        """
        rows = Rows(self._last, self._redactor)
        rows.add(turn.seq, turn.at, "end", (End("rotated", json.dumps({"next": turn.path.name})),))
        self._write(rows)
        self._commit(left)
        settle(self._connection)
        previous = Previous(self._path.name, self._last.seq, self._last.at, self._last.hash)
        header = replace(turn.header, previous=previous).redacted(self._redactor)
        self._last = begin(turn.path, header, self._redactor, turn.snapshot)
        self._connection = connect(turn.path)
        self._path, self._unfolded = turn.path, 0
        if self._keep is not None and (self._compaction is None or not self._compaction.is_alive()):
            # It takes seconds, and orders wait for this thread.
            self._compaction = threading.Thread(
                target=self._compact, args=(turn.path, self._keep), name="compaction", daemon=True
            )
            self._compaction.start()

    def _compact(self, last: Path, keep: int) -> None:
        self.problems.extend(compact_all_but(last, keep))

    def _commit(self, left: int = 0) -> None:
        if self._due is not None:
            self._connection.execute("commit")
        self._undurable, self._due = left, None

    def _fold(self, is_stopping: bool) -> None:
        """Fold the write-ahead log into the file, after those who waited have their answer.

        SQLite would do it inside a commit, where an order waits for it.
        """
        if is_stopping or self.failure is not None:
            # Also ends an open transaction, and with it the lock on the file.
            self._connection.close()
        elif self._unfolded > _CHECKPOINT_ROWS and self._due is None:
            self._unfolded = 0
            try:
                self._connection.execute("pragma wal_checkpoint(passive)").fetchall()
            except sqlite3.Error as error:
                self.fail(str(error))


def _entries(items: Sequence[Item | Turn]) -> int:
    return sum(len(item[3]) for item in items if isinstance(item, tuple))

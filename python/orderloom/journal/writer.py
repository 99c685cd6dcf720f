"""The thread that owns a journal's file.

Four facts shape it. While this thread holds the interpreter lock, the event loop stands still; so
events wait in Rust, and what can be done to them without the lock is done there. SQLite gives it up
at each step and may wait 5 ms to get it back while the event loop computes; so rows go in by the
thousand, a statement for all of them (row by row, a busy loop leaves 1,800 rows a second). An order
waits for all that was appended before it; so rows go into an open transaction every few
milliseconds, and only the `fsync` is left to wait for. And an `fsync` that failed once proves
nothing when it succeeds later; so a failed journal stays failed.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from orderloom._core import Entries, Inbox
from orderloom.journal.compaction import compact_all_but
from orderloom.journal.errors import JournalFailed
from orderloom.journal.file import begin, connect, insert, settle
from orderloom.journal.header import Previous

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orderloom.journal.chain import Link
    from orderloom.journal.file import Recordable
    from orderloom.journal.header import Header
    from orderloom.redaction import Redactor


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
        # In one piece, for who looks from another thread while a day ends.
        self._placed = path, _identities(path)
        self._last = last
        self._redactor = redactor
        self._linger = linger
        self._keep = keep
        self._compaction: threading.Thread | None = None
        self.inbox: Final = Inbox()
        """Takes items; never waits."""
        self._unfolded = 0
        self._undurable = 0
        self._due: float | None = None  # when the open transaction ends at the latest

    def durable(self) -> Durable:
        """Return a future that ends when all items put before it are durable, or failed."""
        future: Durable = Future()
        self.inbox.mark(future, True)
        return future

    def turn(self, turn: Turn) -> None:
        """Go on in another file after what was given before; does not wait."""
        self.inbox.mark(turn, False)

    def fail(self, reason: str) -> None:
        """Stop acknowledging, for good; the first reason is kept."""
        self.failure = self.failure or JournalFailed(self._path, reason)

    def check_place(self) -> None:
        """Fail if the file that is written is no longer at its path: nobody would find it there.

        SQLite goes on writing to a file that was deleted, and every sync of it succeeds.
        """
        path, written = self._placed
        try:
            found = _identities(path)
        except OSError:
            return  # Whether it can be written, writing tells.
        for name, was, now in zip(("the file", "its -wal"), written, found, strict=True):
            if was is None or was == now:
                continue
            if now is None:
                self.fail(f"{name} was deleted or moved while the run went on")
            else:
                self.fail(f"another file was put in the place of {name} while the run went on")

    def stop(self) -> None:
        """Let the thread end after what it was given; waits for it."""
        self.inbox.mark(None, True)
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

    def _gather(self) -> tuple[list[Entries | Turn], list[Durable], bool]:
        """Wait for work; wait a little for more of it unless somebody waits."""
        items: list[Entries | Turn] = []
        waiting: list[Durable] = []
        is_stopping = False
        for taken in self.inbox.take(self._wait_s(), _GATHER_S):
            if isinstance(taken, Entries | Turn):
                items.append(taken)
            elif taken is None:
                is_stopping = True
            else:
                waiting.append(taken)
        return items, waiting, is_stopping

    def _wait_s(self) -> float | None:
        """Seconds until the open transaction must end; `None` when there is none."""
        return None if self._due is None else max(self._due - time.monotonic(), 0)

    def _insert(self, items: list[Entries | Turn]) -> None:
        for place, item in enumerate(items):
            if isinstance(item, Turn):
                self._turn(item, _entries(items[place:]))
            else:
                self._write(item)

    def _write(self, entries: Entries) -> None:
        if self._due is None:
            self._connection.execute("begin immediate")
            self._due = time.monotonic() + self._linger
        self._unfolded += len(entries)
        self._last = insert(self._connection, entries, self._last, self._redactor)

    def _turn(self, turn: Turn, left: int) -> None:
        """End this file and go on in the next; `left` entries are given and not written yet.

        Its last row names the next file, which appears whole. Killed before that, a run goes on
        behind that row; after it, in the next file. There is no third place.
        """
        end = End("rotated", json.dumps({"next": turn.path.name}))
        self._write(Entries(turn.seq, turn.at, "end", (end,)))
        self._commit(left)
        settle(self._connection)
        previous = Previous(self._path.name, self._last.seq, self._last.at, self._last.hash)
        header = replace(turn.header, previous=previous).redacted(self._redactor)
        self._last = begin(turn.path, header, self._redactor, turn.snapshot)
        self._connection = connect(turn.path)
        self._path, self._unfolded = turn.path, 0
        self._placed = turn.path, _identities(turn.path)
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


def _identities(path: Path) -> list[tuple[int, int] | None]:
    """What tells a file and its log from every other; `None` for one that is not there."""
    place = path.resolve()
    return [_identity(place), _identity(place.with_name(f"{place.name}-wal"))]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _entries(items: Sequence[Entries | Turn]) -> int:
    return sum(len(item) for item in items if isinstance(item, Entries))

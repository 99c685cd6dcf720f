"""The thread that owns a journal's file.

Three facts shape it. SQLite gives up the interpreter lock at each step and may wait 5 ms to get it
back while the event loop computes; so a batch is one statement, whatever its size (row by row, a
busy loop leaves 1,800 rows a second; as one statement, over 20,000). An order waits for all
that was appended before it; so rows go into an open transaction every few milliseconds, and only
the `fsync` is left to wait for. And an `fsync` that failed once proves nothing when it succeeds
later; so a failed journal stays failed.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, Protocol

from orderloom.journal.chain import Link, row_hash
from orderloom.journal.errors import JournalFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orderloom.redaction import Redactor


class Recordable(Protocol):
    """What can be written: the engine's events, commands and notices."""

    @property
    def kind(self) -> str:
        """What it is, in snake_case."""

    def json(self) -> str:
        """Return all of it."""


class Item(NamedTuple):
    """Entries of one type that belong to one event."""

    seq: int
    at: int
    type: str
    records: Sequence[Recordable]


class End(NamedTuple):
    """The last entry of an orderly run."""

    kind: str = "closed"

    def json(self) -> str:
        """Return an empty object: all that it says is that it is there."""
        return "{}"


Durable = Future[None]

_INSERT = "insert into entry (id, seq, n, at, type, kind, body, hash) values "
_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?)"
_STATEMENT_ROWS = 2_048
"""SQLite binds at most 32,766 values in a statement."""
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
    ) -> None:
        super().__init__(name="journal", daemon=True)
        self.failure: JournalFailed | None = None
        self.lost = 0
        """Entries given to a failed journal."""
        self._connection = connection
        self._path = path
        self._last = last
        self._redactor = redactor
        self._linger = linger
        self._queue: SimpleQueue[Item | Durable | None] = SimpleQueue()
        self._awaited = threading.Event()
        self._unfolded = 0
        self._undurable = 0
        self._due: float | None = None  # when the open transaction ends at the latest

    @property
    def pending(self) -> int:
        """Items that were not taken yet."""
        return self._queue.qsize()

    def put(self, item: Item) -> None:
        """Hand over an item; never waits."""
        self._queue.put(item)

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

    def run(self) -> None:
        """Write until stopped."""
        is_stopping = False
        while not is_stopping:
            items, waiting, is_stopping = self._gather()
            self._undurable += sum(len(item.records) for item in items)
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

    def _gather(self) -> tuple[list[Item], list[Durable], bool]:
        """Wait for work; wait a little for more of it unless somebody waits."""
        items: list[Item] = []
        waiting: list[Durable] = []
        try:
            taken = self._queue.get(timeout=self._wait_s())
        except Empty:
            return items, waiting, False
        if isinstance(taken, Item):
            self._awaited.wait(_GATHER_S)
        self._awaited.clear()
        while True:
            if taken is None:
                return items, waiting, True
            if isinstance(taken, Item):
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

    def _insert(self, items: list[Item]) -> None:
        rows: list[tuple[object, ...]] = []
        id_, last_seq, last_at, hash_ = self._last
        for seq, at, type_, records in items:
            for n, record in enumerate(records):
                id_ += 1
                kind, body = record.kind, self._redactor.json(record.json())
                hash_ = row_hash(hash_, id_, seq, n, at, type_, kind, body)
                rows.append((id_, seq, n, at, type_, kind, body, hash_))
            last_seq, last_at = seq, at
        if not rows:
            return
        if self._due is None:
            self._connection.execute("begin immediate")
            self._due = time.monotonic() + self._linger
        for start in range(0, len(rows), _STATEMENT_ROWS):
            part = rows[start : start + _STATEMENT_ROWS]
            self._connection.execute(
                _INSERT + ",".join([_PLACES] * len(part)),
                [value for row in part for value in row],
            )
        self._last = Link(id_, last_seq, last_at, hash_)
        self._unfolded += len(rows)

    def _commit(self) -> None:
        if self._due is not None:
            self._connection.execute("commit")
        self._undurable, self._due = 0, None

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

"""The points at which a process may end: around every write to the journal and every send.

The files and the socket are the real ones; what is counted is how often they are used.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ib_async.connection import Connection

from orderloom.recovery import Seat

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITES: Final = ("begin", "insert", "commit", "pragma wal_checkpoint")


class Points:
    """Counts the points of one life, and ends the process with SIGKILL at the one numbered `last`.

    Every send has three: before its first byte, in its middle, and after its last byte. `check`
    says what must not be sent yet, and why.
    """

    def __init__(self, last: int | None, check: Callable[[bytes], str | None]) -> None:
        self._last = last
        self._check = check
        self._next = itertools.count(1)
        self.kinds: Counter[str] = Counter()

    def watch(self) -> None:
        """Count what this process writes and sends from now on."""
        points = self

        class Database(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                if not sql.startswith(_WRITES):
                    return super().execute(sql, parameters)
                kind = sql.split(" ", 1)[0]
                points.passed(f"before {kind}")
                cursor = super().execute(sql, parameters)
                points.passed(f"after {kind}")
                return cursor

            def executescript(self, sql: str, /) -> sqlite3.Cursor:
                points.passed("before schema")
                cursor = super().executescript(sql)
                points.passed("after schema")
                return cursor

        def send(connection: Any, message: bytes) -> None:
            points.passed("before send")
            if (problem := points._check(message)) is not None:
                print(problem, file=sys.stderr, flush=True)
                os._exit(1)
            if points.is_last("amid send"):
                connection.transport.write(message[: len(message) // 2])
                die()
            write(connection, message)  # type: ignore[no-untyped-call]  # untyped in ib_async
            points.passed("after send")

        def rename(path: Path, target: Path) -> Path:
            points.passed("before rename")
            renamed = move(path, target)
            points.passed("after rename")
            return renamed

        def note(seat: Seat, journal: Path) -> None:
            points.passed("before seat")
            remember(seat, journal)
            points.passed("after seat")

        write, remember, move = Connection.sendMsg, Seat.remember, Path.rename
        vars(sqlite3)["connect"] = functools.partial(sqlite3.connect, factory=Database)
        type.__setattr__(Connection, "sendMsg", send)
        type.__setattr__(Seat, "remember", note)
        type.__setattr__(Path, "rename", rename)

    def passed(self, kind: str) -> None:
        """Pass a point, or end there."""
        if self.is_last(kind):
            die()

    def is_last(self, kind: str) -> bool:
        """Count a point; whether it is the one to end at."""
        self.kinds[kind] += 1
        return next(self._next) == self._last

    @property
    def count(self) -> int:
        """How many points were passed."""
        return self.kinds.total()


def die() -> None:
    """End as a process does that is killed: nothing is flushed, closed or said."""
    os.kill(os.getpid(), signal.SIGKILL)

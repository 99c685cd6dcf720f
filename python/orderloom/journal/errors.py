"""What can go wrong with a journal, by who must act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderloom.errors import OrderloomError

if TYPE_CHECKING:
    from pathlib import Path


class JournalFailed(OrderloomError):  # noqa: N818 - says what happened
    """Entries could not be made durable: disk full, I/O error, or a disk too slow for the run.

    The operator must act. Nothing more is acknowledged until the journal is resumed; the runner
    sends exits only.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: expected entries to be durable, found: {reason}")
        self.path = path
        self.reason = reason


class JournalBroken(OrderloomError):  # noqa: N818 - says what it is
    """A journal cannot be trusted: damaged, changed by hand, or written by a newer orderloom."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class JournalCompacted(JournalBroken):
    """A journal's market data was removed to save space: what it led to stays, and can be read."""

    def __init__(self, path: Path, when: str, events: int) -> None:
        super().__init__(
            path,
            f"{events} prices were removed on {when} to save space, so it cannot be run again; "
            "orders, fills, decisions and round trips are all there for `sqlite3`",
        )

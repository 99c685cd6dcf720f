"""The files of a run in their order, read as one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Self

from orderloom.journal.closing import Closing
from orderloom.journal.errors import JournalBroken, JournalCompacted
from orderloom.journal.recording import Broken, Entry, Recording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FIRST = "journal.db"
"""The name of a run's first file in its directory."""


class Run(Closing):
    """Files that follow each other, open for reading.

    `skipped` are the run's files before them that were compacted, unless it was opened `whole`.
    """

    def __init__(
        self, files: Sequence[Recording], skipped: Sequence[JournalCompacted], opened: ExitStack
    ) -> None:
        self.files = tuple(files)
        self.skipped = tuple(skipped)
        self._opened = opened

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the journal at `path` alone; of a run's directory, all its files in order.

        Raises:
            JournalBroken: one of them is missing, no journal, or does not follow from the one
                before it.
            JournalCompacted: none of them can be run again.
        """
        with ExitStack() as opened:
            if not path.is_dir():
                return cls._of([_open(path, opened)], opened, wants_prices=True)
            files = _onwards([_open(path / FIRST, opened)], opened)
            return cls._of(files, opened, wants_prices=True)

    @classmethod
    def whole(cls, path: Path) -> Self:
        """Open a run from its first day, as what it held and made counts from there.

        It ends with the file at `path`; of a run's directory, with its last. Days without prices
        do, for it is not to be run again.

        Raises:
            JournalBroken: as `open` does.
        """
        with ExitStack() as opened:
            if not path.is_dir():
                files = _back([_open(path, opened)], opened)
            else:
                files = _onwards(_back([_open(path / FIRST, opened)], opened), opened)
            return cls._of(files, opened, wants_prices=False)

    @classmethod
    def until(cls, path: Path) -> Self:
        """Open the journal at `path` with all of its run before it.

        Raises:
            JournalBroken, JournalCompacted: as `open` does.
        """
        with ExitStack() as opened:
            return cls._of(_back([_open(path, opened)], opened), opened, wants_prices=True)

    @classmethod
    def _of(cls, files: list[Recording], opened: ExitStack, *, wants_prices: bool) -> Self:
        """A run of these files, which it gives up itself from now on."""
        for before, after in pairwise(files):
            previous = after.header.previous
            if previous is None or previous.hash != before.last.hash:
                raise JournalBroken(
                    after.path, f"expected it to go on where {before.path.name} ends, it does not"
                )
        skipped = [each.compacted if wants_prices else None for each in files]
        whole = len(files)
        while whole and skipped[whole - 1] is None:
            whole -= 1
        reasons = [reason for reason in skipped if reason is not None]
        if whole == len(files):
            raise reasons[-1]
        return cls(files[whole:], reasons, opened.pop_all())

    @property
    def first(self) -> Recording:
        """The first that can be run again."""
        return self.files[0]

    @property
    def last(self) -> Recording:
        """The one in which the run ends, or goes on."""
        return self.files[-1]

    @property
    def is_closed(self) -> bool:
        """Whether it ended in order; if not, its last entries may be missing."""
        return self.last.is_closed and self.missing is None

    @property
    def missing(self) -> str | None:
        """The name of the file in which it was to go on, when that is not there."""
        return None if self.last.next is not None else self.last.turned_to

    def events(self, kind: str | None = None) -> Iterator[tuple[int, int, str]]:
        """Yield each event's number, time in UTC nanoseconds, and JSON; of one kind, or all."""
        return chain.from_iterable(each.events(kind) for each in self.files)

    def commands(self) -> Iterator[Entry]:
        """Yield what the engine asked for, in order."""
        return chain.from_iterable(each.commands() for each in self.files)

    def notices(self) -> Iterator[Entry]:
        """Yield what the engine told, in order."""
        return chain.from_iterable(each.notices() for each in self.files)

    def configs(self) -> list[tuple[int, str]]:
        """Return the engine's configurations in order, each with the event that it counts from."""
        first, *rest = (each.configs() for each in self.files)
        # A later file begins under the configuration that was in force.
        return [*first, *(config for configs in rest for config in configs[1:])]

    def last_config(self) -> dict[str, Any]:
        """Return the engine's configuration as it was last."""
        document: dict[str, Any] = json.loads(self.configs()[-1][1])
        return document

    def count(self) -> tuple[int, int]:
        """How many events there are, and how many entries with their commands and notices."""
        counts = [each.count() for each in self.files]
        return (sum(events for events, _ in counts), sum(entries for _, entries in counts))

    def verify(self) -> None:
        """Follow the chain through all files.

        Raises:
            JournalBroken: the first row that breaks it is named.
        """
        for each in self.files:
            broken: Broken | None = each.verify()
            if broken is not None:
                raise JournalBroken(each.path, broken.text)

    def close(self) -> None:
        """Give up the files."""
        self._opened.close()


def newest(path: Path) -> Path:
    """Return the file in which the run of the journal at `path` ends, or goes on.

    If that file is gone itself, the last of its directory tells.

    Raises:
        JournalBroken: one on the way is no journal.
    """
    if not path.is_file():
        path = max(_others(path), key=_begun, default=path)
    while True:
        with Recording(path) as recording:
            following = recording.next
            if following is None:
                _nothing_follows(recording)
                return path
        path = following


def _open(path: Path, opened: ExitStack) -> Recording:
    return opened.enter_context(Recording(path))


def _back(files: list[Recording], opened: ExitStack) -> list[Recording]:
    """These, and before them all that the first goes on from."""
    while (previous := files[0].header.previous) is not None:
        files.insert(0, _open(files[0].path.resolve().with_name(previous.name), opened))
    return files


def _onwards(files: list[Recording], opened: ExitStack) -> list[Recording]:
    """These, and after them all that goes on from the last."""
    while (following := files[-1].next) is not None:
        files.append(_open(following, opened))
    _nothing_follows(files[-1])
    return files


def _others(path: Path) -> list[Path]:
    """The files of later days in the directory of a journal."""
    return sorted(path.resolve().parent.glob("journal-*.db"))


def _begun(path: Path) -> tuple[int, int]:
    with Recording(path) as recording:
        return recording.start.seq, recording.header.started_at


def _nothing_follows(last: Recording) -> None:
    """A later file of the run beside its last one means that one between them is gone.

    Raises:
        JournalBroken: there is one.
    """
    if (name := last.turned_to) is None:
        return
    for path in _others(last.path):
        with Recording(path) as other:
            previous, started = other.header.previous, other.header.started_at
        if previous is not None and previous.seq > last.last.seq and started > last.last.at:
            raise JournalBroken(
                last.path.with_name(name), f"expected it before {path.name}, it is gone"
            )

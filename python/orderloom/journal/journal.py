"""Writing a journal: buffered for what happens, durable before anything leaves.

Knows nothing of what the entries mean.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from orderloom.journal import schema
from orderloom.journal.closing import Closing
from orderloom.journal.errors import JournalBroken, JournalFailed
from orderloom.journal.file import begin, connect
from orderloom.journal.recording import Recording
from orderloom.journal.writer import End, Turn, Writer
from orderloom.redaction import Redactor
from orderloom.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from orderloom.journal.chain import Link
    from orderloom.journal.file import Recordable
    from orderloom.journal.header import Header

PENDING_MAX = 500_000
"""Items that may wait for the disk; a disk that is further behind counts as failed."""
LINGER_S = 0.1
"""How long entries that nobody waits for are collected."""


class Journal(Closing):
    """The open journal of a run. One thread appends; a thread of its own writes.

    `append_event` and `append_outcome` never wait and never raise for the disk's sake. `commit`
    does both: call it before a command leaves.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from orderloom import Engine, Event
        >>> from orderloom.journal import Header
        >>> config = '{"run": "one", "instruments": []}'
        >>> engine, event = Engine(config), Event.operator("halt")
        >>> with TemporaryDirectory() as folder:
        ...     header = Header("0.1.0", config, (), "", 0)
        ...     with Journal.create(Path(folder) / "journal.db", header) as journal:
        ...         journal.append_event(1, 0, event)
        ...         outcome = engine.on_event(1, 0, event)
        ...         journal.append_outcome(1, outcome.commands, outcome.notices)
        ...         is_durable = journal.commit() >= 0  # then send the commands
        >>> is_durable
        True
    """

    def __init__(self, path: Path, header: Header, writer: Writer, last: Link) -> None:
        self.files = [path]
        """Those that were written, in order; a new one begins with each day of the exchange."""
        self._header = header
        self._writer = writer
        self._last_seq = last.seq
        self._last_at = last.at
        self._is_closed = False
        self._is_failure_told = False
        self._add_event = writer.inbox.event
        writer.start()

    @classmethod
    def create(
        cls,
        path: Path,
        header: Header,
        *,
        secrets: Iterable[str] = (),
        linger: float = LINGER_S,
        keep: int | None = None,
    ) -> Self:
        """Start a new journal, readable by its owner alone.

        Args:
            path: the file; a missing directory is made with mode 0700, the file has mode 0600.
            header: what the run is.
            secrets: texts that must never be written.
            linger: seconds for which entries are collected while nobody waits.
            keep: days before the current one that keep their prices; `None`: all of them.

        Raises:
            FileExistsError: there is a journal already; it is left as it was.
            JournalFailed: the disk does not take even its beginning; nothing of it remains.
            ValueError: a secret is too short to be redacted.
        """
        redactor = Redactor(secrets)
        header = header.redacted(redactor)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(f"{path}: there is a journal already")
        try:
            last = begin(path, header, redactor)
            connection = connect(path)
        except (sqlite3.Error, OSError) as error:
            raise JournalFailed(path, str(error)) from None
        return cls(path, header, Writer(connection, path, last, redactor, linger, keep), last)

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        secrets: Iterable[str] = (),
        linger: float = LINGER_S,
        verified: Link | None = None,
        keep: int | None = None,
    ) -> Self:
        """Continue a journal after its last durable row, upgraded to the newest schema.

        `verified` is that row, from who has followed the chain already; else it is followed here.

        Raises:
            JournalBroken: it is damaged, or newer than this orderloom; it is left as it was.
            JournalFailed: the disk does not take more of it.
        """
        redactor = Redactor(secrets)
        with Recording(path) as recording:
            header, last = recording.header, recording.last
            if last != verified:
                broken = recording.verify()
                if broken is not None:
                    raise JournalBroken(path, broken.text)
        try:
            connection = connect(path)
            schema.upgrade(connection, schema.UPGRADES)
        except (sqlite3.Error, OSError) as error:
            raise JournalFailed(path, str(error)) from None
        return cls(path, header, Writer(connection, path, last, redactor, linger, keep), last)

    @staticmethod
    def open(path: Path) -> Recording:
        """Open a journal for reading; a run may be writing it meanwhile.

        Raises:
            JournalBroken: it is no journal, too damaged to be opened, or newer than this orderloom.
        """
        return Recording(path)

    @property
    def path(self) -> Path:
        """The file that is written now."""
        return self.files[-1]

    @property
    def pending(self) -> int:
        """Items that wait for the disk; a replay at full speed commits when this grows."""
        return len(self._writer.inbox)

    @property
    def failure(self) -> JournalFailed | None:
        """Why nothing is acknowledged any more."""
        return self._writer.failure

    def problems(self) -> Iterator[str]:
        """Yield, once, what kept days that are over from being made small: nothing is lost."""
        while self._writer.problems:
            yield self._writer.problems.pop(0)

    @property
    def lost(self) -> int:
        """Entries that were given to the journal after it failed, or with which it failed."""
        return self._writer.lost

    def append_event(self, seq: int, at: int, event: Recordable) -> None:
        """Add an event, before the engine judges it. `at` is in UTC nanoseconds.

        Raises:
            ValueError: `seq` does not rise.
        """
        if seq <= self._last_seq:
            raise ValueError(f"event {seq}: expected a number above {self._last_seq}")
        self._last_seq, self._last_at = seq, at
        if self._add_event(seq, at, event) > PENDING_MAX:
            self._fall_behind()

    def append_outcome(
        self, seq: int, commands: Sequence[Recordable], notices: Sequence[Recordable]
    ) -> None:
        """Add what the engine made of the last event.

        Raises:
            ValueError: `seq` is not the last event.
        """
        if seq != self._last_seq:
            raise ValueError(f"outcome of event {seq}: expected the last event, {self._last_seq}")
        if commands:
            self._put("command", commands)
        if notices:
            self._put("notice", notices)

    def append_snapshot(self, snapshot: Recordable) -> None:
        """Add the engine as it stands after everything before: a recovery begins there."""
        self._put("snapshot", (snapshot,))

    def turn(self, day: int, config: str, snapshot: Recordable) -> None:
        """End the file of the day before; go on in one for `day` (YYYYMMDD) beside it.

        It begins with `snapshot`, the engine under the configuration `config` after everything
        before, and carries the hash chain on.
        """
        date = f"{day // 10_000}-{day // 100 % 100:02}-{day % 100:02}"
        path = self.path.resolve().with_name(f"journal-{date}.db")
        number = 1
        while path.exists():  # Left over from a run that a person moved or began anew.
            number += 1
            path = path.with_name(f"journal-{date}-{number}.db")
        self._header = replace(
            self._header,
            orderloom=__version__,
            config=config,
            symbols=tuple(each["symbol"] for each in json.loads(config)["instruments"]),
            started_at=self._last_at,
            day=day,
        )
        self._writer.turn(Turn(self._last_seq, self._last_at, path, self._header, snapshot))
        self.files.append(path)

    def commit(self) -> int:
        """Wait until everything appended so far is durable; return the nanoseconds it took.

        Raises:
            JournalFailed: it is not, and no later entry will be.
        """
        start = time.perf_counter_ns()
        try:
            self._writer.durable().result()
        except JournalFailed:
            self._is_failure_told = True
            raise
        return time.perf_counter_ns() - start

    async def commit_async(self) -> int:
        """Do as `commit` does, while the event loop runs on."""
        start = time.perf_counter_ns()
        try:
            await asyncio.wrap_future(self._writer.durable())
        except JournalFailed:
            self._is_failure_told = True
            raise
        return time.perf_counter_ns() - start

    def check_place(self) -> None:
        """Look whether the file is still where a later run will look for it.

        Raises:
            JournalFailed: it is not, or the journal had failed before.
        """
        self._writer.check_place()
        if self.failure is not None:
            self._is_failure_told = True
            raise self.failure

    def close(self) -> None:
        """Write the closing row, make all durable and give up the file; again: nothing.

        Raises:
            JournalFailed: entries are lost, and no `commit` has told so before.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._put("end", (End(),))
        self._writer.stop()
        if self.failure is not None and not self._is_failure_told:
            raise self.failure

    def _put(self, type_: str, records: Sequence[Recordable]) -> None:
        add = self._writer.inbox.entries
        if add(self._last_seq, self._last_at, type_, records) > PENDING_MAX:
            self._fall_behind()

    def _fall_behind(self) -> None:
        self._writer.fail(f"{PENDING_MAX} entries wait for the disk")

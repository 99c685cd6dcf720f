"""Going on where a run has ended, in order or not: the seat of an account, and its last journal.

The journal says what we knew, the broker what is true. So the engine is brought to where the
journal ends, told that it was restarted, and sends nothing but exits until the orders, executions,
positions and account of the broker have ended after the new connection.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from orderloom._core import Engine, Snapshot
from orderloom.errors import OrderloomError
from orderloom.instant import ns_to_iso
from orderloom.journal import Journal, JournalBroken, Recording, Run, newest
from orderloom.replay import expected_snapshot, feed, restored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orderloom.config import Settings
    from orderloom.journal import Header
    from orderloom.journal.chain import Link

_LOCK: Final = "lock"
_LAST: Final = "last.json"


class AlreadyRunningError(OrderloomError):
    """Another instance trades this account under this client number. The operator must act."""

    exit_code = 3


class OtherVersionError(OrderloomError):
    """The last run is whole, but only another version can take it up. The operator must act."""

    exit_code = 2

    def __init__(self, path: Path, reason: str, orderloom: str) -> None:
        self.reason = f"{path}: {reason}"
        self.hint = (
            f"go on with the version that wrote it ({orderloom}) until nothing is held, "
            "or look at what the broker holds and start with `run --fresh`"
        )
        super().__init__(f"{self.reason}, hint: {self.hint}")


def state_directory() -> Path:
    """Where seats are kept: `$XDG_STATE_HOME/orderloom`, or `~/.local/state/orderloom`."""
    given = os.environ.get("XDG_STATE_HOME")
    home = Path(given) if given else Path.home() / ".local" / "state"
    return home / "orderloom"


def seat_name(settings: Settings, mode: str) -> str:
    """Name the seat of an account and client number.

    The only account behind an address is known by that address.
    """
    broker = settings.broker
    whose = broker.account or f"{broker.host}-{broker.port}"
    name = f"{mode}-{whose}-{broker.client_id}"
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in name)


class Seat:
    """The right to trade one account under one client number: one process has it at a time.

    The lock is the operating system's: it ends with the process, however that ends.
    """

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory: Final = directory
        self._lock = lock

    @classmethod
    def take(cls, directory: Path, run: Path) -> Self:
        """Take the seat at `directory` for the run that writes to `run`.

        Raises:
            AlreadyRunningError: another process has it; it is named.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 4096, 0).decode(errors="replace")
            os.close(lock)
            raise AlreadyRunningError(
                f"{directory.name}: expected no other instance, found {_named(holder)}, "
                "hint: end it, or give this one another `broker.client_id`"
            ) from None
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": ns_to_iso(time.time_ns() // 1_000_000_000 * 1_000_000_000),
            "run": str(run.absolute()),
        }
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(me).encode(), 0)
        return cls(directory, lock)

    @property
    def last(self) -> Path | None:
        """The journal that the last run from this seat wrote; `None` before the first."""
        try:
            document = json.loads((self.directory / _LAST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Path(document["journal"])

    def remember(self, journal: Path) -> None:
        """Note where the journal is, before anything is sent under it; durable on return."""
        new = self.directory / f"{_LAST}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump({"journal": str(journal.resolve())}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.directory / _LAST)
        place = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._lock)


class Restraint(NamedTuple):
    """A word that keeps a run from entering until a person resumes."""

    at: int | None
    """UTC ns; `None` where nothing tells it any more."""
    is_halt: bool
    reason: str

    def __str__(self) -> str:
        return self.reason if self.at is None else f"{self.reason}, since {ns_to_iso(self.at)}"

    @classmethod
    def after(cls, standing: Self | None, at: int, told: Mapping[str, Any]) -> Self | None:
        """What stands after the word of an `operator` event, given what stood before it."""
        word, reason = told["word"], str(told.get("reason", ""))
        if word == "resume":
            return None
        is_halt = word == "halt"
        is_stricter = standing is None or (is_halt and not standing.is_halt)
        if is_stricter and (is_halt or word == "reduce_only"):
            return cls(at, is_halt, reason)
        return standing


class Said(NamedTuple):
    """A command or notice that the engine gives again, as the journal takes it."""

    kind: str
    body: str

    def json(self) -> str:
        """Return all of it."""
        return self.body


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where a journal ends, and the engine that stands there."""

    path: Path
    header: Header
    engine: Engine
    last: Link
    config: Mapping[str, Any]
    """The engine's configuration as it was last."""
    openers: Mapping[int, str]
    """Names of the rules that opened the trades that are open, by the numbers of the trades."""
    lost_outcome: tuple[tuple[Said, ...], tuple[Said, ...]]
    """Commands and notices of the last event that were not written before the end."""
    events: int
    """Judged again: those after the last snapshot that could be used."""
    seconds: float
    day: int | None
    """The exchange's day that its last file is of, YYYYMMDD, as far as it tells."""
    restraint: Restraint | None
    """What keeps it from entering: as a person left it, or an earlier doubt."""
    doubt: str | None
    """Why the engine may not stand where the run stood; exits only, until a person resumes."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names by the numbers that the journal uses."""
        return tuple(each["symbol"] for each in self.config["instruments"])

    def instruments(self, settings: Settings) -> list[dict[str, Any]]:
        """Return the journal's instruments, as `settings` describe them now, then new ones."""
        described = {each["symbol"]: each for each in settings.instruments()}
        kept = [described.pop(each["symbol"], each) for each in self.config["instruments"]]
        return [*kept, *described.values()]

    def resume(self, secrets: Iterable[str], *, keep: int | None = None) -> Journal:
        """Open the journal for writing on, completed by what the last event led to."""
        journal = Journal.resume(self.path, secrets=secrets, verified=self.last, keep=keep)
        commands, notices = self.lost_outcome
        if commands or notices:
            journal.append_outcome(self.last.seq, commands, notices)
        return journal


class _Start(NamedTuple):
    """From where a journal is judged again."""

    engine: Engine
    files: Sequence[Recording]
    after: int
    """Row of the first file behind which that is."""

    def parts(self) -> Iterator[tuple[Recording, int]]:
        """Each file, with the row behind which it is to be judged."""
        return zip(self.files, chain([self.after], repeat(0)), strict=False)


def recover(path: Path) -> Recovered:
    """Bring an engine to where the run of the journal at `path` ends.

    From its last snapshot, if one can be used, and what came after it; else from the start.

    Raises:
        JournalBroken: it cannot be trusted.
        OtherVersionError: its snapshots are of another layout, and days before have no prices left.
    """
    began = time.perf_counter()
    with ExitStack() as stack:
        recording = stack.enter_context(Recording(newest(path)))
        start = _start([recording]) or _start_before(recording, stack)
        engine, doubt, events = _replayed(start)
        seq, _, rest = engine.unmatched()
        last = recording.last
        lost = rest if doubt is None and seq == last.seq else []
        return Recovered(
            path=recording.path,
            header=recording.header,
            engine=engine,
            last=last,
            config=json.loads(engine.config),
            openers=_openers(recording, engine, stack),
            lost_outcome=(_said(lost, "command"), _said(lost, "notice")),
            events=events,
            seconds=time.perf_counter() - began,
            day=recording.day,
            restraint=_restraint(engine, recording, stack),
            doubt=doubt,
        )


def _openers(recording: Recording, engine: Engine, stack: ExitStack) -> dict[int, str]:
    """The rules that opened the trades that are open, as far back as the run's files are there."""
    places = range(len(json.loads(engine.config)["instruments"]))
    trades = (json.loads(text) for place in places if (text := engine.context(place)) is not None)
    missing = {trade["context"] for trade in trades}
    found: dict[int, str] = {}
    with suppress(JournalBroken):  # A day that is over may have been taken away.
        while missing:
            told = recording.openers()
            known = {context: told[context] for context in missing & told.keys()}
            found |= {context: rule for context, rule in known.items() if rule is not None}
            missing -= told.keys()
            if (previous := recording.header.previous) is None:
                break
            path = recording.path.resolve().with_name(previous.name)
            recording = stack.enter_context(Recording(path))
    return found


def _start(files: Sequence[Recording]) -> _Start | None:
    """The last place in `files` at which the engine is known."""
    for place in reversed(range(len(files))):
        each = files[place]
        for kept in each.snapshots():
            engine = restored(each, kept)
            if engine is not None:
                return _Start(engine, files[place:], kept.id - 1)
        if each.header.previous is None:
            return _Start(Engine(each.header.config), files[place:], 0)
    return None


def _start_before(recording: Recording, stack: ExitStack) -> _Start:
    """Where to begin when nothing in the run's last file can be begun with: all is judged again."""
    try:
        run = stack.enter_context(Run.until(recording.path))
    except JournalBroken as error:
        missing = str(error)
    else:
        start = _start(run.files)
        if start is not None:
            return start
        # Whole from its first file on, it would have been begun with.
        missing = f"the prices of {run.skipped[-1].path.name} were removed"
    kept = next(iter(recording.snapshots()), None)
    reason = f"{expected_snapshot(kept)}, and nothing before it to begin with: {missing}"
    if kept is not None and kept.layout != Snapshot.LAYOUT:
        raise OtherVersionError(recording.path, reason, recording.header.orderloom)
    raise JournalBroken(recording.path, reason)


def _replayed(start: _Start) -> tuple[Engine, str | None, int]:
    """The engine at the end, what is in doubt, and how many events were judged."""
    engine, standing = start.engine, start.engine.snapshot()
    difference, events, _ = feed(engine, start.parts())
    if difference is None:
        return engine, None, events
    # Another version decides otherwise. What was sent stands in the journal, and the broker knows.
    engine = Engine.restore(standing.json())
    for recording, after in start.parts():
        for rows in recording.batches(after=after):
            engine.catch_up(rows)
    seq, place = difference.seq, difference.place
    return engine, f"outcome {place} of event {seq} is not what this version makes of it", events


def _restraint(engine: Engine, recording: Recording, stack: ExitStack) -> Restraint | None:
    """The word under which a run was left; it may be days old."""
    if engine.ordered_mode == "Active":
        return None
    words: list[tuple[int, dict[str, Any]]] = []
    with suppress(JournalBroken):  # Days may be gone.
        while True:
            told = [(at, json.loads(body)) for _, at, body in recording.events("operator")]
            words = [*told, *words]
            previous = recording.header.previous
            if previous is None or any(body["word"] == "resume" for _, body in told):
                break
            path = recording.path.resolve().with_name(previous.name)
            recording = stack.enter_context(Recording(path))
    found: Restraint | None = None
    for at, body in words:
        found = Restraint.after(found, at, body)
    is_halt = engine.ordered_mode == "Halted"
    return found or Restraint(None, is_halt, "told on a day whose journal is gone")


def _said(rest: Iterable[tuple[str, str]], type_: str) -> tuple[Said, ...]:
    return tuple(Said(json.loads(body)["kind"], body) for kind, body in rest if kind == type_)


def _named(holder: str) -> str:
    try:
        found = json.loads(holder)
        return f"process {found['pid']} on {found['host']}, since {found['since']}, {found['run']}"
    except (ValueError, KeyError, TypeError):
        return "one that has not told its name yet"

"""A journal run again: the same engine, fed the same events, must say the same.

The hash chain is followed first: a journal that was changed by hand proves nothing either way. The
file of a later day begins with the engine as it stood; every other snapshot must be what the engine
comes to by itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from orderloom._core import Engine, Snapshot
from orderloom.journal import JournalBroken, Run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from orderloom.journal import Kept, Recording


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which the engine does not say what the journal has.

    `place` counts the commands, then the notices, of event `seq` from 0. `expected` is the JSON
    that the journal has, `found` what the engine says now; `None` stands for nothing at all.
    """

    seq: int
    place: int
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        return (
            f"event {self.seq}, outcome {self.place}:\n"
            f"  expected {self.expected or 'nothing more'}\n"
            f"  found    {self.found or 'nothing more'}"
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    events: int
    outcomes: int
    """Commands and notices that were compared."""
    seconds: float
    """Following the hash chain, judging and comparing."""
    difference: Difference | None
    is_closed: bool
    """Whether the run ended in order; if not, its last entries may be missing."""
    files: tuple[str, ...]
    """Names of the files that were run, in order."""
    missing: str | None
    """Name of the file in which the run was to go on, when that is not there."""
    skipped: tuple[str, ...]
    """Why files of the run before them could not be run."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        difference = self.difference
        return {
            "events": self.events,
            "outcomes": self.outcomes,
            "seconds": round(self.seconds, 3),
            "is_identical": difference is None,
            "is_closed": self.is_closed,
            "missing": self.missing,
            "files": list(self.files),
            "skipped": list(self.skipped),
            "difference": difference
            and {
                "seq": difference.seq,
                "place": difference.place,
                "expected": difference.expected,
                "found": difference.found,
            },
        }


def replay(path: Path) -> Replayed:
    """Run the journal at `path` again and compare every command and notice, byte for byte.

    The directory of a run stands for all its files in order; a file stands for itself.

    Raises:
        JournalBroken: it is no journal, or its hash chain is broken; the first row is named.
        JournalCompacted: there is nothing left in it to be judged.
    """
    with Run.open(path) as run:
        return replay_all(run)


def replay_all(run: Run) -> Replayed:
    """Do as `replay` does, with files that are open."""
    engine = at_start(run.first)
    began = time.perf_counter()
    fed = feed(engine, ((recording, 0) for recording in run.files))
    seconds = time.perf_counter() - began
    difference = fed.difference
    if difference is None and run.last.is_closed:
        # A run that ended in order wrote everything; a run that was cut may not have.
        seq, place, rest = engine.unmatched()
        difference = Difference(seq, place, None, rest[0][1]) if rest else None
    return Replayed(
        fed.events,
        fed.outcomes,
        seconds,
        difference,
        run.is_closed,
        tuple(each.path.name for each in run.files),
        run.missing,
        tuple(str(reason) for reason in run.skipped),
    )


def at_start(recording: Recording) -> Engine:
    """Return the engine as it stood when a file begins.

    Raises:
        JournalBroken: that is told by a snapshot, which cannot be used.
    """
    if recording.header.previous is None:
        return Engine(recording.header.config)
    kept = next((each for each in recording.snapshots() if each.id == 1), None)
    engine = None if kept is None else restored(recording, kept)
    if engine is None:
        raise JournalBroken(
            recording.path,
            f"{expected_snapshot(kept)}; hint: name the directory of its run, whose first file "
            "needs none",
        )
    return engine


def expected_snapshot(found: Kept | None) -> str:
    """Say why a snapshot that cannot be restored cannot be, or that there is none."""
    what = f"layout {found.layout}" if found is not None else "none"
    if found is not None and found.layout == Snapshot.LAYOUT:
        what = "its text damaged or gone"
    return f"expected a snapshot of layout {Snapshot.LAYOUT}, found {what}"


def restored(recording: Recording, kept: Kept) -> Engine | None:
    """Return the engine of a snapshot; `None` when it is gone, damaged, or of another layout."""
    text = recording.text_of(kept) if kept.layout == Snapshot.LAYOUT else None
    if text is None:
        return None
    try:
        return Engine.restore(text)
    except ValueError:
        return None


class Fed(NamedTuple):
    """What an engine was taken through."""

    difference: Difference | None
    events: int
    outcomes: int
    """Commands and notices."""


def feed(engine: Engine, parts: Iterable[tuple[Recording, int]]) -> Fed:
    """Take `engine` through the events of files, each after a row, up to the first difference.

    The hash chain is followed to its end, and all of it counts.

    Raises:
        JournalBroken: its hash chain is broken, or an event that this orderloom cannot read.
    """
    first: Difference | None = None
    events = outcomes = 0
    for recording, after in parts:
        chain = recording.chain(after=after)
        for rows in recording.checked(chain):
            if first is not None:
                continue
            try:
                found = engine.replay(rows)
            except (ValueError, OverflowError) as error:
                raise JournalBroken(recording.path, str(error)) from None
            first = found and Difference(*found)
        events += chain.events
        outcomes += chain.outcomes
    return Fed(first, events, outcomes)

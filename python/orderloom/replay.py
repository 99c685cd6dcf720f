"""A journal run again: the same engine, fed the same events, must say the same.

The hash chain is followed first: a journal that was changed by hand proves nothing either way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orderloom._core import Engine
from orderloom.journal import Journal, JournalBroken

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom.journal import Recording


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

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        difference = self.difference
        return {
            "events": self.events,
            "outcomes": self.outcomes,
            "seconds": round(self.seconds, 3),
            "is_identical": difference is None,
            "is_closed": self.is_closed,
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

    Raises:
        JournalBroken: it is no journal, or its hash chain is broken; the first row is named.
    """
    with Journal.open(path) as recording:
        engine = Engine(recording.header.config)
        began = time.perf_counter()
        difference = feed(engine, recording)
        seconds = time.perf_counter() - began
        is_closed = recording.is_closed
        if difference is None and is_closed:
            # A run that ended in order wrote everything; a run that was cut may not have.
            seq, place, rest = engine.unmatched()
            difference = Difference(seq, place, None, rest[0][1]) if rest else None
        events, rows = recording.count()
        return Replayed(events, rows - events, seconds, difference, is_closed)


def feed(engine: Engine, recording: Recording) -> Difference | None:
    """Take `engine` through all events of a journal, up to the first difference.

    Raises:
        JournalBroken: its hash chain is broken, or an event that this orderloom cannot read.
    """
    first: Difference | None = None
    for rows in recording.checked():
        if first is not None:
            continue  # The chain is followed to its end.
        try:
            found = engine.replay(rows)
        except (ValueError, OverflowError) as error:
            raise JournalBroken(recording.path, str(error)) from None
        first = found and Difference(*found)
    return first

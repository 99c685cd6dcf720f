"""What a killed desk must come to: what some desk that was never killed comes to.

A kill may cost the entry that was on its way at that moment, and one that would follow it at once,
while nobody knows what became of the first: a prediction is acted on once, an order that may be
late is not sent, and what is unknown adds no risk. Nothing else may be lost. So the whole day after
it, ledger by ledger, is that of the same day without a kill, or without one and without those
predictions.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .day import LONG_AND_SHORT, Signal, generated
from .harness import Day

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .day import Step
    from .harness import Told

_ENTRIES: Final = frozenset({"BUY", "SHORT", "NEUTRAL"})


_UNKNOWN_NS: Final = 1_500_000_000
"""How long the broker has to end by itself what belongs to an entry that has ended."""


class Different(Exception):  # noqa: N818 - says what it is
    """A day with kills that no day without them equals."""


@dataclass(frozen=True, slots=True)
class Kills:
    """Where a day is interrupted. `points` are of the first life, the second, and so on.

    While the desk is `away`, so many steps of the day go on without it.
    """

    points: tuple[int, ...]
    away: int = 0


class Study:
    """One day, played with every kind of kill; `is_written` makes every step durable at once."""

    def __init__(self, number: int, *, is_written: bool) -> None:
        self.number = number
        self._steps: Sequence[Step] = LONG_AND_SHORT if number == 0 else generated(number)
        self._is_written = is_written
        self._references: dict[frozenset[int], Told] = {}

    def __str__(self) -> str:
        return f"day {self.number}, {'written at once' if self._is_written else 'written late'}"

    @property
    def points(self) -> int:
        """How many points the day has when nothing happens to it; a few more or less each time."""
        return self._reference(frozenset()).points

    def kills(self, stride: int, share: tuple[int, int] = (0, 1)) -> Iterator[Kills]:
        """Yield kills at every `stride`th point; again during recovery; and while prices move.

        `share` is which of how many parts of them.
        """
        chance = random.Random(self.number)
        offset = chance.randrange(stride)
        for place in range(offset, self.points, stride):
            # A recovery has about 70 points; beyond them the desk trades again.
            again = tuple(chance.randint(1, 90) for _ in range(chance.randint(1, 4)))
            away = chance.randint(1, 3)
            if place // stride % share[1] == share[0]:
                yield Kills((place + 1,))
                yield Kills((place + 1, *again))
                yield Kills((place + 1,), away=away)

    def survive(self, kills: Kills) -> int:
        """Play the day with these kills and return how often it recovered.

        Raises `Different`, or `AssertionError` for a desk that broke or whose books are wrong.
        """
        told = Day(self._steps, kills.points, away=kills.away, is_written=self._is_written).play()
        if not kills.away:
            self._compare(told)
        return len(told.killed_in)

    def _reference(self, untold: frozenset[int]) -> Told:
        if untold not in self._references:
            day = Day(self._steps, untold=untold, is_written=self._is_written)
            self._references[untold] = day.play()
        return self._references[untold]

    def _compare(self, told: Told) -> None:
        costs = self._costs(told)
        nearest: tuple[int, Told] | None = None
        for count in range(len(costs) + 1):
            for untold in itertools.combinations(costs, count):
                reference = self._reference(frozenset(untold))
                if told.trace == reference.trace:
                    return
                pairs = zip(told.trace, reference.trace, strict=True)
                alike = sum(found == expected for found, expected in pairs)
                if nearest is None or alike > nearest[0]:
                    nearest = (alike, reference)
        assert nearest is not None
        raise Different(self._difference(told, nearest[1]))

    def _costs(self, told: Told) -> list[int]:
        """The entries that the kills may have cost."""
        lost = {step for step in told.killed_in if self._is_entry(step)}
        ends = [told.times[step] + _UNKNOWN_NS for step in lost]
        late = [
            step
            for step, at in enumerate(told.times)
            if lost and min(lost) <= step and self._is_entry(step) and at <= max(ends)
        ]
        return sorted(lost.union(late))

    def _is_entry(self, number: int) -> bool:
        step = self._steps[number]
        return isinstance(step, Signal) and step.side in _ENTRIES

    def _difference(self, told: Told, nearest: Told) -> str:
        lines = [f"killed in {[f'{n}: {self._steps[n]}' for n in told.killed_in]}"]
        for number, (found, expected) in enumerate(zip(told.trace, nearest.trace, strict=True)):
            if found != expected:
                lines.append(f"after step {number}, {self._steps[number]}:")
                lines += [
                    _line(key, expected, found) for key in found if found[key] != expected[key]
                ]
        return "\n".join(lines[:40])


def _line(key: str, expected: dict[str, Any], found: dict[str, Any]) -> str:
    return f"  {key}: expected {expected[key]}, found {found[key]}"

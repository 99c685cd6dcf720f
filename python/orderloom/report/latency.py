"""From the last byte of a prediction to the last byte of its orders, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final

_PARTS: Final = ("engine", "journal", "broker_client")


@dataclass(slots=True)
class Latency:
    """Collects one sample per prediction that led to orders. All times in nanoseconds.

    Method: the clock starts when the HTTP response was read to its end and stops after the last
    leg's bytes were handed to the socket. `engine` is the judging of the event, `journal` the wait
    until the intent is durable on disk, `broker_client` the encoding and sending inside `ib_async`;
    what is left is parsing the response and orderloom's own Python around them.
    """

    total: list[int] = field(default_factory=list)
    parts: dict[str, list[int]] = field(default_factory=lambda: {part: [] for part in _PARTS})

    def add(self, total: int, *, engine: int, journal: int, broker_client: int) -> None:
        """Add one sample."""
        self.total.append(total)
        for part, value in zip(_PARTS, (engine, journal, broker_client), strict=True):
            self.parts[part].append(value)

    def as_dict(self) -> dict[str, Any]:
        """Percentiles in microseconds: of the whole, medians of its parts, and their p99."""
        return {
            "samples": len(self.total),
            "p50": _percentile(self.total, 50),
            "p99": _percentile(self.total, 99),
            "of_which": {part: _percentile(values, 50) for part, values in self.parts.items()},
            "of_which_p99": {part: _percentile(values, 99) for part, values in self.parts.items()},
        }


def _percentile(values: list[int], percent: int) -> float:
    if not values:
        return 0
    if len(values) == 1:
        return round(values[0] / 1000, 1)
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[percent - 1] / 1000, 1)

"""What a run is told beside its strategy file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orderloom.runner import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run.

    `market` and `signals` are files; the packaged sample day is played when there are none.
    `speed` is simulated seconds per second, infinite for as fast as possible. `start` and `end`
    cut the market data (UTC ns). `duration` (seconds of wall time) and `until` (UTC ns) end a run
    early. `out` is the directory of the run, `runs/<start time>` if left out.
    """

    mode: Literal["sim", "paper", "live"] = "sim"
    market: Sequence[Path] = ()
    signals: Path | None = None
    speed: float = float("inf")
    seed: int = 1
    out: Path | None = None
    start: int | None = None
    end: int | None = None
    duration: float | None = None
    until: int | None = None
    listeners: Sequence[Listener] = ()

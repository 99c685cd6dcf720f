"""What a run is told beside its strategy file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from orderloom.arguments import check_kind
from orderloom.errors import LanguageError, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom.config import Settings
    from orderloom.runner import Listener, Runner
    from orderloom.sessions.reload import Reloader
    from orderloom.sim.faults import Fault

_KINDS: Final = {
    "out": (Path, "a `pathlib.Path`"),
    "state": (Path, "a `pathlib.Path`"),
    "fresh": (bool, "`True` or `False`"),
}
_WHOLE: Final = {
    "seed": "a whole number, 0 or more",
    **dict.fromkeys(("start", "end", "until"), "UTC nanoseconds, a whole number"),
}
_LISTS: Final = {"market": "a list of paths", "listeners": "a list", "faults": "a list"}


class Script(Protocol):
    """A strategy in Python that takes part in a session."""

    def attach(
        self, runner: Runner, settings: Settings, now: Callable[[], int], reloader: Reloader
    ) -> None:
        """Listen and answer from the first event on; `now` is the run's time, UTC ns."""

    async def detach(self) -> None:
        """Come to an end after the last event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run.

    `market` and `signals` are files; the packaged sample day is played when there are none. `speed`
    is simulated seconds per second, `max` or infinite for as fast as possible. `start` and `end`
    cut the market data (UTC ns). `duration` (seconds of wall time) and `until` (UTC ns) end a run
    early. `out` is the directory of the run, `runs/<start time>` if left out. `script` takes part,
    with its rules among the settings' already. `load` reads the settings again for a reload; a run
    without it cannot be reloaded. `faults` strike the simulated TWS.

    At a TWS, a run goes on where the last one of its account and client number ended; `fresh`
    begins anew instead, from the broker's word alone. `state` is where that is remembered,
    `recovery.state_directory()` if left out.

    Raises:
        LanguageError: One that cannot be; it is named.
    """

    mode: Literal["sim", "paper", "live"] = "sim"
    market: Sequence[Path] = ()
    signals: Path | None = None
    speed: float | Literal["max"] = "max"
    seed: int = 1
    out: Path | None = None
    start: int | None = None
    end: int | None = None
    duration: float | None = None
    until: int | None = None
    listeners: Sequence[Listener] = ()
    faults: Sequence[Fault] = ()
    script: Script | None = None
    load: Callable[[], Settings] | None = None
    fresh: bool = False
    state: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be before anything is done with it."""
        speed = float("inf") if self.speed == "max" else self.speed
        if not isinstance(speed, Real) or isinstance(speed, bool) or not speed > 0:
            raise LanguageError(f"`speed`: found {shown(speed)}", "a number above 0, or `max`")
        object.__setattr__(self, "speed", float(speed))
        given = {
            each.name: value
            for each in fields(self)
            if (value := getattr(self, each.name)) is not None
        }
        for name, (kind, expected) in _KINDS.items():
            if name in given:
                check_kind(name, given[name], kind, expected)
        for name, expected in _WHOLE.items():
            value = given.get(name, 0)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise LanguageError(f"`{name}`: found {shown(value)}", expected)
        for name, expected in _LISTS.items():
            if isinstance(given[name], str) or not isinstance(given[name], Sequence):
                raise LanguageError(f"`{name}`: found {shown(given[name])}", expected)
        duration = given.get("duration", 1.0)
        if not isinstance(duration, Real) or isinstance(duration, bool) or not duration > 0:
            raise LanguageError(f"`duration`: found {shown(duration)}", "seconds, a number above 0")

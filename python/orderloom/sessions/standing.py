"""Why a run may not enter, and since when.

The engine knows that somebody halted it; the reason stands in the journal, maybe an earlier run's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from orderloom.instant import ns_to_iso
from orderloom.recovery import Restraint

if TYPE_CHECKING:
    from orderloom._core import Engine, Event, Outcome

_STARTING: Final = "the broker's snapshot has not ended yet"
_AWAY: Final = "the line to the broker is down, or its snapshot has not ended"


class Standing:
    """A listener of the runner that keeps the cause of its mode.

    `restraint` is what an earlier run was left with.
    """

    def __init__(self, engine: Engine, restraint: Restraint | None) -> None:
        self._engine = engine
        self.restraint = restraint
        """What a person, or a doubt, ordered; `None` while nobody did."""
        # The line's and the broker's part, `None` while they allow entries.
        self._away: tuple[int | None, str] | None = (None, _STARTING)

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        """Take one event with what came of it."""
        if event.kind == "operator":
            self.restraint = Restraint.after(self.restraint, at, json.loads(event.json()))
        for notice in () if outcome is None else outcome.notices:
            if notice.kind != "mode_changed":
                continue
            told = json.loads(notice.json())
            if told["mode"] == "Active":
                self._away = None
            elif event.kind != "operator":
                self._away = at, told["reason"]
            elif self.restraint is None and self._away is None:
                # They went away while a person's word stood, which was all that was told.
                self._away = at, _AWAY

    def as_dict(self, *, can_resume: bool) -> dict[str, str | None]:
        """The mode with its cause, as `status` has it; no cause while entries are allowed."""
        mode = self._engine.mode
        if mode == "Active":
            return {"mode": mode, "mode_reason": None, "mode_since": None, "hint": None}
        restraint = self.restraint
        away = self._away or (None, _AWAY)
        since, reason = away if restraint is None else (restraint.at, restraint.reason)
        return {
            "mode": mode,
            "mode_reason": reason,
            "mode_since": None if since is None else ns_to_iso(since),
            "hint": "`orderloom resume`" if restraint and can_resume else None,
        }

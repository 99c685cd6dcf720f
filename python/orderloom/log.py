"""The run's log: one JSON object a line, in the run's own time, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from orderloom.instant import ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orderloom._core import Event, Outcome

# Everything that is told beside prices; the journal has those.
_TOLD: Final = frozenset({"alert", "log", "notify"})


class RunLog:
    """A listener of the runner that writes what a person would want to read."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path.open("x", encoding="utf-8")
        path.chmod(0o600)
        self._now = now

    def write(self, event: str, **fields: Any) -> None:
        """Write one line."""
        line = {"at": ns_to_iso(self._now()), "event": event, **fields}
        self._file.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._file.flush()

    def on_event(self, _at: int, _event: Event, outcome: Outcome | None) -> None:
        """Take one event with what came of it."""
        if outcome is None:
            return
        for notice in outcome.notices:
            self._write_body(json.loads(notice.json()))
        for command in outcome.commands:
            if command.kind in _TOLD:
                self._write_body(json.loads(command.json()))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write_body(self, body: dict[str, Any]) -> None:
        kind = body.pop("kind")
        self.write(kind, **body)

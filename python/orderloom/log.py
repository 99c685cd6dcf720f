"""The run's log: one JSON object a line, in the run's own time, for people and for programs."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from orderloom.errors import OrderloomError
from orderloom.instant import ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orderloom._core import Event, Outcome

# Everything that is told beside prices; the journal has those.
_TOLD: Final = frozenset({"alert", "log", "notify"})


class UnwritableError(OrderloomError):
    """The directory of a run cannot be written."""

    exit_code = 2


class RunLog(logging.Handler):
    """A listener of the runner that writes what a person would want to read.

    While it is open it also takes what libraries log from `logging`'s root, warnings and up.
    `redact` is applied to every line. A disk that takes no more ends the log, not the run:
    `on_lost` is told once, and what comes later is dropped.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], int],
        redact: Callable[[str], str] = str,
        on_lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = path.open("x", encoding="utf-8")
            path.chmod(0o600)
        except OSError as error:
            raise UnwritableError(f"{path}: expected to write here: {error.strerror}") from None
        super().__init__(logging.WARNING)
        self._now = now
        self._redact = redact
        self._on_lost = on_lost
        self.is_lost = False
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of the standard library's logging."""
        self.write("library", logger=record.name, level=record.levelname, text=record.getMessage())

    def write(self, event: str, **fields: Any) -> None:
        """Write one line."""
        if self.is_lost:
            return
        line = {"at": ns_to_iso(self._now()), "event": event, **fields}
        try:
            self._file.write(self._redact(json.dumps(line, ensure_ascii=True)) + "\n")
            self._file.flush()
        except OSError as error:
            self.is_lost = True
            self._on_lost(f"log.jsonl: expected to be written, found: {error}; it ends here")

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
        logging.getLogger().removeHandler(self)
        super().close()
        with suppress(OSError):  # What could not be written is tried again here.
            self._file.close()

    def _write_body(self, body: dict[str, Any]) -> None:
        kind = body.pop("kind")
        self.write(kind, **body)

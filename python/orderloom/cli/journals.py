"""Which file a command means by a journal: the file itself, or the directory of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def journal_of(path: Path) -> Path:
    """Return the journal at `path`, which may be the directory of a run."""
    return path / "journal.db" if path.is_dir() else path

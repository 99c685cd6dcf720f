"""Which file a command means by a journal: the file itself, or the directory of its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderloom.errors import LanguageError

if TYPE_CHECKING:
    from pathlib import Path


def journal_of(path: Path) -> Path:
    """Return the journal at `path`, which may be the directory of a run.

    Raises:
        LanguageError: There is none.
    """
    journal = path / "journal.db" if path.is_dir() else path
    if not journal.is_file():
        raise LanguageError(f"{journal}: no such file", "a journal, or the directory of a run")
    return journal

"""What a command means by a journal: one file, or the directory of a run for all its days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderloom.errors import LanguageError
from orderloom.journal import FIRST

if TYPE_CHECKING:
    from pathlib import Path


def journal_of(path: Path) -> Path:
    """Return `path`, at which there is a journal, or the first of a run.

    Raises:
        LanguageError: There is none.
    """
    journal = path / FIRST if path.is_dir() else path
    if not journal.is_file():
        raise LanguageError(f"{journal}: no such file", "a journal, or the directory of a run")
    return path

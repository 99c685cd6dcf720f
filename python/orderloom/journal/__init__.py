"""The journal: every event, command and notice of a run, in one SQLite file.

Reading order: `journal.py` (writing), `recording.py` (reading), `schema.py` (tables and views),
`chain.py` (what proves that nothing was changed), `writer.py` (the thread that owns the file).
"""

from orderloom.journal.errors import JournalBroken, JournalFailed
from orderloom.journal.header import Header
from orderloom.journal.journal import Journal
from orderloom.journal.recording import RECONFIGURE, Broken, Entry, Recording

__all__ = [
    "RECONFIGURE",
    "Broken",
    "Entry",
    "Header",
    "Journal",
    "JournalBroken",
    "JournalFailed",
    "Recording",
]

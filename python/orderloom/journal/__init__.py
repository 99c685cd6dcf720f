"""The journal: every event, command and notice of a run, in one SQLite file for each day.

Reading order: `journal.py` (writing), `recording.py` (reading), `run.py` (all days of a run),
`schema.py` (tables and views), `chain.py` (what proves that nothing was changed), `file.py` (how
one begins), `writer.py` (the thread that owns it), `compaction.py` (what becomes of old days).
"""

from orderloom.journal.compaction import compact
from orderloom.journal.errors import JournalBroken, JournalCompacted, JournalFailed
from orderloom.journal.header import Header
from orderloom.journal.journal import Journal
from orderloom.journal.recording import RECONFIGURE, Broken, Entry, Kept, Recording, rule_name
from orderloom.journal.run import FIRST, Run, newest

__all__ = [
    "FIRST",
    "RECONFIGURE",
    "Broken",
    "Entry",
    "Header",
    "Journal",
    "JournalBroken",
    "JournalCompacted",
    "JournalFailed",
    "Kept",
    "Recording",
    "Run",
    "compact",
    "newest",
    "rule_name",
]

"""The hash chain: each row's hash covers the row and everything before it.

A row that was changed, removed, added or moved breaks the chain at that row. Rows missing at the
end break nothing: a journal without its closing row may have lost its tail, and only the broker
knows what was in it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orderloom.journal.header import Header

SEPARATOR = "\x1f"
"""JSON escapes control characters, so no field can contain it."""


class Link(NamedTuple):
    """Where the chain stands: the last row's id, event, time and hash."""

    id: int
    seq: int
    at: int
    hash: str


def genesis(header: Header, symbols: str) -> Link:
    """Return the start of a file's chain: the hash covers the `run` row, whose `symbols` are JSON.

    It goes on where the chain of the run's file before it ended.
    """
    fields = [header.orderloom, header.config, symbols, header.account, str(header.started_at)]
    seq, at = -1, header.started_at
    if header.previous is not None:
        fields += [header.previous.json(), str(header.day)]
        seq, at = header.previous.seq, header.previous.at
    return Link(0, seq, at, sha256(SEPARATOR.join(fields).encode()).hexdigest())


def row_hash(
    previous: str, id_: int, seq: int, n: int, at: int, type_: str, kind: str, body: str
) -> str:
    """Return the hash of a row after a row with the hash `previous`, 64 hexadecimal digits."""
    # One f-string: a million rows are verified in less than half the time of a join.
    s = SEPARATOR
    text = f"{previous}{s}{id_}{s}{seq}{s}{n}{s}{at}{s}{type_}{s}{kind}{s}{body}"
    return sha256(text.encode()).hexdigest()

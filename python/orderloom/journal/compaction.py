"""Closed days made small: their prices go, what came of them stays, and the file says so.

Quotes and trades are nearly all of a journal. Orders, fills, decisions, bars and round trips stay
readable, and each row that stays can still be proven: the hash of what stood before it is kept.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from orderloom.journal import schema
from orderloom.journal.errors import JournalBroken
from orderloom.journal.file import connect, settle
from orderloom.journal.recording import Recording
from orderloom.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRICES: Final = ("quote", "trade")
"""Kinds of event that are removed."""

_PRICES_OF_ENTRY = "type = 'event' and kind in (select value from json_each(:kinds))"
_COMPACT: Final = (
    # Rows without one between them share the difference between their id and their place.
    f"""
    insert into removed (first, last, hash)
    select first, last, hash from (
      select min(id) as first, max(id) as last from (
        select id, id - row_number() over (order by id) as island
        from entry where {_PRICES_OF_ENTRY}
      ) group by island
    ) join entry on entry.id = last
    """,  # noqa: S608 - constants
    f"""
    insert into compacted (at, orderloom, kinds, events)
    select :at, :orderloom, :kinds, count(*) from entry where {_PRICES_OF_ENTRY}
    """,  # noqa: S608 - constants
    f"delete from entry where {_PRICES_OF_ENTRY}",  # noqa: S608 - constants
    "delete from snapshot",
)


def compact(path: Path) -> bool:
    """Remove the prices of the day file at `path`; `False` when there is nothing left to do.

    The space is given back, also that of prices which were removed before and left theirs behind.

    Raises:
        JournalBroken: it is damaged, or the day is not over: nothing was removed.
        OSError, sqlite3.Error: the disk does not take it; nothing was removed, or no space given
            back yet.
    """
    with Recording(path) as recording:
        has_prices = recording.compacted is None
        if not has_prices and recording.free_pages == 0:
            return False
        if has_prices and recording.next is None:
            raise JournalBroken(path, "expected a day that is over, found no file after it")
        if has_prices and (broken := recording.verify()) is not None:
            raise JournalBroken(path, broken.text)
    connection = connect(path)
    try:
        if has_prices:
            _remove_prices(connection)
        connection.execute("vacuum")
    finally:
        settle(connection)
    return True


def _remove_prices(connection: sqlite3.Connection) -> None:
    schema.upgrade(connection, schema.UPGRADES)
    values = {"kinds": json.dumps(PRICES), "at": time.time_ns(), "orderloom": __version__}
    connection.execute("begin immediate")
    try:
        for statement in _COMPACT:
            connection.execute(statement, values)
        connection.execute("commit")
    except sqlite3.Error:
        connection.execute("rollback")
        raise


def compact_all_but(last: Path, keep: int) -> Iterator[str]:
    """Compact the day files before `last`, going back, save the `keep` newest of them.

    Yields why one of them could not be; those before it are made small all the same, as far as
    they can be found from it.
    """
    path = last
    try:
        for place, path in enumerate(_before(last)):
            if place < keep:
                continue
            try:
                compact(path)
            except (JournalBroken, sqlite3.Error, OSError) as error:
                yield f"{path} could not be made small: {getattr(error, 'reason', error)}"
    except JournalBroken as error:
        yield f"days before {path} could not be made small: {error.reason}"


def _before(path: Path) -> Iterator[Path]:
    """The files of the run before `path` that are still there, going back."""
    while True:
        with Recording(path) as recording:
            previous = recording.header.previous
        if previous is None:
            return
        path = path.with_name(previous.name)
        if not path.is_file():
            return
        yield path

"""A journal's file: how it begins, and how it is opened for writing."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Protocol

from orderloom._core import Entries
from orderloom.journal import schema
from orderloom.journal.chain import Link, genesis

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom.journal.header import Header
    from orderloom.redaction import Redactor


class Recordable(Protocol):
    """What can be written: the engine's events, commands, notices and snapshots."""

    @property
    def kind(self) -> str:
        """What it is, in snake_case."""

    def json(self) -> str:
        """Return all of it."""


_INSERT = "insert into entry (id, seq, n, at, type, kind, body, hash) values "
_PLACES = "(?, ?, ?, ?, ?, ?, ?, ?)"
_STATEMENT_ROWS = 2_048
"""SQLite binds at most 32,766 values in a statement."""
_SNAPSHOTS_KEPT = 2
"""Of one file, besides the one that it begins with: the last may be damaged."""


def insert(
    connection: sqlite3.Connection, entries: Entries, last: Link, redactor: Redactor
) -> Link:
    """Write entries into the open transaction, chained after `last`; returns the new end.

    They are made rows in Rust, while other threads run: an event loop at work would wait for every
    Python object that a row takes.
    """
    while entries:
        values, snapshots, end = entries.rows(
            last, _STATEMENT_ROWS, redactor.spellings, redactor.json
        )
        connection.execute(_INSERT + ",".join([_PLACES] * (end[0] - last.id)), values)
        last = Link(*end)
        if snapshots:
            connection.executemany("insert into snapshot (id, body) values (?, ?)", snapshots)
            connection.execute(
                "delete from snapshot where id > 1 and id not in"
                " (select id from snapshot order by id desc limit ?)",
                (_SNAPSHOTS_KEPT,),
            )
    return last


def begin(path: Path, header: Header, redactor: Redactor, first: Recordable | None = None) -> Link:
    """Write a journal that holds at most a first snapshot, at once or not at all; returns its end.

    Half a journal never has the name of one, so what a crash leaves stands in nobody's way.
    """
    new = path.with_name(f"{path.name}.new")
    parts = [new.with_name(new.name + suffix) for suffix in ("", "-wal", "-shm")]
    symbols = symbols_json(header.symbols)
    previous = header.previous and header.previous.json()
    last = genesis(header, symbols)
    try:
        for part in parts:
            part.unlink(missing_ok=True)
        # SQLite gives its -wal and -shm files the mode of this one.
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(connect(new)) as connection:
            schema.upgrade(connection, schema.UPGRADES)
            connection.execute("begin immediate")
            connection.execute(
                "insert into run (orderloom, config, symbols, account, started_at, previous, day)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (
                    header.orderloom,
                    header.config,
                    symbols,
                    header.account,
                    header.started_at,
                    previous,
                    header.day,
                ),
            )
            if first is not None:
                entries = Entries(last.seq, last.at, "snapshot", (first,))
                last = insert(connection, entries, last, redactor)
            connection.execute("commit")
        new.rename(path)
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        raise
    place = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
    return last


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal's file for writing."""
    # The writer thread is the only user once it runs. Its statements differ in length and some are
    # long: keeping many would cost more memory than compiling them costs time.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=8
    )
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma wal_autocheckpoint = 0")
    return connection


def settle(connection: sqlite3.Connection) -> None:
    """Close a file that nothing more is written to: the write-ahead log goes, one file is left."""
    with suppress(sqlite3.OperationalError):  # Somebody reads it: the log goes when they end.
        connection.execute("pragma journal_mode = delete")
    connection.close()


def symbols_json(symbols: tuple[str, ...]) -> str:
    """Return the names as the `run` row holds them."""
    return json.dumps(symbols, ensure_ascii=False)

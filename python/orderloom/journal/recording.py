"""Reading a journal: what happened, in order, and whether it can be trusted."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from orderloom._core import Chain
from orderloom.instant import ns_to_iso
from orderloom.journal import schema
from orderloom.journal.chain import Link, genesis, row_hash
from orderloom.journal.closing import Closing
from orderloom.journal.errors import JournalBroken, JournalCompacted
from orderloom.journal.header import Header, Previous

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


_HALF_DONE: Final = (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY)
RECONFIGURE: Final = frozenset({"restarted", "reloaded"})
"""Kinds of event that carry another configuration of the engine."""
_DAYS: Final = 2
"""The schema that brought snapshots and days."""
Rows: TypeAlias = tuple[bytes, ...]
"""Of each column of many rows, what is in them, with a record separator between."""
_FROM_A_COPY: Final = "hint: put it back from a copy"
_BATCH_ROWS: Final = 2_048
_ROWS: Final = """
select
  cast(group_concat(id, '\x1e') as blob), cast(group_concat(seq, '\x1e') as blob),
  cast(group_concat(n, '\x1e') as blob), cast(group_concat(at, '\x1e') as blob),
  cast(group_concat(type, '\x1e') as blob), cast(group_concat(kind, '\x1e') as blob),
  cast(group_concat(body, '\x1e') as blob), cast(group_concat(hash, '\x1e') as blob)
from entry where id > ? and id <= ?
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that cannot be trusted; 0 is the run's own row."""

    id: int
    text: str


class Kept(NamedTuple):
    """A snapshot of the engine as a row tells of it; its text stands beside the rows."""

    id: int
    layout: int
    sha256: str


class Entry(NamedTuple):
    """One command or notice of an event."""

    seq: int
    n: int
    at: int
    kind: str
    body: str
    """JSON."""


def rule_name(configs: Sequence[tuple[int, Mapping[str, Any]]], seq: int, rule: int) -> str | None:
    """Name a rule by its number in that of `configs` that was in force at event `seq`.

    Example:
        >>> rule_name([(0, {"rules": [{"name": "a"}]}), (7, {"rules": [{"name": "b"}]})], 8, 0)
        'b'
    """
    rules = next(config for since, config in reversed(configs) if since <= seq)["rules"]
    return str(rules[rule]["name"]) if rule < len(rules) else None


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file for reading.

    Who was killed while a day's file was ended left a change half done; SQLite lets nobody read the
    file before a writer has taken it back, which alters no entry.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    try:
        connection.execute("pragma schema_version")
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode not in _HALF_DONE:
            raise
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("pragma schema_version")
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    return connection


def _tidy(path: Path) -> None:
    """Take away the empty log that SQLite laid beside a file for who only reads it.

    Such a one may not do so itself; who may write does, when it is the last. A log with entries is
    of a run that goes on, or was killed: it is left alone.
    """
    place = path.resolve()
    log = place.with_name(f"{place.name}-wal")
    with suppress(OSError, sqlite3.Error):
        if log.stat().st_size == 0:
            with closing(sqlite3.connect(f"{place.as_uri()}?mode=rw", uri=True)) as writer:
                writer.execute("pragma schema_version")


def _unreadable(path: Path, error: Exception) -> JournalBroken:
    return JournalBroken(path, f"cannot be read as a journal ({error}); {_FROM_A_COPY}")


class Recording(Closing):
    """A journal open for reading. Changes none of it, and leaves nothing beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise JournalBroken(path, "expected a journal, found no such file")
        try:
            connection = _connect(path)
        except sqlite3.Error as error:
            raise _unreadable(path, error) from None
        self._connection = connection
        try:
            self.schema = schema.version(connection)
            if self.schema == 0:
                raise JournalBroken(path, f"expected a journal, found none in it; {_FROM_A_COPY}")
            if self.schema > len(schema.UPGRADES):
                raise JournalBroken(
                    path,
                    f"expected schema 1 to {len(schema.UPGRADES)}, found {self.schema}; "
                    "hint: use the orderloom that wrote it, or a newer one",
                )
            added = "previous, day" if self.schema >= _DAYS else "null, null"
            rows = connection.execute(
                f"select orderloom, config, symbols, account, started_at, {added} from run"  # noqa: S608 - a constant
            ).fetchall()
            if len(rows) != 1:
                raise JournalBroken(path, f"expected one row in `run`, found {len(rows)}")
            orderloom, config, symbols, account, started_at, before, day = rows[0]
            self.header = Header(
                orderloom,
                config,
                tuple(json.loads(symbols)),
                account,
                started_at,
                Previous.read(before),
                day,
            )
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            self.close()
            raise _unreadable(path, error) from None
        except JournalBroken:
            self.close()
            raise
        self._symbols = symbols

    @property
    def last(self) -> Link:
        """Where the chain stands."""
        row = self._one("select id, seq, at, hash from entry order by id desc limit 1")
        return Link(*row) if row else self.start

    @property
    def start(self) -> Link:
        """Where the chain begins: at nothing, or where the run's file before it ended."""
        return genesis(self.header, self._symbols)

    @property
    def day(self) -> int | None:
        """The exchange's day that it is of, YYYYMMDD: a first file's is the first that it hears."""
        if self.header.day is not None:
            return self.header.day
        row = self._one(
            "select json_extract(body, '$.session.date') from entry"
            " where type = 'event' and kind = 'session' order by id limit 1"
        )
        return None if row is None else int(row[0])

    @property
    def next(self) -> Path | None:
        """The file in which the run goes on, if it does: it may have been killed in between."""
        name = self.turned_to
        path = None if name is None else self.path.resolve().with_name(name)
        return path if path is not None and path.is_file() else None

    @property
    def turned_to(self) -> str | None:
        """The name of the file in which the run was to go on, there or not."""
        row = self._one("select kind, body from entry order by id desc limit 1")
        if row is None or row[0] != "rotated":
            return None
        try:
            return str(json.loads(row[1])["next"])
        except (ValueError, LookupError, TypeError) as error:
            raise JournalBroken(self.path, f"its last row: {error}") from None

    @property
    def compacted(self) -> JournalCompacted | None:
        """What was removed from it, as the reason for which it cannot be run again."""
        if self.schema < _DAYS:
            return None
        row = self._one("select at, events from compacted order by at desc limit 1")
        return None if row is None else JournalCompacted(self.path, ns_to_iso(row[0]), row[1])

    @property
    def free_pages(self) -> int:
        """Pages of the file that hold nothing: space that could be given back."""
        row = self._one("pragma freelist_count")
        assert row is not None  # noqa: S101 - SQLite answers this pragma
        return int(row[0])

    def snapshots(self) -> list[Kept]:
        """Return what its rows tell of snapshots, the newest first."""
        if self.schema < _DAYS:
            return []
        try:
            rows = self._connection.execute(
                "select id, body from entry where type = 'snapshot' order by id desc"
            ).fetchall()
            notes = [(id_, json.loads(body)) for id_, body in rows]
            return [Kept(id_, int(note["layout"]), str(note["sha256"])) for id_, note in notes]
        except (sqlite3.DatabaseError, ValueError, LookupError, TypeError):
            return []  # What cannot be read is not used: the rows tell the same.

    def text_of(self, kept: Kept) -> str | None:
        """Return a snapshot's JSON; `None` when it is gone, or not what the row tells of."""
        try:
            row = self._connection.execute(
                "select body from snapshot where id = ?", (kept.id,)
            ).fetchone()
        except sqlite3.DatabaseError:
            return None
        if row is None or sha256(str(row[0]).encode()).hexdigest() != kept.sha256:
            return None
        return str(row[0])

    @property
    def is_closed(self) -> bool:
        """Whether the run ended in order.

        If not, its last entries may be missing: only the broker knows what was in them.
        """
        row = self._one("select type from entry order by id desc limit 1")
        return bool(row == ("end",))

    def events(self, kind: str | None = None) -> Iterator[tuple[int, int, str]]:
        """Yield each event's number, time in UTC nanoseconds, and JSON; of one kind, or all."""
        yield from self._connection.execute(
            "select seq, at, body from entry where type = 'event' and kind = ifnull(?, kind)"
            " order by id",
            (kind,),
        )

    def batches(self, *, after: int = 0) -> Iterator[Rows]:
        """Yield all rows after row `after` in order, many at a time, as one text for each column.

        SQLite puts the texts together, without a Python object per row, while the rows before it
        are used: `Engine.replay` and `Chain.follow` take them as they are.

        Raises:
            JournalBroken: SQLite cannot read the file.
        """
        yield from self._batches(after, self.last.id)

    def checked(self, chain: Chain) -> Iterator[Rows]:
        """Yield the rows after the last of `chain` as `batches` does, each proven to follow.

        Raises:
            JournalBroken: the first that does not is named.
            JournalCompacted: rows were removed, so what is there does not follow by itself.
        """
        if (compacted := self.compacted) is not None:
            raise compacted
        yield from self._followed(chain)

    def configs(self) -> list[tuple[int, str]]:
        """Return the engine's configurations in order, each with the event that it counts from."""
        others = self._connection.execute(
            "select seq, body from entry where type = 'event' and kind in (?, ?) order by id",
            sorted(RECONFIGURE),
        )
        return [(0, self.header.config), *others]

    def last_config(self) -> dict[str, Any]:
        """Return the engine's configuration as it was last."""
        document: dict[str, Any] = json.loads(self.configs()[-1][1])
        return document

    def commands(self) -> Iterator[Entry]:
        """Yield what the engine asked for, in order."""
        return self._entries("command")

    def notices(self) -> Iterator[Entry]:
        """Yield what the engine told, in order."""
        return self._entries("notice")

    def openers(self) -> dict[int, str | None]:
        """Return which rule, if one did, opened each trade whose beginning it tells.

        Raises:
            JournalBroken: it cannot be read.
        """
        try:
            configs = [(seq, json.loads(text)) for seq, text in self.configs()]
            opened = self._connection.execute(
                "select json_extract(body, '$.context'), seq, json_extract(body, '$.rule')"
                " from entry where type = 'notice' and kind = 'context_opened'"
            )
            return {context: rule_name(configs, seq, rule) for context, seq, rule in opened}
        except (sqlite3.DatabaseError, ValueError, LookupError, TypeError) as error:
            raise JournalBroken(self.path, str(error)) from None

    def count(self) -> tuple[int, int]:
        """How many events there are, and how many entries with what they led to."""
        counted = self._connection.execute(
            "select count(*) filter (where type = 'event'), count(*) from entry"
            " where type in ('event', 'command', 'notice')"
        ).fetchone()
        return (counted[0], counted[1])

    def verify(self) -> Broken | None:
        """Follow the chain from the start; return the first row that breaks it.

        Rows missing at the end cannot be seen here: compare `is_closed`. Of a compacted file, each
        row that is there must follow from the one before it, there or not.
        """
        if self.compacted is not None:
            return self._verify_rest()
        chain = self.chain()
        try:
            for _ in self._followed(chain):
                pass
        except JournalCompacted:
            return self._verify_rest()
        except JournalBroken as error:
            return Broken(chain.id + 1, error.reason)
        return None

    def chain(self, *, after: int = 0) -> Chain:
        """Return the hash chain as it stands behind row `after`.

        Raises:
            JournalBroken: there is no such row.
        """
        if after == 0:
            return Chain(0, self.start.hash)
        row = self._one("select hash from entry where id = ?", after)
        if row is None:
            raise JournalBroken(self.path, f"row {after}: expected it, found none")
        return Chain(after, str(row[0]))

    def close(self) -> None:
        """Give up the file."""
        self._connection.close()
        _tidy(self.path)

    def _verify_rest(self) -> Broken | None:
        removed = {
            first: (last, hash_)
            for first, last, hash_ in self._connection.execute(
                "select first, last, hash from removed"
            )
        }
        before, hash_ = 0, self.start.hash
        for id_, seq, n, at, type_, kind, body, found in self._connection.execute(
            "select id, seq, n, at, type, kind, body, hash from entry order by id"
        ):
            before, hash_ = removed.get(before + 1, (before, hash_))
            if id_ != before + 1:
                return Broken(before + 1, f"row {before + 1}: expected it, found row {id_}")
            before, hash_ = id_, row_hash(hash_, id_, seq, n, at, type_, kind, body)
            if hash_ != found:
                return Broken(id_, f"row {id_} (event {seq}): it or a row before it was changed")
        return None

    def _followed(self, chain: Chain) -> Iterator[Rows]:
        last = self.last  # A run may be writing more.
        for rows in self._batches(chain.id, last.id):
            broken = chain.follow(rows)
            if broken is not None:
                # Another process may have made it small since this one began to read.
                raise self.compacted or JournalBroken(self.path, broken)
            yield rows
        if (last.id, last.hash) != (chain.id, chain.hash):
            # The end of the file is not where the rows end.
            raise JournalBroken(
                self.path, f"row {chain.id + 1}: expected the last, found {last.id}"
            )

    def _batches(self, after: int, last: int) -> Iterator[Rows]:
        try:
            with ThreadPoolExecutor(1, "journal-read") as reader:
                ahead = reader.submit(self._rows, after, last)
                while after < last:
                    rows = ahead.result()
                    after += _BATCH_ROWS
                    ahead = reader.submit(self._rows, after, last)
                    if rows is not None:
                        yield rows
        except sqlite3.DatabaseError as error:
            raise JournalBroken(self.path, f"after row {after}: {error}") from None

    def _rows(self, after: int, last: int) -> Rows | None:
        """The texts of the rows among the next ids, up to `last`."""
        until = min(after + _BATCH_ROWS, last)
        rows: Rows = self._connection.execute(_ROWS, (after, until)).fetchone()
        return None if rows[0] is None else rows

    def _one(self, query: str, *values: int) -> tuple[Any, ...] | None:
        """The first row of a query."""
        try:
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise JournalBroken(self.path, str(error)) from None
        return row

    def _entries(self, type_: str) -> Iterator[Entry]:
        for row in self._connection.execute(
            "select seq, n, at, kind, body from entry where type = ? order by id", (type_,)
        ):
            yield Entry(*row)

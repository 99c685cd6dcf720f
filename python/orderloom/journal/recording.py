"""Reading a journal: what happened, in order, and whether it can be trusted."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from orderloom._core import Chain
from orderloom.journal import schema
from orderloom.journal.chain import Link, genesis
from orderloom.journal.errors import JournalBroken
from orderloom.journal.header import Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType


RECONFIGURE: Final = frozenset({"restarted", "reloaded"})
"""Kinds of event that carry another configuration of the engine."""
_BATCH_ROWS: Final = 2_048
_ROWS: Final = """
select cast(group_concat(
  printf('%d\x1f%d\x1f%d\x1f%d\x1f%s\x1f%s\x1f%s\x1f%s', id, seq, n, at, type, kind, body, hash),
  '\x1e') as blob)
from entry where id > ? and id <= ?
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that cannot be trusted; 0 is the run's own row."""

    id: int
    text: str


class Entry(NamedTuple):
    """One command or notice of an event."""

    seq: int
    n: int
    at: int
    kind: str
    body: str
    """JSON."""


class Recording:
    """A journal open for reading. Changes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise JournalBroken(path, "expected a journal, found no such file")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        try:
            self.schema = schema.version(connection)
            if not 1 <= self.schema <= len(schema.UPGRADES):
                raise JournalBroken(
                    path, f"expected schema 1 to {len(schema.UPGRADES)}, found {self.schema}"
                )
            rows = connection.execute(
                "select orderloom, config, symbols, account, started_at from run"
            ).fetchall()
            if len(rows) != 1:
                raise JournalBroken(path, f"expected one row in `run`, found {len(rows)}")
            orderloom, config, symbols, account, started_at = rows[0]
            self.header = Header(orderloom, config, tuple(json.loads(symbols)), account, started_at)
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            connection.close()
            raise JournalBroken(path, str(error)) from None
        except JournalBroken:
            connection.close()
            raise
        self._symbols = symbols
        self._connection = connection

    @property
    def last(self) -> Link:
        """Where the chain stands."""
        row = self._connection.execute(
            "select id, seq, at, hash from entry order by id desc limit 1"
        ).fetchone()
        return Link(*row) if row else genesis(self.header, self._symbols)

    @property
    def is_closed(self) -> bool:
        """Whether the run ended in order.

        If not, its last entries may be missing: only the broker knows what was in them.
        """
        row = self._connection.execute("select type from entry order by id desc limit 1").fetchone()
        return bool(row == ("end",))

    def events(self, kind: str | None = None) -> Iterator[tuple[int, int, str]]:
        """Yield each event's number, time in UTC nanoseconds, and JSON; of one kind, or all."""
        yield from self._connection.execute(
            "select seq, at, body from entry where type = 'event' and kind = ifnull(?, kind)"
            " order by id",
            (kind,),
        )

    def batches(self, *, after: int = 0) -> Iterator[bytes]:
        """Yield all rows after row `after` in order, many at a time, as one text.

        SQLite puts the text together, without a Python object per row, while the rows before it
        are used: `Engine.replay` and `Chain.follow` take it as it is.

        Raises:
            JournalBroken: SQLite cannot read the file.
        """
        yield from self._batches(after, self.last.id)

    def checked(self) -> Iterator[bytes]:
        """Yield all rows as `batches` does, each proven to follow from the one before it.

        Raises:
            JournalBroken: the first that does not is named.
        """
        yield from self._followed(self._chain())

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

    def count(self) -> tuple[int, int]:
        """How many events there are, and how many entries with their commands and notices."""
        counted = self._connection.execute(
            "select count(*) filter (where type = 'event'), count(*) from entry where type <> 'end'"
        ).fetchone()
        return (counted[0], counted[1])

    def verify(self) -> Broken | None:
        """Follow the chain from the start; return the first row that breaks it.

        Rows missing at the end cannot be seen here: compare `is_closed`.
        """
        chain = self._chain()
        try:
            for _ in self._followed(chain):
                pass
        except JournalBroken as error:
            return Broken(chain.id + 1, error.reason)
        return None

    def close(self) -> None:
        """Give up the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _chain(self) -> Chain:
        start = genesis(self.header, self._symbols)
        return Chain(start.id, start.hash)

    def _followed(self, chain: Chain) -> Iterator[bytes]:
        last = self.last  # A run may be writing more.
        for rows in self._batches(0, last.id):
            broken = chain.follow(rows)
            if broken is not None:
                raise JournalBroken(self.path, broken)
            yield rows
        if (last.id, last.hash) != (chain.id, chain.hash):
            # The end of the file is not where the rows end.
            raise JournalBroken(
                self.path, f"row {chain.id + 1}: expected the last, found {last.id}"
            )

    def _batches(self, after: int, last: int) -> Iterator[bytes]:
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

    def _rows(self, after: int, last: int) -> bytes | None:
        """The text of the rows among the next ids, up to `last`."""
        until = min(after + _BATCH_ROWS, last)
        row = self._connection.execute(_ROWS, (after, until)).fetchone()
        rows: bytes | None = row[0]
        return rows

    def _entries(self, type_: str) -> Iterator[Entry]:
        for row in self._connection.execute(
            "select seq, n, at, kind, body from entry where type = ? order by id", (type_,)
        ):
            yield Entry(*row)


def symbols_json(symbols: tuple[str, ...]) -> str:
    """Return the names as the `run` row holds them."""
    return json.dumps(symbols, ensure_ascii=False)

"""Sessions as JSON lines: what passed between a client and TWS, without account numbers.

A line holds `at` (UTC nanoseconds), `connection` (counted from 1), `stream`, the message's `name`
and its `fields` as text, message id first. Account numbers are replaced by others of equal
length before anything is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from .messages import Stream, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

GREETING = "greeting"
"""Name of a client's first payload and of its answer, which carry no message id."""


@dataclass(frozen=True, slots=True)
class Message:
    """One recorded message."""

    at: int
    connection: int
    stream: Stream
    name: str
    fields: tuple[str, ...]


class Recorder:
    """Writes messages to an open text file, account numbers masked.

    The numbers are learned from managedAccounts, which TWS sends before anything names one.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._connections: dict[object, int] = {}
        self._greeted: set[tuple[object, Stream]] = set()
        self._masks: dict[str, str] = {}

    def take(self, at: int, connection: object, stream: Stream, payload: bytes) -> None:
        """Write one payload. A connection's first in each direction is its greeting."""
        number = self._connections.setdefault(connection, len(self._connections) + 1)
        name = name_of(stream, payload)
        if (connection, stream) not in self._greeted:
            self._greeted.add((connection, stream))
            name = GREETING
        text = payload.decode("utf-8", "backslashreplace")
        fields = text.removesuffix("\0").split("\0")
        if name == "managedAccounts":
            for account in filter(None, fields[-1].split(",")):
                self._masks.setdefault(account, self._mask(account))
        line = {
            "at": at,
            "connection": number,
            "stream": stream,
            "name": name,
            "fields": [self._masked(field) for field in fields],
        }
        self._file.write(json.dumps(line) + "\n")

    def _mask(self, account: str) -> str:
        letters = account.rstrip("0123456789")
        number = str(len(self._masks) + 1)
        return letters + number.rjust(len(account) - len(letters), "0")[-len(account) :]

    def _masked(self, field: str) -> str:
        for account, mask in self._masks.items():
            field = field.replace(account, mask)
        return field


def read_recording(path: Path) -> Iterator[Message]:
    """Yield the messages of a recording; raise `ValueError` that names a line that is none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield _message(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}:{number}: expected a recorded message: {error}") from None


def _message(data: dict[str, Any]) -> Message:
    stream = data["stream"]
    if stream not in ("requests", "replies"):
        raise ValueError(f"stream: expected `requests` or `replies`, found `{stream}`")
    fields = tuple(str(field) for field in data["fields"])
    return Message(int(data["at"]), int(data["connection"]), stream, str(data["name"]), fields)


def replies(messages: Iterable[Message], connection: int = 1) -> list[Message]:
    """Return what one connection was told."""
    return [each for each in messages if each.stream == "replies" and each.connection == connection]

"""The operator's line to a running instance: a loopback socket behind a token of its own per start.

A run writes `control.json` (mode 0600) into its directory: port, token, process, and what tells it
from others. Whoever can read that file may give the run a word; nobody else can. One JSON document
a line, in both directions.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom.errors import OrderloomError
from orderloom.instant import ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FILE: Final = "control.json"
_LINE_MAX: Final = 64 * 1024
_PATIENCE_SECONDS: Final = 10.0

Answer = dict[str, Any]


class NoInstanceError(OrderloomError):
    """There is no running instance to talk to, or it does not answer."""

    exit_code = 3


class SeveralInstancesError(OrderloomError):
    """A word that changes a run, and more than one that it may be meant for."""

    exit_code = 2


class RefusedWordError(OrderloomError):
    """The instance does not take the word."""

    exit_code = 2


class ControlServer:
    """Takes words for one run. `answer` gets the word and its arguments and returns a document.

    `trades` is what the run trades at, for a person: mode and account. It runs on the event loop of
    the run, between two events, so what it sees is of one moment.
    """

    def __init__(
        self,
        directory: Path,
        answer: Callable[[str, dict[str, Any]], Awaitable[Answer]],
        trades: str = "",
    ) -> None:
        self._file = directory / FILE
        self._answer = answer
        self._trades = trades
        self._token = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of the loopback address and tell where."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LINE_MAX)
        port = self._server.sockets[0].getsockname()[1]
        me = {"since": ns_to_iso(time.time_ns()), "trades": self._trades}
        _write_line(self._file, {"port": port, "token": self._token, "pid": os.getpid(), **me})

    async def stop(self) -> None:
        """Stop listening and take the file away."""
        self._file.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                line = await reader.readline()
            reply = await self._reply(line)
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            # A caller that is silent, gone or endless gets nothing.
            pass
        finally:
            writer.close()

    async def _reply(self, line: bytes) -> Answer:
        try:
            asked = json.loads(line)
            token, word = str(asked["token"]), str(asked["word"])
            arguments = dict(asked.get("arguments") or {})
        except (ValueError, KeyError, TypeError):
            return {"error": "expected a JSON object with `token` and `word`"}
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return {"error": "wrong token"}
        try:
            return await self._answer(word, arguments)
        except OrderloomError as error:
            return {"error": str(error)}


@dataclass(frozen=True, slots=True)
class Instance:
    """A run that can be talked to."""

    directory: Path
    port: int
    token: str
    pid: int
    since: str = ""
    """UTC ISO 8601; empty, as the next, of a run of an older version."""
    trades: str = ""
    """Mode and account."""

    def __str__(self) -> str:
        since = self.since and f"since {self.since[:19]}Z"
        return "  ".join(filter(None, (str(self.directory), self.trades, since)))

    def ask(self, word: str, **arguments: Any) -> Answer:
        """Give the run a word and return its answer, which names the run.

        Raises:
            NoInstanceError: it does not answer in time.
            RefusedWordError: it does not take the word.
        """
        line = json.dumps({"token": self.token, "word": word, "arguments": arguments})
        try:
            with socket.create_connection(("127.0.0.1", self.port), _PATIENCE_SECONDS) as line_to:
                line_to.sendall(line.encode() + b"\n")
                with line_to.makefile("rb") as answers:
                    reply = answers.readline()
        except OSError as error:
            raise NoInstanceError(f"{self.directory}: the run does not answer: {error}") from None
        if not reply:
            raise NoInstanceError(f"{self.directory}: the run closed the line without an answer")
        answer: Answer = json.loads(reply)
        if "error" in answer:
            raise RefusedWordError(f"{self.directory}: {answer['error']}")
        return {"run": str(self.directory), **answer}


def find(run: Path | None, runs: Path = Path("runs")) -> Instance:
    """Return the running instance of a directory, or the newest one below `runs`.

    Raises:
        NoInstanceError: there is none; it says what was looked at.
    """
    return _running(run, runs)[0]


def find_only(run: Path | None, runs: Path = Path("runs")) -> Instance:
    """Return the running instance of a directory, or the only one below `runs`.

    Raises:
        NoInstanceError: there is none; it says what was looked at.
        SeveralInstancesError: there are others; all are named.
    """
    instance, *others = _running(run, runs)
    if others:
        lines = "".join(f"\n  {each}" for each in (instance, *others))
        raise SeveralInstancesError(
            f"{runs}: expected one running instance, found {1 + len(others)}:{lines}\n"
            f"hint: name one, for example --run {instance.directory}"
        )
    return instance


def _running(run: Path | None, runs: Path) -> list[Instance]:
    """At least one, the newest first."""
    files = [run / FILE] if run is not None else sorted(runs.glob(f"*/{FILE}"), reverse=True)
    found = [instance for file in files if (instance := _read(file)) is not None]
    if not found:
        where = run if run is not None else runs
        raise NoInstanceError(
            f"{where}: expected a running instance, found none, hint: name its directory with --run"
        )
    return sorted(found, key=lambda instance: instance.since, reverse=True)


def _read(file: Path) -> Instance | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        instance = Instance(
            file.parent,
            int(told["port"]),
            str(told["token"]),
            int(told["pid"]),
            str(told.get("since", "")),
            str(told.get("trades", "")),
        )
        os.kill(instance.pid, 0)
    except (OSError, ValueError, KeyError):
        return None
    return instance


def _write_line(file: Path, document: dict[str, Any]) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
        opened.write(json.dumps(document) + "\n")

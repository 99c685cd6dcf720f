"""A child process that answers one request after the other; requests and answers are JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import struct
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LENGTH: Final = struct.Struct("!I")
_PATIENCE: Final = 200.0


class Killed(Exception):  # noqa: N818 - says what happened
    """The process ended by SIGKILL before it answered."""


class Child:
    """A fork of this process, which must have neither threads nor an event loop."""

    def __init__(self, body: Callable[[Line], Awaitable[None]]) -> None:
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _run(body, theirs)
        theirs.close()
        ours.settimeout(_PATIENCE)
        self._socket = ours
        self._status: int | None = None

    def ask(self, **request: Any) -> Any:
        """Return the answer to a request. Raises `Killed`."""
        try:
            self._send(request)
            head = self._read(_LENGTH.size)
            return json.loads(self._read(*_LENGTH.unpack(head)))
        except (BrokenPipeError, ConnectionResetError, EOFError):
            code = self.wait()
            if code != -signal.SIGKILL:
                raise AssertionError(f"the process ended with {code}, not by the kill") from None
            raise Killed from None

    def hear(self) -> Any:
        """Return what the process says first, by itself. Raises `Killed`."""
        return self.ask()

    def wait(self) -> int:
        """Wait for the end; returns the exit code, negative for a signal."""
        if self._status is None:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self._socket.close()
        return self._status

    def end(self) -> None:
        """End it now, however it is."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def _send(self, request: dict[str, Any]) -> None:
        text = json.dumps(request).encode()
        self._socket.sendall(_LENGTH.pack(len(text)) + text)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data


class Line:
    """The child's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def next(self) -> dict[str, Any]:
        """Return the next request."""
        head = await self._reader.readexactly(_LENGTH.size)
        request: dict[str, Any] = json.loads(await self._reader.readexactly(*_LENGTH.unpack(head)))
        return request

    def answer(self, value: Any = None) -> None:
        """Answer it."""
        text = json.dumps(value).encode()
        self._writer.write(_LENGTH.pack(len(text)) + text)


def _run(body: Callable[[Line], Awaitable[None]], end: socket.socket) -> None:
    """Live as the child; never returns."""

    async def live() -> None:
        reader, writer = await asyncio.open_connection(sock=end)
        await body(Line(reader, writer))
        await writer.drain()

    gc.disable()
    code = 1
    try:
        asyncio.run(live())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

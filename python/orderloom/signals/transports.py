"""Push transports: server-sent events, WebSocket, and a file of JSON lines.

Each yields the raw text of one message after the other. What a message means, and what to do
when a transport breaks, is the business of `push`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from orderloom.signals.refusal import Reason, Refused, shown, status_reason
from orderloom.signals.source import PredictionSource, open_http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

MESSAGE_BYTES_MAX: Final = 256 * 1024


class Transport(Protocol):
    """A stream of messages.

    `messages` ends when nothing more will ever come; it raises `Refused` when the connection is
    lost or was not granted, and may then be called again.
    """

    def messages(self) -> AsyncIterator[str]:
        """The messages of one connection."""
        ...


class ServerSentEvents:
    """`GET {url}/{stream_path}` as `text/event-stream`; resumes after the last event's id.

    `idle_seconds`: silence after which the connection counts as lost; a comment line of the
    server is enough to break it.
    """

    def __init__(
        self,
        source: PredictionSource,
        tickers: Sequence[str] = (),
        *,
        idle_seconds: float = 60.0,
        bytes_max: int = MESSAGE_BYTES_MAX,
        **options: Any,
    ) -> None:
        self._source = source
        self._params = {source.ticker_parameter: ",".join(tickers)} if tickers else {}
        self._idle_seconds = idle_seconds
        self._bytes_max = bytes_max
        self._options = options
        self._last_id = ""

    async def messages(self) -> AsyncIterator[str]:
        """The messages of one connection."""
        import httpx2  # noqa: PLC0415

        url = f"{self._source.url}/{self._source.stream_path}"
        resume = {"Last-Event-ID": self._last_id} if self._last_id else {}
        try:
            async with (
                open_http(self._source, timeout=self._idle_seconds, **self._options) as http,
                http.sse(
                    url, params=self._params, headers=resume, max_event_size=self._bytes_max
                ) as events,
            ):
                _check_status(events.response.status_code, expected=200)
                async for event in events:
                    self._last_id = event.id or self._last_id
                    if event.event in ("message", "prediction") and event.data:
                        yield event.data
        except httpx2.TimeoutException:
            detail = f"no byte for {self._idle_seconds:g} s"
            raise Refused(Reason.TIMEOUT, detail) from None
        except httpx2.HTTPError as error:
            raise _lost(error) from None
        raise Refused(Reason.CONNECTION, "the server ended the stream")


class WebSocket:
    """A WebSocket at `source.url`; `subscribe` holds the messages to send once it is open."""

    def __init__(
        self,
        source: PredictionSource,
        subscribe: Sequence[str] = (),
        *,
        idle_seconds: float = 20.0,
        bytes_max: int = MESSAGE_BYTES_MAX,
        **options: Any,
    ) -> None:
        self._source = source
        self._subscribe = tuple(subscribe)
        self._idle_seconds = idle_seconds
        self._bytes_max = bytes_max
        self._options = options

    async def messages(self) -> AsyncIterator[str]:
        """The messages of one connection."""
        import httpx2  # noqa: PLC0415
        from httpx2.websockets import (  # noqa: PLC0415
            HTTPXWSException,
            WebSocketUpgradeError,
        )

        try:
            async with (
                open_http(self._source, **self._options) as http,
                http.websocket(
                    self._source.url,
                    max_message_size_bytes=self._bytes_max,
                    keepalive_ping_interval_seconds=self._idle_seconds,
                    keepalive_ping_timeout_seconds=self._idle_seconds,
                ) as socket,
            ):
                try:
                    for message in self._subscribe:
                        await socket.send_text(message)
                    while True:
                        yield await socket.receive_text()
                except HTTPXWSException as error:
                    raised: Refused = _lost(error)
        except WebSocketUpgradeError as error:
            _check_status(error.response.status_code, expected=101)
            raise _lost(error) from None
        except (HTTPXWSException, httpx2.HTTPError) as error:
            raise _lost(error) from None
        # Raised here, since the session wraps what leaves its block into an exception group.
        raise raised


class JsonLines:
    """Lines of a file; with `follow` also those that are still to be written."""

    def __init__(
        self,
        path: Path,
        *,
        follow: bool = False,
        every_seconds: float = 0.2,
        bytes_max: int = MESSAGE_BYTES_MAX,
    ) -> None:
        self._path = path
        self._follow = follow
        self._every_seconds = every_seconds
        self._bytes_max = bytes_max
        self._offset = 0

    async def messages(self) -> AsyncIterator[str]:
        """The messages of one connection."""
        while True:
            async for line in self._lines():
                yield line
            if not self._follow:
                return
            await asyncio.sleep(self._every_seconds)

    async def _lines(self) -> AsyncIterator[str]:
        """Whole lines from where the last call ended; a line still being written waits."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while line := file.readline(self._bytes_max + 1):
                    if len(line) > self._bytes_max:
                        self._offset = file.tell()
                        raise Refused(Reason.TOO_LARGE, f"a line over {self._bytes_max} bytes")
                    if not line.endswith(b"\n") and self._follow:
                        return
                    self._offset = file.tell()
                    if line.strip():
                        yield line.decode(errors="replace")
        except OSError as error:
            detail = f"{self._path.name}: {error.strerror}"
            raise Refused(Reason.CONNECTION, detail) from None


def _check_status(status: int, *, expected: int) -> None:
    if status != expected:
        raise Refused(status_reason(status), f"HTTP {status} where {expected} was expected")


def _lost(error: Exception) -> Refused:
    return Refused(Reason.CONNECTION, f"{type(error).__name__}: {shown(str(error))}")

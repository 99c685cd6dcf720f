"""One client's socket: handshake, frames in, frames out, and their counts."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Protocol, cast

from . import replies
from .requests import StartApi, UnknownRequestError, addressee, decode
from .wire import Frames, MalformedMessageError, parse_hello

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .fault_desk import FaultDesk
    from .messages import Stream
    from .recording import Recorder
    from .session import Session

VERSION_MIN = 157
"""Oldest layout that this server speaks."""
PREFIX = b"API\0"
OUTPUT_BYTES_MAX = 64 * 1024 * 1024
"""A client that leaves this much unread is disconnected."""

log = logging.getLogger(__name__)


class Hub(Protocol):
    """The server, as far as a connection needs it."""

    max_server_version: int

    recorder: Recorder | None

    @property
    def faults(self) -> FaultDesk:
        """What may bend frames on their way."""

    def now(self) -> int:
        """Return the simulated time."""

    def time_text(self) -> str:
        """Return the time for the handshake, zoned."""

    def open_session(self, connection: Connection, client_id: int) -> Session | None:
        """Start a session, or `None` if the client id is in use."""

    def wants_flush(self, connection: Connection) -> None:
        """Note that a connection has frames to write."""

    def flush(self) -> None:
        """Write all queued frames of all connections."""

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""


class Connection(asyncio.Protocol):
    """Greets, then hands each decoded request to its session.

    `frames_in` counts frames whose answers have been handed to the socket, `frames_out` frames
    written; the greeting counts. A lock-step driver waits for these numbers.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._output: list[bytes] = []
        self._is_prefixed = False
        self._muted: set[Stream] = set()
        self._cuts: dict[Stream, int] = {}
        self.version = 0
        self.session: Session | None = None
        self.frames_in = 0
        self.frames_out = 0

    @property
    def client_id(self) -> int | None:
        """The client's number, once it has started its session."""
        return None if self.session is None else self.session.client_id

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Prepare the socket for small messages without delay."""
        self._transport = transport = cast("asyncio.Transport", transport)  # TCP is a stream
        transport.set_write_buffer_limits(high=OUTPUT_BYTES_MAX)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._hub.faults.is_turning_away:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session; its orders stay."""
        if exc is not None:
            log.info("client connection lost: %s", exc)
        self._transport = None
        self._output.clear()
        self._hub.closed(self)

    def pause_writing(self) -> None:
        """Drop a client that does not read."""
        log.warning("client left %d bytes unread: disconnected", OUTPUT_BYTES_MAX)
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Serve every frame that is complete, then write all answers at once."""
        left = self._cuts.get("requests")
        if left is not None:
            self._cuts["requests"] = left - len(data)
            data = data[:left]
        self._frames.push(data)
        served = 0
        try:
            if not self._is_prefixed:
                prefix = self._frames.take(len(PREFIX))
                if prefix is None:
                    return
                if prefix != PREFIX:
                    self._refuse(f"expected `API` and NUL first, found {prefix!r}")
                    return
                self._is_prefixed = True
            for payload in self._frames.payloads():
                if self._transport is None or self._transport.is_closing():
                    break
                self._take(payload)
                served += 1
        except MalformedMessageError as error:
            self._refuse(str(error))
        if left is not None and self._cuts["requests"] <= 0:
            self.abort()
        self._hub.flush()
        self.frames_in += served

    def send(self, frame: bytes) -> None:
        """Queue a frame until the next flush, unless a fault has other plans for it."""
        faults = self._hub.faults
        if faults.is_idle:
            self.queue(frame)
        else:
            faults.reply(self, frame)

    def queue(self, frame: bytes) -> None:
        """Queue a frame until the next flush."""
        if not self._output:
            self._hub.wants_flush(self)
        self._output.append(frame)
        if self._hub.recorder is not None:
            self._hub.recorder.take(self._hub.now(), self, "replies", frame[4:])

    def flush(self) -> None:
        """Write queued frames in one piece; while replies are muted they wait."""
        if "replies" in self._muted:
            return
        if self._output and self._transport is not None:
            written = b"".join(self._output)
            left = self._cuts.get("replies")
            if left is not None:
                self._cuts["replies"] = left - len(written)
                written = written[:left]
            self._transport.write(written)
            self.frames_out += len(self._output)
            if left is not None and self._cuts["replies"] <= 0:
                self._transport.close()
        self._output.clear()

    def cut(self, stream: Stream, after_bytes: int) -> None:
        """Close the socket once so many more bytes of a stream have passed."""
        if after_bytes == 0:
            self.abort()
        self._cuts[stream] = after_bytes

    def abort(self) -> None:
        """Reset the socket; what is queued is lost."""
        self._output.clear()
        if self._transport is not None:
            self._transport.abort()

    def mute(self, streams: Iterable[Stream]) -> None:
        """Stop reading requests or writing replies."""
        self._muted.update(streams)
        if "requests" in self._muted and self._transport is not None:
            self._transport.pause_reading()

    def unmute(self, streams: Iterable[Stream]) -> None:
        """Go on with what has waited."""
        self._muted.difference_update(streams)
        if "requests" not in self._muted and self._transport is not None:
            self._transport.resume_reading()
        self.flush()

    def close(self) -> None:
        """Write what is queued, then close the socket."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def _take(self, payload: bytes) -> None:
        if self._hub.recorder is not None:
            self._hub.recorder.take(self._hub.now(), self, "requests", payload)
        if not self.version:
            self._greet(payload)
        elif self.session is None:
            self._start(payload)
        elif self._hub.faults.is_idle:
            self.serve(payload)
        else:
            self._hub.faults.request(self, payload)

    def _greet(self, payload: bytes) -> None:
        versions = parse_hello(payload)
        if versions is None:
            self._refuse(f"expected a greeting like `v157..178`, found {payload!r}")
        elif versions[1] < VERSION_MIN:
            self._refuse(f"client too old: speaks up to {versions[1]}, needed {VERSION_MIN}")
        else:
            self.version = min(versions[1], self._hub.max_server_version)
            # Nothing may follow before startApi: some clients parse only the first frame of
            # the read that holds this one.
            self.send(replies.handshake(self.version, self._hub.time_text()))

    def _start(self, payload: bytes) -> None:
        try:
            request = decode(payload, self.version)
        except (MalformedMessageError, UnknownRequestError) as error:
            self._refuse(f"expected startApi: {error}")
            return
        if not isinstance(request, StartApi):
            self._refuse(f"expected startApi, found {type(request).__name__}")
            return
        self.session = self._hub.open_session(self, request.client_id)
        if self.session is None:
            text = (
                "Unable to connect as the client id is already in use. "
                "Retry with a unique client id."
            )
            self.send(replies.error(self.version, -1, 326, text))
            self.close()
            return
        self.session.greet()

    def serve(self, payload: bytes) -> None:
        """Carry out one request of a started session."""
        session = self.session
        if session is None:
            return  # The client left while its request was on its way.
        try:
            session.serve(decode(payload, self.version))
        except UnknownRequestError as error:
            log.warning("client %d: %s is not served", session.client_id, error)
            session.error(addressee(payload), 505, f"Fatal Error: Unknown message id: {error}")
        except MalformedMessageError as error:
            log.warning("client %d: %s", session.client_id, error)
            text = f"Server error when reading an API client request: {error}"
            session.error(addressee(payload), 320, text)
        except Exception as error:
            # One client's request must not end the server; the log keeps the cause.
            log.exception("client %d: request failed: %r", session.client_id, payload)
            text = f"Error processing request: cause - {error}"
            session.error(addressee(payload), 322, text)

    def _refuse(self, reason: str) -> None:
        log.warning("connection refused: %s", reason)
        self.close()

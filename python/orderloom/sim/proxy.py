"""A recorder between a client and TWS: bytes pass unchanged, messages are written down.

Run it as ``python -m orderloom.sim.proxy session.jsonl --tws-port 7497 --port 7490`` and let the
client connect to the second port. It listens on the loopback address only.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .recording import Recorder
from .wire import Frames, MalformedMessageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .messages import Stream

PREFIX = b"API\0"

log = logging.getLogger(__name__)


class RecordingProxy:
    """Passes connections on to a TWS and records them. `clock` returns UTC nanoseconds."""

    def __init__(
        self, recorder: Recorder, tws_host: str, tws_port: int, clock: Callable[[], int]
    ) -> None:
        self._recorder = recorder
        self._tws = tws_host, tws_port
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listen on the loopback address; port 0 takes a free one, to be read from `port`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        """The port listened on; raises `RuntimeError` while stopped."""
        if self._server is None:
            raise RuntimeError("port: the proxy is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return  # Streams are always served in a task.
        self._serving.add(task)
        ends = [writer]
        ways: list[asyncio.Task[None]] = []
        try:
            tws_reader, tws_writer = await asyncio.open_connection(*self._tws)
            ends.append(tws_writer)
            connection = object()
            ways = [
                asyncio.create_task(self._pass_on(connection, "requests", reader, tws_writer)),
                asyncio.create_task(self._pass_on(connection, "replies", tws_reader, writer)),
            ]
            # Either end's goodbye is the other's: TWS keeps no half-closed connections.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError as error:
            log.warning("no TWS at %s:%d: %s", *self._tws, error)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in ends:
                end.close()
            self._serving.discard(task)

    async def _pass_on(
        self,
        connection: object,
        stream: Stream,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
    ) -> None:
        frames: Frames | None = Frames()
        is_prefixed = stream == "replies"
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
            if frames is None:
                continue
            frames.push(chunk)
            if not is_prefixed:
                is_prefixed = frames.take(len(PREFIX)) is not None
            try:
                for payload in frames.payloads() if is_prefixed else ():
                    self._recorder.take(self._clock(), connection, stream, payload)
            except MalformedMessageError:
                frames = None  # No frames of ours: the bytes still pass, unrecorded.


async def _record(recorder: Recorder, arguments: argparse.Namespace) -> None:
    proxy = RecordingProxy(recorder, arguments.tws_host, arguments.tws_port, time.time_ns)
    await proxy.start(arguments.port)
    await asyncio.Event().wait()


def main(given: Sequence[str] | None = None) -> None:
    """Record until interrupted."""
    parser = argparse.ArgumentParser(description="Record sessions between a client and TWS.")
    parser.add_argument("file", help="where to write JSON lines; overwritten")
    parser.add_argument("--tws-host", default="127.0.0.1")
    parser.add_argument("--tws-port", type=int, default=7497)
    parser.add_argument("--port", type=int, default=7490, help="where clients connect")
    arguments = parser.parse_args(given)
    with Path(arguments.file).open("w", encoding="utf-8", buffering=1) as file:
        try:
            asyncio.run(_record(Recorder(file), arguments))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()

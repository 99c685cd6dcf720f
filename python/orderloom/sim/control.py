"""A local port through which faults are triggered while the simulated TWS runs.

One JSON object a line: a fault as the file of faults writes it, or ``{"do": "clear"}`` or
``{"do": "status"}``. Each is answered in a line: ``{"ok": …}`` or ``{"error": …}``. Off unless
started, loopback only, and the first line that is no JSON object ends the connection, so that no
web page can reach it by posting to it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import TYPE_CHECKING, Any

from orderloom.errors import ConfigError

from .faults import parse_fault

if TYPE_CHECKING:
    from .server import SimulatedTws

LINE_BYTES_MAX = 64 * 1024


class ControlPort:
    """Serves one simulated TWS. Raises `ValueError` for a host that is not loopback."""

    def __init__(self, tws: SimulatedTws, host: str = "127.0.0.1", port: int = 0) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"control port: expected a loopback address, found `{host}`")
        self._tws = tws
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; port 0 takes a free one, to be read from `port`."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=LINE_BYTES_MAX
        )

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def port(self) -> int:
        """The port listened on; raises `RuntimeError` while stopped."""
        if self._server is None:
            raise RuntimeError("port: the control port is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in reader:
                request = _object(line)
                if request is None:
                    break
                writer.write(json.dumps(self._answer(request)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # It left, or sent a line without end: nothing is owed to it.
        finally:
            writer.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        faults = self._tws.faults
        try:
            match request.get("do"):
                case None:
                    faults.inject(parse_fault(request))
                case "clear":
                    faults.clear()
                case "status":
                    clients = list(self._tws.client_ids)
                    return {"ok": {"seed": faults.seed, "armed": faults.armed, "clients": clients}}
                case other:
                    return {"error": f"do: expected `clear` or `status`, found `{other}`"}
        except (ConfigError, ValueError, KeyError) as error:
            return {"error": str(error)}
        return {"ok": True}


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

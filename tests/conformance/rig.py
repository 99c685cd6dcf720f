"""A simulated TWS with a hand on its clock and market, and a client that writes its own bytes."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ib_async.client import Client

from orderloom import _core
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.messages import name_of
from orderloom.sim.times import SECOND, Zone
from orderloom.sim.wire import message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ZONE = Zone("US/Eastern")
OPEN = ZONE.parse("20250922 09:30:00")
AAPL = SimInstrument(
    265598,
    "AAPL",
    long_name="APPLE INC",
    trading_hours="20250922:0400-20250922:2000",
    liquid_hours="20250922:0930-20250922:1600;20250923:CLOSED",
)
MSFT = SimInstrument(272093, "MSFT", long_name="MICROSOFT CORP")
PATIENCE = 5.0


class Exchange:
    """The simulated TWS and whatever drives it."""

    def __init__(
        self,
        venue: str = "{}",
        instruments: tuple[SimInstrument, ...] = (AAPL, MSFT),
        **options: Any,
    ) -> None:
        core: Any = _core
        self.now = OPEN
        self.venue = core.Venue(venue)
        self.tws = SimulatedTws(self.venue, instruments, clock=lambda: self.now, **options)

    def quote(
        self, bid: float, ask: float, con_id: int = AAPL.con_id, size: float = 10_000.0
    ) -> None:
        self.now += SECOND
        self.tws.publish_quote(self.now, con_id, bid, ask, size, size)

    def trade(self, price: float, size: float = 10_000.0) -> None:
        self.now += SECOND
        self.tws.publish_trade(self.now, AAPL.con_id, price, size)

    def positions(self) -> dict[int, str]:
        """What the venue holds, by number of the instrument."""
        held = json.loads(self.venue.positions())
        return {each["con_id"]: each["quantity"] for each in held if each["quantity"] != "0"}

    def cash(self) -> float:
        return float(json.loads(self.venue.account())["TotalCashValue"])

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)
        self.tws.advance(self.now)


@asynccontextmanager
async def opened(venue: str = "{}", **options: Any) -> AsyncIterator[Exchange]:
    exchange = Exchange(venue, **options)
    await exchange.tws.start()
    exchange.quote(99.99, 100.01)
    try:
        yield exchange
    finally:
        await exchange.tws.stop()
        await asyncio.sleep(0)


async def until(holds: Callable[[], object]) -> None:
    """Let the loop run until something holds; fail after a while."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class Raw:
    """A client that writes its own bytes and reads frames one by one."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setblocking(False)
        self._bytes = b""

    @classmethod
    async def started(cls, exchange: Exchange, client_id: int = 9) -> Raw:
        """Connect and read what every client is told first."""
        raw = cls(exchange.tws.port)
        await raw.write(hello(b"v157..178"), message("71", "2", str(client_id), ""))
        for _ in range(6):
            assert await raw.read()
        return raw

    async def write(self, *chunks: bytes) -> None:
        for chunk in chunks:
            await asyncio.get_running_loop().sock_sendall(self._socket, chunk)
            await asyncio.sleep(0)

    async def read(self) -> list[str] | None:
        """Return the fields of the next frame, or `None` at the end of the stream."""
        async with asyncio.timeout(PATIENCE):
            while len(self._bytes) < 4 or len(self._bytes) < 4 + self._length():
                try:
                    chunk = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
                except ConnectionError:
                    return None
                if not chunk:
                    return None
                self._bytes += chunk
        end = 4 + self._length()
        frame, self._bytes = self._bytes[4:end], self._bytes[end:]
        return frame.decode("utf-8", "replace").split("\0")[:-1]

    async def told(self, last: str) -> list[str]:
        """Return the names of the messages up to the first of a name."""
        names: list[str] = []
        while last not in names:
            fields = await self.read()
            assert fields is not None, f"the stream ended after {names}"
            names.append(name_of("replies", "\0".join([*fields, ""]).encode()))
        return names

    async def synchronised(self) -> list[str]:
        """Return the names of all messages before the answer to a request for the time."""
        await self.write(message("49", "1"))
        return (await self.told("currentTime"))[:-1]

    def _length(self) -> int:
        return int.from_bytes(self._bytes[:4], "big")

    def close(self) -> None:
        self._socket.close()


def encoded(act: Callable[[Any], object]) -> bytes:
    """Return the frame that ib_async's client writes for an act, at the newest version."""
    sent: list[str] = []
    make: Any = Client  # untyped there
    client = make(None)
    client.connState = Client.CONNECTED
    client._serverVersion = 178
    client.sendMsg = sent.append
    act(client)
    return message(*sent[0].split("\0")[:-1])


def hello(text: bytes) -> bytes:
    return b"API\0" + len(text).to_bytes(4, "big") + text


def order(order_id: int, action: str, quantity: str, kind: str, **fields: str) -> bytes:
    """Return placeOrder at version 178 for AAPL; fields by wire name."""
    head = {
        "lmtPrice": "",
        "auxPrice": "",
        "tif": "GTC",
        "parentId": "0",
        "transmit": "1",
        **fields,
    }
    text = (
        f"3|{order_id}|0|AAPL|STK||0.0|||SMART||USD|||||{action}|{quantity}|{kind}|"
        f"{head['lmtPrice']}|{head['auxPrice']}|{head['tif']}||||0|ref{order_id}|{head['transmit']}|"
        f"{head['parentId']}|0|0|0|0|0|0||0.0|||||||0||-1|0|||0|||0|0||0||||||0|||||0|||||||||||0|||0|0"
        "|||0||0|0|0|0|||||||0|||||||||0|0|0|0|||0|||"
    )
    return message(*text.split("|")[:-1])

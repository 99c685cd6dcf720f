"""How much does the simulated TWS carry?

Asked: 50 symbols of ticks at 20,000 messages a second in all to 4 clients, each in a process of
its own and subscribed to every symbol; 200 orders a second, filled at the market; a minute long,
without loss, in bounded memory. Then: how many messages a second where nobody waits?

`make load` runs the whole size; the ordinary tests run it small.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orderloom._core import Venue
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.wire import Frames, message

CLIENTS = 4
SYMBOLS = 50
BATCHES_PER_SECOND = 100
UNSENT_BYTES_MAX = 8_000_000
STARTS_AT = 1_758_547_800_000_000_000
CON_ID = 1000
OVER = b"987654"
"""Code of the notice that ends a load."""


@dataclass
class Client:
    """What one client saw: its messages, and its orders from request to first status."""

    ticks: int = 0
    others: int = 0
    orders: int = 0
    fills: int = 0
    latencies_ms: tuple[float, ...] = ()


@dataclass
class Figures:
    """What a load came to."""

    seconds: float
    ticks_sent: int
    ticks_heard: int
    orders: int
    fills: int
    order_ms_median: float
    order_ms_99: float
    late_ms_max: float
    cpu_seconds: float
    memory_mb_start: float
    memory_mb_end: float

    @property
    def ticks_per_second(self) -> float:
        return self.ticks_heard / self.seconds


def request_ticks(request: int) -> bytes:
    contract = (str(CON_ID + request), "", "STK", "", "0", "", "", "SMART", "", "USD", "", "")
    return message("1", "11", str(request), *contract, "0", "", "0", "0", "")


def buy(order_id: int) -> bytes:
    text = (
        f"3|{order_id}|{CON_ID}||STK||0.0|||SMART||USD|||||BUY|1|MKT|||DAY||||0||1|0|0|0|0|0|0|0||0.0"
        "|||||||0||-1|0|||0|||0|0||0||||||0|||||0|||||||||||0|||0|0|||0||0|0|0|0|||||||0|||||||||0|0|"
        "0|0|||0|||"
    )
    return message(*text.split("|")[:-1])


def run_client(port: int, number: int, symbols: int, orders_per_second: float) -> Client:
    """Subscribe to every symbol, place orders on time, and count until told that it is over."""
    seen, frames = Client(), Frames()
    line = socket.create_connection(("127.0.0.1", port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(b"API\0\0\0\0\x09v157..178" + message("71", "2", str(number), ""))
    for request in range(symbols):
        line.sendall(request_ticks(request))
    sent_at: dict[bytes, float] = {}
    latencies: list[float] = []
    next_id, due = number * 1_000_000, 0.0
    while True:
        now = time.perf_counter()
        if orders_per_second and now >= due and seen.ticks:
            due = max(due, now - 1.0) + 1 / orders_per_second
            next_id += 1
            seen.orders += 1
            line.sendall(buy(next_id))
            sent_at[str(next_id).encode()] = now
        wait = max(0.0, due - time.perf_counter()) if orders_per_second and seen.ticks else 1.0
        if not select.select([line], [], [], wait)[0]:
            continue
        chunk = line.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server left")
        frames.push(chunk)
        for payload in frames.payloads():
            head = payload[:3]
            if head == b"1\x006":
                seen.ticks += 1
                continue
            seen.others += 1
            if OVER in payload:
                orders_per_second = 0.0
                line.sendall(message("49", "1"))  # answered after every order
            elif payload.startswith(b"49\0"):
                line.close()
                seen.latencies_ms = tuple(latencies)
                return seen
            if head == b"3\x00" + payload[2:3]:
                asked = sent_at.pop(payload.split(b"\0", 2)[1], None)
                if asked is not None:
                    latencies.append((time.perf_counter() - asked) * 1000)
            elif head == b"11\x00":
                seen.fills += 1


class Load:
    """A server, its clients in processes of their own, and a hand on the market."""

    def __init__(self, symbols: int) -> None:
        self.now = STARTS_AT
        self.symbols = symbols
        config = {"cash": "1000000000000", "commission": "none"}
        listed = [SimInstrument(CON_ID + n, f"S{n:02}") for n in range(symbols)]
        self.tws = SimulatedTws(Venue(json.dumps(config)), listed, clock=lambda: self.now)
        self.clients: list[subprocess.Popen[str]] = []
        self.quotes = 0

    async def start(self, clients: int, orders_per_second: float) -> None:
        await self.tws.start()
        for number in range(1, clients + 1):
            arguments = ("client", self.tws.port, number, self.symbols, orders_per_second / clients)
            self.clients.append(
                subprocess.Popen(  # noqa: ASYNC220 - before anything runs
                    [sys.executable, __file__, *map(str, arguments)],
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        # A greeting, a start and a request for each symbol.
        while self.tws.frames_in < clients * (2 + self.symbols):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    def quote(self) -> None:
        """Change both sides of the next symbol's quote: two ticks for each client."""
        self.quotes += 1
        symbol, turn = self.quotes % self.symbols, self.quotes // self.symbols % 100
        price = 100.0 + turn / 100
        self.tws.publish_quote(self.now, CON_ID + symbol, price, price + 0.02, 1000.0, 1000.0)

    @property
    def unsent_bytes(self) -> int:
        transports: list[Any] = [each._transport for each in self.tws.connections]
        return sum(each.get_write_buffer_size() for each in transports if each is not None)

    async def end(self) -> list[Client]:
        self.tws.notice(int(OVER), "the load is over")
        while self.tws.client_ids:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await self.tws.stop()
        heard = [client.communicate(timeout=30)[0] for client in self.clients]
        return [Client(**json.loads(text.splitlines()[-1])) for text in heard]


def resident_mb() -> float:
    file = Path("/proc/self/statm")
    if not file.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return int(file.read_text().split()[1]) * resource.getpagesize() / 1e6


async def carry(
    seconds: float,
    *,
    ticks_per_second: float | None,
    orders_per_second: float,
    symbols: int = SYMBOLS,
    clients: int = CLIENTS,
) -> Figures:
    """Send ticks for a while, at a pace or (without one) as fast as the clients read."""
    load = Load(symbols)
    await load.start(clients, orders_per_second)
    told_before = load.quotes
    memory = resident_mb()
    began, cpu, late = time.monotonic(), time.process_time(), 0.0
    batch = 0
    is_paced = ticks_per_second is not None
    while batch < seconds * BATCHES_PER_SECOND if is_paced else _since(began) < seconds:
        if ticks_per_second is None:
            wanted = load.quotes + 200
            while load.unsent_bytes > UNSENT_BYTES_MAX:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        else:
            batch += 1
            due = batch / BATCHES_PER_SECOND
            if (early := due - _since(began)) > 0:
                await asyncio.sleep(early)
            late = max(late, _since(began) - due)
            wanted = told_before + int(due * ticks_per_second / (2 * clients))
        load.now = STARTS_AT + int(_since(began) * 1e9)
        with load.tws.burst():
            while load.quotes < wanted:
                load.quote()
            load.tws.advance(load.now)
        await asyncio.sleep(0)
    took, cpu, grown = _since(began), time.process_time() - cpu, resident_mb()
    seen = await load.end()
    latencies = sorted(ms for each in seen for ms in each.latencies_ms) or [0.0]
    return Figures(
        seconds=took,
        ticks_sent=2 * clients * (load.quotes - told_before),
        ticks_heard=sum(each.ticks for each in seen),
        orders=sum(each.orders for each in seen),
        fills=sum(each.fills for each in seen),
        order_ms_median=latencies[len(latencies) // 2],
        order_ms_99=latencies[len(latencies) * 99 // 100],
        late_ms_max=late * 1000,
        cpu_seconds=cpu,
        memory_mb_start=memory,
        memory_mb_end=grown,
    )


def _since(began: float) -> float:
    return time.monotonic() - began


def test_nothing_is_lost_and_every_order_is_answered() -> None:
    figures = asyncio.run(
        carry(1.0, ticks_per_second=2000, orders_per_second=40, symbols=5, clients=2)
    )
    assert figures.ticks_heard == figures.ticks_sent >= 1000
    assert figures.fills == figures.orders > 0


def main() -> None:
    """Print the figures of the whole size, and where the limit is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ticks", type=float, default=20_000.0, help="Messages a second in all.")
    parser.add_argument("--orders", type=float, default=200.0, help="Orders a second in all.")
    given = parser.parse_args()
    for name, seconds, ticks in (("paced", given.seconds, given.ticks), ("limit", 10.0, None)):
        gc.collect()
        figures = asyncio.run(
            carry(seconds, ticks_per_second=ticks, orders_per_second=given.orders)
        )
        print(f"{name}: {figures.ticks_per_second:,.0f} ticks/s, {json.dumps(asdict(figures))}")
        if figures.ticks_heard != figures.ticks_sent or figures.fills != figures.orders:
            sys.exit("messages were lost")


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        port, number, symbols = map(int, sys.argv[2:5])
        print(json.dumps(asdict(run_client(port, number, symbols, float(sys.argv[5])))))
    else:
        main()

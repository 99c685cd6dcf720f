"""How long from a quote to the last byte of its bracket, and where do the microseconds go?

Asked, each beside what a script on `ib_async` does with the same bytes:

- A quote arrives on the socket of a simulated TWS in a process of its own, and a bracket leaves:
  our connection, runner and engine, with the journal collecting behind them, beside the `IB` facade
  with `bracketOrder` and `placeOrder`. The clock runs from the moment at which the event loop hands
  over the bytes until the third order's were handed to the socket. Once with nothing else to hear,
  so that every quote finds the processor's caches taken by others, and once with the quotes of
  another instrument coming all the while. The engine's part includes making its commands Python
  objects. `fsync` is what one order waits for besides, on this disk. What the engine's part takes
  is fetching: with nothing in the caches, a quote that leads to a bracket touches 930 lines of code
  and 370 of data, and its commands 65 and 35 more (cachegrind with 2 MB as the last level, swept
  before each); with all of it at hand the same 13,000 instructions take a twentieth.
- Market data through the decoder into the engine, beside `ib_async`'s client with a wrapper that
  does nothing, on the same chunks.
- Order statuses and fills through our wrapper into the engine, beside the `IB` facade.

Medians, in µs or messages/s, are in the JSON as `extra_info`.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from ib_async import IB, Contract, LimitOrder
from ib_async.client import Client
from ib_async.connection import Connection

from benches.live_exchange import LOW
from orderloom._core import Event
from orderloom.clock import SystemClock
from orderloom.config import parse_settings
from orderloom.journal import Header, Journal
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.runner import Runner
from orderloom.tws import TWSConnection, TWSSettings
from orderloom.tws.decoder import WireClient
from orderloom.tws.instruments import Instruments
from orderloom.tws.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from orderloom._core import Outcome

SERVER_VERSION = 178
PLACE_ORDER = b"3\x00"
FIRST_ID = 1_000_000_000
ACCOUNT = "DU0000001"


@pytest.fixture(scope="module")
def is_full(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


# -- from a quote to its bracket -------------------------------------------------------------------


class Stopwatch:
    """Times the handling of received bytes until the third order has left, and steps within."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.totals: list[float] = []
        self.steps: dict[str, list[float]] = defaultdict(list)
        self._began = 0
        self._left: list[int] = []
        received: Any = Connection.data_received
        sent: Any = Connection.sendMsg

        def data_received(connection: Any, data: bytes) -> None:
            self._left.clear()
            self._step: dict[str, int] = defaultdict(int)
            self._began = time.perf_counter_ns()
            received(connection, data)
            if len(self._left) >= 3:
                # Where two quotes came in one piece, it is the first one's bracket.
                self.totals.append((self._left[2] - self._began) / 1_000)
            if len(self._left) == 3:
                for name, spent in self._step.items():
                    self.steps[name].append(spent / 1_000)

        def send(connection: Any, message: bytes) -> None:
            began = time.perf_counter_ns()
            sent(connection, message)
            ended = time.perf_counter_ns()
            if message[4:6] == PLACE_ORDER:
                self._left.append(ended)
                self.spent("write", ended - began)

        self._step = defaultdict(int)
        monkeypatch.setattr(Connection, "data_received", data_received)
        monkeypatch.setattr(Connection, "sendMsg", send)

    def spent(self, step: str, nanoseconds: int) -> None:
        self._step[step] += nanoseconds

    def watch(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, step: str) -> None:
        """Count the time in a method as this step."""
        method = getattr(owner, name)

        def timed(*arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter_ns()
            try:
                return method(*arguments, **keywords)
            finally:
                self.spent(step, time.perf_counter_ns() - began)

        monkeypatch.setattr(owner, name, timed)


class Dispatches:
    """Hears how long the engine took over each event that led to orders."""

    def __init__(self, shell: Runner, watch: Stopwatch) -> None:
        self._shell = shell
        self._watch = watch
        self._seen: object = None

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        dispatch = self._shell.last_dispatch
        if dispatch is not None and dispatch is not self._seen:
            self._seen = dispatch
            self._watch.spent("engine", dispatch.engine_ns)


@contextmanager
def exchange(symbols: int, flow: int) -> Iterator[tuple[int, Callable[[], None]]]:
    """A simulated TWS in its own process: its port, and what opens the markets.

    Besides, `flow` quotes a second come of an instrument that is not to be traded.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benches.live_exchange", str(symbols), str(flow)],
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    stdin = process.stdin

    def go() -> None:
        stdin.write("go\n")
        stdin.flush()

    try:
        yield int(process.stdout.readline()), go
    finally:
        process.kill()
        process.communicate()


class Unhurried(Journal):
    """Writes everything, but no order waits for the disk."""

    def commit(self) -> int:
        return 0


def runner(directory: Path, symbols: int, journal: type[Journal] = Unhurried) -> Runner:
    settings = parse_settings(
        f"""
        market: {{calendar: always, symbols: [{", ".join(f"S{n}" for n in range(symbols))}]}}
        limits: {{max_open_contexts: 1000}}
        rules:
          - name: enter
            on: Quote
            when: position.is_flat and not context.is_open and market.bid > {LOW}
            do: [enter: {{side: BUY, shares: 100, limit: 101,
                          stop: {{percent: 3}}, target: {{percent: 8}}}}]
        """,
        environment={},
    )
    config = settings.engine_config("bench")
    header = Header("0.0.0", config, settings.symbols, ACCOUNT, 0)
    return Runner(
        config, clock=SystemClock(), journal=journal.create(directory / "journal.db", header),
        on_problem=lambda _: None,
    )  # fmt: skip


async def ours(port: int, symbols: int, go: Callable[[], None], shell: Runner) -> None:
    broker = TWSConnection(
        TWSSettings(port=port, mode="sim", client_id=7, is_paced=False),
        [ContractSpec(symbol=f"S{number}") for number in range(symbols + 1)],
        clock=SystemClock(), sink=shell.post, on_problem=lambda _: None, on_sent=shell.on_sent,
    )  # fmt: skip
    shell.connect(broker)
    await broker.connect()
    await broker.start_market([MarketSubscription(symbol=n) for n in range(symbols + 1)])
    await broker.barrier()
    async with asyncio.timeout(60):
        while shell.engine.mode != "Active":  # noqa: ASYNC110 - told by the snapshot's end
            await asyncio.sleep(0.01)
        go()
        while shell.sent < 3 * symbols:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await broker.disconnect()


async def facade(port: int, symbols: int, go: Callable[[], None]) -> None:
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=8)
    sent = 0

    def bracket(ticker: Any) -> None:
        nonlocal sent
        if ticker.contract.conId in done or not ticker.ask > LOW:
            return
        done.add(ticker.contract.conId)
        orders = ib.bracketOrder(
            "BUY", 100, limitPrice=round(ticker.ask * 1.01, 2),
            takeProfitPrice=round(ticker.ask * 1.08, 2), stopLossPrice=round(ticker.ask * 0.97, 2),
        )  # fmt: skip
        for order in orders:
            order.tif = "DAY"
            ib.placeOrder(ticker.contract, order)
            sent += 1

    done: set[int] = set()
    for number in range(symbols + 1):
        contract = Contract(
            secType="STK", conId=1_000 + number, symbol=f"S{number}", exchange="SMART",
            currency="USD",
        )  # fmt: skip
        ib.reqMktData(contract).updateEvent += bracket
    await ib.reqCurrentTimeAsync()
    go()
    async with asyncio.timeout(60):
        while sent < 3 * symbols:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    ib.disconnect()


@pytest.mark.parametrize("flow", [0, 500])
@pytest.mark.parametrize("way", ["orderloom", "IB facade"])
def test_from_a_quote_to_the_last_byte_of_its_bracket(
    benchmark: BenchmarkFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_full: bool,
    way: str,
    flow: int,
) -> None:
    benchmark.group = f"a quote to its bracket, {flow} other quotes a second"
    symbols = 90 if is_full else 3
    watch = Stopwatch(monkeypatch)

    def run() -> None:
        with exchange(symbols, flow) as (port, go):
            if way == "IB facade":
                asyncio.run(facade(port, symbols, go))
                return
            shell = runner(tmp_path, symbols + 1)
            watch.watch(monkeypatch, Client, "placeOrder", "encode and write")
            watch.watch(monkeypatch, shell.journal, "append_event", "journal")
            watch.watch(monkeypatch, shell.journal, "append_outcome", "journal")
            shell.listeners.append(Dispatches(shell, watch))
            asyncio.run(ours(port, symbols, go, shell))
            shell.journal.close()

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]  # in pytest-benchmark
    # On a busy machine several quotes come in one piece.
    assert symbols / 4 <= len(watch.totals) <= symbols
    ordered = sorted(watch.totals)
    benchmark.extra_info["p50 us"] = round(median(ordered), 1)
    benchmark.extra_info["p99 us"] = round(ordered[int(len(ordered) * 0.99)], 1)
    for step, spent in watch.steps.items():
        benchmark.extra_info[f"of which {step}"] = round(median(spent), 1)


def test_what_the_disk_adds(benchmark: BenchmarkFixture, tmp_path: Path, is_full: bool) -> None:
    benchmark.group = "a quote to its bracket"
    with Journal.create(tmp_path / "journal.db", Header("0", "{}", (), "", 0)) as journal:
        seq = count(1)

        def append() -> None:
            journal.append_event(next(seq), 0, Event.operator("halt"))

        benchmark.pedantic(  # type: ignore[no-untyped-call]  # as above
            journal.commit, setup=append, rounds=200 if is_full else 3
        )


# -- messages, chunk by chunk ----------------------------------------------------------------------


def frame(*fields: object) -> bytes:
    body = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def quotes(number: int, streams: int) -> list[bytes]:
    """Bid, its size, ask, its size: the four messages of a quote, as TWS sends them."""
    rng, price, made = random.Random(1), 100.0, []
    for index in range(number):
        request = FIRST_ID + index % streams
        price = round(max(price + rng.gauss(0, 0.02), 5), 2)
        size = rng.randrange(1, 50) * 100
        made.append(
            frame(1, 6, request, 1, price, size, 0)
            + frame(2, 6, request, 0, size)
            + frame(1, 6, request, 2, round(price + 0.01, 2), size, 0)
            + frame(2, 6, request, 3, size)
        )
    return made


class Empty:
    """A wrapper that does nothing with what it is told."""

    def priceSizeTick(self, *_: object) -> None: ...  # noqa: N802 - the decoder's names
    def tickSize(self, *_: object) -> None: ...  # noqa: N802 - as above
    def tcpDataArrived(self) -> None: ...  # noqa: N802 - as above
    def tcpDataProcessed(self) -> None: ...  # noqa: N802 - as above


def logged_in(client: Any) -> Callable[[bytes], None]:
    """Where the socket's bytes go in, the greeting being over."""
    client._serverVersion = client.decoder.serverVersion = SERVER_VERSION
    client._apiReady = True
    client.connState = Client.CONNECTED
    into: Callable[[bytes], None] = client._onSocketHasData
    return into


def wrapped(shell: Runner, symbols: int) -> Callable[[bytes], None]:
    clock = SystemClock()
    instruments = Instruments([ContractSpec(symbol=f"S{n}") for n in range(symbols)])
    wrapper = Wrapper(
        client_id=7, request_ids=count(FIRST_ID), instruments=instruments, sink=shell.post,
        on_problem=print, on_notice=print, on_closed=lambda: None, on_overlong=lambda: None,
    )  # fmt: skip
    client = WireClient(wrapper, clock, None, print)
    wrapper.bytes_pending = client.bytes_pending
    wrapper.account = ACCOUNT
    for number in range(symbols):
        wrapper.stream_quotes(FIRST_ID + number, number, f"S{number}", wants_live=True)
    wrapper.release()
    return logged_in(client)


def settled(before: list[Runner], shell: Runner) -> Runner:
    """Return the shell of the next round, the journal of the last one being written out.

    Else its thread would still be at it while the next round is timed.
    """
    if before:
        before[-1].journal.close()
    return shell


@pytest.mark.parametrize("quotes_per_chunk", [1, 16])
@pytest.mark.parametrize("way", ["orderloom", "bare client"])
def test_market_data_into_the_engine(
    benchmark: BenchmarkFixture, tmp_path: Path, is_full: bool, way: str, quotes_per_chunk: int
) -> None:
    benchmark.group = f"market data, {quotes_per_chunk} quotes in a chunk"
    number, streams = (20_000 if is_full else 400), 10
    said = quotes(number, streams)
    chunks = [
        b"".join(said[start : start + quotes_per_chunk])
        for start in range(0, number, quotes_per_chunk)
    ]
    shells: list[Runner] = []

    def prepare() -> tuple[tuple[Callable[[bytes], None]], dict[str, object]]:
        if way == "bare client":
            return (logged_in(Client(Empty())),), {}  # type: ignore[no-untyped-call]  # in ib_async
        shells.append(settled(shells, runner(tmp_path / str(len(shells)), streams)))
        return (wrapped(shells[-1], streams),), {}

    def feed(into: Callable[[bytes], None]) -> None:
        for chunk in chunks:
            into(chunk)

    benchmark.pedantic(feed, setup=prepare, rounds=5 if is_full else 1)  # type: ignore[no-untyped-call]  # as above
    for shell in shells:
        # The engine has heard of every change, and of the newest prices.
        assert shell.engine.mark(0) is not None
        shell.journal.close()
        with Journal.open(shell.journal.path) as recording:
            heard = len(list(recording.events("quote")))
        assert number * 0.95 < heard <= number
    if benchmark.stats is not None:
        rate = 4 * number / benchmark.stats.stats.median
        benchmark.extra_info["messages_per_s"] = round(rate)


def order_talk(orders: int) -> list[bytes]:
    """An order's status, its fill, its commission, its status again."""
    made = []
    for number in range(1, orders + 1):
        made.append(frame(3, number, "Submitted", 0, 100, 0, 900 + number, 0, 0, 7, "", 0))
        made.append(
            frame(11, -1, number, 1_000, "S0", "STK", "", 0.0, "", "", "SMART", "USD", "S0", "S0",
                  f"e{number}.01", "20260310 10:00:00 US/Eastern", ACCOUNT, "SMART", "BOT", 100,
                  100.5, 900 + number, 7, 0, 100, 100.5, f"ref{number}", "", "", "", 2, 0)
            + frame(59, 1, f"e{number}.01", 1.0, "USD", "", "", "")
            + frame(3, number, "Filled", 100, 0, 100.5, 900 + number, 0, 100.5, 7, "", 0)
        )  # fmt: skip
    return made


@pytest.fixture
def loop() -> Iterator[None]:
    """An event loop for the facade to find, which otherwise makes one and leaves it open."""
    with closing(asyncio.new_event_loop()) as made:
        asyncio.set_event_loop(made)
        yield
        asyncio.set_event_loop(None)


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("way", ["orderloom", "IB facade"])
def test_statuses_and_fills(
    benchmark: BenchmarkFixture, tmp_path: Path, is_full: bool, way: str
) -> None:
    benchmark.group = "order statuses, fills, commissions"
    orders = 500 if is_full else 20
    chunks = order_talk(orders)
    shells: list[Runner] = []
    facades: list[IB] = []

    def prepare() -> tuple[tuple[Callable[[bytes], None]], dict[str, object]]:
        if way == "orderloom":
            shells.append(settled(shells, runner(tmp_path / str(len(shells)), 1)))
            return (wrapped(shells[-1], 1),), {}
        ib = IB()
        into = logged_in(ib.client)
        ib.wrapper.clientId = 7
        conn: Any = ib.client.conn
        conn.sendMsg = lambda _: None
        contract = Contract(secType="STK", conId=1_000, symbol="S0", exchange="SMART",
                            currency="USD")  # fmt: skip
        ib.client._reqIdSeq = 1
        for _ in range(orders):
            ib.placeOrder(contract, LimitOrder("BUY", 100, 101.0))
        facades.append(ib)
        return (into,), {}

    def feed(into: Callable[[bytes], None]) -> None:
        for chunk in chunks:
            into(chunk)

    benchmark.pedantic(feed, setup=prepare, rounds=5 if is_full else 1)  # type: ignore[no-untyped-call]  # as above
    for ib in facades:
        assert sum(trade.orderStatus.status == "Filled" for trade in ib.trades()) == orders
        assert len(ib.fills()) == orders
    for shell in shells:
        shell.journal.close()
        with Journal.open(shell.journal.path) as recording:
            heard = {
                kind: len(list(recording.events(kind)))
                for kind in ("order_status", "execution", "commission")
            }
        assert heard == {"order_status": 2 * orders, "execution": orders, "commission": orders}
        assert json.loads(shell.engine.live_orders()) == []
    if benchmark.stats is not None:
        each = benchmark.stats.stats.median / (4 * orders)
        benchmark.extra_info["us_per_message"] = round(each * 1e6, 2)

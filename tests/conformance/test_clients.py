"""Four unmodified clients against the simulated TWS: one suite, the same facts.

Each client runs as a process. `make conformance` asks for all of them (`ORDERLOOM_CLIENTS=all`),
each in an environment of its own; otherwise ib_async runs alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.sim import Bar
from orderloom.sim.times import SECOND

from .rig import AAPL, OPEN, Exchange, opened, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ENVIRONMENTS = Path(__file__).parents[2] / ".venvs"
SCRIPTS = Path(__file__).parent / "clients"
CLIENTS = {
    "ib_async": ("insync.py", 178),
    "ib_insync": ("insync.py", 176),
    "ibapi": ("official.py", 157),
    "nautilus-ibapi": ("official.py", 178),
}
PATIENCE = 10.0
MINUTE = 60 * SECOND

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Peer:
    """A client in its own process: commands in, facts out."""

    def __init__(self, process: asyncio.subprocess.Process, exchange: Exchange) -> None:
        self._process = process
        self._exchange = exchange
        self.facts: list[dict[str, Any]] = []
        self._read = 0
        self._next_id = 0

    async def say(self, do: str, **values: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
        await self._process.stdin.drain()

    async def connect(self, client_id: int = 5) -> dict[str, Any]:
        await self.say("connect", port=self._exchange.tws.port, client_id=client_id)
        connected = await self.fact("connected")
        # Far from the ids of requests, which some clients count in the same sequence.
        self._next_id = connected["next_id"] + 1000
        return connected

    async def place(
        self, action: str, quantity: int, kind: str, order_id: int | None = None, **fields: Any
    ) -> int:
        if order_id is None:
            self._next_id += 1
            order_id = self._next_id
        await self.say(
            "place", id=order_id, action=action, quantity=quantity, type=kind,
            **{"tif": "GTC", "ref": f"r{order_id}", **fields},
        )  # fmt: skip
        return order_id

    async def fact(self, name: str, **expected: Any) -> dict[str, Any]:
        """Return the next fact of a name with the given values; pass over others."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    while self._read == len(self.facts):
                        await self._take()
                    fact = self.facts[self._read]
                    self._read += 1
                    if fact["fact"] == name and expected.items() <= fact.items():
                        return fact
        except TimeoutError:
            tail = "\n".join(str(fact) for fact in self.facts[-12:])
            pytest.fail(f"expected {name} {expected}, found\n{tail}")

    async def until_end(self, end: str, name: str) -> list[dict[str, Any]]:
        """Return the facts of a name up to an end marker."""
        start = self._read
        await self.fact(end)
        return [fact for fact in self.facts[start : self._read] if fact["fact"] == name]

    def rewind(self) -> None:
        """Let the next `fact` look at everything again."""
        self._read = 0

    async def _take(self) -> None:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise TimeoutError
        if line.startswith(b"{"):  # clients print what they like beside it
            self.facts.append(json.loads(line))


ASKED = CLIENTS if os.environ.get("ORDERLOOM_CLIENTS") == "all" else ("ib_async",)


@pytest.fixture(params=ASKED)
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def peer_of(client: str, exchange: Exchange) -> AsyncIterator[Peer]:
    script, _ = CLIENTS[client]
    own = ENVIRONMENTS / client / "bin" / "python"
    is_ours = client == "ib_async" and not own.exists()  # the one that we depend on ourselves
    python = sys.executable if is_ours else str(own)
    process = await asyncio.create_subprocess_exec(
        python, str(SCRIPTS / script),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Peer(process, exchange)
    finally:
        process.kill()
        await process.communicate()


@asynccontextmanager
async def running(
    client: str, venue: str = "{}", **options: Any
) -> AsyncIterator[tuple[Exchange, Peer]]:
    async with opened(venue, **options) as exchange, peer_of(client, exchange) as peer:
        await peer.connect()
        yield exchange, peer


async def test_connects_at_its_version_and_describes_contracts(client: str) -> None:
    async with opened() as exchange, peer_of(client, exchange) as peer:
        connected = await peer.connect()
        assert connected["version"] == CLIENTS[client][1]
        assert connected["account"] == "DU0000001"
        await peer.say("contract", symbol="AAPL")
        (contract,) = await peer.until_end("contract_end", "contract")
        assert (contract["con_id"], contract["name"], contract["tick"]) == (
            AAPL.con_id, "APPLE INC", 0.01,
        )  # fmt: skip
        await peer.say("contract", symbol="NOPE")
        await peer.fact("error", code=200)


async def test_sees_the_market_and_its_past(client: str) -> None:
    async with running(client) as (exchange, peer):
        past = [Bar(OPEN - n * MINUTE, 100, 101, 99, 100 + n / 10, 500) for n in range(1, 6)]
        exchange.tws.load_history(AAPL.con_id, past)
        await peer.say("ticks", symbol="AAPL")
        await peer.fact("tick", kind="bid", price=99.99)
        exchange.trade(100.5)
        await peer.fact("tick", kind="last", price=100.5)
        await peer.say("history", symbol="AAPL", duration="600 S", size="1 min")
        bars = await peer.until_end("history_end", "bar")
        assert [bar["close"] for bar in bars] == [100.5, 100.4, 100.3, 100.2, 100.1, 100.5]
        before = exchange.tws.frames_in
        await peer.say("live_bars", symbol="AAPL")
        await until(lambda: exchange.tws.frames_in > before)
        exchange.trade(101.0)
        exchange.wait(10)
        bar = await peer.fact("live_bar", close=101.0)
        assert bar["time"] % 5 == 0


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "LMT": ({"limit": 90.0}, {"limit": 101.0}),
    "STP": ({"aux": 110.0}, {"aux": 100.5}),
    "STP LMT": ({"aux": 110.0, "limit": 111.0}, {"aux": 100.5, "limit": 102.0}),
    "TRAIL": ({"aux": 9.0}, {"aux": 0.5}),
    "TRAIL LIMIT": (
        {"aux": 9.0, "trail_stop": 110.0, "limit_offset": 1.0},
        {"aux": 9.0, "trail_stop": 100.5, "limit_offset": 1.0},
    ),
    "MIT": ({"aux": 90.0}, {"aux": 102.0}),
    "LIT": ({"aux": 90.0, "limit": 90.0}, {"aux": 102.0, "limit": 102.0}),
    "REL": ({"aux": 0.0, "limit": 90.0}, {"aux": 9.0, "limit": 102.0}),
    "PEG MID": ({"limit": 90.0}, {"limit": 102.0}),
    "LOC": ({"limit": 90.0, "tif": "DAY"}, {"limit": 102.0, "tif": "DAY"}),
    "MOC": ({"tif": "DAY"}, {"tif": "DAY"}),
}
AT_THE_CLOSE = ("LOC", "MOC")


@pytest.mark.parametrize("kind", KINDS)
async def test_places_modifies_cancels_and_fills(client: str, kind: str) -> None:
    resting, marketable = KINDS[kind]
    async with running(client) as (exchange, peer):
        first = await peer.place("BUY", 100, kind, **resting)
        opened_order = await peer.fact("open", id=first)
        assert opened_order["type"] == kind
        assert opened_order["quantity"] == 100
        assert opened_order["ref"] == f"r{first}"
        assert opened_order["perm_id"] > 0
        await peer.place("BUY", 50, kind, first, **resting)
        await peer.fact("status", id=first, remaining=50.0)
        await peer.say("cancel", id=first)
        await peer.fact("status", id=first, status="Cancelled", filled=0.0)

        second = await peer.place("BUY", 100, kind, **resting)
        await peer.fact("status", id=second)
        await peer.place("BUY", 100, kind, second, **marketable)
        if kind in AT_THE_CLOSE:
            await until(lambda: _is_changed(exchange, marketable))
            exchange.trade(101.0)
            exchange.tws.set_session(exchange.now, AAPL.con_id, False)
        else:
            await until(lambda: _is_changed(exchange, marketable))
            exchange.trade(100.0)
            exchange.quote(101.0, 101.01)
            exchange.trade(101.0)
        fill = await peer.fact("fill", id=second)
        assert (fill["side"], fill["total"]) == ("BOT", 100)
        commission = await peer.fact("commission", exec_id=fill["exec_id"])
        assert commission["amount"] == 1.0
        peer.rewind()
        await peer.fact("status", id=second, status="Filled", remaining=0.0)


def _is_changed(exchange: Exchange, wanted: dict[str, Any]) -> bool:
    live = json.loads(exchange.venue.orders())
    if not live:
        return True  # It was filled at once.
    (order,) = live
    held = {
        "limit": order["limit_price"],
        "aux": order["stop_price"],
        "trail_stop": order["trail_stop_price"],
    }
    return all(float(held[key] or 0) == value for key, value in wanted.items() if key in held)


@pytest.mark.parametrize("kind", ["MKT", "MTL"])
async def test_market_types_wait_modified_or_cancelled_for_the_open(client: str, kind: str) -> None:
    async with running(client) as (exchange, peer):
        exchange.tws.set_session(exchange.now, AAPL.con_id, False)
        first = await peer.place("BUY", 100, kind)
        await peer.fact("status", id=first, status="PreSubmitted")
        await peer.say("cancel", id=first)
        await peer.fact("status", id=first, status="Cancelled", filled=0.0)
        second = await peer.place("BUY", 100, kind)
        await peer.fact("status", id=second, status="PreSubmitted", remaining=100.0)
        await peer.place("BUY", 50, kind, second)
        await peer.fact("status", id=second, remaining=50.0)
        exchange.tws.set_session(exchange.now, AAPL.con_id, True)
        await peer.fact("fill", id=second, total=50.0, price=100.01)


async def test_market_types_and_short_lives(client: str) -> None:
    async with running(client) as (exchange, peer):
        for kind in ("MKT", "MTL"):
            number = await peer.place("BUY", 10, kind, tif="DAY")
            assert (await peer.fact("fill", id=number))["price"] == 100.01
        number = await peer.place("BUY", 10, "LMT", limit=99.0, tif="IOC")
        await peer.fact("status", id=number, status="Cancelled")
        number = await peer.place("BUY", 20_000, "LMT", limit=100.01, tif="FOK")
        await peer.fact("status", id=number, status="Cancelled", filled=0.0)
        number = await peer.place(
            "BUY", 10, "LMT", limit=99.0, tif="GTD", good_till="20250922 09:31:00 US/Eastern"
        )
        await peer.fact("status", id=number)
        exchange.wait(90)
        await peer.fact("status", id=number, status="Cancelled")
        number = await peer.place("SELL", 20, "MOC", tif="DAY")
        await peer.fact("status", id=number, status="PreSubmitted")
        opening = await peer.place("BUY", 5, "MKT", tif="OPG")
        await peer.fact("status", id=opening, status="PreSubmitted")
        exchange.trade(100.0)
        exchange.tws.set_session(exchange.now, AAPL.con_id, False)
        assert (await peer.fact("fill", id=number))["price"] == 100.0
        exchange.tws.set_session(exchange.now, AAPL.con_id, True)
        assert (await peer.fact("fill", id=opening))["quantity"] == 5


async def test_a_bracket_and_an_oca_group_end_with_one_exit(client: str) -> None:
    async with running(client) as (exchange, peer):
        entry = await peer.place("BUY", 100, "LMT", limit=100.0, transmit=False)
        target = await peer.place("SELL", 100, "LMT", limit=105.0, parent=entry, transmit=False)
        stop = await peer.place("SELL", 100, "STP", aux=98.0, parent=entry)
        await peer.fact("status", id=stop, status="PreSubmitted")
        exchange.quote(99.9, 100.0)
        await peer.fact("status", id=entry, status="Filled")
        exchange.quote(105.0, 105.02)
        await peer.fact("fill", id=target)
        peer.rewind()
        await peer.fact("status", id=stop, status="Cancelled", filled=0.0)

        group: dict[str, Any] = {"oca": "exit", "oca_type": 1}
        low = await peer.place("BUY", 10, "LMT", limit=90.0, **group)
        high = await peer.place("BUY", 10, "STP", aux=110.0, **group)
        await peer.fact("status", id=high)
        exchange.quote(89.9, 90.0)
        await peer.fact("fill", id=low)
        peer.rewind()
        await peer.fact("status", id=high, status="Cancelled", filled=0.0)


async def test_partial_fills_add_up(client: str) -> None:
    async with running(client) as (exchange, peer):
        number = await peer.place("BUY", 100, "LMT", limit=99.0)
        await peer.fact("status", id=number, status="Submitted")
        exchange.quote(98.9, 99.0, size=30.0)
        await peer.fact("fill", id=number, quantity=30.0, total=30.0)
        exchange.quote(98.8, 98.9, size=50.0)
        await peer.fact("fill", id=number, quantity=50.0, total=80.0)
        await peer.say("cancel", id=number)
        await peer.fact("status", id=number, status="Cancelled", filled=80.0, remaining=20.0)


async def test_what_if_tells_margin_and_places_nothing(client: str) -> None:
    async with running(client) as (_exchange, peer):
        await peer.place("BUY", 100, "LMT", limit=100.0, what_if=True)
        told = await peer.fact("what_if")
        assert (told["margin"], told["commission"]) == (2500.0, 1.0)
        await peer.say("open_orders")
        assert await peer.until_end("open_end", "open") == []


async def test_positions_account_and_profit_follow_a_fill(client: str) -> None:
    async with running(client) as (exchange, peer):
        await peer.say("account")
        (value,) = [
            each
            for each in await peer.until_end("account_end", "value")
            if each["value"] == 1_000_000
        ][:1]
        assert value["key"] == "NetLiquidation"
        await peer.say("pnl")
        number = await peer.place("BUY", 100, "MKT", tif="DAY")
        await peer.fact("fill", id=number)
        await peer.say("positions")
        await peer.fact("position", symbol="AAPL", quantity=100.0)
        exchange.trade(101.0)
        exchange.wait(200)
        while (await peer.fact("pnl"))["unrealized"] < 90:
            pass


async def test_executions_and_orders_are_there_after_a_reconnect(client: str) -> None:
    async with opened() as exchange:
        async with peer_of(client, exchange) as peer:
            await peer.connect()
            number = await peer.place("BUY", 10, "LMT", limit=99.5)
            await peer.fact("status", id=number, status="Submitted")
        await until(lambda: not exchange.tws.client_ids)
        exchange.quote(99.0, 99.2)
        async with peer_of(client, exchange) as peer:
            connected = await peer.connect()
            assert connected["next_id"] > number
            await peer.say("executions")
            fills = await peer.until_end("executions_end", "fill")
            assert [(fill["id"], fill["ref"]) for fill in fills] == [(number, f"r{number}")]
            peer.rewind()
            await peer.fact("commission", exec_id=fills[0]["exec_id"], amount=1.0)


async def test_refusals_carry_their_codes(client: str) -> None:
    async with running(client) as (exchange, peer):
        for code, fields in (
            (110, {"limit": 90.001}),
            (200, {"limit": 90.0, "symbol": "NOPE"}),
            (201, {"limit": 100.0, "quantity": 1_000_000}),
            (321, {"limit": 90.0, "account": "DU9999999"}),
        ):
            quantity = fields.pop("quantity", 10)
            number = await peer.place("BUY", quantity, "LMT", **fields)  # type: ignore[arg-type]
            await peer.fact("error", id=number, code=code)
        cancelled = await peer.place("BUY", 10, "LMT", limit=90.0)
        await peer.fact("status", id=cancelled, status="Submitted")
        await peer.say("cancel", id=cancelled)
        await peer.fact("error", id=cancelled, code=202)
        await peer.say("cancel", id=cancelled)
        await peer.fact("error", id=cancelled, code=10148)
        await peer.place("BUY", 10, "LMT", cancelled, limit=90.0, bare=True)
        await peer.fact("error", id=cancelled, code=103)
        await peer.say("cancel", id=cancelled + 500)
        await peer.fact("error", id=cancelled + 500, code=10147)
        filled = await peer.place("BUY", 10, "LMT", limit=101.0)
        await peer.fact("fill", id=filled)
        await peer.place("BUY", 10, "LMT", filled, limit=102.0, bare=True)
        await peer.fact("error", id=filled, code=104)
        assert json.loads(exchange.venue.orders()) == []


async def test_a_cancel_that_comes_too_late_is_refused_with_161(client: str) -> None:
    async with running(client, '{"oca_reduction": "lagging"}') as (exchange, peer):
        group: dict[str, Any] = {"oca": "both", "oca_type": 3}
        low = await peer.place("BUY", 10, "LMT", limit=90.0, **group)
        other = await peer.place("BUY", 10, "LMT", limit=80.0, **group)
        await peer.fact("status", id=other)
        exchange.quote(89.9, 90.0)
        await peer.fact("fill", id=low)
        await peer.say("cancel", id=other)
        await peer.fact("error", id=other, code=161)


async def test_a_client_id_in_use_is_refused(client: str) -> None:
    async with running(client) as (exchange, _peer), peer_of(client, exchange) as second:
        await second.say("connect", port=exchange.tws.port, client_id=5)
        await second.fact("error", code=326)
        assert exchange.tws.client_ids == (5,)

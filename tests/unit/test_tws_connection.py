"""The line to TWS on a real socket, against a peer that answers as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.clock import SystemClock
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.sim import replies
from orderloom.sim.contracts import SimInstrument
from orderloom.sim.wire import Frames, message
from orderloom.tws import (
    AmbiguousContractError,
    ClientIdInUseError,
    ConnectRefusedError,
    ConnectTimeoutError,
    HandshakeError,
    NotConnectedError,
    Timeouts,
    TWSConnection,
    TWSError,
    TWSSettings,
    UnknownContractError,
    WrongModeError,
)

if TYPE_CHECKING:
    from orderloom._core import Event

AAPL = SimInstrument(
    265598, "AAPL", liquid_hours="20250922:0930-20250922:1600", time_zone="US/Eastern"
)
PATIENT = Timeouts(connect=3.0, request=3.0, history=3.0, barrier=5.0, silence=3.0)
IMPATIENT = Timeouts(connect=0.3, request=0.2, barrier=5.0, silence=0.3)


class Peer:
    """A TWS in a few answers; `answers` maps request ids to what is sent back."""

    def __init__(self) -> None:
        self.account = "DU1"
        self.is_greeting = True
        self.heard: list[list[str]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.answers: dict[str, Callable[[list[str]], list[bytes]]] = {
            "71": lambda _: [replies.managed_accounts(self.account), replies.next_valid_id(12)],
            "9": lambda f: [
                replies.contract_details(178, int(f[2]), AAPL, 0),
                replies.contract_details_end(int(f[2])),
            ],
            "16": lambda _: [replies.open_order_end()],
            "99": lambda _: [replies.completed_orders_end()],
            "7": lambda f: [replies.execution_end(int(f[2]))],
            "61": lambda _: [replies.position_end()],
            "6": lambda f: [replies.account_download_end(self.account)] if f[2] == "1" else [],
            "49": lambda _: [replies.current_time(SystemClock().now())],
        }

    async def start(self, port: int = 0) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.server.close()
        self.hang_up()
        await self.server.wait_closed()

    def hang_up(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def say(self, *frames: bytes) -> None:
        self.writers[-1].write(b"".join(frames))

    def requests(self, *kinds: str) -> list[str]:
        return [fields[0] for fields in self.heard if not kinds or fields[0] in kinds]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        frames = Frames()
        frames.push(await reader.read(65536))
        frames.take(4)
        is_greeted = False
        while True:
            for payload in frames.payloads():
                if not is_greeted:
                    is_greeted = True
                    if self.is_greeting:
                        writer.write(replies.handshake(178, "20250922 09:30:00 EST"))
                    continue
                fields = payload.decode().split("\0")[:-1]
                self.heard.append(fields)
                answer = self.answers.get(fields[0])
                writer.write(b"".join(answer(fields) if answer else []))
            data = await reader.read(65536)
            if not data:
                return
            frames.push(data)


class Desk:
    """A connection and everything it told."""

    def __init__(self, peer: Peer, **settings: Any) -> None:
        self.peer = peer
        self.events: list[Event] = []
        self.problems: list[str] = []
        given: dict[str, Any] = {"port": peer.port, "timeouts": PATIENT} | settings
        self.broker = TWSConnection(
            TWSSettings(**given),
            [ContractSpec(symbol="AAPL")],
            clock=SystemClock(),
            sink=self.events.append,
            on_problem=self.problems.append,
        )

    @property
    def told(self) -> list[str]:
        return [_spoken(event) for event in self.events]

    async def until(self, reached: Callable[[], bool], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not reached():  # noqa: ASYNC110 - the far side has no event to set
                await asyncio.sleep(0.005)


def _spoken(event: "Event") -> str:
    told = json.loads(event.json())
    return " ".join([event.kind, *(told[word] for word in ("state", "mark") if word in told)])


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.start()
    yield peer
    await peer.stop()


SYNCED = ["connection up", "next_order_id", "snapshot began", "snapshot ended"]


async def test_the_start_is_up_next_order_id_and_a_full_snapshot(peer: Peer) -> None:
    desk = Desk(peer)
    await desk.broker.connect()
    assert await desk.broker.reconcile()
    assert desk.told[:4] == SYNCED
    assert desk.broker.account == "DU1"
    assert [facts.con_id for facts in desk.broker.contracts] == [265598]
    assert peer.requests("16", "99", "7", "61", "6")[:5] == ["16", "99", "7", "61", "6"]
    await desk.broker.disconnect()
    assert desk.told[-1] == "connection down"
    assert desk.told.count("connection down") == 1
    assert not desk.problems


@pytest.mark.parametrize(
    ("account", "mode", "error"),
    [("U7654321", "paper", WrongModeError), ("DU1", "live", WrongModeError)],
)
async def test_the_wrong_kind_of_account_is_refused_before_anything_is_sent(
    peer: Peer, account: str, mode: str, error: type[TWSError]
) -> None:
    peer.account = account
    desk = Desk(peer, mode=mode, account=account)
    with pytest.raises(error, match=account):
        await desk.broker.connect()
    assert peer.requests() == ["71"]
    assert not desk.events
    assert not desk.broker.is_connected


async def test_each_way_to_fail_a_log_in_has_its_own_error_and_takes_bounded_time(
    peer: Peer,
) -> None:
    began = asyncio.get_running_loop().time()
    peer.answers["71"] = lambda _: [replies.error(178, -1, 326, "client id is already in use")]
    desk = Desk(peer, timeouts=IMPATIENT)
    connecting = asyncio.ensure_future(desk.broker.connect())
    await desk.until(lambda: peer.requests() == ["71"])
    await asyncio.sleep(0.02)
    peer.hang_up()
    with pytest.raises(ClientIdInUseError, match="326"):
        await connecting

    peer.answers["71"] = lambda _: []
    connecting = asyncio.ensure_future(Desk(peer, timeouts=IMPATIENT).broker.connect())
    await desk.until(lambda: peer.requests() == ["71", "71"])
    peer.hang_up()
    with pytest.raises(HandshakeError, match="hint"):
        await connecting

    peer.is_greeting = False
    with pytest.raises(ConnectTimeoutError, match="no answer"):
        await Desk(peer, timeouts=IMPATIENT).broker.connect()

    port = peer.port
    await peer.stop()
    with pytest.raises(ConnectRefusedError, match=str(port)):
        await Desk(peer, port=port, timeouts=IMPATIENT).broker.connect()
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_log_in_is_given_up_at_once_at_whatever_step_it_is(peer: Peer) -> None:
    peer.is_greeting = False
    patience = 2.0
    for steps in range(20):
        connecting = asyncio.ensure_future(
            Desk(peer, timeouts=Timeouts(connect=patience)).broker.connect()
        )
        for _ in range(steps):
            await asyncio.sleep(0)
        connecting.cancel()
        _, late = await asyncio.wait({connecting}, timeout=patience / 2)
        assert not late, f"{steps} turns of the loop after it began"
        assert connecting.cancelled()


async def test_an_unknown_or_ambiguous_symbol_is_named(peer: Peer) -> None:
    details = peer.answers["9"]
    peer.answers["9"] = lambda f: [replies.error(178, int(f[2]), 200, "No security definition")]
    with pytest.raises(UnknownContractError, match="AAPL"):
        await Desk(peer).broker.connect()
    twin = SimInstrument(999, "AAPL", primary_exchange="LSE")
    peer.answers["9"] = lambda f: [
        replies.contract_details(178, int(f[2]), twin, 0),
        *details(f),
    ]
    with pytest.raises(AmbiguousContractError, match="999 on LSE"):
        await Desk(peer).broker.connect()


async def test_a_lost_line_is_told_and_repaired_by_one_loop(peer: Peer) -> None:
    desk = Desk(peer)
    await desk.broker.connect()
    await desk.broker.reconcile()
    del desk.events[:]
    peer.heard.clear()
    peer.hang_up()
    await desk.until(lambda: desk.told[-1:] == ["snapshot ended"])
    assert desk.told == ["connection down", *SYNCED]
    assert peer.requests("71", "9") == ["71"]
    await desk.broker.disconnect()


async def test_a_peer_that_falls_silent_is_given_up_within_twice_the_patience(
    peer: Peer,
) -> None:
    desk = Desk(peer, timeouts=IMPATIENT)
    await desk.broker.connect()
    await desk.broker.reconcile()
    peer.answers["49"] = lambda _: []
    await desk.until(lambda: "connection down" in desk.told, seconds=2.0)
    await desk.broker.disconnect()


async def test_a_waiting_barrier_does_not_hide_that_the_peer_is_gone(peer: Peer) -> None:
    desk = Desk(peer, timeouts=IMPATIENT)
    await desk.broker.connect()
    await desk.broker.reconcile()
    peer.answers["49"] = lambda _: []
    with pytest.raises(NotConnectedError, match="no sign of life"):
        await desk.broker.barrier()
    await desk.broker.disconnect()


@pytest.mark.parametrize("garbage", [b"\x00\x10\x00\x00", b"\x7f\xff\xff\xff" + bytes(34 << 20)])
async def test_a_lost_frame_boundary_ends_the_connection_and_the_next_one_is_clean(
    peer: Peer, garbage: bytes
) -> None:
    desk = Desk(peer, timeouts=IMPATIENT)
    await desk.broker.connect()
    await desk.broker.reconcile()
    del desk.events[:]
    peer.say(garbage)
    await desk.until(lambda: desk.told[-1:] == ["snapshot ended"])
    assert desk.told == ["connection down", *SYNCED]
    await desk.broker.disconnect()


async def test_a_cut_and_its_end_during_the_log_in_are_told_after_the_line_is_up(
    peer: Peer,
) -> None:
    log_in = peer.answers["71"]
    codes = [replies.error(178, -1, code, "text") for code in (1100, 1102)]
    peer.answers["71"] = lambda f: [*log_in(f), *codes]
    desk = Desk(peer)
    await desk.broker.connect()
    await desk.until(lambda: desk.told[-1] == "snapshot ended")
    assert desk.told == [*SYNCED[:2], "connection down", "connection up", *SYNCED[2:]]
    await desk.broker.disconnect()


async def test_a_quiet_peer_that_answers_is_kept(peer: Peer) -> None:
    desk = Desk(peer, timeouts=IMPATIENT)
    await desk.broker.connect()
    await asyncio.sleep(1.0)
    assert "connection down" not in desk.told
    assert len(peer.requests("49")) >= 2
    assert desk.broker.server_offset == 0
    await desk.broker.disconnect()


async def test_a_snapshot_without_its_last_end_is_alarmed_and_never_called_ended(
    peer: Peer,
) -> None:
    desk = Desk(peer, timeouts=IMPATIENT)
    peer.answers["61"] = lambda _: []
    await desk.broker.connect()
    await desk.until(lambda: len(desk.problems) > 0)
    assert "positions" in desk.problems[0]
    assert "snapshot ended" not in desk.told
    # The late end of the first attempt does not end the second, whose own has not come.
    await desk.until(lambda: len(peer.requests("61")) == 2)
    peer.say(replies.position_end())
    await asyncio.sleep(0.1)
    assert "snapshot ended" not in desk.told
    peer.say(replies.position_end())
    await desk.until(lambda: desk.told[-1] == "snapshot ended")
    await desk.broker.disconnect()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([1100, 1102], ["connection down", "connection up", *SYNCED[2:]]),
        ([1102], ["connection up", *SYNCED[2:]]),
        ([1100, 1100, 1101], ["connection down", "connection data_stale", "connection up",
                              *SYNCED[2:]]),
        ([2110, 2104], ["connection down", "connection up", *SYNCED[2:]]),
        ([2103], ["connection data_stale"]),
        ([2104, 2106, 2107, 2158], []),
    ],
)  # fmt: skip
async def test_line_codes_mean_what_they_say(
    peer: Peer, codes: list[int], expected: list[str]
) -> None:
    desk = Desk(peer)
    await desk.broker.connect()
    await desk.broker.reconcile()
    del desk.events[:]
    peer.say(*(replies.error(178, -1, code, "text") for code in codes))
    await desk.until(lambda: len(desk.told) >= len(expected))
    await desk.broker.barrier()
    assert desk.told == expected
    await desk.broker.disconnect()


async def test_a_reconnect_to_another_account_stops_for_good(peer: Peer) -> None:
    desk = Desk(peer)
    await desk.broker.connect()
    peer.account = "U7654321"
    peer.hang_up()
    await desk.until(lambda: desk.broker.failure is not None)
    assert isinstance(desk.broker.failure, WrongModeError)
    assert not desk.broker.is_connected
    await desk.broker.disconnect()


async def test_market_data_is_subscribed_again_after_a_lost_line(peer: Peer) -> None:
    desk = Desk(peer)
    start = 1_758_547_800
    past = ("100.0", "101.0", "99.0", "100.5", "500", "100.0", "9")
    peer.answers["20"] = lambda f: [message("17", f[1], "", "", "1", str(start), *past)]
    await desk.broker.connect()
    await desk.broker.start_market([MarketSubscription(symbol=0, bars="1 min", warm_up=15)])
    assert [event.kind for event in desk.events].count("bar") == 1
    assert peer.requests("59", "1", "20") == ["59", "1", "20"]
    peer.heard.clear()
    peer.hang_up()
    await desk.until(lambda: peer.requests("59", "1", "20") == ["59", "1", "20"])
    await desk.broker.barrier()
    assert [event.kind for event in desk.events].count("bar") == 1
    await desk.broker.disconnect()


async def test_nothing_is_sent_without_a_line(peer: Peer) -> None:
    desk = Desk(peer)
    for act in (desk.broker.barrier(), desk.broker.start_market([])):
        with pytest.raises(NotConnectedError):
            await act
    assert not await desk.broker.reconcile()
    await desk.broker.disconnect()
    assert not desk.events

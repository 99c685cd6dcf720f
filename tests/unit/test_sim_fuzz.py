"""Hostile bytes: nothing but a named error, no hang, bounded memory, however they are split.

`ORDERLOOM_FUZZ_SECONDS` lengthens the run (`make fuzz-wire`), `ORDERLOOM_FUZZ_SEED` repeats one.
Recorded messages of real clients are mutated too, where they are present.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import _core
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.connection import Connection
from orderloom.sim.requests import UnknownRequestError, decode
from orderloom.sim.wire import FRAME_BYTES_MAX, Frames, MalformedMessageError, message

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 3
"""Tests that share the time."""
SECONDS = float(os.environ.get("ORDERLOOM_FUZZ_SECONDS", "1.5")) / RUNS
SEED = int(os.environ.get("ORDERLOOM_FUZZ_SEED", "1"))
STEP_SECONDS_MAX = 2.0
"""Longer for one message is a hang; a loaded machine takes milliseconds."""
CONTRACT = "0|AAPL|STK||0.0|||SMART||USD||"
ORDER = (
    f"3|3|{CONTRACT}|||BUY|100|LMT|200.5|||||O|0|ref1|1|0|0|0|0|0|0|0||0.0|||||||0||-1|0|||0|||0"
    "|0||0||||||0|||||0|||||||||||0|||0|0|||0||0|0|0|0|||||||0|||||||||0|0|0|0|||0|||"
)
SAMPLES = [
    text.split("|")[:-1] if text.endswith("|") else text.split("|")
    for text in (
        ORDER,
        f"1|11|5|{CONTRACT}|0|233|0|0|",
        f"9|8|6|{CONTRACT}|0||||",
        f"20|7|{CONTRACT}|0||1 min|1 D|0|TRADES|1|0|",
        f"50|3|8|{CONTRACT}|5|TRADES|0|",
        f"97|9|{CONTRACT}|AllLast|0|0|",
        "4|1|3||", "5|1|", "7|3|4|0|||||||", "8|1|1|", "15|1|1|", "49|1|", "58|1|", "59|1|3|",
        "61|1|", "62|1|5|All|NetLiquidation|", "76|1|6|DU0000001||1|", "91|26|", "92|7|DU0000001||",
        "94|8|DU0000001||265598|", "99|0|", "16|1|", "6|2|1||", "2|2|5|", "25|1|7|",
    )
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def recorded_samples(data_folder: Path) -> None:
    """What real clients sent, where there are recordings."""
    recordings = data_folder / "tws_messages" / "tws_raw_messages.jsonl"
    if recordings.exists():
        records = [json.loads(line) for line in recordings.read_text().splitlines()]
        SAMPLES.extend(
            [str(field) for field in each["fields"]]
            for each in records
            if each["direction"] == "client_to_server" and each["message_name"] != "handshake"
        )


ODD = ["", "-1", "1e999", "nan", "Infinity", "9" * 40, "\x00", "\u00e9", "0.0", "2147483648", "BAG"]


def payloads(random_: random.Random) -> bytes:
    """A payload: noise, or a valid message with some fields changed, missing or added."""
    if random_.random() < 0.2:
        return random_.randbytes(random_.randrange(200))
    fields = list(random_.choice(SAMPLES))
    for _ in range(random_.randrange(4)):
        at = random_.randrange(len(fields))
        match random_.randrange(4):
            case 0:
                fields[at] = random_.choice(ODD)
            case 1:
                del fields[at : at + random_.randrange(1, 4)]
            case 2:
                fields.insert(at, random_.choice(ODD))
            case _:
                fields[at] = random_.choice(random_.choice(SAMPLES))
        if not fields:
            break
    payload = bytearray(("\0".join(fields) + "\0").encode("utf-8", "surrogateescape"))
    if random_.random() < 0.1:
        for _ in range(random_.randrange(1, 4)):
            payload[random_.randrange(len(payload))] ^= 1 << random_.randrange(8)
    return bytes(payload)


def test_decoding_raises_nothing_but_its_own_errors() -> None:
    random_ = random.Random(SEED)
    ends, rounds = time.monotonic() + SECONDS, 0
    decoded = refused = 0
    while time.monotonic() < ends or rounds < 200:
        rounds += 1
        try:
            decode(payloads(random_), random_.randrange(157, 179))
            decoded += 1
        except (MalformedMessageError, UnknownRequestError):
            refused += 1
    assert min(decoded, refused) > rounds // 20, "the fuzz must reach both sides"


def test_frames_are_the_same_however_they_are_split() -> None:
    random_ = random.Random(SEED)
    wanted = [random_.randbytes(random_.randrange(300)) for _ in range(200)]
    stream = b"".join(len(each).to_bytes(4, "big") + each for each in wanted)
    for _ in range(20):
        frames, found, at = Frames(), list[bytes](), 0
        while at < len(stream):
            size = random_.choice((1, 2, 3, 7, 4096, random_.randrange(1, 5000)))
            frames.push(stream[at : at + size])
            found += frames.payloads()
            at += size
        assert found == wanted


def test_a_length_beyond_any_frame_is_refused_before_it_is_waited_for() -> None:
    frames = Frames()
    frames.push((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
    with pytest.raises(MalformedMessageError, match="frame length"):
        list(frames.payloads())


class Wire(asyncio.Transport):
    """A socket that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


class Rig:
    """A server of its own, and connections without sockets."""

    def __init__(self) -> None:
        core: Any = _core
        instrument = SimInstrument(265598, "AAPL")
        now = 1_758_547_800_000_000_000
        self.tws = SimulatedTws(core.Venue("{}"), [instrument], clock=lambda: now)
        self.quote()

    def quote(self) -> None:
        self.tws.publish_quote(self.tws.now(), 265598, 99.0, 101.0, 5.0, 5.0)

    def connected(self) -> tuple[Wire, Connection]:
        wire, connection = Wire(), Connection(self.tws)
        self.tws._connections.add(connection)
        connection.connection_made(wire)
        return wire, connection


GREETING = b"API\0\0\0\0\x09v157..178" + message("71", "2", "9", "")


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def pieces(random_: random.Random, stream: bytes) -> Iterator[bytes]:
    """Yield a stream in pieces of all sizes, joined and split at random."""
    at = 0
    while at < len(stream):
        size = random_.choice((1, 2, 3, 5, 64, 1460, random_.randrange(1, 3000)))
        yield stream[at : at + size]
        at += size


def test_a_session_is_the_same_however_its_bytes_are_split() -> None:
    random_ = random.Random(SEED)
    ends, rounds = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends or rounds < 2:
        rounds += 1
        stream = GREETING + b"".join(framed(payloads(random_)) for _ in range(40))
        told: list[bytes] = []
        for chunks in ([stream], [bytes([each]) for each in stream], pieces(random_, stream)):
            rig = Rig()
            wire, connection = rig.connected()
            for chunk in chunks:
                connection.data_received(chunk)
            assert not wire.is_closed
            assert connection.frames_in == 42
            told.append(bytes(wire.written))
        assert told[0] == told[1] == told[2]
        assert len(told[0]) > 200


def resident_bytes() -> int:
    """The memory of this process; 0 where the system does not tell."""
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * resource.getpagesize() if file.exists() else 0


def test_a_server_outlives_hostile_clients_in_bounded_memory(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.ERROR)
    random_ = random.Random(SEED)
    ends, rounds, served, messages = time.monotonic() + SECONDS, 0, 0, 0
    longest, settled = 0.0, 0
    while time.monotonic() < ends or rounds < 5:
        if rounds % 50 == 0:
            rig = Rig()  # orders that were accepted stay, and are no leak
        rounds += 1
        wire, connection = rig.connected()
        connection.data_received(GREETING)
        for _ in range(50):
            messages += 1
            began = time.perf_counter()
            connection.data_received(framed(payloads(random_)))
            rig.quote()
            longest = max(longest, time.perf_counter() - began)
        served += len(wire.written) > 200
        assert not wire.is_closed, "a broken message must not end its connection"
        connection.connection_lost(None)
        assert rig.tws.client_ids == ()
        if rounds == 50:
            settled = resident_bytes()
    assert served == rounds
    assert longest < STEP_SECONDS_MAX
    assert caplog.records == [], "a request failed for a reason that no code foresaw"
    grown = resident_bytes() - settled if settled else 0
    assert grown < 64_000_000
    with capsys.disabled():
        if SECONDS > 10:
            print(
                f"\n{messages} messages in {rounds} sessions, the longest took "
                f"{longest * 1000:.1f} ms, memory grew by {grown / 1e6:.1f} MB"
            )


def test_what_never_was_a_client_is_closed_without_a_session() -> None:
    random_ = random.Random(SEED)
    ends, rounds = time.monotonic() + SECONDS / 10, 0
    rig = Rig()
    while time.monotonic() < ends or rounds < 100:
        rounds += 1
        wire, connection = rig.connected()
        noise = random_.choice((b"", b"API\0", b"API\0\0\0\0\x09v157..178"))
        for chunk in pieces(random_, noise + random_.randbytes(random_.randrange(300))):
            connection.data_received(chunk)
        assert rig.tws.client_ids == ()
        assert len(wire.written) < 100
        assert len(connection._frames._buffer) <= 304, "nothing is kept but what arrived"
        connection.connection_lost(None)

"""Hostile bytes: nothing but a named error, no hang, bounded memory.

`ORDERLOOM_FUZZ_SECONDS` lengthens each run, `ORDERLOOM_FUZZ_SEED` repeats one.
"""

import asyncio
import logging
import os
import random
import time
import tracemalloc
from typing import Any

import pytest

from orderloom import _core
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.connection import Connection
from orderloom.sim.requests import UnknownRequestError, decode
from orderloom.sim.wire import FRAME_BYTES_MAX, Frames, MalformedMessageError, message

SECONDS = float(os.environ.get("ORDERLOOM_FUZZ_SECONDS", "0.5"))
SEED = int(os.environ.get("ORDERLOOM_FUZZ_SEED", "1"))
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
    return ("\0".join(fields) + "\0").encode("utf-8", "surrogateescape")


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
    """A socket that keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


def test_a_server_outlives_hostile_clients_in_bounded_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    random_ = random.Random(SEED)
    core: Any = _core
    instrument = SimInstrument(265598, "AAPL")
    tws = SimulatedTws(core.Venue("{}"), [instrument], clock=lambda: 1_758_547_800_000_000_000)
    ends, rounds, served = time.monotonic() + SECONDS, 0, 0
    tracemalloc.start()
    try:
        while time.monotonic() < ends or rounds < 5:
            rounds += 1
            wire, connection = Wire(), Connection(tws)
            tws._connections.add(connection)
            connection.connection_made(wire)
            connection.data_received(b"API\0\0\0\0\x09v157..178" + message("71", "2", "9", ""))
            for _ in range(50):
                payload = payloads(random_)
                connection.data_received(len(payload).to_bytes(4, "big") + payload)
                tws.publish_quote(tws.now(), 265598, 99.0, 101.0, 5.0, 5.0)
            served += wire.written > 200
            assert not wire.is_closed, "a broken message must not end its connection"
            connection.connection_lost(None)
            assert tws.client_ids == ()
        assert served == rounds
        _, peak = tracemalloc.get_traced_memory()
        assert peak < 64_000_000
        assert caplog.records == [], "a request failed for a reason that no code foresaw"
    finally:
        tracemalloc.stop()

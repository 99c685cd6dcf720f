"""What the socket gives, in whatever pieces, leads to what `ib_async`'s own reading leads to."""

from __future__ import annotations

import logging
import struct
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.client import Client

from orderloom.clock import ManualClock
from orderloom.ports import ContractSpec
from orderloom.tws.decoder import WireClient
from orderloom.tws.instruments import Instruments
from orderloom.tws.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_ID = 1_000_000_000
REQUESTS = st.sampled_from([str(FIRST_ID), str(FIRST_ID + 1), "77"])
KINDS = st.sampled_from(["0", "1", "2", "3", "4", "5", "66", "69", "9"])
NUMBERS = st.sampled_from(["100.5", "100.51", "-1", "0", "300", "1e5", "", "1.8E308"])
PRICES = st.tuples(st.just("1"), st.just("6"), REQUESTS, KINDS, NUMBERS, NUMBERS, st.just("0"))
SIZES = st.tuples(st.just("2"), st.just("6"), REQUESTS, KINDS, NUMBERS)
OTHERS = st.sampled_from([
    ("58", "1", str(FIRST_ID), "3"),  # delayed data from here on
    ("58", "1", str(FIRST_ID), "1"),
    ("3", "5", "Submitted", "0", "100", "0", "901", "0", "0", "7", "", "0"),
    ("4", "2", "5", "202", "Order cancelled \u00e9", ""),
    ("9", "1", "12"),
    ("49", "1", "1700000000"),
    # What nobody understands is told and costs only itself.
    ("1", "6", str(FIRST_ID), "1", "a price", "5", "0"),
    ("1", "6", str(FIRST_ID), "1"),
    ("2", "6", str(FIRST_ID), "0", "5", "more"),
    ("999", "x"),
    (),
])  # fmt: skip
MESSAGES = st.lists(st.one_of(PRICES, SIZES, SIZES, PRICES, OTHERS), max_size=40)


def framed(fields: tuple[str, ...]) -> bytes:
    body = "".join(f"{field}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


class Heard:
    """One client behind its greeting, and everything it led to."""

    def __init__(self) -> None:
        self.said: list[object] = []
        say = self.said.append
        instruments = Instruments([ContractSpec(symbol=name) for name in ("A", "B")])
        wrapper = Wrapper(
            client_id=7, request_ids=count(FIRST_ID), instruments=instruments,
            sink=lambda event: say(event.json()), on_problem=say,
            on_notice=lambda code, text: say((code, text)), on_closed=lambda: say("closed"),
            on_overlong=lambda: say("overlong"),
        )  # fmt: skip
        client: Any = WireClient(wrapper, ManualClock(), None, say)
        client._serverVersion = client.decoder.serverVersion = 178
        client._apiReady = True
        client.connState = Client.CONNECTED
        wrapper.bytes_pending = client.bytes_pending
        for symbol in (0, 1):
            wrapper.stream_quotes(FIRST_ID + symbol, symbol, "AB"[symbol], wants_live=True)
        wrapper.release()
        self.client, self.feed = client, client._onSocketHasData


@pytest.fixture(scope="module", autouse=True)
def _silent() -> Iterator[None]:
    """What cannot be read is logged, thousands of times here."""
    log = logging.getLogger("orderloom.tws")
    log.disabled = True
    yield
    log.disabled = False


@settings(deadline=None)
@given(messages=MESSAGES, cuts=st.lists(st.integers(1, 200), max_size=30))
def test_any_messages_in_any_pieces(messages: list[tuple[str, ...]], cuts: list[int]) -> None:
    data = b"".join(map(framed, messages)) + framed(("2", "6", "77", "0", "1"))[:9]
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    pieces.append(data)
    ours, theirs = Heard(), Heard()
    for piece in pieces:
        ours.feed(piece)
        Client._onSocketHasData(theirs.client, piece)  # type: ignore[no-untyped-call]
        assert ours.said == theirs.said
        assert ours.client.bytes_pending() == theirs.client.bytes_pending()
    assert ours.client.bytes_pending() == 9


def test_nothing_is_read_behind_the_message_that_ends_the_connection() -> None:
    heard = Heard()
    heard.client.decoder.handlers[9] = lambda _: heard.client.reset()
    before = len(heard.said)
    heard.feed(framed(("9", "1", "12")) + framed(("4", "2", "5", "202", "late", "")))
    assert len(heard.said) == before
    assert heard.client.bytes_pending() == 0


def test_what_is_no_utf8_is_told_with_backslashes() -> None:
    heard = Heard()
    body = b"4\x002\x005\x00202\x00caf\xe9\x00\x00"
    heard.feed(struct.pack(">I", len(body)) + body)
    assert "caf\\\\xe9" in str(heard.said[-1])

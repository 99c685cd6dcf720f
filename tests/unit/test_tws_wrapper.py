"""Wire bytes in, events out, through ib_async's framing and decoding."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from orderloom.clock import ManualClock
from orderloom.ports import BAR_SPANS, ContractSpec
from orderloom.tws.decoder import WireClient
from orderloom.tws.instruments import Instruments
from orderloom.tws.replies import REQUEST_ID_MIN, Part
from orderloom.tws.streams import BarStream
from orderloom.tws.words import zone
from orderloom.tws.wrapper import Wrapper

UNSET = "1.7976931348623157E308"
NOW = 1_758_547_800 * 10**9
QUOTES, BARS = REQUEST_ID_MIN + 1, REQUEST_ID_MIN + 2
CLIENT_ID = 7


class Line:
    """A logged-in connection whose peer is the test."""

    def __init__(self, *, version: int = 178, account: str = "DU1", **decoding: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.notices: list[int] = []
        self.wrapper = Wrapper(
            client_id=CLIENT_ID,
            request_ids=count(REQUEST_ID_MIN),
            instruments=Instruments([ContractSpec(symbol="AAPL"), ContractSpec(symbol="MSFT")]),
            sink=lambda event: self.events.append(json.loads(event.json())),
            on_problem=self.problems.append,
            on_notice=lambda code, _text: self.notices.append(code),
            on_closed=lambda: None,
            on_overlong=lambda: None,
        )
        self.client: Any = WireClient(
            self.wrapper, ManualClock(NOW), decoding.get("time_zone"), self.problems.append
        )
        self.wrapper.account = account
        self.wrapper.bytes_pending = self.client.bytes_pending
        receive: Any = self.client.conn.data_received
        self.receive = receive
        self.receive(frame(str(version), "20250922 09:30:00 EST"))

    def live(self) -> "Line":
        self.wrapper.release()
        self.events.clear()
        return self

    def hear(self, *messages: bytes) -> list[dict[str, Any]]:
        """Receive messages in one packet; return the events that they cause."""
        self.events.clear()
        self.receive(b"".join(messages))
        return list(self.events)

    def kinds(self, *messages: bytes) -> list[str]:
        return [event["kind"] for event in self.hear(*messages)]

    def stream_quotes(self, symbol: int = 0, request_id: int = QUOTES, **options: Any) -> None:
        self.wrapper.stream_quotes(request_id, symbol, "AAPL", wants_live=True, **options)

    def stream_bars(self, *, since: int, posted_until: int = -1) -> BarStream:
        stream = BarStream(
            0,
            span=BAR_SPANS["1 min"],
            zone=zone("US/Eastern"),
            since=since,
            posted_until=posted_until,
            post=self.wrapper.post,
            on_end=lambda: None,
            on_refused=lambda code, text: self.problems.append(f"{code} {text}"),
        )
        self.wrapper.streams[BARS] = stream
        return stream


def frame(*fields: object) -> bytes:
    payload = "".join(f"{field}\0" for field in fields).encode()
    return len(payload).to_bytes(4, "big") + payload


def contract(symbol: str = "AAPL") -> tuple[object, ...]:
    return (265598, symbol, "STK", "", "0.0", "", "", "SMART", "USD", symbol, "NMS")


def fill(**changes: Any) -> bytes:
    told: dict[str, Any] = {
        "symbol": "AAPL", "exec_id": "0001.01", "time": "20250922 09:31:00 US/Eastern",
        "account": "DU1", "side": "BOT", "client": CLIENT_ID, "order_id": 41,
    }  # fmt: skip
    told |= changes
    return frame(
        11, -1, told["order_id"], *contract(told["symbol"]), told["exec_id"], told["time"],
        told["account"], "IEX", told["side"], "100", "150.02", 9001, told["client"], 0, "100",
        "150.02", "run:1", "", "", "", 1, 0,
    )  # fmt: skip


def status(word: str, client: int = CLIENT_ID, why_held: str = "") -> bytes:
    return frame(3, 41, word, 40, 60, 150.02, 9001, 0, 150.02, client, why_held, 0)


def price_tick(kind: int, price: float, size: float = 100, request_id: int = QUOTES) -> bytes:
    return frame(1, 6, request_id, kind, price, size, 0)


def size_tick(kind: int, size: float, request_id: int = QUOTES) -> bytes:
    return frame(2, 6, request_id, kind, size)


async def test_the_line_is_up_before_anything_else_is_told() -> None:
    line = Line()
    assert line.hear(frame(15, 1, "DU1"), frame(9, 1, 12), status("Submitted"), fill()) == []
    line.wrapper.release()
    assert [event["kind"] for event in line.events] == [
        "connection", "next_order_id", "order_status", "execution",
    ]  # fmt: skip
    assert line.events[1]["order_id"] == 12


async def test_messages_are_told_in_the_order_of_arrival_with_their_facts() -> None:
    line = Line().live()
    opened, filled, paid = line.hear(
        status("PreSubmitted", why_held="locate"),
        fill(),
        frame(59, 1, "0001.01", "1.0", "USD", UNSET, UNSET, ""),
    )
    assert (opened["status"], opened["why_held"], opened["filled"]) == (
        "PreSubmitted", "locate", "40",
    )  # fmt: skip
    assert (filled["side"], filled["quantity"], filled["price"]) == ("BUY", "100", "150.02")
    assert (filled["order_id"], filled["order_ref"]) == (41, "run:1")
    assert filled["executed_at"] == 1_758_547_860 * 10**9
    assert (paid["exec_id"], paid["amount"], paid["currency"]) == ("0001.01", "1", "USD")


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_bytes_split_anywhere_say_the_same(cut: int) -> None:
    line = Line().live()
    whole = status("Submitted") + fill(side="SLD")
    line.receive(whole[:cut])
    line.receive(whole[cut:])
    assert [event["kind"] for event in line.events] == ["order_status", "execution"]
    assert line.events[1]["side"] == "SELL"


async def test_an_unknown_word_is_reported_with_the_word_and_costs_only_its_message() -> None:
    line = Line().live()
    assert line.kinds(status("Levitating"), fill(side="LENT"), status("Filled")) == ["order_status"]
    assert len(line.problems) == 2
    assert "Levitating" in line.problems[0]
    assert "LENT" in line.problems[1]


async def test_a_message_of_the_wrong_length_is_reported_not_swallowed() -> None:
    line = Line().live()
    assert line.kinds(frame(11, -1, 41), frame(999, 1), status("Submitted")) == ["order_status"]
    assert len(line.problems) == 2


async def test_a_fill_counts_whatever_its_time_looks_like() -> None:
    line = Line().live()
    (unreadable,) = line.hear(fill(time="20250922 09:31:00 British Summer Time"))
    assert unreadable["executed_at"] == NOW
    (bare,) = line.hear(fill(time="20250922  09:31:00"))
    assert bare["executed_at"] == (1_758_547_860 - 4 * 3600) * 10**9
    assert "time_zone" in line.problems[1]
    line = Line(time_zone=zone("US/Eastern")).live()
    (zoned,) = line.hear(fill(time="20250922  09:31:00"))
    assert zoned["executed_at"] == 1_758_547_860 * 10**9
    assert not line.problems


async def test_what_belongs_to_others_is_counted_and_never_taken_for_ours() -> None:
    line = Line().live()
    assert (
        line.kinds(
            fill(symbol="GME", exec_id="x1"),
            frame(59, 1, "x1", "1.0", "USD", UNSET, UNSET, ""),
            fill(account="DU9", exec_id="x2"),
            status("Submitted", client=3),
            frame(61, 3, "DU1", *contract("GME"), 10, 20.0),
            frame(61, 3, "DU9", *contract(), 10, 20.0),
            frame(6, 2, "NetLiquidation", "5", "USD", "DU9"),
        )
        == []
    )
    assert sum(line.wrapper.foreign.values()) == 6
    # A fill of another client in our symbol is foreign trade: told, but under no order of ours.
    (foreign,) = line.hear(fill(client=3, exec_id="x3"))
    assert (foreign["order_id"], foreign["symbol"]) == (0, 0)
    assert not line.problems


async def test_an_error_is_told_apart_by_whose_number_it_carries() -> None:
    line = Line().live()
    reply = line.wrapper.replies.expect(REQUEST_ID_MIN)
    (refused,) = line.hear(
        frame(4, 2, 41, 201, "Order rejected", ""),
        frame(4, 2, REQUEST_ID_MIN, 200, "No security definition", ""),
        frame(4, 2, -1, 1100, "Connectivity lost", ""),
        frame(4, 2, 2147483647, 321, "Read-only API", ""),
    )
    assert (refused["kind"], refused["order_id"], refused["code"]) == ("order_error", 41, 201)
    assert line.notices == [1100, 321]
    assert reply.exception() is not None


async def test_positions_and_account_values_hold_no_sentinels() -> None:
    line = Line().live()
    held, flat, equity = line.hear(
        frame(61, 3, "DU1", *contract(), -110, 201.88),
        frame(61, 3, "DU1", *contract("MSFT"), 0, 0.0),
        frame(6, 2, "NetLiquidation", "246447.83", "USD", "DU1"),
        frame(6, 2, "NetLiquidationByCurrency", "1", "BASE", "DU1"),
        frame(6, 2, "BuyingPower", UNSET, "USD", "DU1"),
    )
    assert (held["quantity"], held["average_cost"]) == ("-110", "201.88")
    assert (flat["quantity"], flat["average_cost"]) == ("0", None)
    assert (equity["tag"], equity["value"]) == ("NetLiquidation", "246447.83")


async def test_bid_and_ask_of_one_moment_become_one_quote_before_what_follows() -> None:
    line = Line().live()
    line.stream_quotes()
    line.stream_quotes(1, QUOTES + 10)
    told = line.hear(
        price_tick(1, 150.0, 300),
        size_tick(0, 300),
        price_tick(2, 150.02, 200),
        size_tick(3, 200),
        price_tick(1, 410.0, 5, QUOTES + 10),
        price_tick(1, 150.01, 100),
        fill(),
    )
    assert [(event["kind"], event.get("symbol")) for event in told] == [
        ("quote", 0), ("quote", 1), ("quote", 0), ("execution", 0),
    ]  # fmt: skip
    assert (told[0]["bid"], told[0]["ask"], told[0]["bid_size"]) == ("150", "150.02", "300")
    assert (told[2]["bid"], told[2]["ask"]) == ("150.01", "150.02")
    assert line.hear(price_tick(1, 150.01, 100)) == []


async def test_a_side_that_nobody_quotes_is_absent() -> None:
    line = Line().live()
    line.stream_quotes()
    line.hear(price_tick(1, 150.0), price_tick(2, 150.02))
    (quote,) = line.hear(price_tick(1, -1, 0))
    assert (quote["bid"], quote["ask"], quote["bid_size"]) == (None, "150.02", "0")


async def test_a_print_is_told_once_although_tws_repeats_its_size() -> None:
    line = Line().live()
    line.stream_quotes()
    told = line.hear(price_tick(4, 150.01, 100), size_tick(5, 100), size_tick(5, 40))
    assert [(event["kind"], event["size"]) for event in told] == [("trade", "100"), ("trade", "40")]


async def test_delayed_prices_are_withheld_and_alarmed_once_when_live_was_asked() -> None:
    line = Line().live()
    line.stream_quotes()
    line.hear(price_tick(1, 150.0), price_tick(2, 150.02))
    (withdrawn,) = line.hear(
        frame(58, 1, QUOTES, 3), price_tick(66, 140.0), price_tick(67, 140.1), price_tick(68, 140.0)
    )
    assert (withdrawn["kind"], withdrawn["bid"], withdrawn["ask"]) == ("quote", None, None)
    assert len(line.problems) == 1
    assert "AAPL" in line.problems[0]
    assert "delayed" in line.problems[0]
    (again,) = line.hear(frame(58, 1, QUOTES, 1), price_tick(1, 151.0))
    assert again["bid"] == "151"


def bar(second: int, close: float) -> tuple[object, ...]:
    return (second, 100.0, max(close, 101.0), 99.0, close, 500, 100.0, 9)


def update(second: int, close: float) -> bytes:
    return frame(90, BARS, 9, second, 100.0, close, max(close, 101.0), 99.0, 100.0, 500)


async def test_a_bar_is_complete_when_a_newer_one_begins() -> None:
    line = Line().live()
    start = NOW // 10**9
    line.stream_bars(since=NOW + 30 * 10**9)
    past = line.hear(frame(17, BARS, "", "", 2, *bar(start - 60, 100.5), *bar(start, 100.1)))
    assert [(event["start"], event["is_history"]) for event in past] == [
        ((start - 60) * 10**9, True)
    ]
    assert line.hear(update(start, 100.2), update(start, 100.3)) == []
    (live,) = line.hear(update(start + 60, 100.4))
    assert (live["start"], live["close"], live["is_history"]) == (start * 10**9, "100.3", False)
    assert line.hear(update(start, 55.0)) == []


async def test_a_renewed_subscription_posts_only_the_bars_that_were_missed() -> None:
    line = Line().live()
    start = NOW // 10**9
    first = line.stream_bars(since=NOW)
    line.hear(frame(17, BARS, "", "", 2, *bar(start - 120, 1), *bar(start - 60, 2)))
    line.stream_bars(since=NOW + 150 * 10**9, posted_until=first.posted_until)
    missed = line.hear(
        frame(17, BARS, "", "", 4, *bar(start - 60, 2), *bar(start, 3), *bar(start + 60, 4),
              *bar(start + 120, 5))
    )  # fmt: skip
    assert [(event["start"] // 10**9, event["is_history"]) for event in missed] == [
        (start, True), (start + 60, True),
    ]  # fmt: skip


async def test_end_markers_answer_what_was_asked() -> None:
    line = Line().live()
    ends = {
        Part.OPEN_ORDERS: frame(53, 1),
        Part.COMPLETED_ORDERS: frame(102),
        Part.POSITIONS: frame(62, 1),
        Part.ACCOUNT: frame(54, 1, "DU1"),
    }
    for part, marker in ends.items():
        reply = line.wrapper.replies.expect(part)
        line.hear(frame(54, 1, "DU9"))
        assert not reply.done(), part
        line.hear(marker)
        assert await asyncio.wait_for(reply, 1) == []
    reply = line.wrapper.replies.expect(Part.TIME)
    line.hear(frame(49, 1, 1758547800))
    assert await asyncio.wait_for(reply, 1) == [1758547800]


# -- what real servers were recorded to say ------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(data: Callable[[str], Path]) -> Callable[[str], list[list[str]]]:
    recordings = data("tws_messages/tws_raw_messages.jsonl")
    records = [json.loads(text) for text in recordings.read_text().splitlines()]

    def named(name: str) -> list[list[str]]:
        found = [
            [str(field) for field in each["fields"]]
            for each in records
            if each["message_name"] == name
            and each["server_version"] == 173
            and each["direction"] == "server_to_client"
        ]
        assert found, name
        return found

    return named


async def test_a_recorded_market_order_is_told_as_it_went(
    recorded: Callable[[str], list[list[str]]],
) -> None:
    line = Line(version=173, account="DU1234567")
    line.wrapper._client_id = 100  # the client that the recording was made with
    line.live()
    opened, *_, filled_order = (line.hear(frame(*fields))[0] for fields in recorded("openOrder"))
    assert (opened["order_id"], opened["status"], opened["symbol"]) == (5, "PreSubmitted", 0)
    assert (opened["limit_price"], opened["stop_price"]) == (None, None)
    assert filled_order["status"] == "Filled"
    (filled,) = line.hear(frame(*recorded("execDetails")[0]))
    assert (filled["side"], filled["quantity"], filled["price"]) == ("BUY", "100", "201.94")
    (*_, last) = (line.hear(frame(*fields))[0] for fields in recorded("orderStatus"))
    assert (last["status"], last["filled"], last["remaining"]) == ("Filled", "100", "0")


async def test_recorded_positions_details_and_notices_are_understood(
    recorded: Callable[[str], list[list[str]]],
) -> None:
    line = Line(version=173, account="ACCOUNT_ID").live()
    told = [event for fields in recorded("position") for event in line.hear(frame(*fields))]
    assert [event["quantity"] for event in told] == ["-110"]
    details = line.wrapper.replies.expect(9000)
    line.hear(frame(*recorded("contractDetails")[0]))
    line.wrapper.replies.end(9000)
    (found,) = await details
    assert (found.contract.symbol, found.minTick) == ("AAPL", 0.01)
    for fields in recorded("error"):
        line.hear(frame(*fields))
    assert {2104, 2107, 2158} <= set(line.notices)
    assert not line.problems

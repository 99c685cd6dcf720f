"""Ticks and bars as clients are told them: order, completeness, and no look into the future."""

from typing import Any

import pytest
from ib_async.decoder import Decoder

from orderloom.sim.bars import Bar, BarSize, Duration, History, always
from orderloom.sim.contracts import Catalogue, ContractQuery, SimInstrument
from orderloom.sim.market import MarketDesk
from orderloom.sim.requests import (
    Feed,
    ReqHistoricalData,
    ReqMktData,
    ReqRealTimeBars,
    ReqTickByTickData,
)
from orderloom.sim.times import SECOND, Zone

ZONE = Zone("US/Eastern")
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
OPEN = ZONE.parse("20250922 09:30:00")
CLOSE = ZONE.parse("20250922 16:00:00")


def is_regular(at: int) -> bool:
    return 9 * HOUR + 30 * MINUTE <= at - ZONE.midnight(at) < 16 * HOUR


AAPL = SimInstrument(265598, "AAPL", is_regular=is_regular)
QUERY = ContractQuery(265598, *[""] * 11)


class Client:
    """Keeps what a client is sent, as ib_async decodes it."""

    def __init__(self) -> None:
        self.data_type = 1
        self.told: list[tuple[Any, ...]] = []
        make: Any = Decoder  # untyped there
        self._decoder = make(self, 178)

    def send(self, frame: bytes) -> None:
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4
        self._decoder.interpret(frame[4:-1].decode("ascii").split("\0"))

    def error(self, request_id: int, code: int, text: str) -> None:
        self.told.append(("error", request_id, code, text))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *values: self.told.append((name, *values))

    def take(self) -> list[tuple[Any, ...]]:
        """Return what was told since the last time."""
        told, self.told = self.told, []
        return told


def history(what: str = "TRADES", **changes: Any) -> ReqHistoricalData:
    values: dict[str, Any] = {
        "request_id": 3, "contract": QUERY, "end": "", "bar_size": "1 min", "duration": "1 D",
        "is_regular_only": True, "what": what, "is_epoch": False, "is_kept_up_to_date": True,
    }  # fmt: skip
    return ReqHistoricalData(**{**values, **changes})


def bars_of(told: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return date, close, volume and count of each bar told, with its message."""
    return [
        (name, bar.date, bar.close, bar.volume, bar.barCount)
        for name, _request, bar in (each[:3] for each in told if each[0].startswith("hist"))
        if name != "historicalDataEnd"
    ]


def desk_with_past(minutes: int = 3) -> MarketDesk:
    desk = MarketDesk(Catalogue([AAPL]), "live")
    past = [
        Bar(OPEN + minute * MINUTE, 100.0, 101.0, 99.0, 100.0 + minute, 1000.0, 100.0, 10)
        for minute in range(390)
    ]
    desk.load_history(AAPL.con_id, past, 60, "TRADES")
    desk.tape(AAPL.con_id).trade(OPEN + minutes * MINUTE, 110.0, 5.0)
    return desk


def test_a_loaded_day_never_shows_what_has_not_happened_yet() -> None:
    desk, client = desk_with_past(), Client()
    desk.answer_history(client, history(is_kept_up_to_date=False), OPEN + 3 * MINUTE + SECOND)
    assert bars_of(client.take()) == [
        ("historicalData", "20250922 09:30:00 US/Eastern", 100.0, 1000.0, 10),
        ("historicalData", "20250922 09:31:00 US/Eastern", 101.0, 1000.0, 10),
        ("historicalData", "20250922 09:32:00 US/Eastern", 102.0, 1000.0, 10),
        ("historicalData", "20250922 09:33:00 US/Eastern", 110.0, 5.0, 1),
    ]


def test_a_new_bar_is_told_after_the_final_state_of_the_one_before_and_before_ticks() -> None:
    desk, client = desk_with_past(), Client()
    tape = desk.tape(AAPL.con_id)
    at = OPEN + 3 * MINUTE
    desk.answer_history(client, history(), at + SECOND)
    desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset(), False), at + SECOND)
    client.take()

    tape.trade(at + 2 * SECOND, 111.0, 5.0)
    assert bars_of(client.take()) == []  # within the interval of updates

    tape.trade(at + MINUTE, 112.0, 7.0)
    told = client.take()
    assert bars_of(told) == [
        ("historicalDataUpdate", "20250922 09:33:00 US/Eastern", 111.0, 10.0, 2),
        ("historicalDataUpdate", "20250922 09:34:00 US/Eastern", 112.0, 7.0, 1),
    ]
    assert [each[0] for each in told[:2]] == ["historicalDataUpdate"] * 2
    assert ("priceSizeTick", 4, 4, 112.0, 7.0) in told[2:]


def test_a_bar_ends_on_time_without_a_print_while_the_session_is_open() -> None:
    desk, client = desk_with_past(), Client()
    at = OPEN + 3 * MINUTE
    desk.answer_history(client, history(), at + SECOND)
    client.take()
    desk.advance(at + MINUTE - 1)
    assert client.take() == []
    desk.advance(at + MINUTE)
    assert bars_of(client.take()) == [
        ("historicalDataUpdate", "20250922 09:34:00 US/Eastern", 110.0, 0.0, 0)
    ]
    desk.tape(AAPL.con_id).is_open = False
    desk.advance(at + 10 * MINUTE)
    assert client.take() == []


def test_a_changing_bar_is_told_at_most_every_five_seconds() -> None:
    desk, client = desk_with_past(), Client()
    tape, at = desk.tape(AAPL.con_id), OPEN + 3 * MINUTE
    desk.answer_history(client, history(), at)
    client.take()
    for second in range(1, 50):
        tape.trade(at + second * SECOND, 110.0 + second, 1.0)
    assert len(bars_of(client.take())) == 9
    desk.advance(at + 51 * SECOND)
    assert bars_of(client.take()) == [
        ("historicalDataUpdate", "20250922 09:33:00 US/Eastern", 159.0, 54.0, 50)
    ]


def test_prints_outside_regular_hours_stay_out_of_regular_bars() -> None:
    desk, client = desk_with_past(), Client()
    tape = desk.tape(AAPL.con_id)
    desk.answer_history(client, history(), OPEN + 3 * MINUTE)
    desk.answer_history(client, history(request_id=5, is_regular_only=False), OPEN + 3 * MINUTE)
    client.take()
    tape.trade(CLOSE + SECOND, 120.0, 1.0)
    assert {each[1] for each in client.take()} == {5}


def test_the_first_hour_of_a_session_is_labelled_with_its_open() -> None:
    desk, client = desk_with_past(240), Client()
    hourly = history(bar_size="1 hour", is_epoch=True)
    desk.answer_history(client, hourly, OPEN + 240 * MINUTE)
    told = bars_of(client.take())
    assert [each[1] for each in told] == [
        str(at // SECOND) for at in (OPEN, *(OPEN + (30 + 60 * n) * MINUTE for n in range(4)))
    ]
    assert [each[3] for each in told] == [30_000.0, 60_000.0, 60_000.0, 60_000.0, 30_005.0]


@pytest.mark.parametrize(
    ("duration", "first"),
    [("120 S", "13:29"), ("1 D", "09:30"), ("1 W", "09:30")],
)
def test_durations_reach_back_from_the_newest_bar(duration: str, first: str) -> None:
    past = History()
    past.load((Bar(OPEN + n * MINUTE, 1.0, 1.0, 1.0, 1.0) for n in range(390)), MINUTE)
    bars = past.bars(
        BarSize.parse("1 min"),
        Duration.parse(duration),
        OPEN + 241 * MINUTE,
        ZONE,
        always,
    )
    assert ZONE.stamp(bars[0].start)[9:14] == first
    assert ZONE.stamp(bars[-1].start)[9:14] == "13:30"


def test_nothing_to_show_is_an_error_and_no_subscription() -> None:
    desk, client = MarketDesk(Catalogue([AAPL]), "live"), Client()
    desk.answer_history(client, history(is_kept_up_to_date=False), OPEN)
    assert [each[1:3] for each in client.take()] == [(3, 162)]
    desk.tape(AAPL.con_id).trade(OPEN, 1.0, 1.0)
    assert client.take() == []
    for wrong in ("7 mins", "", "1 fortnight"):
        desk.answer_history(client, history(bar_size=wrong), OPEN)
        assert [each[1:3] for each in client.take()] == [(3, 321)]


def test_bars_kept_up_to_date_begin_with_the_first_print_where_there_is_no_past() -> None:
    desk, client = MarketDesk(Catalogue([AAPL]), "live"), Client()
    desk.answer_history(client, history(), OPEN)
    assert [each[0] for each in client.take()] == ["historicalDataEnd"]
    desk.tape(AAPL.con_id).trade(OPEN, 101.0, 5.0)
    assert bars_of(client.take())[0][2:] == (101.0, 5.0, 1)


def test_a_stream_starts_with_what_is_known_and_then_tells_changes_only() -> None:
    desk, client = MarketDesk(Catalogue([AAPL]), "live"), Client()
    tape = desk.tape(AAPL.con_id)
    tape.quote(OPEN, 99.0, 101.0, 300.0, 200.0)
    desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset({"233"}), False), OPEN)
    told = client.take()
    assert told[0][0] == "tickReqParams"
    assert told[1] == ("marketDataType", 4, 1)
    assert told[2:4] == [("priceSizeTick", 4, 1, 99.0, 300.0), ("priceSizeTick", 4, 2, 101.0, 200)]

    tape.quote(OPEN, 99.0, 101.0, 300.0, 200.0)
    assert client.take() == []
    tape.quote(OPEN, 99.0, 100.5, 400.0, 200.0)
    assert client.take() == [("tickSize", 4, 0, 400.0), ("priceSizeTick", 4, 2, 100.5, 200.0)]
    tape.quote(OPEN, None, 100.5, 0.0, 200.0)
    assert client.take() == [("priceSizeTick", 4, 1, -1.0, 0.0)]
    tape.trade(OPEN + SECOND, 100.0, 50.0)
    told = client.take()
    stamp = (OPEN + SECOND) // SECOND
    assert ("tickString", 4, 48, f"100;50;{stamp * 1000};50;100.000000;true") in told
    assert ("tickString", 4, 45, str(stamp)) in told
    assert ("priceSizeTick", 4, 4, 100.0, 50.0) in told

    assert desk.cancel(client, Feed.MARKET_DATA, 4)
    assert not desk.cancel(client, Feed.MARKET_DATA, 4)
    tape.trade(OPEN + SECOND, 101.0, 50.0)
    assert client.take() == []


def test_a_snapshot_ends_and_leaves_nothing_behind() -> None:
    desk, client = desk_with_past(), Client()
    desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset(), True), OPEN + 3 * MINUTE)
    told = client.take()
    assert ("priceSizeTick", 4, 4, 110.0, 5.0) in told
    assert told[-1] == ("tickSnapshotEnd", 4)
    desk.tape(AAPL.con_id).trade(OPEN + 4 * MINUTE, 111.0, 1.0)
    assert client.take() == []


def test_without_permission_data_is_delayed_and_says_so() -> None:
    desk, client = MarketDesk(Catalogue([AAPL]), "delayed"), Client()
    request = ReqMktData(4, QUERY, frozenset(), False)
    desk.subscribe_ticks(client, request, OPEN)
    assert [each[1:3] for each in client.take()] == [(4, 354)]
    client.data_type = 3
    desk.subscribe_ticks(client, request, OPEN)
    told = client.take()
    assert told[0][1:3] == (4, 10167)
    assert ("marketDataType", 4, 3) in told
    desk.tape(AAPL.con_id).quote(OPEN, 99.0, 101.0, 1.0, 1.0)
    assert [each[2] for each in client.take()] == [66, 67]


def test_real_time_bars_come_when_their_five_seconds_are_over() -> None:
    desk, client = desk_with_past(), Client()
    tape, at = desk.tape(AAPL.con_id), OPEN + 5 * MINUTE
    desk.subscribe_real_time_bars(client, ReqRealTimeBars(6, QUERY, "TRADES", True))
    tape.trade(at + SECOND, 110.0, 5.0)
    tape.trade(at + 4 * SECOND, 112.0, 5.0)
    desk.advance(at + 5 * SECOND - 1)
    assert client.take() == []
    desk.advance(at + 5 * SECOND)
    assert client.take() == [
        ("realtimeBar", 6, at // SECOND, 110.0, 112.0, 110.0, 112.0, 10.0, 111.0, 2)
    ]
    tape.trade(at + 11 * SECOND, 113.0, 1.0)
    assert [each[2:7] for each in client.take()] == [(at // SECOND + 5, 112.0, 112.0, 112.0, 112.0)]


def test_tick_by_tick_tells_only_the_kind_that_was_asked_for() -> None:
    desk, client = MarketDesk(Catalogue([AAPL]), "live"), Client()
    tape = desk.tape(AAPL.con_id)
    for number, kind in enumerate(("Last", "BidAsk", "MidPoint")):
        desk.subscribe_tick_by_tick(client, ReqTickByTickData(number, QUERY, kind))
    desk.subscribe_tick_by_tick(client, ReqTickByTickData(9, QUERY, "Everything"))
    assert [each[1:3] for each in client.take()] == [(9, 321)]
    tape.quote(OPEN, 99.0, 101.0, 300.0, 200.0)
    assert [(each[0], each[1]) for each in client.take()] == [
        ("tickByTickBidAsk", 1),
        ("tickByTickMidPoint", 2),
    ]
    tape.trade(OPEN, 100.0, 50.0)
    assert [(each[0], each[1], each[4]) for each in client.take()] == [
        ("tickByTickAllLast", 0, 100.0)
    ]


def test_an_unknown_contract_or_a_request_id_in_use_is_refused() -> None:
    desk, client = desk_with_past(), Client()
    nobody = ContractQuery(0, "NOPE", "STK", "", "", "", "", "SMART", "", "USD", "", "")
    desk.subscribe_ticks(client, ReqMktData(4, nobody, frozenset(), False), OPEN)
    assert [each[1:3] for each in client.take()] == [(4, 200)]
    desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset(), False), OPEN)
    client.take()
    desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset(), False), OPEN)
    assert [each[1:3] for each in client.take()] == [(4, 322)]


def test_a_session_that_ends_takes_only_its_own_subscriptions_along() -> None:
    desk, leaving, staying = desk_with_past(), Client(), Client()
    for client in (leaving, staying):
        desk.subscribe_ticks(client, ReqMktData(4, QUERY, frozenset(), False), OPEN + HOUR)
        desk.answer_history(client, history(), OPEN + HOUR)
        client.take()
    desk.forget(leaving)
    desk.tape(AAPL.con_id).trade(OPEN + HOUR, 111.0, 1.0)
    assert leaving.take() == []
    assert {each[1] for each in staying.take()} == {3, 4}

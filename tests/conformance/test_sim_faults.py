"""Each fault, seen by a client that reads frame by frame."""

import asyncio
import json
from typing import Any

import pytest

from orderloom.sim import faults, parse_plan
from orderloom.sim.control import ControlPort
from orderloom.sim.faults import When
from orderloom.sim.times import SECOND
from orderloom.sim.wire import message

from .rig import AAPL, OPEN, ZONE, Raw, hello, opened, order, until

BUY = order(1, "BUY", "10", "MKT")
FILLED = [
    "openOrder", "orderStatus", "execDetails", "openOrder", "orderStatus", "openOrder",
    "commissionReport",
]  # fmt: skip


async def test_without_faults_frames_pass_untouched() -> None:
    async with opened() as exchange:
        assert exchange.tws.faults.is_idle
        raw = await Raw.started(exchange)
        await raw.write(BUY)
        assert await raw.synchronised() == FILLED
        raw.close()


async def test_dropped_and_duplicated_messages_are_counted() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Drop(messages=["execDetails"], count=1))
        exchange.tws.faults.inject(faults.Duplicate(messages=["commissionReport"], count=1))
        await raw.write(BUY)
        expected = [name for name in FILLED if name != "execDetails"]
        assert await raw.synchronised() == [*expected, "commissionReport"]
        assert exchange.tws.faults.is_idle
        await raw.write(order(2, "SELL", "10", "MKT"))
        assert await raw.synchronised() == FILLED
        raw.close()


async def test_held_messages_come_in_the_end_and_delayed_ones_in_their_time() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        inject = exchange.tws.faults.inject
        inject(faults.Hold(messages=["execDetails", "commissionReport"], duration=10 * SECOND))
        await raw.write(BUY)
        assert "execDetails" not in await raw.synchronised()
        exchange.wait(10)
        assert await raw.synchronised() == ["execDetails", "commissionReport"]

        inject(faults.Delay(messages=["placeOrder"], by=5 * SECOND, count=1))
        await raw.write(order(2, "SELL", "10", "MKT"))
        assert await raw.synchronised() == []
        exchange.wait(5)
        assert await raw.synchronised() == FILLED
        raw.close()


async def test_a_reordered_message_changes_places_with_the_next() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Reorder(messages=["execDetails"], count=1))
        await raw.write(BUY)
        told = await raw.synchronised()
        assert told[2:4] == ["openOrder", "execDetails"]
        assert sorted(told) == sorted(FILLED)
        raw.close()


@pytest.mark.parametrize("after", range(1, 12))
async def test_a_cut_delivers_exactly_the_bytes_before_it(after: int) -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Cut(stream="replies", after_bytes=after))
        await raw.write(message("49", "1"))
        assert await raw.read() is None
        assert len(raw._bytes) == after
        raw.close()


async def test_a_request_before_the_cut_is_carried_out_and_its_answer_lost() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Cut(stream="requests", after_bytes=len(BUY)))
        await raw.write(BUY)
        assert await raw.read() is None
        assert len(json.loads(exchange.venue.executions())) == 1
        raw.close()


async def test_a_request_that_the_cut_splits_never_happened() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Cut(stream="requests", after_bytes=len(BUY) - 1))
        await raw.write(BUY)
        assert await raw.read() is None
        assert json.loads(exchange.venue.executions()) == []
        raw.close()


async def test_a_muted_socket_stays_open_and_goes_on_where_it_was() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Mute(duration=5 * SECOND))
        await raw.write(BUY)
        await asyncio.sleep(0.02)
        assert json.loads(exchange.venue.executions()) == []
        exchange.wait(5)
        assert await raw.synchronised() == FILLED
        raw.close()


async def test_a_half_open_socket_is_reset_in_the_end() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.HalfOpen(duration=5 * SECOND))
        await raw.write(BUY)
        await asyncio.sleep(0.02)
        assert exchange.tws.client_ids == (9,)
        exchange.wait(5)
        assert await raw.read() is None
        assert json.loads(exchange.venue.executions()) == []
        raw.close()


async def test_refusals_choose_their_orders_and_leave_nothing_alive() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Refuse(order_types=["STP"], code=201))
        await raw.write(order(1, "BUY", "10", "LMT", lmtPrice="90"))
        assert await raw.synchronised() == ["openOrder", "orderStatus"]
        await raw.write(order(2, "SELL", "10", "STP", auxPrice="80"))
        answer = await raw.read()
        assert answer is not None
        assert answer[2:4] == ["2", "201"]
        assert [each["order_id"] for each in json.loads(exchange.venue.orders())] == [1]

        exchange.tws.faults.inject(faults.Refuse(what="modify", code=321, text="not now"))
        await raw.write(order(1, "BUY", "10", "LMT", lmtPrice="91"))
        answer = await raw.read()
        assert answer is not None
        assert answer[2:5] == ["1", "321", "not now"]
        assert json.loads(exchange.venue.orders())[0]["limit_price"] == "90"
        raw.close()


async def test_a_forked_change_lives_twice_and_a_code_names_the_latest_order() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Fork())
        await raw.write(order(1, "BUY", "10", "LMT", lmtPrice="90"))
        await raw.write(order(1, "BUY", "10", "LMT", lmtPrice="91"))
        await raw.synchronised()
        live = json.loads(exchange.venue.orders())
        assert [each["order_id"] for each in live] == [1, 1]
        assert live[0]["perm_id"] != live[1]["perm_id"]
        exchange.tws.faults.inject(faults.Code(code=10349))
        answer = await raw.read()
        assert answer is not None
        assert answer[2:4] == ["1", "10349"]
        raw.close()


@pytest.mark.parametrize(
    ("news", "during", "after"),
    [("live", FILLED, []), ("late", [], FILLED), ("lost", [], [])],
)
async def test_an_outage_tells_orders_live_late_or_never(
    news: Any, during: list[str], after: list[str]
) -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        exchange.tws.faults.inject(faults.Outage(duration=60 * SECOND, order_news=news))
        await raw.write(BUY)
        assert await raw.synchronised() == ["error", *during]
        exchange.wait(60)
        assert sorted(await raw.synchronised()) == sorted([*after, "error"])
        await raw.write(message("7", "3", "5", "0", "", "", "", "", "", ""))
        assert await raw.told("execDetailsEnd") == [
            "execDetails", "commissionReport", "execDetailsEnd",
        ]  # fmt: skip
        raw.close()


async def test_a_restart_turns_clients_away_for_a_while_and_rolls_ids_back_if_told() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        await raw.write(order(40, "BUY", "10", "LMT", lmtPrice="90"))
        await raw.synchronised()
        exchange.tws.faults.inject(faults.RollBackIds(by=4))
        exchange.tws.faults.inject(faults.Restart(duration=30 * SECOND))
        assert await raw.read() is None
        turned_away = Raw(exchange.tws.port)
        assert await turned_away.read() is None
        exchange.wait(30)
        again = Raw(exchange.tws.port)
        await again.write(hello(b"v157..178"), message("71", "2", "9", ""))
        answers = [await again.read() for _ in range(3)]
        assert answers[2] == ["9", "1", "37"]
        assert len(json.loads(exchange.venue.orders())) == 1
        for each in (raw, turned_away, again):
            each.close()


async def test_a_fault_waits_for_its_moment() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        inject = exchange.tws.faults.inject
        inject(faults.Code(code=1100, to="nobody", when=When(of="fill", nth=2)))
        inject(faults.Code(code=2103, to="nobody", when=When(at="09:31:00")))
        await raw.write(BUY)
        assert "error" not in await raw.synchronised()
        await raw.write(order(2, "SELL", "10", "MKT"))
        assert (await raw.synchronised())[2:4] == ["execDetails", "error"]
        exchange.wait(50)
        assert await raw.synchronised() == []
        exchange.wait(20)
        assert await raw.synchronised() == ["error"]
        assert exchange.tws.faults.is_idle
        raw.close()


async def test_data_that_is_delayed_frozen_or_false() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        contract = ("265598", "", "", "", "", "", "", "SMART", "", "", "", "")
        await raw.write(message("1", "11", "5", *contract, "0", "", "0", "0", ""))
        await raw.synchronised()
        inject = exchange.tws.faults.inject
        inject(faults.FalseTick(symbol="AAPL", price="nan"))
        assert await raw.read() == ["1", "6", "5", "4", "nan", "100", "0"]
        inject(faults.Freeze(symbols=["AAPL"], duration=10 * SECOND))
        exchange.quote(100.0, 100.02)
        assert await raw.synchronised() == []
        exchange.wait(10)
        inject(faults.DelayedData(duration=10 * SECOND))
        assert await raw.read() == ["58", "1", "5", "3"]
        exchange.quote(100.01, 100.03)
        delayed = await raw.read()
        assert delayed is not None
        assert delayed[3] == "66"
        with pytest.raises(KeyError, match="NOPE"):
            inject(faults.Halt(symbol="NOPE"))
        raw.close()


async def test_clocks_hands_halts_splits_and_corrections_reach_the_client() -> None:
    async with opened() as exchange:
        raw = await Raw.started(exchange)
        inject = exchange.tws.faults.inject
        inject(faults.ClockSkew(by=90 * SECOND))
        await raw.write(message("49", "1"))
        assert await raw.read() == ["49", "1", str(exchange.now // SECOND + 90)]
        await raw.write(message("61", "1"))
        assert await raw.told("positionEnd")
        inject(faults.ManualTrade(symbol="AAPL", side="BUY", quantity=10))
        assert await raw.synchronised() == ["position"]
        inject(faults.Halt(symbol="AAPL", duration=5 * SECOND))
        await raw.write(order(1, "SELL", "10", "MKT"))
        assert "execDetails" not in await raw.synchronised()
        exchange.wait(5)
        told = await raw.synchronised()
        assert "execDetails" in told
        inject(faults.Correct(price=99.5))
        assert (await raw.synchronised())[:1] == ["execDetails"]
        inject(faults.Locate(symbol="AAPL", duration=5 * SECOND))
        await raw.write(order(2, "SELL", "10", "MKT"))
        assert await raw.synchronised() == ["openOrder", "orderStatus", "error"]
        exchange.wait(5)
        assert "execDetails" in await raw.synchronised()
        raw.close()


async def test_busts_overfills_bands_and_dividends_reach_the_client() -> None:
    async with opened(venue='{"commission": "none"}') as exchange:
        raw = await Raw.started(exchange)
        inject = exchange.tws.faults.inject
        once = When(of="fill", nth=1)
        inject(faults.Overfill(more=5, when=once))
        await raw.write(order(1, "BUY", "10", "MKT"))
        told = await raw.synchronised()
        first, second = (n for n, name in enumerate(told) if name == "execDetails")
        assert "commissionReport" in told[first:second], "the first fill is told to its end"
        assert exchange.positions() == {AAPL.con_id: "15"}

        inject(faults.Bust())
        assert await raw.synchronised() == ["execDetails"]
        assert exchange.positions() == {AAPL.con_id: "10"}

        await raw.write(message("61", "1"))
        await raw.told("positionEnd")
        cash = exchange.cash()
        inject(faults.Dividend(symbol="AAPL", amount=0.25))
        assert exchange.cash() - cash == 2.5

        inject(faults.Band(symbol="AAPL", low=99.0, high=100.0, duration=5 * SECOND))
        await raw.write(order(2, "BUY", "10", "MKT"))
        assert "execDetails" not in await raw.synchronised()
        exchange.wait(5)
        assert "execDetails" in await raw.synchronised()
        raw.close()


@pytest.mark.parametrize("shape", ["noise", "unknown", "short", "oversized"])
async def test_garbage_follows_the_seed(shape: Any) -> None:
    seen = []
    for seed in (5, 5, 6):
        async with opened(faults=faults.FaultPlan(seed=seed)) as exchange:
            raw = await Raw.started(exchange)
            exchange.tws.faults.inject(faults.Garbage(shape=shape))
            await until(lambda: exchange.tws.frames_out > 6)
            await asyncio.sleep(0.005)
            seen.append(await asyncio.get_running_loop().sock_recv(raw._socket, 65536))
            raw.close()
    assert seen[0] == seen[1]
    assert (seen[0] != seen[2]) == (shape == "noise")


async def test_a_plan_from_a_file_runs_and_clearing_ends_it() -> None:
    plan = parse_plan("faults:\n- {fault: mute, stream: replies, when: {of: connection}}\n")
    async with opened(faults=plan) as exchange:
        raw = Raw(exchange.tws.port)
        await raw.write(hello(b"v157..178"))
        assert await raw.read() == ["178", ZONE.stamp(OPEN + SECOND)]
        await raw.write(message("71", "2", "9", ""))
        await until(lambda: exchange.tws.frames_in == 2)
        exchange.tws.faults.clear()
        assert await raw.read() == ["15", "1", "DU0000001"]
        raw.close()


async def test_the_control_port_takes_faults_and_nothing_else() -> None:
    async with opened() as exchange:
        control = ControlPort(exchange.tws)
        await control.start()
        raw = await Raw.started(exchange)
        reader, writer = await asyncio.open_connection("127.0.0.1", control.port)

        async def ask(request: object) -> Any:
            writer.write(json.dumps(request).encode() + b"\n")
            return json.loads(await reader.readline())

        assert await ask({"do": "status"}) == {"ok": {"seed": 1, "armed": 0, "clients": [9]}}
        assert await ask({"fault": "code", "code": 1100, "to": "nobody"}) == {"ok": True}
        assert (await raw.read() or [])[2:4] == ["-1", "1100"]
        assert "unknown fault" in (await ask({"fault": "explode"}))["error"]
        assert "found `stop`" in (await ask({"do": "stop"}))["error"]
        writer.write(b"POST / HTTP/1.1\r\n")
        assert await reader.read() == b""
        with pytest.raises(ValueError, match="loopback"):
            ControlPort(exchange.tws, host="0.0.0.0")
        writer.close()
        raw.close()
        await control.stop()

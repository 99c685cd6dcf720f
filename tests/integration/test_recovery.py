"""A run that was killed goes on: its trade is taken over, nothing is sent twice, and it can close.

The simulated TWS is a process of its own, as the real one is, and its books say what is true.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from ib_async import IB

from orderloom._core import Engine
from orderloom.config import parse_settings
from orderloom.journal import Journal, JournalBroken, Run
from orderloom.recovery import AlreadyRunningError, OtherVersionError, Seat, recover, seat_name
from orderloom.replay import replay
from orderloom.report.account import Account
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

PATIENCE = 40.0
SHARES = 100
STRATEGY = """\
broker: {{mode: paper, port: {port}, client_id: 7}}
market: {{calendar: always}}
signals: {{poll: 1s}}
rules:
  - name: {rule}
    on: PredictionSignal
    symbols: [FLAT{more}]
    when: signal.side == "BUY" and signal.confidence >= 0.80 and position.is_flat
    do:
      - enter: {{side: BUY, shares: {shares}, stop: [{{percent: 2}}], target: [{{percent: 8}}]}}
"""


class Desk:
    """Starts and ends runs of one account, and asks them."""

    def __init__(self, orderloom: Path, directory: Path, port: int) -> None:
        self.port = port
        self._orderloom = orderloom
        self._directory = directory
        self._runs: list[subprocess.Popen[str]] = []
        self._signals = directory / "predictions.jsonl"
        self.predict()

    def predict(self) -> None:
        """Serve a prediction of now, in the place of any before."""
        prediction = {"ticker": "FLAT", "signal": "BUY", "numeric": 1, "confidence": 0.9}
        made = {"prediction_time": datetime.now(UTC).isoformat()}
        self._signals.write_text(json.dumps({**prediction, **made}) + "\n")

    def start(
        self,
        name: str,
        *,
        rule: str = "long",
        more: str = "",
        killed: tuple[str, int] | None = None,
    ) -> Path:
        """Start a run, which may be killed `before` or `after` an order; returns its directory."""
        strategy = self._directory / f"{name}.yaml"
        text = STRATEGY.format(port=self.port, shares=SHARES, rule=rule, more=more)
        strategy.write_text(text)
        out = self._directory / name
        inputs = (strategy, "--paper", "--signals", self._signals)
        program: list[str | Path] = [self._orderloom]
        if killed is not None:
            program = [sys.executable, Path(__file__).with_name("victim.py"), *map(str, killed)]
        run = subprocess.Popen(
            [*program, "run", *inputs, "--out", out],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._runs.append(run)
        return out

    def kill(self) -> None:
        self._runs[-1].kill()
        self.mourn()

    def mourn(self) -> None:
        assert self._runs[-1].wait(PATIENCE) == -signal.SIGKILL

    def end(self) -> int:
        """Ask the last run to end; returns its exit code."""
        self._runs[-1].terminate()
        return self._runs[-1].wait(PATIENCE)

    def refused(self) -> tuple[int, str]:
        """Exit code and message of a run that should not have started."""
        _, message = self._runs[-1].communicate(timeout=PATIENCE)
        return self._runs[-1].returncode, message

    @property
    def pids(self) -> list[int]:
        return [run.pid for run in self._runs]

    def ask(self, word: str, run: Path, *more: str) -> dict[str, Any]:
        done = subprocess.run(
            [self._orderloom, word, *more, "--run", run, "--json"],
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return answer

    def clear(self) -> None:
        for run in self._runs:
            if run.poll() is None:
                run.kill()
            run.communicate()


@pytest.fixture
def desk(start_sim: Callable[..., int], orderloom: Path, tmp_path: Path) -> Iterator[Desk]:
    market = tmp_path / "market.csv"
    start = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
    lines = ["ts_utc,symbol,price,size"]
    for tenth in range(1_200):
        at = (start + timedelta(seconds=tenth / 10)).isoformat(timespec="milliseconds")
        lines += [f"{at},{name},{100 + tenth % 3 / 100:.2f},1000" for name in ("FLAT", "MORE")]
    market.write_text("\n".join(lines) + "\n")
    port = start_sim("--market", market, "--calendar", "always", "--symbols", "FLAT,MORE")
    desk = Desk(orderloom, tmp_path, port)
    yield desk
    desk.clear()


@asynccontextmanager
async def observing(port: int) -> AsyncIterator[IB]:
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=99)
    try:
        yield ib
    finally:
        ib.disconnect()


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.05)


def held(ib: IB) -> dict[str, float]:
    return {each.contract.symbol: each.position for each in ib.positions()}


async def alive(ib: IB) -> dict[str, tuple[int, float]]:
    """Order type, permanent number and open shares of all that lives at the broker."""
    trades = await asyncio.wait_for(ib.reqAllOpenOrdersAsync(), PATIENCE)
    found = {
        trade.order.orderType: (trade.order.permId, trade.orderStatus.remaining) for trade in trades
    }
    assert len(found) == len(trades), "one order of each type"
    return found


def mode(desk: Desk, run: Path) -> str | None:
    return desk.ask("status", run).get("mode")


async def test_killed_with_an_open_trade_a_run_goes_on_with_it_and_can_close_it(
    desk: Desk,
) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        desk.kill()
        before = await alive(ib)
        assert before.keys() == {"LMT", "STP"}

        second = desk.start("second")
        await until(lambda: mode(desk, second) == "Active", "the broker's word is complete")
        # The same prediction is served again, and again.
        await until(lambda: desk.ask("signals", second)["signals"]["duplicate"] > 1, "it is served")
        assert held(ib) == {"FLAT": SHARES}
        assert await alive(ib) == before, "the same two orders, unchanged"
        assert (second / "journal.db").resolve() == (first / "journal.db").resolve()

        desk.ask("flatten", second, "--all")
        await until(lambda: held(ib) == {}, "the position is closed")
        assert await alive(ib) == {}
        fills = await asyncio.wait_for(ib.reqExecutionsAsync(), PATIENCE)
        assert [fill.execution.side for fill in fills] == ["BOT", "SLD"]
        assert desk.end() == 0
    summary = json.loads((second / "summary.json").read_text())
    assert (summary["final_positions"], summary["live_orders"]) == ({}, 0)
    (trip,) = summary["round_trips"]
    assert (trip["rule"], trip["exit_reason"], trip["quantity"]) == ("long", "CLOSE_ALL", "100")
    # Both runs are one journal, with one line of events, and it replays.
    replayed = replay(first / "journal.db")
    assert replayed.difference is None
    with Journal.open(first / "journal.db") as recording:
        sent = [json.loads(entry.body) for entry in recording.commands() if entry.kind == "place"]
        numbers = [order["ticket"]["order_id"] for order in sent]
        references = [order["ticket"]["order_ref"] for order in sent]
    assert len(set(numbers)) == len(set(references)) == len(sent) == 3


async def test_killed_before_an_entry_left_a_run_does_not_send_it_later(desk: Desk) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first", killed=("before", 1))
        desk.mourn()
        with Journal.open(first / "journal.db") as recording:
            assert sum(entry.kind == "place" for entry in recording.commands()) == 3
        second = desk.start("second")
        await until(lambda: mode(desk, second) == "Active", "the broker's word is complete")
        await until(lambda: desk.ask("orders", second)["orders"] == [], "the entry is given up")
        await until(lambda: desk.ask("signals", second)["signals"]["duplicate"] > 1, "it is served")
        assert (held(ib), await alive(ib)) == ({}, {})
        assert desk.end() == 0
    assert json.loads((second / "summary.json").read_text())["unfilled_entries"] == 1
    assert replay(first / "journal.db").difference is None


@pytest.mark.parametrize("legs", [1, 2])
async def test_killed_between_two_legs_nothing_fills_and_the_rest_of_the_family_is_cancelled(
    desk: Desk, legs: int
) -> None:
    async with observing(desk.port) as ib:
        desk.start("first", killed=("after", legs))
        desk.mourn()
        second = desk.start("second")
        await until(lambda: mode(desk, second) == "Active", "the broker's word is complete")
        # TWS holds the family, whose last leg never came: an entry without its stop is not wanted.
        await until(lambda: desk.ask("orders", second)["orders"] == [], "the family is over")
        assert (held(ib), await alive(ib)) == ({}, {})
        assert desk.end() == 0


async def test_killed_before_any_answer_a_run_finds_its_entry_filled_and_protected(
    desk: Desk,
) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first", killed=("after", 3))
        desk.mourn()
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills without us")
        before = await alive(ib)
        assert before.keys() == {"LMT", "STP"}
        second = desk.start("second")
        await until(lambda: mode(desk, second) == "Active", "the broker's word is complete")
        await until(lambda: len(desk.ask("orders", second)["orders"]) == 2, "its exits are known")
        assert held(ib) == {"FLAT": SHARES}
        assert await alive(ib) == before
        assert desk.end() == 0
    summary = json.loads((second / "summary.json").read_text())
    assert summary["final_positions"] == {"FLAT": str(SHARES)}
    assert summary["incidents"] == []
    assert replay(first / "journal.db").difference is None


async def test_other_rules_take_over_an_open_trade_and_the_kill_switch_stays(desk: Desk) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        # What was answered is durable: the process may die on the spot.
        halted = desk.ask("halt", first, "enough")
        halted_at = halted["mode_since"]
        assert halted["mode"] == "Halted"
        desk.kill()
        before = await alive(ib)

        second = desk.start("second", rule="renamed", more=", MORE")
        await until(lambda: mode(desk, second) == "Halted", "still halted")
        status = desk.ask("status", second)
        assert (status["mode_reason"], status["hint"]) == ("enough", "`orderloom resume`")
        begins = f"this run begins Halted, as the one before was left: enough, since {halted_at}"
        assert status["mode_since"] == halted_at
        assert begins in (second / "log.jsonl").read_text()
        desk.ask("resume", second)
        await until(lambda: mode(desk, second) == "Active", "re-armed by a person")
        assert await alive(ib) == before
        held_then, _ = desk.ask("positions", second)["positions"]
        desk.ask("flatten", second, "--all")
        await until(lambda: held(ib) == {}, "the position is closed")
        assert await alive(ib) == {}
        assert desk.end() == 0
    summary = json.loads((second / "summary.json").read_text())
    assert summary["symbols"] == ["FLAT", "MORE"]
    (trip,) = summary["round_trips"]
    assert (held_then["trade"]["rule"], trip["rule"]) == ("long", "long"), "which has gone since"
    with Run.whole(first / "journal.db") as run:
        assert [each.rule for each in Account.of(run).trips] == ["long"], "as a report has it"
    assert replay(first / "journal.db").difference is None


async def test_behind_a_journal_that_was_changed_a_run_enters_nothing_until_a_person_says_so(
    desk: Desk,
) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        desk.ask("flatten", first, "--all")
        await until(lambda: held(ib) == {}, "the position is closed")
        desk.kill()
        with closing(sqlite3.connect(first / "journal.db", isolation_level=None)) as connection:
            connection.execute("update entry set at = at + 1 where id = 3")
        desk.predict()
        second = desk.start("second")
        await until(lambda: mode(desk, second) is not None, "it has begun")
        await until(lambda: desk.ask("signals", second)["signals"]["duplicate"] > 1, "it is served")
        assert (mode(desk, second), held(ib)) == ("ReduceOnly", {})
        status = desk.ask("status", second)
        assert "none that can be trusted" in status["mode_reason"]
        assert status["hint"] == "`orderloom resume`"
        log = (second / "log.jsonl").read_text()
        assert "expected the last run to go on with, found none that can be trusted" in log
        assert "row 3 " in log
        desk.ask("resume", second)
        await until(lambda: mode(desk, second) == "Active", "re-armed by a person")
        assert desk.end() == 0


async def test_what_a_lost_journal_left_at_the_broker_is_counted_and_told_at_each_start(
    desk: Desk,
) -> None:
    def has_two(run: Path) -> bool:
        return desk.ask("status", run).get("unknown_orders") == 2

    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        desk.kill()
        before = await alive(ib)
        with closing(sqlite3.connect(first / "journal.db", isolation_level=None)) as connection:
            connection.execute("update entry set at = at + 1 where id = 3")
        # The second begins anew, the third goes on where the second ended.
        for name in ("second", "third"):
            run = desk.start(name)
            await until(partial(has_two, run), f"{name} counts them")
            told = desk.ask("orders", run)
            terms = {(each["side"], each["quantity"]) for each in told["unknown_orders"]}
            assert (told["orders"], terms) == ([], {("SELL", "100")})
            prices = {each["limit_price"] or each["stop_price"] for each in told["unknown_orders"]}
            assert len(prices) == 2
            (row,) = desk.ask("positions", run)["positions"]
            assert (row["trade"], row["unclaimed"]) == (None, "100")
            assert desk.end() == 0
            log = map(json.loads, (run / "log.jsonl").read_text().splitlines())
            (problem,) = [each["text"] for each in log if "not of this run" in str(each)]
            assert all(f"{price}" in problem for price in prices)
            assert "100 FLAT of no trade" in problem
            summary = json.loads((run / "summary.json").read_text())
            assert summary["unknown_orders"] == told["unknown_orders"]
            assert summary["unclaimed_shares"] == {"FLAT": "100"}
            assert summary["live_orders"] == 0
        assert (held(ib), await alive(ib)) == ({"FLAT": SHARES}, before), "left as they are"
        # Once somebody has ended them there is nothing to tell.
        ib.reqGlobalCancel()  # type: ignore[no-untyped-call]
        run = desk.start("fourth")
        await until(lambda: mode(desk, run) is not None, "it has begun")
        await until(lambda: "of no trade" in (run / "log.jsonl").read_text(), "the shares are told")
        orders = desk.ask("orders", run)
        assert orders == {"run": str(run), "orders": [], "unknown_orders": []}
        assert desk.end() == 0


async def test_a_run_that_only_another_version_can_take_up_is_neither_begun_anew_nor_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(path: Path) -> NoReturn:
        raise OtherVersionError(path, "expected a snapshot of layout 9, found layout 8", "0.0.9")

    settings = parse_settings("broker: {port: 9, client_id: 7}\nmarket: {symbols: [FLAT]}\n")
    seat = Seat.take(tmp_path / "seats" / seat_name(settings, "paper"), tmp_path / "run")
    seat.remember(tmp_path / "journal.db")
    seat.release()
    monkeypatch.setattr("orderloom.sessions.session.recover", left)
    options = RunOptions(mode="paper", out=tmp_path / "run", state=tmp_path / "seats")
    with pytest.raises(OtherVersionError, match=r"layout 8, hint: go on with .*0\.0\.9"):
        await Session(settings, options, pytest.fail).run()
    assert not (tmp_path / "run").exists()
    assert seat.last == tmp_path / "journal.db"


async def test_a_second_instance_is_refused_and_names_the_first(desk: Desk) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        desk.start("second")
        code, message = desk.refused()
        assert code == 3
        assert f"process {desk.pids[0]} " in message
        assert str(first) in message
        assert held(ib) == {"FLAT": SHARES}
        assert len(await alive(ib)) == 2


def test_a_seat_is_free_again_when_its_holder_ends(tmp_path: Path) -> None:
    seat = Seat.take(tmp_path / "seat", tmp_path / "run")
    assert seat.last is None
    with pytest.raises(AlreadyRunningError, match="process "):
        Seat.take(tmp_path / "seat", tmp_path / "other")
    seat.remember(tmp_path / "journal.db")
    seat.release()
    again = Seat.take(tmp_path / "seat", tmp_path / "other")
    assert again.last == tmp_path / "journal.db"
    again.release()


def test_an_engine_is_brought_to_where_the_journal_ends(quickstart: Path) -> None:
    recovered = recover(quickstart / "journal.db")
    assert recovered.doubt is None
    assert recovered.lost_outcome == ((), ())
    with Journal.open(quickstart / "journal.db") as recording:
        assert recovered.events == recording.count()[0]
        assert recovered.last.seq == recovered.events
    summary = json.loads((quickstart / "summary.json").read_text())
    held_now = {
        name: recovered.engine.position(number)[0]
        for number, name in enumerate(recovered.symbols)
        if recovered.engine.position(number)[0] != "0"
    }
    assert held_now == summary["final_positions"]
    assert len(json.loads(recovered.engine.live_orders())) == summary["live_orders"]


def test_killed_at_any_write_the_engine_is_where_it_was(quickstart: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    shutil.copy(quickstart / "journal.db", copy)
    with Journal.open(copy) as recording:
        whole = Engine(recording.header.config)
        for batch in recording.batches():
            whole.catch_up(batch)
    with closing(sqlite3.connect(copy)) as connection:
        rows = connection.execute("select seq, at, type, body from entry order by id").fetchall()
    # Every place around what the engine said, and some of the quiet ones between.
    loud = {place + step for place, row in enumerate(rows) if row[2] != "event" for step in (0, 1)}
    cuts = sorted({*loud, *range(0, len(rows), 100)} - {0, len(rows)}, reverse=True)[::5]
    assert len(cuts) > 100
    with (
        closing(sqlite3.connect(copy, isolation_level=None)) as connection,
        Journal.open(quickstart / "journal.db") as recording,
    ):
        for cut in cuts:
            connection.execute("delete from entry where id > ?", (cut,))
            recovered = recover(copy)
            assert recovered.doubt is None
            seq, _, type_, _ = rows[cut - 1]
            assert recovered.last.seq == seq
            # What the last event led to and was not written is known all the same.
            written = sum(1 for row in rows[:cut] if row[0] == seq and row[2] != "event")
            said = [row[3] for row in rows if row[0] == seq and row[2] in {"command", "notice"}]
            commands, notices = recovered.lost_outcome
            assert [each.json() for each in (*commands, *notices)] == said[written:], type_
            for batch in recording.batches(after=cut):
                recovered.engine.catch_up(batch)
            assert recovered.engine.fills() == whole.fills()
            assert recovered.engine.live_orders() == whole.live_orders()
            assert recovered.engine.next_deadline() == whole.next_deadline()


def test_a_damaged_journal_is_not_gone_on_with(quickstart: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    shutil.copy(quickstart / "journal.db", copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("update entry set body = replace(body, '1', '2') where id = 50")
    with pytest.raises(JournalBroken, match="row 50 "):
        recover(copy)
    with pytest.raises(JournalBroken, match="no such file"):
        recover(tmp_path / "none.db")

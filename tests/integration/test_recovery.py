"""A run that was killed goes on: its trade is taken over, nothing is sent twice, and it can close.

The simulated TWS is a process of its own, as the real one is, and its books say what is true.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from ib_async import IB

from orderloom.journal import Journal
from orderloom.recovery import AlreadyRunningError, Seat, recover
from orderloom.replay import replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0
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
        prediction = {"ticker": "FLAT", "signal": "BUY", "numeric": 1, "confidence": 0.9}
        made = {"prediction_time": datetime.now(UTC).isoformat()}
        self._signals.write_text(json.dumps({**prediction, **made}) + "\n")

    def start(self, name: str, *options: str, rule: str = "long", more: str = "") -> Path:
        """Start a run; returns its directory."""
        strategy = self._directory / f"{name}.yaml"
        text = STRATEGY.format(port=self.port, shares=SHARES, rule=rule, more=more)
        strategy.write_text(text)
        out = self._directory / name
        inputs = (strategy, "--paper", "--signals", self._signals)
        run = subprocess.Popen(
            [self._orderloom, "run", *inputs, "--out", out, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._runs.append(run)
        return out

    def kill(self) -> None:
        self._runs[-1].kill()
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

        desk.ask("flatten", second)
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


async def test_other_rules_take_over_an_open_trade_and_the_kill_switch_stays(desk: Desk) -> None:
    async with observing(desk.port) as ib:
        first = desk.start("first")
        await until(lambda: held(ib) == {"FLAT": SHARES}, "the entry fills")
        desk.ask("halt", first, "enough")
        desk.kill()
        before = await alive(ib)

        second = desk.start("second", rule="renamed", more=", MORE")
        await until(lambda: mode(desk, second) == "Halted", "still halted")
        await until(lambda: (desk.ask("status", second).get("seconds") or 1) > 0, "it answers")
        desk.ask("resume", second)
        await until(lambda: mode(desk, second) == "Active", "re-armed by a person")
        assert await alive(ib) == before
        desk.ask("flatten", second)
        await until(lambda: held(ib) == {}, "the position is closed")
        assert await alive(ib) == {}
        assert desk.end() == 0
    summary = json.loads((second / "summary.json").read_text())
    assert summary["symbols"] == ["FLAT", "MORE"]
    assert summary["round_trips"][0]["rule"] == "-"
    assert replay(first / "journal.db").difference is None


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

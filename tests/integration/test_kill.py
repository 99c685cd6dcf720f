"""A run that dies, and one that is asked to end, leave a position whose exits live at the broker.

The simulated TWS is a process of its own, as the real one is.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ib_async import IB, Order, Trade

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
  - name: long-on-buy
    on: PredictionSignal
    symbols: [FALL]
    when: signal.side == "BUY" and signal.confidence >= 0.80 and position.is_flat
    do:
      - enter: {{side: BUY, shares: {shares}, stop: [{{percent: 2}}], target: [{{percent: 8}}]}}
"""


def market(path: Path, *, per_second: float) -> Path:
    """Prints of a price that starts at 100 and changes by so many dollars a second for a minute."""
    start = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
    lines = ["ts_utc,symbol,price,size"]
    for tenth in range(600):
        at = (start + timedelta(seconds=tenth / 10)).isoformat(timespec="milliseconds")
        lines.append(f"{at},FALL,{100 + per_second * tenth / 10:.2f},1000")
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def running(orderloom: Path, directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`orderloom run --paper` against `port`, with one prediction made just now."""
    strategy = directory / "strategy.yaml"
    strategy.write_text(STRATEGY.format(port=port, shares=SHARES))
    predicted = datetime.now(UTC).isoformat()
    signals = directory / "predictions.jsonl"
    signals.write_text(
        json.dumps(
            {
                "ticker": "FALL", "signal": "BUY", "numeric": 1, "confidence": 0.9,
                "prediction_time": predicted,
            }
        )
        + "\n"
    )  # fmt: skip
    run = subprocess.Popen(
        [orderloom, "run", strategy, "--paper", "--signals", signals, "--out", directory / "run"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield run
    finally:
        if run.poll() is None:
            run.kill()
        run.wait()


@asynccontextmanager
async def observing(port: int) -> AsyncIterator[IB]:
    """A bare client with a number of its own."""
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
        await asyncio.sleep(0.02)


async def exits_at(ib: IB) -> dict[str, Trade]:
    """What is alive at the broker, by order type."""
    alive = await asyncio.wait_for(ib.reqAllOpenOrdersAsync(), PATIENCE)
    return {trade.order.orderType: trade for trade in alive}


def stop_price(order: Order) -> float:
    assert order.auxPrice is not None
    return float(order.auxPrice)


def held(ib: IB) -> dict[str, float]:
    return {each.contract.symbol: each.position for each in ib.positions()}


def assert_protected(exits: dict[str, Trade]) -> None:
    assert exits.keys() == {"LMT", "STP"}
    for trade in exits.values():
        assert (trade.order.action, trade.orderStatus.remaining) == ("SELL", SHARES)
    assert exits["STP"].orderStatus.status in {"PreSubmitted", "Submitted"}
    assert exits["LMT"].orderStatus.status == "Submitted"


async def test_killed_without_warning_a_run_leaves_a_stop_that_fires_by_itself(
    start_sim: Callable[..., int], orderloom: Path, tmp_path: Path
) -> None:
    # The price falls all the time, so that the stop is hit seconds after any entry.
    falling = market(tmp_path / "market.csv", per_second=-0.4)
    port = start_sim("--market", falling, "--calendar", "always", "--symbols", "FALL")
    async with observing(port) as ib:
        with running(orderloom, tmp_path, port) as run:
            await until(lambda: held(ib) == {"FALL": SHARES}, "the entry fills")
            run.send_signal(signal.SIGKILL)
            assert run.wait(PATIENCE) == -signal.SIGKILL

        exits = await exits_at(ib)
        assert held(ib) == {"FALL": SHARES}
        assert_protected(exits)
        stop = exits["STP"].order

        await until(lambda: not ib.positions(), "the stop fires")
        assert await exits_at(ib) == {}
        fills = await asyncio.wait_for(ib.reqExecutionsAsync(), PATIENCE)
        bought, sold = (fill.execution for fill in fills)
        assert (bought.side, sold.side, sold.shares) == ("BOT", "SLD", SHARES)
        assert sold.permId == stop.permId
        assert sold.price <= stop_price(stop) + 0.01


async def test_asked_to_end_a_run_ends_in_order_and_its_exits_stay(
    start_sim: Callable[..., int], orderloom: Path, tmp_path: Path
) -> None:
    flat = market(tmp_path / "market.csv", per_second=0.0)
    port = start_sim("--market", flat, "--calendar", "always", "--symbols", "FALL")
    async with observing(port) as ib:
        with running(orderloom, tmp_path, port) as run:
            await until(lambda: held(ib) == {"FALL": SHARES}, "the entry fills")
            run.send_signal(signal.SIGTERM)
            await until(lambda: run.poll() is not None, "the run ends")
            assert run.returncode == 0

        assert held(ib) == {"FALL": SHARES}
        exits = await exits_at(ib)
        assert_protected(exits)
        assert 97.0 < stop_price(exits["STP"].order) < 98.5
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["exit_code"], summary["mode"]) == (0, "paper")
    assert (summary["final_positions"], summary["live_orders"]) == ({"FALL": str(SHARES)}, 2)
    with closing(sqlite3.connect(tmp_path / "run" / "journal.db")) as journal:
        last = journal.execute("select type from entry order by id desc limit 1").fetchone()
    assert last == ("end",)

"""Scripts that know only ib_async, run against `orderloom sim` as a user would run both."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SIM_README = ROOT / "python" / "orderloom" / "sim" / "README.md"
PATIENCE = 30.0

BRACKET = """\
import json, sys, time
from ib_async import IB, LimitOrder, Stock

def until(holds):
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, ib.trades()
        ib.sleep(0.02)

ib = IB()
ib.connect("127.0.0.1", int(sys.argv[1]), clientId=3)
errors = []
ib.errorEvent += lambda request, code, *_: errors.append((request, code))
(stock,) = ib.qualifyContracts(Stock("AAPL", "SMART", "USD"))
told = {"contract": stock.conId}

legs = ib.bracketOrder("BUY", 100, limitPrice=210, takeProfitPrice=220, stopLossPrice=180)
entry, target, stop = [ib.placeOrder(stock, leg) for leg in legs]
until(entry.isDone)
until(lambda: entry.fills and entry.fills[0].commissionReport.execId)
paid = entry.fills[0].commissionReport.commission
told["entry"] = [entry.orderStatus.status, entry.filled(), paid]
told["exits"] = [target.orderStatus.status, stop.orderStatus.status]
until(lambda: ib.positions())
told["held"] = ib.positions()[0].position

for exit in (target, stop):  # a change that names an entry that is gone is refused with 135
    exit.order.parentId, exit.order.transmit = 0, True
stop.order.auxPrice = 185
ib.placeOrder(stock, stop.order)
far = ib.placeOrder(stock, LimitOrder("BUY", 10, 150, tif="GTC"))
until(lambda: far.orderStatus.status == "Submitted")
alive = {trade.order.permId: trade.order for trade in ib.reqAllOpenOrders()}
told["stop_moved_to"] = alive[stop.order.permId].auxPrice
told["alive"] = len(alive)

ib.cancelOrder(far.order)
until(far.isDone)
told["far"] = [far.orderStatus.status, far.filled()]

target.order.lmtPrice = 190
ib.placeOrder(stock, target.order)
until(lambda: target.isDone() and stop.isDone())
told["closed"] = [
    target.orderStatus.status, target.filled(), stop.orderStatus.status, stop.filled()
]
until(lambda: not ib.positions())
told["left"] = len(ib.reqAllOpenOrders())
told["fills"] = [fill.execution.side for fill in ib.fills()]
# Cancels are told as 202; farms and the like carry no order.
told["errors"] = [code for request, code in errors if request > 0 and code != 202]
ib.disconnect()
print(json.dumps(told))
"""


def run_script(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_bare_script_trades_a_bracket_moves_its_exits_and_cancels(
    start_sim: Callable[..., int],
) -> None:
    done = run_script(BRACKET, str(start_sim("--symbols", "AAPL")))

    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told.pop("contract") > 0
    assert told == {
        "entry": ["Filled", 100.0, 1.0],
        "exits": ["Submitted", "PreSubmitted"],
        "held": 100.0,
        "stop_moved_to": 185.0,
        "alive": 3,
        "far": ["Cancelled", 0.0],
        "closed": ["Filled", 100.0, "Cancelled", 0.0],
        "left": 0,
        "fills": ["BOT", "SLD"],
        "errors": [],
    }


def test_the_script_in_the_readme_runs_as_it_stands(start_sim: Callable[..., int]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (script,) = [block for block in blocks if "ib_async" in block]
    assert len(script.splitlines()) <= 15
    assert script.count("7497") == 1  # the default port of `orderloom sim`

    done = run_script(script.replace("7497", str(start_sim())))

    assert done.returncode == 0, done.stderr
    assert "AAPL 100.0 at" in done.stdout
    assert "STP PreSubmitted" in done.stdout
    assert "LMT Submitted" in done.stdout


def test_the_script_in_the_simulator_s_readme_runs_as_it_stands(
    start_sim: Callable[..., int],
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", SIM_README.read_text(), flags=re.DOTALL)
    (script,) = [block for block in blocks if "ib_async" in block]
    assert script.count("7497") == 1

    done = run_script(script.replace("7497", str(start_sim("--speed", "60"))))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Filled ")
    assert "position=100" in done.stdout

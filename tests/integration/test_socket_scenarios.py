"""A trade that is added to, then ended by its stop or its target: long and short, over the socket
and through the back-test loop, with the same orders, the same fills and the same money left.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.backtesting import backtest
from orderloom.config import load_settings
from orderloom.feeds.history import read_history
from orderloom.instant import iso_to_ns, ns_to_iso
from orderloom.journal import Journal
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom.config import Settings

OPEN = iso_to_ns("2026-03-10T13:30:00Z")
SECOND = 1_000_000_000
SENT = {"place", "modify", "cancel"}
STRATEGY = """
broker: {mode: sim}
market: {calendar: XNYS}
signals: {url: "https://example.org/api/v1", poll: 30s}
rules:
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY"
    do: [enter: {side: BUY, shares: 100, stop: [{percent: 3}], target: [{percent: 8}]}]
  - name: short
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "SHORT"
    do: [enter: {side: SELL, shares: 100, stop: [{percent: 3}], target: [{percent: 8}]}]
  - name: add
    on: Trade
    symbols: [AAPL]
    when: position.unrealized_percent >= 2 and context.tranches < 2
    do: [scale_in: {shares: 50}]
"""

# Two brackets, each priced from the quote; with the second fill all four exits stand at the
# average of 151.6667: 3 % below it and 8 % above.
LONG = [
    "place entry BUY 100 market",
    "place target SELL 100 limit 162",
    "place stop SELL 100 stop 145.5",
    "place entry BUY 50 market",
    "place target SELL 50 limit 167.4",
    "place stop SELL 50 stop 150.35",
    "modify stop SELL 100 stop 147.12",
    "modify target SELL 100 limit 163.8",
    "modify stop SELL 50 stop 147.12",
    "modify target SELL 50 limit 163.8",
]
# The same from the average of 198.3333: 3 % above it and 8 % below.
SHORT = [
    "place entry SELL 100 market",
    "place target BUY 100 limit 184",
    "place stop BUY 100 stop 206",
    "place entry SELL 50 market",
    "place target BUY 50 limit 179.4",
    "place stop BUY 50 stop 200.85",
    "modify stop BUY 100 stop 204.28",
    "modify target BUY 100 limit 182.47",
    "modify stop BUY 50 stop 204.28",
    "modify target BUY 50 limit 182.47",
]


@dataclass(frozen=True)
class Scenario:
    """What happens, and what must come of it."""

    signal: str
    bids: tuple[float, float, float]
    """A minute of each; the ask is two cents above, a print in the middle."""
    orders: list[str]
    fills: list[str]
    ending: tuple[str, str, str, str]
    """Why it ended, average entry, average exit, profit before commissions."""


SCENARIOS = {
    "long, added to, stopped": Scenario(
        "BUY",
        (149.98, 154.98, 146.99),
        LONG,
        ["BUY 100 at 150", "BUY 50 at 155", "SELL 100 at 146.99", "SELL 50 at 146.99"],
        ("STOP", "151.66666667", "146.99", "-701.5"),
    ),
    "long, added to, at its target": Scenario(
        "BUY",
        (149.98, 154.98, 163.80),
        LONG,
        ["BUY 100 at 150", "BUY 50 at 155", "SELL 100 at 163.8", "SELL 50 at 163.8"],
        ("TARGET", "151.66666667", "163.8", "1820"),
    ),
    "short, added to, stopped": Scenario(
        "SHORT",
        (200.00, 195.00, 204.29),
        SHORT,
        ["SELL 100 at 200", "SELL 50 at 195", "BUY 100 at 204.31", "BUY 50 at 204.31"],
        ("STOP", "198.33333333", "204.31", "-896.5"),
    ),
    "short, added to, at its target": Scenario(
        "SHORT",
        (200.00, 195.00, 182.45),
        SHORT,
        ["SELL 100 at 200", "SELL 50 at 195", "BUY 100 at 182.47", "BUY 50 at 182.47"],
        ("TARGET", "198.33333333", "182.47", "2379.5"),
    ),
}


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    orders: list[tuple[int, str]]
    fills: list[tuple[int, str, float]]
    """When, what, and the commission."""
    trades: list[dict[str, Any]]
    positions: dict[str, Any]
    live_orders: int
    incidents: int


def written(directory: Path, scenario: Scenario) -> tuple[list[Path], Path]:
    """Files of the prices and of the one prediction, half a minute in."""
    quotes, prints = ["ts_utc,symbol,bid,ask,bid_size,ask_size"], ["ts_utc,symbol,price,size"]
    for second in range(0, 180, 2):
        at, bid = ns_to_iso(OPEN + second * SECOND), scenario.bids[second // 60]
        quotes.append(f"{at},AAPL,{bid:.2f},{bid + 0.02:.2f},1000,1000")
        prints.append(f"{at},AAPL,{bid + 0.01:.2f},1000")
    made = OPEN + 30 * SECOND
    prediction = {
        "id": "the only one",
        "ticker": "AAPL",
        "signal": scenario.signal,
        "confidence": 0.9,
        "timestamp": made // 1_000_000,
        "prediction_time": ns_to_iso(made),
    }
    files = [directory / name for name in ("quotes.csv", "prints.csv", "predictions.jsonl")]
    for file, rows in zip(files, (quotes, prints, [json.dumps(prediction)]), strict=True):
        file.write_text("\n".join(rows) + "\n")
    return files[:2], files[2]


def in_words(kind: str, command: dict[str, Any]) -> str:
    """What was sent: `place stop SELL 100 stop 145.5`."""
    if kind == "cancel":
        return f"cancel {command['order_id']}"
    ticket = command["ticket"]
    order_type = dict(ticket["order_type"])
    words = [kind, command["role"], ticket["side"], ticket["quantity"], order_type.pop("type")]
    return " ".join([*words, *map(str, order_type.values())])


def sent_and_concluded(journal: Path) -> tuple[list[tuple[int, str]], list[dict[str, Any]]]:
    """Every order and change with its time, and every trade that is over."""
    with Journal.open(journal) as recording:
        orders = [
            (each.at, in_words(each.kind, json.loads(each.body)))
            for each in recording.commands()
            if each.kind in SENT
        ]
        concluded = [each for each in recording.notices() if each.kind == "context_concluded"]
        return orders, [json.loads(each.body) for each in concluded]


def over_the_socket(settings: Settings, market: list[Path], signals: Path, out: Path) -> Ended:
    """A whole session; the ledger is the simulated exchange's own."""
    options = RunOptions(market=market, signals=signals, out=out)
    session = Session(settings, options, pytest.fail)
    summary = asyncio.run(session.run())
    assert summary["exit_code"] == 0
    assert summary["ledger_differences"] == []
    stage = session.stage
    assert stage is not None
    orders, trades = sent_and_concluded(out / "journal.db")
    return Ended(
        orders=orders,
        fills=[
            (fill["at"], "{side} {quantity} at {price}".format(**fill), float(fill["commission"]))
            for fill in stage.executions()
        ],
        trades=trades,
        positions=stage.positions(),
        live_orders=len(json.loads(stage.venue.orders())),
        incidents=len(summary["incidents"]),
    )


def without_a_socket(settings: Settings, market: list[Path], signals: Path, out: Path) -> Ended:
    """The same through the loop of a back-test."""
    result = backtest(
        settings,
        signals=signals,
        poll=settings.signals.poll,
        detail="quotes",
        journal=out,
        **read_history(market, symbols=settings.symbols),  # type: ignore[arg-type]
    )
    orders, trades = sent_and_concluded(out)
    return Ended(
        orders=orders,
        fills=[
            (
                fill["at"],
                f"{fill['side']} {fill['quantity']:g} at {fill['price']:g}",
                fill["commission"],
            )
            for fill in result.rows("fills")
        ],
        trades=trades,
        positions=result.native.positions(),
        live_orders=result.native.live_orders,
        incidents=len(result.rows("incidents")),
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_socket_and_loop_leave_the_same_behind(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    (tmp_path / "strategy.yaml").write_text(STRATEGY)
    settings = load_settings(tmp_path / "strategy.yaml")
    market, signals = written(tmp_path, scenario)
    live = over_the_socket(settings, market, signals, tmp_path / "live")
    loop = without_a_socket(settings, market, signals, tmp_path / "loop.db")
    assert live == loop

    assert [what for _, what in live.orders] == scenario.orders
    assert [what for _, what, _ in live.fills] == scenario.fills
    # At 0.005 a share each order costs the least there is.
    assert [commission for _, _, commission in live.fills] == [1.0, 1.0, 1.0, 1.0]
    moments = [(at - OPEN) // SECOND for at, _, _ in live.fills]
    assert moments == [30, 60, 120, 120]
    [trade] = live.trades
    reason, entry, end, profit = scenario.ending
    side = "LONG" if scenario.signal == "BUY" else "SHORT"
    assert (trade["side"], trade["quantity"], trade["tranches"]) == (side, "150", 2)
    assert (trade["exit_reason"], trade["entry_price"], trade["exit_price"]) == (reason, entry, end)
    assert (trade["pnl"], trade["commission"]) == (profit, "4")
    assert (live.positions, live.live_orders, live.incidents) == ({}, 0, 0)

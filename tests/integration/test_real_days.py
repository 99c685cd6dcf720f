"""Real market days through the whole path, and the books of both sides added up a third time."""

from __future__ import annotations

import asyncio
import json
import runpy
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.config import load_settings
from orderloom.feeds import Bar, read_items
from orderloom.instant import iso_to_ns
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[2] / "examples" / "aapl-flow"
MINUTE = 60_000_000_000
TICK = 0.01
CASH = Decimal(1_000_000)


@pytest.fixture
def minutes(data: Callable[[str], Path]) -> Callable[[str], Path]:
    return lambda symbol: data(f"equity_minute/{symbol}_minute_trades_lean.parquet")


@dataclass
class Books:
    """Position, cash and profit of one symbol from its executions alone, at average cost."""

    quantity: Fraction = field(default_factory=Fraction)
    cost: Fraction = field(default_factory=Fraction)
    cash: Fraction = field(default_factory=Fraction)
    realized: Fraction = field(default_factory=Fraction)
    commission: Fraction = field(default_factory=Fraction)

    def take(self, fill: dict[str, Any]) -> None:
        price, commission = Fraction(fill["price"]), Fraction(fill["commission"])
        change = Fraction(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1)
        self.cash -= change * price + commission
        self.commission += commission
        if self.quantity * change < 0:
            closed = min(abs(self.quantity), abs(change)) * (1 if change > 0 else -1)
            cost = -self.cost * closed / self.quantity
            self.realized += -closed * price - cost
            self.cost -= cost
            self.quantity += closed
            change -= closed
        self.cost += change * price
        self.quantity += change


def cents(value: Fraction | Decimal | str) -> Decimal:
    """Rounded to a cent."""
    exact = Fraction(value)
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return quotient.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@dataclass(frozen=True)
class Day:
    """One run, with what it left in the books."""

    summary: dict[str, Any]
    session: Session
    fills: list[dict[str, Any]]


def traded(
    tmp_path: Path, strategy: str, market: Path, first: str, *derive: str, **ends: str
) -> Day:
    """Derive predictions with the example's script and trade them; times are New York's."""
    signals = tmp_path / "predictions.jsonl"
    day = ["--from", first[:10], "--to", first[:10], "--out", str(signals)]
    assert runpy.run_path(str(EXAMPLES / "derive_predictions.py"))["main"]([*derive, *day]) == 0
    problems: list[str] = []
    options = RunOptions(
        market=[market],
        signals=signals,
        out=tmp_path / "run",
        start=iso_to_ns(first),
        **{name: iso_to_ns(at) for name, at in ends.items()},  # type: ignore[arg-type]
    )
    session = Session(load_settings(EXAMPLES / strategy), options, problems.append)
    summary = asyncio.run(session.run())
    assert problems == []
    assert session.stage is not None
    return Day(summary, session, session.stage.executions())


def assert_books_agree(day: Day, symbol: str) -> Books:
    """Engine, exchange and a recomputation agree to the share and to the cent."""
    stage, engine = day.session.stage, day.session.runner.engine
    assert stage is not None
    assert day.summary["ledger_differences"] == []
    assert (day.summary["exit_code"], day.summary["invariant_violations"]) == (0, 0)
    assert {fill["symbol"] for fill in day.fills} == {symbol}
    books = Books()
    for fill in day.fills:
        books.take(fill)

    quantity, _, realized, commission = engine.position(day.session.symbols.index(symbol))
    assert Fraction(quantity) == books.quantity
    assert Fraction(stage.positions().get(symbol, "0")) == books.quantity
    assert cents(realized) == cents(books.realized)
    assert cents(commission) == cents(books.commission)

    account = json.loads(stage.venue.account())
    assert cents(account["TotalCashValue"]) == cents(Fraction(CASH) + books.cash)
    assert cents(account["NetLiquidation"]) == cents(CASH + Decimal(engine.profit()))
    if books.quantity == 0:
        net = books.realized - books.commission
        assert cents(account["RealizedPnL"]) == cents(net)
        assert cents(books.cash) == cents(net)
        assert cents(engine.profit()) == cents(net)
        trips = day.summary["round_trips"]
        assert cents(sum((Decimal(trip["pnl"]) for trip in trips), Decimal())) == cents(
            books.realized
        )
        assert cents(sum((Decimal(trip["commission"]) for trip in trips), Decimal())) == cents(
            books.commission
        )
    return books


def assert_fills_are_of_the_market(day: Day, market: Path) -> None:
    """Every fill lies within its minute's real range, half a spread aside."""
    bars = {bar.start: bar for bar in read_items(market) if isinstance(bar, Bar)}
    for fill in day.fills:
        start = fill["at"] // MINUTE * MINUTE
        # What happens on the minute belongs to the bar that ends or to the one that begins.
        around = [bars[at] for at in {start, (fill["at"] - 1) // MINUTE * MINUTE} if at in bars]
        assert around, fill
        low, high = min(bar.low for bar in around), max(bar.high for bar in around)
        assert low - TICK <= float(fill["price"]) + 1e-9, fill
        assert float(fill["price"]) - 1e-9 <= high + TICK, fill


def endings(day: Day) -> list[tuple[str, str]]:
    return [(trip["side"], trip["exit_reason"]) for trip in day.summary["round_trips"]]


def test_options_flow_trades_aapl_and_a_run_that_ends_early_leaves_its_exits_alive(
    tmp_path: Path, data: Callable[[str], Path], minutes: Callable[[str], Path]
) -> None:
    market, flow = minutes("AAPL"), data("options_flow/AAPL_flow_1min_derived.parquet")
    day = traded(
        tmp_path, "strategy.yaml", market, "2014-06-06T09:30:00-04:00", str(flow),
        until="2014-06-06T14:00:00-04:00",
    )  # fmt: skip

    assert endings(day) == [("LONG", "STOP"), ("LONG", "STOP")]
    books = assert_books_agree(day, "AAPL")
    assert_fills_are_of_the_market(day, market)
    assert books.quantity > 0
    assert day.summary["final_positions"] == {"AAPL": str(books.quantity)}
    assert day.session.stage is not None
    exits = day.session.stage.live_orders()
    assert sorted(order["order_type"] for order in exits) == ["LMT", "STP"]
    for order in exits:
        assert (order["action"], Fraction(order["remaining"])) == ("SELL", books.quantity)


def test_momentum_trades_bac_both_ways(tmp_path: Path, minutes: Callable[[str], Path]) -> None:
    market = minutes("BAC")
    day = traded(
        tmp_path, "momentum.yaml", market, "2013-10-07T09:30:00-04:00",
        str(market), "--from-bars", "--share", "0.9",
        end="2013-10-07T12:45:00-04:00",
    )  # fmt: skip

    assert endings(day) == [("SHORT", "STOP"), ("LONG", "STOP")]
    assert assert_books_agree(day, "BAC").quantity == 0
    assert_fills_are_of_the_market(day, market)


def test_momentum_trades_spy_and_is_flat_before_the_close(
    tmp_path: Path, minutes: Callable[[str], Path]
) -> None:
    market = minutes("SPY")
    day = traded(
        tmp_path, "momentum.yaml", market, "2013-10-07T09:30:00-04:00",
        str(market), "--from-bars", "--share", "0.9",
        end="2013-10-07T16:00:00-04:00",
    )  # fmt: skip

    assert endings(day) == [("LONG", "STOP"), ("SHORT", "END_OF_DAY")]
    assert assert_books_agree(day, "SPY").quantity == 0
    assert_fills_are_of_the_market(day, market)
    last = day.summary["round_trips"][-1]
    assert last["closed_at"] < "2013-10-07T20:00:00Z"
    assert day.summary["live_orders"] == 0

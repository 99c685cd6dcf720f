"""Positions as views on the ledger: what executions add up to, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderloom import FillEvent, Position, PriceEvent, RuleEngine, StockPosition
from orderloom.positions import PositionTracker


def told(*fills: tuple[str, int, str]) -> RuleEngine:
    engine = RuleEngine(symbols=["AAPL", "MSFT"])
    for side, quantity, price in fills:
        engine.on_event(
            FillEvent(symbol="AAPL", side=side, quantity=Decimal(quantity), price=Decimal(price))
        )
    return engine


def test_additions_average_and_reductions_realize() -> None:
    engine = told(("BUY", 100, "150.00"), ("BUY", 50, "155.00"), ("SELL", 30, "160.00"))
    position = engine.positions["AAPL"]
    assert position.quantity == 120
    assert position.average_price is not None
    assert round(position.average_price, 4) == Decimal("151.6667")
    assert round(position.realized, 2) == Decimal("250.00")
    assert position.unrealized is None
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(161)))
    assert position.unrealized is not None
    assert round(position.unrealized, 2) == Decimal("1120.00")
    assert position.value == Decimal(19_320)


def test_a_short_position_earns_when_the_price_falls() -> None:
    engine = told(("SELL", 25, "200"))
    engine.on_event(PriceEvent(symbol="AAPL", price=Decimal(190)))
    position = engine.positions["AAPL"]
    assert position.side == "SHORT"
    assert position.quantity == -25
    assert position.unrealized == 250
    assert position.unrealized_percent == 5
    assert (position.is_short, position.is_long, position.is_flat) == (True, False, False)


def test_the_same_execution_counts_once() -> None:
    engine = RuleEngine(symbols=["AAPL"])
    fill = FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(10), price=Decimal(5),
                     exec_id="0001.01.01")  # fmt: skip
    engine.on_event(fill)
    assert engine.on_event(fill) == ()
    assert engine.positions["AAPL"].quantity == 10


def test_a_tracker_is_a_mapping_of_every_symbol() -> None:
    engine = told(("BUY", 100, "150"))
    assert list(engine.positions) == ["AAPL", "MSFT"]
    assert [position.symbol for position in engine.positions.open] == ["AAPL"]
    assert engine.positions["MSFT"].is_flat
    assert engine.positions["MSFT"].value == 0
    with pytest.raises(KeyError):
        engine.positions["TSLA"]


def test_shares_are_told_from_contracts_by_the_multiplier() -> None:
    engine = told(("BUY", 2, "10"))
    tracker = PositionTracker(engine.native, ["AAPL", "MSFT"], [1, 50])
    assert type(tracker["AAPL"]) is StockPosition
    assert type(tracker["MSFT"]) is Position

"""The market, the predictions and the mishaps of some trading days; everything from one seed."""

from __future__ import annotations

import csv
import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from orderloom.hours import Hours
from orderloom.signals import generate_records, write_records
from orderloom.sim import faults
from orderloom.sim.faults import When

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom.hours import TradingDay
    from orderloom.sim.faults import Fault

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
NEW_YORK: Final = ZoneInfo("America/New_York")
# The clocks of New York go forward on Sunday 2026-03-08.
FIRST: Final = date(2026, 3, 2)
CENTS: Final = {"AAPL": 20_000, "MSFT": 40_000, "TSLA": 25_000}

STRATEGY: Final = """\
broker:
  mode: sim
  restarts:
    - {at: "23:45", before: 5m, lasts: 15m}
    - {at: "01:00", days: [sun], before: 5m, lasts: 10h}
market: {calendar: XNYS, bars: 1 min}
signals: {poll: 60s, max_age: 10m}
limits: {max_open_contexts: 3}
rules:
  # Kept over night, with stop and target at the broker until they are cancelled.
  - name: long
    on: PredictionSignal
    symbols: [AAPL, MSFT]
    when: signal.side == "BUY" and signal.confidence >= 0.70 and position.is_flat
    cooldown: 30m
    do:
      - enter: {side: BUY, notional: 15_000, stop: [{atr: 40}, {percent: 3}], target: {percent: 3}}
  - name: out
    on: PredictionSignal
    symbols: [AAPL, MSFT]
    when: signal.side == "SELL" and signal.confidence >= 0.95 and not position.is_flat
    priority: 110
    do: {close_all: {}}
  - name: more
    on: Bar
    symbols: [MSFT]
    when: position.unrealized_percent >= 1 and context.tranches < 2
    do: {scale_in: {shares: 10}}
  # Flat every evening.
  - name: short
    on: PredictionSignal
    symbols: [TSLA]
    when: signal.side == "SHORT" and signal.confidence >= 0.60
    cooldown: 30m
    do:
      - enter: {side: SELL, shares: 40, stop: {percent: 1.5}, target: {percent: 1.5}}
templates:
  - eod_close: {symbols: [TSLA], before_close: 5m}
"""


def trading_days(first: date, count: int) -> list[TradingDay]:
    """Days of the New York Stock Exchange from `first` on."""
    start = datetime.combine(first, datetime.min.time(), tzinfo=NEW_YORK)
    end = start + timedelta(days=2 * count + 7)
    hours = Hours("XNYS", round(start.timestamp()) * SECOND, round(end.timestamp()) * SECOND)
    return hours.days[:count]


def write_market(path: Path, days: list[TradingDay], seed: int, bar: int) -> None:
    """Bars of `bar` ns: a walk that leans back to where it began, and gaps over the nights."""
    chance = random.Random(seed)
    now = dict(CENTS)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["ts_utc", "symbol", "open", "high", "low", "close", "volume"])
        for day in days:
            for symbol, anchor in CENTS.items():
                now[symbol] += round(chance.gauss(0, 0.004) * anchor)
            for at in range(day.open, day.close, bar):
                for symbol, anchor in CENTS.items():
                    wide = 0.0006 * (bar / MINUTE) ** 0.5
                    pull = (anchor - now[symbol]) / anchor * 0.002
                    begin = now[symbol]
                    end = round(begin * (1 + pull + chance.gauss(0, wide)))
                    high = max(begin, end) + 1 + int(chance.random() * 0.0004 * anchor)
                    low = min(begin, end) - 1 - int(chance.random() * 0.0004 * anchor)
                    prices = (f"{each / 100:.2f}" for each in (begin, high, low, end))
                    volume = 50_000 + int(chance.random() * 50_000)
                    rows.writerow([_iso(at), symbol, *prices, volume])
                    now[symbol] = end


def write_predictions(path: Path, days: list[TradingDay], seed: int) -> int:
    """A prediction of each symbol every 20 minutes of the sessions; returns how many."""
    records = [
        record
        for number, day in enumerate(days)
        for record in generate_records(
            list(CENTS), start=day.open + 10 * MINUTE, end=day.close, every=20 * MINUTE,
            seed=seed + number,
        )
    ]  # fmt: skip
    return write_records(path, records)


def nightly(days: list[TradingDay]) -> list[Fault]:
    """What happens in each night from the first day on, weekends included, one thing in turn.

    A reset of IB's servers, a restart of the Gateway, lost subscriptions with news that nobody
    told, and a Gateway that waits for its weekly log-in through the early Sunday.
    """
    found: list[Fault] = []
    day = datetime.fromtimestamp(days[0].open // SECOND, NEW_YORK).date()
    last = datetime.fromtimestamp(days[-1].open // SECOND, NEW_YORK).date()
    number = 0
    while day <= last:
        when = When(at=f"{day:%Y%m%d} 23:46:00 US/Eastern")
        turns: tuple[Fault, ...] = (
            faults.NightlyReset(when=when, duration=300 * SECOND),
            faults.Restart(when=when, duration=90 * SECOND),
            faults.Outage(
                when=when, duration=240 * SECOND, has_lost_data=True, order_news="lost"
            ),
        )  # fmt: skip
        found.append(turns[number % len(turns)])
        if day.weekday() == 6:
            early = When(at=f"{day:%Y%m%d} 01:00:00 US/Eastern")
            found.append(faults.Restart(when=early, duration=9 * 3600 * SECOND))
        number += 1
        day += timedelta(days=1)
    return found


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

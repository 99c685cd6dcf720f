"""Runs the days as `orderloom run --sim` does, and looks at them in the quiet of each night.

What must hold is asked of the venue's own ledger: that the engine's books are like it, that every
share is stopped, that what should be flat is.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom.config import parse_settings
from orderloom.sessions import RunOptions, Session
from orderloom.sessions.books import differences
from orderloom.sim.bars import Bar

from .world import (
    CENTS,
    FIRST,
    MINUTE,
    NEW_YORK,
    SECOND,
    STRATEGY,
    nightly,
    trading_days,
    write_market,
    write_predictions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderloom._core import Event, Outcome

_PAGE: Final = 4096
# What the allocator rounds up to, and what the collector and a list add to an object.
_GRAIN: Final = 16
_KEPT: Final = 16 + 8
_FLAT_AT_NIGHT: Final = "TSLA"


@dataclass(frozen=True, slots=True)
class Night:
    """What was found shortly before a restart; `moment` names it."""

    date: date
    moment: str
    positions: dict[str, str]
    stopped: dict[str, float]
    orders: int
    wrong: list[str]
    rss: int
    """Resident bytes of the process, the simulated exchange included."""
    past: int
    """Bytes of it that are the exchange's: the bars of every second that it could be asked for."""
    seconds: float
    """Wall time since the last one."""


@dataclass(slots=True)
class Watch:
    """A listener that takes stock whenever a restart is announced and whenever it is over."""

    nights: list[Night] = field(default_factory=list)
    session: Session | None = None
    refused: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    lines_lost: int = 0
    _at: float = field(default_factory=time.monotonic)
    _verifying: bool = False

    def on_event(self, at: int, event: Event, outcome: Outcome | None) -> None:
        """Look at what matters here: announcements, losses of the line, alarms."""
        if outcome is not None:
            commands = [json.loads(each.json()) for each in outcome.commands]
            self.alarms += [each["code"] for each in commands if each["kind"] == "alert"]
        if event.kind == "connection":
            self.lines_lost += json.loads(event.json())["state"] == "down"
        if event.kind == "hold":
            is_on = json.loads(event.json())["is_on"]
            self._take_stock(at, "before" if is_on else "after")

    def _take_stock(self, at: int, moment: str) -> None:
        session = self.session
        assert session is not None
        assert session.stage is not None
        wrong = differences(session.runner.engine, session.stage, session.symbols)
        held = session.stage.positions()
        stopped = _stopped(session)
        for symbol in CENTS:
            shares = float(held.get(symbol, "0"))
            if stopped.get(symbol, 0.0) != shares:
                wrong.append(f"{symbol}: {shares:g} shares, {stopped.get(symbol, 0.0):g} stopped")
        if _FLAT_AT_NIGHT in held:
            wrong.append(f"{_FLAT_AT_NIGHT}: expected to be flat over night, found {held}")
        gc.collect()
        now = time.monotonic()
        self.nights.append(
            Night(
                date=datetime.fromtimestamp(at // SECOND, NEW_YORK).date(),
                moment=moment,
                positions=held,
                stopped=stopped,
                orders=len(session.stage.live_orders()),
                wrong=wrong,
                past=_size_of_bars(),
                rss=int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE,
                seconds=now - self._at,
            )
        )
        self._at = now


def _size_of_bars() -> int:
    """Bytes that every bar of the simulated exchange takes, with the numbers that are its own."""
    bars = [each for each in gc.get_objects() if type(each) is Bar]
    numbers = {id(number): number for bar in bars for number in _numbers(bar)}
    return len(bars) * _KEPT + sum(
        -(-sys.getsizeof(each) // _GRAIN) * _GRAIN for each in chain(bars, numbers.values())
    )


def _numbers(bar: Bar) -> Iterator[float]:
    return (getattr(bar, each.name) for each in fields(bar))


def _stopped(session: Session) -> dict[str, float]:
    """Shares that live stops of the venue would close, by symbol; signed like the position."""
    stage = session.stage
    assert stage is not None
    found: dict[str, float] = {}
    for order in stage.live_orders():
        if order["order_type"] == "STP" and "child" not in order["why_held"]:
            sign = 1 if order["action"] == "SELL" else -1
            symbol = stage.symbol_of(order["con_id"])
            found[symbol] = found.get(symbol, 0.0) + sign * float(order["remaining"])
    return found


@dataclass(frozen=True, slots=True)
class Days:
    """What came of some days."""

    summary: dict[str, Any]
    watch: Watch
    problems: list[str]
    predictions: int
    seconds: float


async def trade(
    directory: Path, *, count: int, first: date = FIRST, seed: int = 1, bar: int = MINUTE
) -> Days:
    """Trade `count` days from `first` on in `directory`."""
    days = trading_days(first, count)
    market, signals = directory / "market.csv", directory / "predictions.jsonl"
    write_market(market, days, seed, bar)
    predictions = write_predictions(signals, days, seed)
    watch, problems = Watch(), list[str]()
    options = RunOptions(
        market=(market,),
        signals=signals,
        out=directory / "run",
        seed=seed,
        listeners=(watch,),
        faults=nightly(days),
    )
    session = Session(parse_settings(STRATEGY, environment={}), options, problems.append)
    watch.session = session
    began = time.monotonic()
    summary = await session.run()
    return Days(summary, watch, problems, predictions, time.monotonic() - began)

"""A strategy under one fault after the other, with what each left uncovered at the exchange.

Every drill is a run of its own: the user's settings, the simulated TWS, a real socket. What is
measured comes from the exchange's books, never from the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from orderloom.sessions import RunOptions, Session
from orderloom.sim import faults
from orderloom.sim.faults import When
from orderloom.sim.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from orderloom._core import Event, Outcome
    from orderloom.config import Settings
    from orderloom.sim.faults import Fault

_TRIPS_MAX: Final = 2
_FIRST_ORDER: Final = When(of="order", nth=1)
_FIRST_FILL: Final = When(of="fill", nth=1)
_STOPS: Final = ["STP", "TRAIL"]
# What changes neither an order nor a position: the books are as they were.
_QUIET: Final = frozenset({"quote", "trade", "bar", "account_value", "session"})

DRILLS: Final[Mapping[str, Sequence[Fault]]] = {
    "nothing": (),
    "entry refused": (faults.Refuse(code=201, is_child=False),),
    "stop refused": (faults.Refuse(code=201, order_types=_STOPS),),
    "every stop refused": (faults.Refuse(code=451, order_types=_STOPS, count=99),),
    "target refused": (faults.Refuse(code=451, order_types=["LMT"], is_child=True),),
    "changes refused": (faults.Refuse(what="modify", code=10326, count=99),),
    "change doubled": (faults.Fork(),),
    "bracket lost": (faults.Drop(messages=["placeOrder"], count=3),),
    "statuses lost": (faults.Drop(messages=["orderStatus"]),),
    "news repeated": (faults.Duplicate(messages=["orderStatus", "execDetails"]),),
    "fills told late": (
        faults.Hold(when=_FIRST_ORDER, messages=["execDetails"], duration=5 * SECOND),
    ),
    "outage, news lost": (
        faults.Outage(when=_FIRST_FILL, duration=90 * SECOND, order_news="lost"),
    ),
    "line cut": (faults.Cut(when=When(of="placeOrder", nth=1)),),
    "TWS restarts": (faults.Restart(when=_FIRST_FILL),),
    "fill busted": (faults.Bust(when=_FIRST_FILL),),
    "one share too many": (faults.Overfill(when=_FIRST_FILL),),
    "exits ended": (),
    "data frozen": (faults.Freeze(when=_FIRST_FILL, duration=300 * SECOND),),
    "clock wrong": (faults.ClockSkew(by=-30 * SECOND),),
}
"""By name, what strikes: at once, or at the moment that the fault names."""


def strikes(name: str, symbols: Sequence[str]) -> Sequence[Fault]:
    """The faults of a drill for these symbols."""
    if name == "exits ended":
        # A split of one for one changes nothing, but what is good till cancelled ends with it.
        return [faults.Split(symbol=symbol, new=1, when=_FIRST_FILL) for symbol in symbols]
    return DRILLS[name]


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of one fault: `shares` uncovered at worst, for `milliseconds` at the longest."""

    fault: str
    round_trips: int
    shares: float
    milliseconds: int
    incidents: tuple[str, ...]
    refused: tuple[str, ...]
    """What the orders were for that the broker refused: `entry`, `stop` …"""
    has_struck: bool
    """Whether the fault changed anything; if not, the run says nothing about it."""
    is_sound: bool
    """Both books agree, and every share that is held at the end has a stop."""


class _Gauge:
    """Watches the exchange's books after each event, and ends the run after some trades."""

    def __init__(self) -> None:
        self.session: Session
        self.shares = 0.0
        self.now = 0.0
        self.longest_ns = 0
        self._since: int | None = None

    def on_event(self, at: int, event: Event, _outcome: Outcome | None) -> None:
        """Measure."""
        if event.kind not in _QUIET:
            self.now = self._uncovered()
            self.shares = max(self.shares, self.now)
        if self._since is not None:
            self.longest_ns = max(self.longest_ns, at - self._since)
        self._since = None if self.now == 0 else self._since or at
        if len(self.session.tally.round_trips) >= _TRIPS_MAX:
            self.session.stop()

    def _uncovered(self) -> float:
        stage = self.session.stage
        if stage is None:
            return 0.0
        left = {symbol: float(shares) for symbol, shares in stage.positions().items()}
        for order in stage.live_orders():
            is_stop = order["order_type"] in _STOPS and "child" not in order["why_held"]
            held = left.get(symbol := stage.symbol_of(order["con_id"]), 0.0)
            closes = held > 0 if order["action"] == "SELL" else held < 0
            if is_stop and closes:
                size = min(abs(held), float(order["remaining"]))
                left[symbol] = held - size if held > 0 else held + size
        return sum(map(abs, left.values()))


async def drill(
    settings: Settings,
    options: RunOptions,
    directory: Path,
    on_problem: Callable[[str], None],
    names: Sequence[str] = tuple(DRILLS),
) -> list[Drill]:
    """Run `settings` under each of the named faults, each in a directory of its own."""
    results = []
    for name in names:
        gauge = _Gauge()
        here = replace(
            options,
            out=directory / name.replace(" ", "-").replace(",", ""),
            listeners=[gauge],
            faults=strikes(name, settings.symbols),
        )
        gauge.session = session = Session(settings, here, on_problem)
        summary = await session.run()
        assert session.stage is not None  # noqa: S101 - of a simulated run that has ended
        unstruck = session.stage.tws.faults.unstruck
        has_struck = not here.faults or len(unstruck) < len(here.faults)
        results.append(_result(name, gauge, summary, has_struck=has_struck))
    return results


def _result(name: str, gauge: _Gauge, summary: Mapping[str, Any], *, has_struck: bool) -> Drill:
    return Drill(
        fault=name,
        round_trips=len(summary["round_trips"]),
        shares=gauge.shares,
        milliseconds=gauge.longest_ns // 1_000_000,
        incidents=tuple(dict.fromkeys(each["code"] for each in summary["incidents"])),
        refused=tuple(dict.fromkeys(each["role"] for each in summary["rejected_orders"])),
        has_struck=has_struck,
        is_sound=not summary["ledger_differences"] and gauge.now == 0,
    )

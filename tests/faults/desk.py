"""A whole desk in one process: runner, TWS connection, simulated TWS, and a real socket between.

Time and market are the test's. After every step the desk is at rest, so that a test reads as a
list of what happens; what must hold is asked of the venue's own ledger, never of the engine.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, closing
from sqlite3 import connect
from typing import TYPE_CHECKING, Any

from orderloom import _core
from orderloom._core import Event
from orderloom.clock import ManualClock
from orderloom.journal import Header, Journal
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.recovery import recover
from orderloom.replay import replay
from orderloom.runner import Runner
from orderloom.sessions.restarts import Restarts
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.times import SECOND, Zone
from orderloom.tws import Timeouts, TWSConnection, TWSError, TWSSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from orderloom._core import Outcome
    from orderloom.config.sections import RestartSettings
    from orderloom.recovery import Recovered
    from orderloom.sim.faults import Fault

HOURS = "20250922:0930-20250922:1600;20250923:0930-20250923:1600"
AAPL = SimInstrument(265598, "AAPL", trading_hours=HOURS, liquid_hours=HOURS)
TSLA = SimInstrument(76792991, "TSLA", trading_hours=HOURS, liquid_hours=HOURS)
OPEN = Zone("US/Eastern").parse("20250922 09:30:00")
PATIENCE = 5.0
TIMEOUTS = Timeouts(connect=1.0, request=0.4, history=1.0, barrier=1.0, silence=4.0)

ORDER_NEWS = ["openOrder", "orderStatus", "execDetails", "commissionReport"]
_MILLISECOND = SECOND // 1000
_ROUNDS = 60
_DEEP = 10_000.0


def enter(side: str, **more: Any) -> dict[str, Any]:
    """100 shares, stop 3 %, target 8 %, unless told otherwise."""
    levels = {"stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]}
    return {"side": side, "size": {"shares": "100"}, **levels, **more}


def on(signal: str, *actions: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A rule that acts on one word of a prediction."""
    word = {"left": {"field": "signal.side"}, "is": "==", "right": {"text": signal}}
    return {
        "name": signal.lower(),
        "on": ["PredictionSignal"],
        "when": {"compare": word},
        "actions": list(actions),
        **more,
    }


RESTING = enter("BUY", limit={"number": 99.0})
RULES = [
    on("BUY", {"enter": enter("BUY")}),
    on("SHORT", {"enter": enter("SELL")}),
    on("SELL", {"close_all": {}}),
]


class Desk:
    """Everything that trades, and a hand on everything that it trades with."""

    def __init__(
        self,
        directory: Path,
        *,
        rules: list[dict[str, Any]] | None = None,
        config: Mapping[str, Any] | None = None,
        venue: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        instruments: tuple[SimInstrument, SimInstrument] = (AAPL, TSLA),
        restarts: tuple[RestartSettings, ...] = (),
        **tws: Any,
    ) -> None:
        self.clock = ManualClock(OPEN)
        self.restarts = Restarts(restarts, self.clock)
        self.instruments = instruments
        self.venue: Any = _core.Venue(json.dumps({"commission": "none", **(venue or {})}))
        self.tws = SimulatedTws(self.venue, instruments, clock=self.clock.now, **tws)
        self.problems: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self._settings = {"is_paced": False, "timeouts": TIMEOUTS, **(settings or {})}
        self._config = json.dumps(
            {
                "run": "faults",
                "instruments": [{"symbol": each.symbol, "tick": each.tick} for each in instruments],
                "rules": RULES if rules is None else rules,
                **(config or {}),
            }
        )
        symbols = tuple(each.symbol for each in instruments)
        header = Header("0", self._config, symbols, "DU0000001", OPEN)
        self.journal = Journal.create(directory / "journal.db", header)
        self.runner = self._another_runner()
        self.broker: TWSConnection
        self._signals = 0
        self._lives = 1

    def _another_runner(self, recovered: Recovered | None = None) -> Runner:
        return Runner(
            self._config,
            clock=self.clock,
            journal=self.journal,
            on_problem=self.problems.append,
            listeners=[self],
            recovered=recovered,
        )

    def on_event(self, _at: int, event: Event, outcome: Outcome | None) -> None:
        """Remember what was heard and what came of it."""
        self.told.append(json.loads(event.json()))
        if outcome is not None:
            self.notices += [json.loads(notice.json()) for notice in outcome.notices]
            self.commands += [json.loads(each.json()) for each in outcome.commands]

    # -- begin and end -------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, come to rest, and take a first quote of each symbol."""
        self.broker = self.another_line()
        self.runner.connect(self.broker)
        await self.broker.connect()
        self._announcing = asyncio.create_task(self.restarts.announce(self.runner.post))
        await self.settle()
        await self.broker.start_market(
            [MarketSubscription(symbol=index) for index in range(len(self.instruments))]
        )
        for instrument in self.instruments:
            await self.quote(100.0, instrument=instrument)

    def another_line(self, **settings: Any) -> TWSConnection:
        """A connection of this desk, not logged in."""
        return TWSConnection(
            TWSSettings(port=self.tws.port, **{"mode": "sim", **self._settings, **settings}),
            [ContractSpec(symbol=each.symbol) for each in self.instruments],
            clock=self.clock,
            sink=self.runner.post,
            on_problem=self.problems.append,
            is_away=self.restarts.is_near,
        )

    async def crash(self) -> None:
        """End as a killed process does: what was not on disk by now never was."""
        self.runner.finish()
        path = self.journal.path.with_name(f"journal-{self._lives}.db")
        with closing(connect(self.journal.path)) as old, closing(connect(path)) as new:
            old.backup(new)
        self._lives += 1
        await self.close()
        self._left_behind = path

    def lose_tail(self, kind: str) -> None:
        """Take the first entry of a kind, and everything after it, out of what the crash left."""
        with closing(connect(self._left_behind, isolation_level=None)) as journal:
            journal.execute(
                "delete from entry where id >= (select min(id) from entry where kind = ?)", (kind,)
            )

    async def restart(self) -> None:
        """Go on where the journal ends, as another process would."""
        recovered = recover(self._left_behind)
        assert recovered.doubt is None
        self.journal = recovered.resume(())
        self.runner = self._another_runner(recovered)
        self.runner.post(Event.restarted(self._config))
        await self.connect()

    async def close(self) -> None:
        """Put everything away, whatever broke."""
        self.runner.finish()
        self._announcing.cancel()
        await self.broker.disconnect()
        self.journal.close()

    # -- what happens ----------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let all that was said be heard, and what was answered to it, until nobody says more.

        Without a line, or while the broker owes an answer, there is no rest to wait for.
        """
        for _ in range(_ROUNDS):
            sent = self.runner.sent
            try:
                await self.broker.barrier()
            except TWSError:
                await asyncio.sleep(0)
                return
            rests = self.runner.is_idle and not self.runner.is_reconciling
            if rests and self.runner.sent == sent:
                return

    async def wait(self, seconds: float) -> None:
        """Let time pass; whatever becomes due on the way is done in its moment."""
        end = self.clock.now() + round(seconds * SECOND)
        while (now := self.clock.now()) < end:
            due = self.runner.next_deadline or end
            at = min(end, max(due, now + _MILLISECOND), now + SECOND)
            self.clock.advance_to(at)
            self.tws.advance(at)
            await self.settle()
            self.runner.on_time()
            await self.settle()

    async def until(self, reached: Callable[[], object], what: str = "a condition") -> None:
        """Wait on the wall clock: a line is repaired in real time."""
        async with asyncio.timeout(PATIENCE):
            while not reached():  # noqa: ASYNC110 - the far side has no event to set
                await asyncio.sleep(0.005)
        assert reached(), what

    async def back(self) -> None:
        """Wait until the line is up again and a whole snapshot has been taken on it."""
        marks = len(self.of("snapshot", mark="ended"))
        await self.until(lambda: len(self.of("snapshot", mark="ended")) > marks)
        await self.settle()

    async def quote(
        self, middle: float, *, size: float = _DEEP, instrument: SimInstrument = AAPL
    ) -> None:
        """A quote of a cent either side, and a print in the middle."""
        self._publish(middle, size, instrument)
        await self.settle()
        self.runner.on_time()
        await self.settle()

    def quote_unheard(self, middle: float, *, size: float = _DEEP) -> None:
        """The market moves while nobody waits for what comes of it."""
        self._publish(middle, size, AAPL)

    def _publish(self, middle: float, size: float, instrument: SimInstrument) -> None:
        at = self.clock.now() + 10 * _MILLISECOND
        self.clock.advance_to(at)
        with self.tws.burst():
            self.tws.publish_quote(
                at, instrument.con_id, round(middle - 0.01, 2), round(middle + 0.01, 2), size, size
            )
            self.tws.publish_trade(at, instrument.con_id, middle, size)

    async def signal(
        self, side: str, *, key: str | None = None, symbol: int | None = 0, age: float = 0.0
    ) -> None:
        """A prediction, made `age` seconds ago; each is a new one unless it is given a key."""
        self._signals += 1
        made = self.clock.now() - round(age * SECOND)
        key = key or f"signal-{self._signals}"
        self.runner.post(Event.signal(key, "AAPL", symbol, side, 0.9, None, [], made, None, []))
        await self.settle()

    async def inject(self, *faults: Fault) -> None:
        """Let faults strike, and whatever follows at once."""
        for fault in faults:
            self.tws.faults.inject(fault)
        await self.settle()

    async def operator(self, word: str, **more: Any) -> None:
        """A person's word."""
        self.runner.post(Event.operator(word, **more))
        await self.settle()

    # -- what the venue's own ledger says --------------------------------------------------------

    def position(self, instrument: SimInstrument = AAPL) -> float:
        """Shares that the venue holds for us."""
        held = json.loads(self.venue.positions())
        return sum(float(each["quantity"]) for each in held if each["con_id"] == instrument.con_id)

    def orders(self, instrument: SimInstrument = AAPL) -> list[dict[str, Any]]:
        """Orders that live at the venue."""
        alive = json.loads(self.venue.orders())
        return [each for each in alive if each["con_id"] == instrument.con_id]

    def live(self, instrument: SimInstrument = AAPL) -> list[str]:
        """The same in words: side, what remains, type, price."""
        return sorted(
            f"{each['action']} {each['remaining']} {each['order_type']} "
            f"{each['limit_price'] or each['stop_price'] or '-'}"
            for each in self.orders(instrument)
        )

    def stopped(self, instrument: SimInstrument = AAPL) -> float:
        """Shares that started stops of the venue would close; signed like the position."""
        total = 0.0
        for each in self.orders(instrument):
            if each["order_type"] in {"STP", "TRAIL"} and "child" not in each["why_held"]:
                sign = 1 if each["action"] == "SELL" else -1
                total += sign * float(each["remaining"])
        return total

    def fills(self, instrument: SimInstrument = AAPL) -> list[float]:
        """Signed shares of every execution, in order; corrections left out."""
        latest: dict[str, float] = {}
        for each in json.loads(self.venue.executions()):
            if each["con_id"] == instrument.con_id:
                sign = 1 if each["side"] == "BUY" else -1
                latest[each["exec_id"].rsplit(".", 1)[0]] = sign * float(each["quantity"])
        return list(latest.values())

    # -- what the desk said ----------------------------------------------------------------------

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Events of a kind whose fields are as given."""
        return [
            each
            for each in self.told
            if each["kind"] == kind and all(each.get(name) == it for name, it in fields.items())
        ]

    def placed(self, role: str | None = None) -> list[dict[str, Any]]:
        """Orders that the engine sent for the first time."""
        return [
            each
            for each in self.commands
            if each["kind"] == "place" and role in (None, each["role"])
        ]

    @property
    def alarms(self) -> list[str]:
        """Codes of all incidents, in order."""
        return [each["code"] for each in self.commands if each["kind"] == "alert"]

    @property
    def refusals(self) -> list[str]:
        """Reasons for which signals and rules had no effect, in order."""
        said = [
            each["dropped"] if each["kind"] == "signal_judged" else each["reason"]
            for each in self.notices
            if each["kind"] in {"signal_judged", "rule_blocked"}
        ]
        return [reason for reason in said if reason not in {None, "CONDITION_FALSE"}]

    @property
    def endings(self) -> list[str]:
        """Why trades ended, in order."""
        return [each["exit_reason"] for each in self.notices if "exit_reason" in each]

    # -- what must hold --------------------------------------------------------------------------

    def is_protected(self, shares: float, instrument: SimInstrument = AAPL) -> bool:
        """Whether so many shares are held and the venue's live stops cover exactly these (I3)."""
        return self.position(instrument) == shares == self.stopped(instrument)

    def is_flat(self, instrument: SimInstrument = AAPL) -> bool:
        """Whether nothing is held and nothing lives that could open a position (I18)."""
        return self.position(instrument) == 0 and self.orders(instrument) == []

    def audit(self) -> None:
        """Compare both books at rest (I12), and look for a fill that turned a position (I1)."""
        for index, instrument in enumerate(self.instruments):
            assert float(self.runner.engine.position(index)[0]) == self.position(instrument)
            held = 0.0
            for fill in self.fills(instrument):
                assert held * (held + fill) >= 0, f"a fill of {fill} turned {held} shares around"
                held += fill


@asynccontextmanager
async def trading(
    directory: Path, *, is_audited: bool = True, **options: Any
) -> AsyncIterator[Desk]:
    """A desk that is connected and quoted at 100.00; its books are compared in the end."""
    desk = Desk(directory, **options)
    await desk.tws.start()
    try:
        await desk.connect()
        yield desk
        if is_audited:
            desk.audit()
    finally:
        await desk.close()
        await desk.tws.stop()
        await asyncio.sleep(0)
    if desk.journal.failure is None:
        replayed = replay(desk.journal.path)
        assert replayed.difference is None, replayed.difference
        assert replayed.is_closed

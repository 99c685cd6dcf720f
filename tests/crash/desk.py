"""The desk: recovery, journal, runner and line to TWS, as a run at a broker puts them together.

It is told what happens, comes to rest, and answers. Time is the exchange's.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.clock import ManualClock
from orderloom.journal import Header, Journal
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.recovery import Recovered, Seat, recover
from orderloom.report import RunTally
from orderloom.runner import Runner
from orderloom.sim.times import SECOND
from orderloom.tws import Timeouts, TWSConnection, TWSSettings

from .exchange import ACCOUNT, CLOSE, INSTRUMENTS, OPEN
from .intents import Intents
from .points import Points

if TYPE_CHECKING:
    from pathlib import Path

    from .process import Line

_SYMBOLS: Final = tuple(each.symbol for each in INSTRUMENTS)
# None of them is waited out here; a machine with much to do may come close.
_TIMEOUTS: Final = Timeouts(connect=90.0, request=90.0, history=90.0, barrier=90.0, silence=300.0)
_ROUNDS: Final = 60
_SNAPSHOT_EVENTS: Final = 40


class Hasty(Runner):
    """A mistake, to prove that it is noticed: commands leave before they are durable."""

    def _commit(self) -> int:
        return 0


class Desk:
    """One life of a desk, in the process that lives it."""

    def __init__(
        self,
        directory: Path,
        rules: list[dict[str, Any]],
        port: int,
        at: int,
        *,
        is_hasty: bool = False,
    ) -> None:
        self._clock = ManualClock(at)
        self._port = port
        self._problems: list[str] = []
        self._tally = RunTally(_SYMBOLS, [rule["name"] for rule in rules])
        seat = Seat.take(directory / "seat", directory)
        path = seat.last
        recovered: Recovered | None = None
        config = json.dumps(
            {
                "run": "crash",
                "instruments": [{"symbol": each.symbol, "tick": each.tick} for each in INSTRUMENTS],
                "rules": rules,
            }
        )
        if path is None:
            path = directory / f"journal-{time.time_ns()}.db"
            self.journal = Journal.create(path, Header("0", config, _SYMBOLS, ACCOUNT, OPEN))
        else:
            recovered = recover(path)
            assert recovered.doubt is None, recovered.doubt
            self.journal = recovered.resume(())
        self.runner = (Hasty if is_hasty else Runner)(
            config,
            clock=self._clock,
            journal=self.journal,
            on_problem=self._problems.append,
            listeners=[self._tally],
            recovered=recovered,
            snapshot_events=_SNAPSHOT_EVENTS,
        )
        if recovered is not None:
            self.runner.post(Event.restarted(config))
        self._seat, self._path = seat, path
        self._broker = TWSConnection(
            TWSSettings(port=port, mode="sim", is_paced=False, timeouts=_TIMEOUTS),
            [ContractSpec(symbol=symbol) for symbol in _SYMBOLS],
            clock=self._clock,
            sink=self.runner.post,
            on_problem=self._problems.append,
        )

    async def connect(self) -> None:
        """Log in and come to rest."""
        self.runner.connect(self._broker)
        await self._broker.connect()
        self._seat.remember(self._path)
        await self._settle()
        await self._broker.start_market(
            [MarketSubscription(symbol=index) for index in range(len(_SYMBOLS))]
        )
        await self._settle()

    async def take(self, request: dict[str, Any]) -> None:
        """Let time come to where it is, and a prediction if there is one."""
        self._clock.advance_to(max(request["at"], self._clock.now()))
        await self._settle()
        if (signal := request.get("signal")) is not None:
            key, symbol, side = signal
            made = self._clock.now()
            name = _SYMBOLS[symbol]
            self.runner.post(Event.signal(key, name, symbol, side, 0.9, None, [], made, None, []))
            await self._settle()
        if (day := request.get("day")) is not None:
            self.runner.post(Event.session(0, day, -4 * 3_600 * SECOND, OPEN, CLOSE))
            await self._settle()
        deadline = self.runner.next_deadline
        if deadline is not None and deadline <= self._clock.now():
            self.runner.on_time()
            await self._settle()
        if request.get("is_written"):
            self.journal.commit()

    async def end(self) -> None:
        """End in order."""
        self.runner.finish()
        await self._broker.disconnect()
        self.journal.close()

    def books(self) -> dict[str, Any]:
        """What the engine believes, in the words of the exchange's ledger."""
        engine = self.runner.engine
        alive: dict[str, int] = dict.fromkeys(_SYMBOLS, 0)
        for order in json.loads(engine.live_orders()):
            alive[_SYMBOLS[order["symbol"]]] += 1
        return {
            "mode": engine.mode,
            "deadline": self.runner.next_deadline,
            "held": {name: engine.position(n)[0] for n, name in enumerate(_SYMBOLS)},
            "commission": {name: engine.position(n)[3] for n, name in enumerate(_SYMBOLS)},
            "realized": {name: engine.position(n)[2] for n, name in enumerate(_SYMBOLS)},
            "alive": alive,
            "incidents": [each["code"] for each in self._tally.incidents],
            "problems": self._problems,
        }

    async def _settle(self) -> None:
        for _ in range(_ROUNDS):
            sent = self.runner.sent
            await self._broker.barrier()
            rests = self.runner.is_idle and not self.runner.is_reconciling
            if rests and self.runner.sent == sent:
                return
        raise AssertionError(f"no rest in {_ROUNDS} rounds: {self._problems}")


async def live(
    line: Line,
    directory: Path,
    rules: list[dict[str, Any]],
    last: int | None,
    *,
    is_hasty: bool = False,
) -> None:
    """Live until asked to end, or until the point numbered `last`.

    An order that leaves before its intent is durable ends it at once, with a word on stderr.
    """
    start = await line.next()
    intents: Intents | None = None
    points = Points(last, lambda message: intents.missing(message) if intents else None)
    points.watch()
    desk = Desk(directory, rules, start["port"], start["at"], is_hasty=is_hasty)
    intents = Intents(desk.journal.files, _last_row(desk.journal.files[0]))
    await desk.connect()
    line.answer(desk.books())
    while not (request := await line.next()).get("is_end"):
        await desk.take(request)
        line.answer({**desk.books(), "points": points.count})
    await desk.end()
    line.answer({"points": points.count, "kinds": points.kinds})


def _last_row(journal: Path) -> int:
    with Journal.open(journal) as recording:
        return recording.last.id

"""Plays a simulated market in lock-step: every price is answered in full before the next one.

The same sockets, clients and servers as live; only time is ours. So a run at any speed makes the
same decisions in the same order.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from orderloom.errors import OrderloomError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orderloom.ports import Broker
    from orderloom.runner import Runner
    from orderloom.sessions.options import RunOptions
    from orderloom.world import Moment, Stage

_SETTLE_ROUNDS: Final = 10_000
# How long time goes on after the last price, for what is on its way.
_TAIL_NS: Final = 30_000_000_000
_SLICE_SECONDS: Final = 0.25
# How long a line that was lost may take to be back.
_REPAIR_SECONDS: Final = 60.0


class LockStep:
    """Drives `stage` and `runner` through a market; `stop` ends it early and in order."""

    def __init__(
        self,
        stage: Stage,
        runner: Runner,
        broker: Broker,
        options: RunOptions,
        stop: asyncio.Event,
    ) -> None:
        self._stage = stage
        self._clock = stage.clock
        self._runner = runner
        self._broker = broker
        self._options = options
        self._stop = stop

    async def play(
        self, poll: Callable[[str], Awaitable[None]], tickers: Sequence[str], every: int
    ) -> None:
        """Play the whole market, and ask for predictions every `every` nanoseconds of it."""
        clock, runner = self._clock, self._runner
        first, wall = clock.now(), time.monotonic()
        next_poll = first
        for moment in self._stage.moments():
            await self._pass_time(moment.at)
            if self._is_over(moment.at, wall):
                return
            await self._pace(moment, first, wall)
            clock.advance_to(max(moment.at, clock.now()))
            self._stage.play(moment)
            await self.settle()
            runner.on_time()
            await self.settle()
            if moment.at >= next_poll:
                # One ticker after the other, so that every run hears them in the same order.
                for ticker in tickers:
                    await poll(ticker)
                    await self.settle()
                next_poll = moment.at + every
            await runner.keep_up()
        await self._pass_time(clock.now() + _TAIL_NS)

    async def settle(self) -> None:
        """Return when broker and engine have nothing left to say to each other at this moment.

        A TWS answers in order, so its answer to one more request proves that all before it was
        heard; what was sent meanwhile is answered before the next one.
        """
        for _ in range(_SETTLE_ROUNDS):
            sent = self._runner.sent
            try:
                await self._broker.barrier()
            except OrderloomError:
                await self._line_is_back()
                continue
            if (
                self._runner.sent == sent
                and self._runner.is_idle
                and not self._runner.is_reconciling
            ):
                return
        raise OrderloomError(f"the simulated TWS did not come to rest in {_SETTLE_ROUNDS} rounds")

    async def _line_is_back(self) -> None:
        """Wait until the broker is connected again. The market stands still meanwhile.

        Only where the broker is away for a known time does that pass, as slowly as it has to.
        """
        async with asyncio.timeout(_REPAIR_SECONDS):
            while not self._broker.is_connected:
                if (back_at := self._stage.tws.faults.back_at) is not None:
                    self._advance(min(back_at, *self._wakes(back_at)))
                await asyncio.sleep(0.01)

    def _wakes(self, otherwise: int) -> tuple[int, ...]:
        """When somebody has something to do by time alone; `otherwise` where nobody has."""
        wakes = (
            self._runner.next_deadline,
            self._clock.next_wake,
            self._stage.tws.faults.next_due,
        )
        return tuple(otherwise if at is None else at for at in wakes)

    def _advance(self, at: int) -> None:
        self._clock.advance_to(max(at, self._clock.now()))
        self._stage.pass_time()
        self._runner.on_time()

    def _is_over(self, at: int, wall: float) -> bool:
        options = self._options
        return (
            self._stop.is_set()
            or (options.until is not None and at > options.until)
            or (options.duration is not None and time.monotonic() > wall + options.duration)
        )

    async def _pass_time(self, until: int) -> None:
        """Let everything happen that time alone makes happen before `until`."""
        while not self._stop.is_set():
            wakes = self._wakes(until)
            if min(wakes) >= until:
                return
            self._advance(min(wakes))
            await self.settle()
            if self._wakes(until) == wakes:
                # What was due is done and asks for the same moment again: the world moves on.
                return

    async def _pace(self, moment: Moment, first: int, wall: float) -> None:
        speed = float(self._options.speed)
        if speed == float("inf"):
            return
        due = wall + (moment.at - first) / 1e9 / speed
        while (left := due - time.monotonic()) > 0 and not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, _SLICE_SECONDS))

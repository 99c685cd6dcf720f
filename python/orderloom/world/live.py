"""A stage that plays by the system's clock: `orderloom sim`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from orderloom.clock import ManualClock
from orderloom.config.document import problem_of_bytes
from orderloom.errors import ConfigError
from orderloom.feeds import read_market
from orderloom.sim import ControlPort, Recorder, parse_plan
from orderloom.world.stage import ACCOUNT, Listed, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, TextIO

_BEAT_SECONDS: Final = 0.2


class LiveStage:
    """Plays a market at `speed` simulated seconds per second to whoever connects.

    The data's times are moved so that it begins at `starts_at` (UTC ns), or kept. `venue` holds
    keys of the venue's configuration. With `symbols` empty, everything that the files hold is
    listed. After the last price, time goes on.
    """

    def __init__(
        self,
        market: Sequence[Path],
        symbols: Sequence[str],
        *,
        calendar: str,
        speed: float,
        seed: int,
        starts_at: int | None,
        venue: Mapping[str, Any] | None = None,
    ) -> None:
        names = symbols or sorted({item.symbol for item in read_market(market)})
        self._clock: Final = ManualClock()
        self._stage: Final = Stage(
            [Listed(name) for name in names],
            market,
            calendar=calendar,
            clock=self._clock,
            seed=seed,
            venue=venue,
            shift_to=starts_at,
        )
        self._speed = speed
        self._control: ControlPort | None = None
        self.symbols: Final = tuple(names)
        self.account: Final = ACCOUNT

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._stage.tws.port

    async def start(self, port: int) -> None:
        """Listen on the loopback address. Raises `OSError` when the port is taken."""
        await self._stage.tws.start(port=port)

    def load_faults(self, file: Path) -> None:
        """Arm the faults of a file. Raises `ConfigError` with the place of what is wrong."""
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError([problem_of_bytes(str(file), error)]) from None
        self._stage.tws.faults.load(parse_plan(text, str(file)))

    def record(self, file: TextIO) -> None:
        """Write every message of every session to an open file, account numbers masked."""
        self._stage.tws.recorder = Recorder(file)

    async def take_faults(self, port: int) -> int:
        """Take faults live on a loopback port and return which one it is."""
        self._control = ControlPort(self._stage.tws, port=port)
        await self._control.start()
        return self._control.port

    async def stop(self) -> None:
        """Disconnect everybody."""
        if self._control is not None:
            await self._control.stop()
        await self._stage.tws.stop()

    async def play(self) -> None:
        """Play the market, then let time pass until cancelled."""
        first, wall = self._stage.first, time.monotonic()
        for moment in self._stage.moments():
            while (now := self._now(first, wall)) < moment.at:
                self._advance(now)
                left = (moment.at - now) / 1e9 / self._speed
                await asyncio.sleep(min(left, _BEAT_SECONDS))
            self._clock.advance_to(max(moment.at, self._clock.now()))
            self._stage.play(moment)
            await asyncio.sleep(0)
        while True:
            self._advance(self._now(first, wall))
            await asyncio.sleep(_BEAT_SECONDS)

    def _now(self, first: int, wall: float) -> int:
        return first + int((time.monotonic() - wall) * self._speed * 1e9)

    def _advance(self, now: int) -> None:
        self._clock.advance_to(max(now, self._clock.now()))
        self._stage.pass_time()

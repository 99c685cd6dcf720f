"""When a run may begin to ask for predictions: once the engine could act on one.

A prediction counts once. One that arrives before the broker's orders and positions are known, or
before there is a price, would be refused and never seen again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orderloom._core import Event, Outcome
    from orderloom.runner import Runner

# Outside trading hours there may be no price for long; rules may not need one.
_PRICE_PATIENCE_SECONDS: Final = 5.0


class Readiness:
    """Hears the runner's events and tells when it is ready to trade `symbols` symbols."""

    def __init__(self, runner: Runner, symbols: int) -> None:
        self._runner = runner
        self._symbols = symbols
        self._changed = asyncio.Event()

    def on_event(self, _at: int, _event: Event, _outcome: Outcome | None) -> None:
        """Take one event: something may be known now."""
        self._changed.set()

    async def wait(self) -> None:
        """Return once the broker is reconciled and every symbol has a price, or is slow to."""
        self._runner.listeners.append(self)
        try:
            while self._runner.is_reconciling:
                await self._next_change()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PRICE_PATIENCE_SECONDS):
                    while not self._is_priced:
                        await self._next_change()
        finally:
            self._runner.listeners.remove(self)

    @property
    def _is_priced(self) -> bool:
        return all(self._runner.engine.mark(symbol) for symbol in range(self._symbols))

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

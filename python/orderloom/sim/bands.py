"""Limit up, limit down: bands around a reference price, and the pause when the market leans on one.

Source: the *Plan to Address Extraordinary Market Volatility* of the United States' exchanges, for
its ordinary hours. Left out are the wider bands near the close and of prices below 3 USD.
"""

from __future__ import annotations

from collections import deque

from .times import SECOND

WINDOW = 300 * SECOND
"""The reference is the mean of the prints of so long."""
REFERENCE_STEP = 0.01
"""It moves when the mean is that share away from it."""
LIMIT_STATE = 15 * SECOND
"""So long may the market lean on a band before trading is paused."""
PAUSE = 300 * SECOND


class PriceBands:
    """One instrument's bands, `percent` to each side. Times are UTC nanoseconds.

    `band` is `None` before the first print and while trading is paused.
    """

    def __init__(self, percent: float, tick: float) -> None:
        self._share = percent / 100
        self._tick = tick
        self._prints: deque[tuple[int, float]] = deque()
        self._sum = 0.0
        self._reference: float | None = None
        self._leans_since: int | None = None
        self._paused_until: int | None = None

    @property
    def band(self) -> tuple[float, float] | None:
        """Lowest and highest price at which anything may trade, on the tick grid."""
        if self._reference is None or self.is_paused:
            return None
        width = self._reference * self._share
        return self._rounded(self._reference - width), self._rounded(self._reference + width)

    @property
    def is_paused(self) -> bool:
        """Whether trading is paused."""
        return self._paused_until is not None

    def trade(self, at: int, price: float) -> None:
        """Take a print into the reference."""
        self._prints.append((at, price))
        self._sum += price
        while self._prints[0][0] <= at - WINDOW:
            self._sum -= self._prints.popleft()[1]
        mean = self._sum / len(self._prints)
        reference = self._reference
        if reference is None or abs(mean - reference) >= REFERENCE_STEP * reference:
            self._reference = mean

    def quote(self, at: int, bid: float | None, ask: float | None) -> None:
        """Take a quote: one that stands at a band, or beyond, leans on it."""
        band = self.band
        leans = band is not None and (
            (ask is not None and ask <= band[0]) or (bid is not None and bid >= band[1])
        )
        if not leans:
            self._leans_since = None
        elif self._leans_since is None:
            self._leans_since = at

    def advance(self, at: int) -> None:
        """Let time pass: trading pauses, and goes on around the prints that follow."""
        if self._paused_until is not None:
            if at >= self._paused_until:
                self._paused_until = self._reference = None
                self._prints.clear()
                self._sum = 0.0
        elif self._leans_since is not None and at - self._leans_since >= LIMIT_STATE:
            self._leans_since = None
            self._paused_until = at + PAUSE

    def _rounded(self, price: float) -> float:
        return round(round(price / self._tick) * self._tick, 8)

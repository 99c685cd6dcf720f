"""What a market data file holds, item by item.

Times are UTC nanoseconds, prices in the file's currency as floats (they become exact at the
core's edge), sizes in shares or contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from orderloom.errors import OrderloomError
from orderloom.instant import ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Print:
    """A trade. Size 0 marks a price at which nothing traded (see `expand`)."""

    at: int
    symbol: str
    price: float
    size: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and offer. A side without a quote has price None and size 0.

    May be crossed where the source was: whether to trade on it is the engine's decision.
    """

    at: int
    symbol: str
    bid: float | None
    ask: float | None
    bid_size: int
    ask_size: int


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low and close of the trades from `start` to before `start + span`.

    Labelled with its start; nobody can know it before its `end`.
    """

    start: int
    symbol: str
    span: int
    open: float
    high: float
    low: float
    close: float
    volume: int

    @property
    def at(self) -> int:
        """Where it stands among other items: its start."""
        return self.start

    @property
    def end(self) -> int:
        """The first nanosecond after it: when it is known."""
        return self.start + self.span


Item = Print | Quote | Bar


class FeedError(OrderloomError, ValueError):
    """A market data file that does not hold what it should: file, row, expected, found."""

    exit_code = 2

    @classmethod
    def none_of(
        cls, symbols: Iterable[str], files: Iterable[Path], start: int | None, end: int | None
    ) -> Self:
        """The files hold nothing of these symbols between the two moments, UTC ns."""
        bounds = (("from", start), ("to", end))
        told = "".join(f" {word} {ns_to_iso(at)}" for word, at in bounds if at is not None)
        names = ", ".join(map(str, files))
        return cls(f"{names}: expected market data of {', '.join(symbols)}{told}, found none")

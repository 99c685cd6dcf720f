"""What the application asks of the world: a clock, a broker, and somewhere to put events.

Adapters implement these and never import each other. Times are UTC nanoseconds; a `symbol` is the
index of an instrument in the engine's configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from decimal import Decimal

    from orderloom._core import Command, Event

EventSink = Callable[["Event"], None]
"""Takes one event; called in the order in which things happened, and must not block."""

OnProblem = Callable[[str], None]
"""Takes a text for the operator: what was expected, what was found, and where."""

_SECOND: Final = 1_000_000_000

BAR_SPANS: Final = {
    **{f"{count} secs": count * _SECOND for count in (5, 10, 15, 30)},
    "1 min": 60 * _SECOND,
    **{f"{count} mins": count * 60 * _SECOND for count in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3_600 * _SECOND,
    **{f"{count} hours": count * 3_600 * _SECOND for count in (2, 3, 4, 8)},
    "1 day": 86_400 * _SECOND,
}
"""Bar sizes that TWS keeps up to date, in its words, and their spans in ns.

It also tells past bars of one second, but refuses to go on with them.
"""

OnSent = Callable[[int, int, int], None]
"""Takes order id, monotonic ns after the last byte was handed over, and ns spent encoding."""


class Clock(Protocol):
    """The only source of time outside events."""

    def now(self) -> int:
        """Return UTC nanoseconds since 1970."""

    async def sleep_until(self, at: int) -> None:
        """Return as soon as `now()` is at or after `at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSpec:
    """An instrument as the user names it; the broker finds the one contract that it fits."""

    symbol: str
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    con_id: int = 0
    last_trade_date: str = ""
    multiplier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """What the broker knows about an instrument.

    `tick` is the smallest price step, `multiplier` the units of the underlying per contract
    (1 for shares), `time_zone` an IANA name.
    """

    con_id: int
    tick: Decimal
    multiplier: int
    currency: str
    time_zone: str
    long_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSubscription:
    """What to stream for one symbol.

    `bars` is a bar size of `BAR_SPANS` (`1 min`, `5 secs`, `1 day`) or `None` for quotes
    and trades alone; `warm_up` says how many past bars indicators need.
    """

    symbol: int
    bars: str | None = None
    warm_up: int = 0


class Broker(Protocol):
    """A broker connection that reports through an `EventSink`."""

    @property
    def is_connected(self) -> bool:
        """Whether the line to the broker is open and logged in."""

    @property
    def contracts(self) -> Sequence[ContractFacts]:
        """Facts by symbol, known once `connect` has returned."""

    @property
    def server_offset(self) -> int | None:
        """Broker's clock minus ours in ns, as far as it is proven; `None` before it was asked."""

    async def connect(self) -> None:
        """Log in, find the contracts, begin a snapshot; return or raise within bounded time."""

    async def disconnect(self) -> None:
        """End the connection; orders stay at the broker."""

    async def start_market(self, subscriptions: Sequence[MarketSubscription]) -> None:
        """Stream sessions, quotes, trades and bars."""

    def send(self, command: Command) -> None:
        """Carry out a `place`, `modify`, `cancel` or `reconcile`; never sent twice."""

    async def reconcile(self) -> bool:
        """Take a full snapshot and say whether every part of it ended."""

    async def barrier(self) -> None:
        """Return once everything sent and received before this call has been processed."""

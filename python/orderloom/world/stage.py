"""The stage: a simulated exchange behind a simulated TWS, fed from a script of market data.

It opens the sockets and plays one moment when it is told to; who tells it, and how fast, is the
driver's decision (`orderloom run --sim` in lock-step, `orderloom sim` by the clock).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Venue
from orderloom.feeds import Bar, FeedError, Print, read_market
from orderloom.hours import Hours
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.world.script import Moment, script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from orderloom.clock import ManualClock
    from orderloom.feeds import Item

ACCOUNT: Final = "DU0000001"
_CON_ID_MIN: Final = 100_001


@dataclass(frozen=True, slots=True)
class Listed:
    """A symbol as the simulated exchange lists it; `tick` and `multiplier` are decimal texts."""

    symbol: str
    tick: str = "0.01"
    multiplier: str = "1"
    currency: str = "USD"
    sec_type: str = "STK"


class Stage:
    """A simulated TWS with a market of its own.

    `market` are files of market data; only the listed symbols are read. `clock` is moved by the
    driver. Raises `FeedError` when a file holds none of the symbols.
    """

    def __init__(
        self,
        listed: Sequence[Listed],
        market: Sequence[Path],
        *,
        calendar: str,
        clock: ManualClock,
        seed: int = 1,
        venue: Mapping[str, Any] | None = None,
        start: int | None = None,
        end: int | None = None,
        shift_to: int | None = None,
    ) -> None:
        items = list(
            read_market(market, symbols=[each.symbol for each in listed], start=start, end=end)
        )
        if not items:
            raise FeedError.none_of((each.symbol for each in listed), market, start, end)
        shift = 0 if shift_to is None else shift_to - items[0].at
        self._items = [_shifted(item, shift) for item in items] if shift else items
        self.clock: Final = clock
        self.hours: Final = Hours(calendar, self._items[0].at, self._items[-1].at)
        self.symbols: Final = tuple(each.symbol for each in listed)
        self._ticks = {each.symbol: float(each.tick) for each in listed}
        self._con_ids = {each.symbol: _CON_ID_MIN + n for n, each in enumerate(listed)}
        clock.advance_to(max(clock.now(), self._items[0].at))
        config = {"seed": seed, "account": ACCOUNT, "starts_open": self.hours.is_open(clock.now())}
        self.venue: Final = Venue(json.dumps({**config, **(venue or {})}))
        self.tws: Final = SimulatedTws(
            self.venue,
            [self._instrument(each) for each in listed],
            clock=clock.now,
            account=ACCOUNT,
            time_zone=self.hours.time_zone,
        )

    @property
    def first(self) -> int:
        """When the first price comes."""
        return self._items[0].at

    def moments(self) -> Iterator[Moment]:
        """Yield what is to be played, in order."""
        return script(self._items, self.hours, self._ticks)

    def play(self, moment: Moment) -> None:
        """Let one moment happen; the clock stands at it already."""
        at = moment.at
        with self.tws.burst():
            self.tws.advance(at)
            for is_open in moment.sessions:
                for con_id in self._con_ids.values():
                    self.tws.set_session(at, con_id, is_open)
            for price in moment.prices:
                con_id = self._con_ids[price.symbol]
                if isinstance(price, Print):
                    self.tws.publish_trade(at, con_id, price.price, price.size)
                else:
                    self.tws.publish_quote(
                        at, con_id, price.bid, price.ask, price.bid_size, price.ask_size
                    )

    def pass_time(self) -> None:
        """Let time pass up to the clock, without a price."""
        self.tws.advance(self.clock.now())

    def symbol_of(self, con_id: int) -> str:
        """The symbol of a contract."""
        return self.symbols[con_id - _CON_ID_MIN]

    def positions(self) -> dict[str, str]:
        """What the exchange's own ledger holds, by symbol; flat ones left out."""
        names = {con_id: symbol for symbol, con_id in self._con_ids.items()}
        held = json.loads(self.venue.positions())
        return {names[each["con_id"]]: each["quantity"] for each in held if each["quantity"] != "0"}

    def executions(self) -> list[dict[str, Any]]:
        """Every fill of the exchange's own ledger, with `symbol` and `commission`."""
        names = {con_id: symbol for symbol, con_id in self._con_ids.items()}
        fills: list[dict[str, Any]] = json.loads(self.venue.executions())
        return [{**fill, "symbol": names[fill["con_id"]]} for fill in fills]

    def live_orders(self) -> list[dict[str, Any]]:
        """Orders that are alive at the exchange."""
        orders: list[dict[str, Any]] = json.loads(self.venue.orders())
        return orders

    def _instrument(self, listed: Listed) -> SimInstrument:
        return SimInstrument(
            con_id=self._con_ids[listed.symbol],
            symbol=listed.symbol,
            sec_type=listed.sec_type,
            currency=listed.currency,
            tick=listed.tick,
            multiplier="" if listed.multiplier == "1" else listed.multiplier,
            time_zone=self.hours.time_zone,
            trading_hours=self.hours.text,
            liquid_hours=self.hours.text,
            is_regular=self.hours.is_open,
        )


def _shifted(item: Item, by: int) -> Item:
    if isinstance(item, Bar):
        return replace(item, start=item.start + by)
    return replace(item, at=item.at + by)

"""What the simulated TWS lists: instruments, and how a client's description finds one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .times import Zone
from .wire import Reader, decimal_text, parse_integer, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ORDER_TYPES = (
    "ACTIVETIM,AD,ALERT,ALGO,AON,COND,DAY,GAT,GTC,GTD,IOC,LIT,LMT,LOC,MIT,MKT,MOC,MTL,"
    "OCA,OPG,SCALE,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)


def _always(_at: int) -> bool:
    return True


class Leg(NamedTuple):
    """One contract of a combo: how many of it, and `BUY` or `SELL`."""

    con_id: int
    ratio: int
    action: str


@dataclass(frozen=True, slots=True)
class SimInstrument:
    """One tradable contract.

    A combo (`sec_type` ``BAG``) has `legs`, and a market and a position of its own.

    `tick` and `multiplier` are decimal strings (`multiplier` empty for stocks). The hours follow
    contract details: ``20250922:0930-20250922:1600;20250923:CLOSED``, either fixed or computed
    from the simulated time in UTC nanoseconds. `is_regular` tells whether a moment lies in
    the regular session; it filters bars that were asked for with regular hours only.
    """

    con_id: int
    symbol: str
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = "NASDAQ"
    currency: str = "USD"
    tick: str = "0.01"
    multiplier: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    long_name: str = ""
    last_trade_date: str = ""
    strike: str = "0"
    right: str = ""
    time_zone: str = "US/Eastern"
    trading_hours: str | Callable[[int], str] = ""
    liquid_hours: str | Callable[[int], str] = ""
    is_regular: Callable[[int], bool] = _always
    valid_exchanges: tuple[str, ...] = ()
    market_rule: int = 26
    legs: tuple[Leg, ...] = ()
    zone: Zone = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        defaults: dict[str, Any] = {
            "local_symbol": self.symbol,
            "trading_class": self.symbol,
            "long_name": self.symbol,
            "valid_exchanges": tuple(dict.fromkeys((self.exchange, self.primary_exchange))),
        }
        for name, value in defaults.items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)
        object.__setattr__(self, "zone", Zone(self.time_zone))

    @property
    def order_types(self) -> str:
        """Order types as contract details list them."""
        return _ORDER_TYPES

    def hours(self, at: int) -> tuple[str, str]:
        """Return the trading and the liquid hours as known at a moment."""
        trading, liquid = self.trading_hours, self.liquid_hours
        return (
            trading if isinstance(trading, str) else trading(at),
            liquid if isinstance(liquid, str) else liquid(at),
        )

    def venue_fields(self) -> dict[str, Any]:
        """Return what the venue needs to know."""
        return {
            "con_id": self.con_id,
            "symbol": self.symbol,
            "sec_type": self.sec_type,
            "currency": self.currency,
            "tick": self.tick,
            "multiplier": self.multiplier or "1",
        }


@dataclass(frozen=True, slots=True)
class ContractQuery:
    """The twelve contract fields of a request as the client sent them, and the legs of a combo."""

    con_id: int
    symbol: str
    sec_type: str
    last_trade_date: str
    strike: str
    right: str
    multiplier: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    legs: frozenset[Leg] = field(default=frozenset(), kw_only=True)

    @classmethod
    def read(cls, reader: Reader) -> ContractQuery:
        """Read the twelve fields; a strike of 0, empty or unset is none."""
        con_id = reader.integer()
        symbol, sec_type, last_trade_date, strike, *rest = reader.record(11)
        value = parse_number(strike)
        strike = decimal_text(value) if value else ""
        return cls(con_id, symbol, sec_type, last_trade_date, strike, *rest)

    def with_legs(self, legs: Iterable[tuple[str, ...]]) -> ContractQuery:
        """Return the same with the legs of a combo, each a number, a ratio, an action and more."""
        read = (Leg(parse_integer(leg[0]), parse_integer(leg[1]), leg[2]) for leg in legs)
        return replace(self, legs=frozenset(read))

    def matches(self, instrument: SimInstrument) -> bool:
        """Tell whether every field that the client filled in agrees with an instrument."""
        if self.con_id:
            return self.con_id == instrument.con_id
        return (
            bool(self.symbol or self.local_symbol)
            and self.symbol in ("", instrument.symbol)
            and self.legs == frozenset(instrument.legs)
            and self.local_symbol in ("", instrument.local_symbol)
            and self.sec_type in ("", instrument.sec_type)
            and self.currency in ("", instrument.currency)
            and instrument.last_trade_date.startswith(self.last_trade_date)
            and self.strike in ("", instrument.strike)
            and self.right[:1] in ("", "?", instrument.right[:1])
            and self.multiplier in ("", instrument.multiplier)
            and self.trading_class in ("", instrument.trading_class)
            and self.primary_exchange in ("", instrument.primary_exchange)
            and self.exchange in ("", instrument.exchange, *instrument.valid_exchanges)
        )


class Catalogue:
    """All instruments of the venue, found by number or by description."""

    def __init__(self, instruments: Iterable[SimInstrument]) -> None:
        self._by_con_id: dict[int, SimInstrument] = {}
        for instrument in instruments:
            if instrument.con_id in self._by_con_id:
                raise ValueError(f"instrument {instrument.con_id}: listed twice")
            self._by_con_id[instrument.con_id] = instrument

    def __getitem__(self, con_id: int) -> SimInstrument:
        return self._by_con_id[con_id]

    def __iter__(self) -> Iterator[SimInstrument]:
        return iter(self._by_con_id.values())

    def find(self, query: ContractQuery) -> list[SimInstrument]:
        """Return every instrument that a description fits, in the order they were listed."""
        if query.con_id:
            found = self._by_con_id.get(query.con_id)
            return [found] if found else []
        return [each for each in self._by_con_id.values() if query.matches(each)]

    def one(self, query: ContractQuery) -> SimInstrument | None:
        """Return the single instrument that a description fits; none or several is `None`."""
        found = self.find(query)
        return found[0] if len(found) == 1 else None

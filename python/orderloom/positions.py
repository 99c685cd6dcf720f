"""Positions and profit as the engine's ledger has them: folded from executions, read on access.

Views, not copies: each attribute is read when it is asked for, and nothing here can change a
position. `LinkedOrderManager` acts on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderloom._core import Engine

_ZERO = Decimal(0)


class Position:
    """What is held of one symbol. Money is in the instrument's currency.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import FillEvent, RuleEngine
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(FillEvent(symbol="AAPL", side="SELL", quantity=Decimal(25),
        ...                               price=Decimal("200.50")))
        >>> position = engine.positions["AAPL"]
        >>> position.side, position.quantity, position.average_price
        ('SHORT', Decimal('-25'), Decimal('200.5'))
    """

    def __init__(self, engine: Engine, number: int, symbol: str, multiplier: int = 1) -> None:
        self._engine = engine
        self._number = number
        self.symbol = symbol
        self.multiplier = multiplier

    @property
    def quantity(self) -> Decimal:
        """Signed: positive long, negative short, 0 flat."""
        return Decimal(self._engine.position(self._number)[0])

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what is held; `None` when flat."""
        return _decimal(self._engine.position(self._number)[1])

    @property
    def realized(self) -> Decimal:
        """Profit realised since the start, before commissions."""
        return Decimal(self._engine.position(self._number)[2])

    @property
    def commission(self) -> Decimal:
        """Commissions known so far."""
        return Decimal(self._engine.position(self._number)[3])

    @property
    def unrealized(self) -> Decimal | None:
        """Profit if it were closed at the last price; `None` when flat or without a price."""
        return _decimal(self._engine.unrealized(self._number))

    @property
    def unrealized_percent(self) -> Decimal | None:
        """`unrealized` in percent of what it cost; `None` when flat or without a price."""
        gain, price = self.unrealized, self.average_price
        if gain is None or not price:
            return None
        return gain / abs(price * self.quantity * self.multiplier) * 100

    @property
    def price(self) -> Decimal | None:
        """Last price of the symbol, of any age."""
        return _decimal(self._engine.mark(self._number))

    @property
    def value(self) -> Decimal | None:
        """Signed value at the last price; 0 when flat, `None` without a price."""
        quantity, price = self.quantity, self.price
        if quantity == 0:
            return _ZERO
        return None if price is None else quantity * price * self.multiplier

    @property
    def side(self) -> Literal["LONG", "SHORT", "FLAT"]:
        """Which way."""
        quantity = self.quantity
        return "LONG" if quantity > 0 else "SHORT" if quantity < 0 else "FLAT"

    @property
    def is_flat(self) -> bool:
        """Nothing is held."""
        return self.quantity == 0

    @property
    def is_long(self) -> bool:
        """Something is held."""
        return self.quantity > 0

    @property
    def is_short(self) -> bool:
        """Something is owed."""
        return self.quantity < 0

    def __repr__(self) -> str:
        price = "" if self.average_price is None else f" at {self.average_price}"
        return f"<{type(self).__name__} {self.symbol} {self.side} {abs(self.quantity)}{price}>"


class StockPosition(Position):
    """A position in shares: whole or fractional, each worth its price.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import FillEvent, RuleEngine
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> _ = engine.on_event(FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(100),
        ...                               price=Decimal(150)))
        >>> engine.positions["AAPL"]
        <StockPosition AAPL LONG 100 at 150>
    """

    @property
    def shares(self) -> Decimal:
        """How many shares, without the sign."""
        return abs(self.quantity)


class PositionTracker(Mapping[str, Position]):
    """Every symbol's position, by its name, and their sums.

    Example:
        >>> from decimal import Decimal
        >>> from orderloom import FillEvent, PriceEvent, RuleEngine
        >>> engine = RuleEngine(symbols=["AAPL", "MSFT"])
        >>> for event in (
        ...     FillEvent(symbol="AAPL", side="BUY", quantity=Decimal(100), price=Decimal(150)),
        ...     PriceEvent(symbol="AAPL", price=Decimal(151)),
        ... ):
        ...     _ = engine.on_event(event)
        >>> engine.positions.open
        (<StockPosition AAPL LONG 100 at 150>,)
        >>> engine.positions.unrealized, engine.positions.profit
        (Decimal('100'), Decimal('100'))
    """

    def __init__(
        self, engine: Engine, symbols: Sequence[str], multipliers: Sequence[int] = ()
    ) -> None:
        self._engine = engine
        each = [*multipliers, *[1] * (len(symbols) - len(multipliers))]
        self._positions = {
            symbol: (StockPosition if multiplier == 1 else Position)(
                engine, number, symbol, multiplier
            )
            for number, (symbol, multiplier) in enumerate(zip(symbols, each, strict=True))
        }

    def __getitem__(self, symbol: str) -> Position:
        return self._positions[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def open(self) -> tuple[Position, ...]:
        """Positions that are not flat."""
        return tuple(position for position in self.values() if not position.is_flat)

    @property
    def realized(self) -> Decimal:
        """Profit realised since the start, before commissions."""
        return sum((position.realized for position in self.values()), _ZERO)

    @property
    def unrealized(self) -> Decimal:
        """Profit if everything that has a price were closed at its last one."""
        return sum((position.unrealized or _ZERO for position in self.values()), _ZERO)

    @property
    def commission(self) -> Decimal:
        """Commissions known so far."""
        return sum((position.commission for position in self.values()), _ZERO)

    @property
    def profit(self) -> Decimal:
        """Profit of the run: realised and unrealised, less commissions."""
        return Decimal(self._engine.profit())


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

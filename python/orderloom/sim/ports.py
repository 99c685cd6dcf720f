"""What the wire server asks of the exchange behind it.

JSON text crosses this border. Prices, quantities and money are decimal strings; times are UTC
nanoseconds. Every act returns the events that it causes, in the order to be sent to clients.
The native `orderloom._core.Venue` satisfies the protocol.
"""

from __future__ import annotations

from typing import Any, Protocol

VenueEvent = dict[str, Any]
"""One decoded event: `kind` and the fields that go with it."""


class VenuePort(Protocol):
    """A matching venue with one account."""

    def add_instrument(self, instrument: str) -> None:
        """List an instrument."""

    def place(self, at: int, order: str) -> str:
        """Accept a new order, or a modification of a live one with the same client and id."""

    def fork(self, at: int, order: str) -> str:
        """Accept a change of a live order as a second order under the same id."""

    def cancel(self, at: int, client_id: int, order_id: int) -> str:
        """Ask for the end of one order."""

    def global_cancel(self, at: int) -> str:
        """Ask for the end of every order of the account."""

    def session(self, at: int, con_id: int, is_open: bool) -> str:
        """Open or close an instrument's regular session."""

    def quote(
        self,
        at: int,
        con_id: int,
        bid: float | None,
        ask: float | None,
        bid_size: float,
        ask_size: float,
    ) -> str | None:
        """Take a new best bid and ask."""

    def trade(self, at: int, con_id: int, price: float, size: float) -> str | None:
        """Take a print of the market."""

    def advance(self, at: int) -> str | None:
        """Let time pass."""

    def halt(self, at: int, con_id: int, is_halted: bool) -> str:
        """Halt an instrument's trading, or let it go on."""

    def locate(self, at: int, con_id: int, is_hard: bool) -> str:
        """Make an instrument's shares hard to borrow, or find them."""

    def manual_trade(
        self, at: int, con_id: int, side: str, quantity: float, price: float | None
    ) -> str:
        """Trade by hand: a fill that no client's order explains."""

    def manual_order(self, at: int, order: str) -> str:
        """Place an order by hand: client 0 and order id 0 until it is bound."""

    def bind(self) -> list[tuple[int, int]]:
        """Give live orders by hand negative ids; return permanent and new ids."""

    def split(self, at: int, con_id: int, new: int, old: int) -> str:
        """Split a stock."""

    def correct_latest(self, at: int, price: float) -> str:
        """Correct the price of the latest execution."""

    def overfill(self, at: int, more: float) -> str:
        """Fill the order of the latest execution by more than it asked for."""

    def bust_latest(self, at: int) -> str:
        """Take the latest execution back."""

    def dividend(self, at: int, con_id: int, amount: float) -> str:
        """Pay an amount for each share held."""

    def band(self, at: int, con_id: int, band: tuple[float, float] | None) -> str:
        """Let an instrument trade between two prices only, or anywhere."""

    def what_if(self, at: int, order: str) -> str:
        """Return margin and commission of an order that is not placed."""

    def orders(self) -> str:
        """Return the live orders, shaped as `open_order` events."""

    def completed(self) -> str:
        """Return the ended orders, with `completed_status` and `completed_at`."""

    def executions(self) -> str:
        """Return all executions, with `commission` where it is known."""

    def positions(self) -> str:
        """Return every position of the account."""

    def account(self) -> str:
        """Return the account's values by name."""

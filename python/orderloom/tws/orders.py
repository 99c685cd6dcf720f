"""From our own record of an order to what `ib_async` encodes.

Orders are built from tickets alone, never from what TWS echoed: it refuses values that it wrote
itself (tws-order-semantics: modification rules).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ib_async.order import Order
from ib_async.util import UNSET_DOUBLE

if TYPE_CHECKING:
    from orderloom._core import Ticket

# `Order()` spends 9 us on its 130 fields; copying one that is ready takes less than 1.
# Its defaults are those that TWS accepts: eTradeOnly and firmQuoteOnly are off (errors 10268,
# 10269), everything optional is unset.
_TEMPLATE: Final[dict[str, Any]] = vars(Order())


def order_of(ticket: Ticket, account: str) -> Order:
    """Return the order to hand to `Client.placeOrder`.

    The tif is always explicit, or TWS fills in a preset and says so with 10349. A parent is named
    only where the ticket has one, else error 135.
    """
    order = Order.__new__(Order)
    fields = order.__dict__
    fields.update(_TEMPLATE)
    order_type = ticket.order_type
    limit_price, stop_price = ticket.limit_price, ticket.stop_price
    fields["action"] = ticket.side
    fields["totalQuantity"] = ticket.quantity
    fields["orderType"] = order_type
    fields["tif"] = ticket.tif
    fields["orderRef"] = ticket.order_ref
    fields["account"] = account
    fields["parentId"] = ticket.parent_id
    fields["transmit"] = ticket.transmit
    fields["outsideRth"] = ticket.outside_rth
    if limit_price is not None:
        fields["lmtPrice"] = limit_price
    if order_type == "TRAIL":
        # One of the two distances; auxPrice and trailingPercent exclude each other.
        percent, amount = ticket.trail_percent, ticket.trail_amount
        fields["trailStopPrice"] = UNSET_DOUBLE if stop_price is None else stop_price
        fields["trailingPercent"] = UNSET_DOUBLE if percent is None else percent
        fields["auxPrice"] = UNSET_DOUBLE if amount is None else amount
    elif stop_price is not None:
        fields["auxPrice"] = stop_price
    if oca_group := ticket.oca_group:
        fields["ocaGroup"] = oca_group
        fields["ocaType"] = ticket.oca_type
    return order

# mypy: ignore-errors
"""What every client under test is told, and what it tells: one JSON object a line.

Runs in each client's own environment, so it imports nothing but the standard library.

Commands: `connect`, `contract`, `ticks`, `history`, `live_bars`, `place`, `cancel`, `open_orders`,
`executions`, `positions`, `account`, `pnl`, `disconnect`. Facts: one `fact` each, see `tell`.
"""

import json
import sys
import threading

_lock = threading.Lock()


def tell(fact, **values):
    """Tell one fact."""
    with _lock:
        print(json.dumps({"fact": fact, **values}), flush=True)


def commands():
    """Yield commands until the input ends."""
    for line in sys.stdin:
        yield json.loads(line)


ORDER_FIELDS = {
    "limit": "lmtPrice",
    "aux": "auxPrice",
    "tif": "tif",
    "parent": "parentId",
    "transmit": "transmit",
    "oca": "ocaGroup",
    "oca_type": "ocaType",
    "trail_percent": "trailingPercent",
    "trail_stop": "trailStopPrice",
    "limit_offset": "lmtPriceOffset",
    "good_till": "goodTillDate",
    "account": "account",
    "ref": "orderRef",
    "what_if": "whatIf",
}
"""Names in a `place` command, and the clients' own, which all four share."""


def fill_order(order, command):
    """Write a `place` command into a client's order object."""
    order.orderId = command["id"]
    order.action = command["action"]
    order.totalQuantity = command["quantity"]
    order.orderType = command["type"]
    for name, field in ORDER_FIELDS.items():
        if name in command:
            setattr(order, field, command[name])
    for obsolete in ("eTradeOnly", "firmQuoteOnly"):  # true by default in the oldest client
        if hasattr(order, obsolete):
            setattr(order, obsolete, False)
    return order


def fill_contract(contract, symbol, exchange="SMART"):
    """Describe a stock in a client's contract object."""
    contract.symbol = symbol
    contract.secType = "STK"
    contract.exchange = exchange
    contract.currency = "USD"
    return contract

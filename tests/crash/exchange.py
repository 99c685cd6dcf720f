"""The exchange: the simulated TWS as a process of its own, which lives on when the desk is killed.

Its ledger is what every answer is measured by.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from orderloom import _core
from orderloom.clock import ManualClock
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.times import Zone

if TYPE_CHECKING:
    from .process import Line

ACCOUNT: Final = "DU0000001"
_HOURS: Final = "20250922:0930-20250922:1600;20250923:0930-20250923:1600"
INSTRUMENTS: Final = (
    SimInstrument(265598, "AAPL", trading_hours=_HOURS, liquid_hours=_HOURS),
    SimInstrument(76792991, "TSLA", trading_hours=_HOURS, liquid_hours=_HOURS),
)
OPEN: Final = Zone("US/Eastern").parse("20250922 09:30:00")
CLOSE: Final = Zone("US/Eastern").parse("20250922 16:00:00")
DATE: Final = 20250922


async def exchange(line: Line) -> None:
    """Serve the API on a port of its own, and move time and prices as asked."""
    clock = ManualClock(OPEN)
    venue: Any = _core.Venue(json.dumps({"commission": "fixed"}))
    tws = SimulatedTws(venue, INSTRUMENTS, clock=clock.now, account=ACCOUNT)
    await tws.start()
    try:
        while True:
            request = await line.next()
            at = request.get("at", OPEN)
            clock.advance_to(max(at, clock.now()))
            if (price := request.get("price")) is not None:
                _publish(tws, at, INSTRUMENTS[request["symbol"]].con_id, price, request["size"])
            elif "at" in request:
                tws.advance(at)
            line.answer({"port": tws.port, "ledger": _ledger(venue)})
    finally:
        await tws.stop()


def _publish(tws: SimulatedTws, at: int, con_id: int, price: float, size: float) -> None:
    with tws.burst():
        tws.publish_quote(at, con_id, round(price - 0.01, 2), round(price + 0.01, 2), size, size)
        tws.publish_trade(at, con_id, price, size)


def _ledger(venue: Any) -> dict[str, Any]:
    """What is held, what lives and what it has come to, by symbol; nothing of how it came so."""
    symbols = {each.con_id: each.symbol for each in INSTRUMENTS}
    cash = dict.fromkeys(symbols.values(), Decimal(0))
    paid = dict.fromkeys(symbols.values(), Decimal(0))
    turned = []
    held = dict.fromkeys(symbols.values(), Decimal(0))
    for fill in json.loads(venue.executions()):
        symbol = symbols[fill["con_id"]]
        sign = 1 if fill["side"] == "BUY" else -1
        signed = sign * Decimal(fill["quantity"])
        if held[symbol] * (held[symbol] + signed) < 0:
            turned.append(fill["exec_id"])
        held[symbol] += signed
        cash[symbol] -= signed * Decimal(fill["price"])
        paid[symbol] += Decimal(fill["commission"])
    alive: dict[str, list[str]] = {symbol: [] for symbol in symbols.values()}
    stopped = dict.fromkeys(symbols.values(), Decimal(0))
    for order in json.loads(venue.orders()):
        symbol = symbols[order["con_id"]]
        price = order["limit_price"] or order["stop_price"] or "-"
        alive[symbol].append(
            f"{order['action']} {order['remaining']} {order['order_type']} {price}"
        )
        if order["order_type"] == "STP" and "child" not in order["why_held"]:
            stopped[symbol] += Decimal(order["remaining"]) * (
                1 if order["action"] == "SELL" else -1
            )
    return {
        "held": {symbol: str(held[symbol]) for symbol in held},
        "alive": {symbol: sorted(alive[symbol]) for symbol in alive},
        "cash": {symbol: str(cash[symbol].normalize()) for symbol in cash},
        "commission": {symbol: str(paid[symbol].normalize()) for symbol in paid},
        "turned": turned,
        "uncovered": {
            symbol: str(held[symbol] - stopped[symbol])
            for symbol in held
            if held[symbol] != stopped[symbol]
        },
    }

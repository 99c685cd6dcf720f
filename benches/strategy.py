"""The strategy that back-tests are measured with; needs nothing but the package.

Every 30 bars, if no trade is open, 100 shares go alternately long and short with a stop at 2 and a
target at 3 ATR(14).
"""

from __future__ import annotations

from typing import Any

from orderloom import atr, bar, context, enter
from orderloom.rules import Rule, rule

EVERY, PERIOD, SHARES, STOP, TARGET = 30, 14, 100, 2.0, 3.0


def strategy(stop: float = STOP, target: float = TARGET) -> list[Rule]:
    exits: dict[str, Any] = {
        "shares": SHARES, "stop": stop * atr(PERIOD), "target": target * atr(PERIOD),
    }  # fmt: skip
    is_due = (bar.index % EVERY == EVERY - 1) & ~context.is_open
    return [
        rule("long", on="Bar", when=is_due & (context.count % 2 == 0), then=enter("BUY", **exits)),
        rule(
            "short", on="Bar", when=is_due & (context.count % 2 == 1), then=enter("SELL", **exits)
        ),
    ]

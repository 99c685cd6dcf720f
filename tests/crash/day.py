"""Scripted days: what the market does, what is predicted, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

DEEP: Final = 10_000.0


@dataclass(frozen=True, slots=True)
class Price:
    """A quote of a cent either side and a print, of so many shares."""

    symbol: int
    price: float
    size: float = DEEP


@dataclass(frozen=True, slots=True)
class Signal:
    """A prediction: BUY, SHORT (enter), NEUTRAL (scale in), SELL (close)."""

    symbol: int
    side: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NextDay:
    """The exchange's day becomes the next one; the journal goes on in a file of its own."""


Step = Price | Signal | Wait | NextDay


def _on(signal: str, action: dict[str, Any]) -> dict[str, Any]:
    word = {"left": {"field": "signal.side"}, "is": "==", "right": {"text": signal}}
    return {
        "name": signal.lower(),
        "on": ["PredictionSignal"],
        "when": {"compare": word},
        "actions": [action],
    }


_LEVELS: Final = {"stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]}
RULES: Final = [
    _on("BUY", {"enter": {"side": "BUY", "size": {"shares": "100"}, **_LEVELS}}),
    _on("SHORT", {"enter": {"side": "SELL", "size": {"shares": "100"}, **_LEVELS}}),
    _on("NEUTRAL", {"scale_in": {"size": {"shares": "50"}}}),
    _on("SELL", {"close_all": {}}),
]

LONG_AND_SHORT: Final[tuple[Step, ...]] = (
    Price(0, 100.0),
    Price(1, 200.0),
    Signal(0, "BUY"),
    Price(1, 200.5, size=40),
    Signal(1, "SHORT"),
    Price(1, 200.4, size=35),
    Price(0, 102.0),
    Signal(0, "NEUTRAL"),
    Price(1, 200.3),
    NextDay(),
    Wait(2),
    Price(1, 190.0),
    Signal(1, "NEUTRAL"),
    # The long's target is hit for a part, then for all.
    Price(0, 109.5, size=60),
    Price(0, 109.6, size=30),
    Wait(1),
    Price(0, 109.6),
    Wait(1),
    # The short is stopped out in parts.
    Price(1, 206.0, size=70),
    Wait(1),
    Price(1, 206.5),
    Wait(2),
    # Both again, the other way round, closed by hand.
    Signal(0, "SHORT"),
    Signal(1, "BUY"),
    Price(0, 109.0),
    NextDay(),
    Price(1, 207.0),
    Signal(0, "SELL"),
    Price(1, 207.1, size=45),
    Signal(1, "SELL"),
    Wait(1),
    Price(1, 207.2, size=45),
    Price(1, 207.0),
    Wait(30),
)


def generated(seed: int, steps: int = 30) -> tuple[Step, ...]:
    """A day by chance: thin and deep markets that wander, and predictions at any moment."""
    chance = random.Random(seed)
    prices = [100.0, 200.0]
    day: list[Step] = [Price(0, prices[0]), Price(1, prices[1])]
    while len(day) < steps:
        symbol = chance.randrange(2)
        if chance.random() < 0.4:
            day.append(
                Signal(symbol, chance.choice(("BUY", "SHORT", "NEUTRAL", "NEUTRAL", "SELL")))
            )
            continue
        if chance.random() < 0.1:
            day.append(NextDay())
            continue
        if chance.random() < 0.2:
            day.append(Wait(chance.choice((0.5, 2.0, 20.0))))
            continue
        prices[symbol] = round(prices[symbol] * (1 + chance.choice((-4, -1, 0, 0, 1, 4)) / 100), 2)
        day.append(Price(symbol, prices[symbol], chance.choice((30.0, 70.0, DEEP, DEEP))))
    # Whatever is open is closed at last, in a market that takes it.
    day += [Price(0, prices[0]), Price(1, prices[1]), Wait(2)]
    day += [Signal(0, "SELL"), Signal(1, "SELL"), Wait(30)]
    return tuple(day)

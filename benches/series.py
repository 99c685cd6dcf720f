"""Markets made from a seed: the same for every bench and every peer, with nothing but Python."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass

MINUTE = 60_000_000_000
START = 1_700_000_040_000_000_000
YEAR = 97_500
"""Minutes of trading in a year."""


@dataclass(frozen=True)
class Series:
    """Bars in columns as a user has them: contiguous 64-bit arrays."""

    ts_utc: array[int]
    open: array[float]
    high: array[float]
    low: array[float]
    close: array[float]
    volume: array[float]


@dataclass(frozen=True)
class Quotes:
    """Bids and asks in columns."""

    ts_utc: array[int]
    bid: array[float]
    ask: array[float]


def walk(length: int, seed: int) -> Series:
    """A random walk on whole cents, eight steps a bar."""
    rng = random.Random(seed)
    price = 100.0
    columns: tuple[list[float], ...] = ([], [], [], [], [])
    for _ in range(length):
        path = []
        for _ in range(8):
            price = max(price + rng.gauss(0.0, 0.02), 5.0)
            path.append(round(price, 2))
        values = (path[0], max(path), min(path), path[-1], float(rng.randrange(1_000, 9_000)))
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    starts = array("q", (START + number * MINUTE for number in range(length)))
    return Series(starts, *(array("d", column) for column in columns))


def quote_walk(length: int, seed: int) -> Quotes:
    """A bid that wanders on whole cents every ten milliseconds, an ask one cent above."""
    rng = random.Random(seed)
    bids, price = array("d"), 100.0
    for _ in range(length):
        price = max(price + rng.gauss(0.0, 0.003), 5.0)
        bids.append(round(price, 2))
    asks = array("d", (round(bid + 0.01, 2) for bid in bids))
    times = array("q", (START + number * 10_000_000 for number in range(length)))
    return Quotes(times, bids, asks)

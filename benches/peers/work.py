"""The works that peers are measured on, and how: needs nothing but Python.

A peer's script calls `main` with a function for each work it can do. The function takes the work's
data and returns a `Task`: `prepare` makes what one round needs, untimed; `run` is timed; `count`
tells from its result how much was done, to be held against everybody else's.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import sys
import time
from array import array
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benches.series import YEAR, Quotes, Series, quote_walk, walk

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY, PERIOD, SHARES, STOP, TARGET = 30, 14, 100, 2.0, 3.0
"""Every 30 bars, if flat: 100 shares, alternately long and short, exits in ATR(14)."""
BRACKET_EVERY, BRACKET_PERCENT = 10_000, 0.1
"""A bracket every 10,000 quotes: stop and target a tenth of a percent away."""
SYMBOLS = [f"S{number:02}" for number in range(50)]
EVENTS = 20_000
SPREAD_MAX = 0.05
SHRINK = 20
"""By how much a small run is smaller."""

KEPT = Path(__file__).parents[2] / ".build" / "peers"


@dataclass(frozen=True)
class Task:
    """One thing to be timed."""

    items: int
    prepare: Callable[[], Any]
    run: Callable[[Any], Any]
    count: Callable[[Any], int]


@dataclass(frozen=True)
class RuleCase:
    """Quotes of symbols, and for each rule its symbol (in turn) and the bid from which it holds."""

    thresholds: list[float]
    quotes: list[tuple[str, float, float]]

    @property
    def firings(self) -> int:
        """How often a rule holds, over all quotes."""
        return sum(
            bid >= threshold
            for symbol, bid, _ in self.quotes
            for threshold in self.thresholds[SYMBOLS.index(symbol) :: len(SYMBOLS)]
        )


def year(size: int) -> Series:
    return _series(size, 1)


def fifty(size: int) -> list[Series]:
    return [_series(size * 2 // 25, seed) for seed in range(50)]


def quotes(size: int) -> Quotes:
    length = size * 10
    names = (("ts_utc", "q"), ("bid", "d"), ("ask", "d"))
    made = cache(lambda: quote_walk(length, 3))
    return Quotes(*(_kept(f"quotes-{length}-{name}", code, made, name) for name, code in names))


def bus(size: int, handlers: int) -> tuple[int, int]:
    return size, handlers


def rules(size: int, number: int) -> RuleCase:
    """One rule in a hundred of those for a quote's symbol holds."""
    draw = random.Random(1)
    thresholds = [round(draw.uniform(198.5, 199.5), 2) for _ in range(number)]
    made = []
    for _ in range(EVENTS if size == YEAR else EVENTS // SHRINK):
        bid = round(draw.uniform(100.0, 200.0), 2)
        made.append((draw.choice(SYMBOLS), bid, round(bid + draw.choice([0.01, 0.02, 0.03]), 2)))
    return RuleCase(thresholds, made)


WORKS: dict[str, Callable[[int], Any]] = {
    "year": year,
    "fifty": fifty,
    "quotes": quotes,
    "atr": year,
    "atr-stream": year,
    **{f"bus-{handlers}": partial(bus, handlers=handlers) for handlers in (1, 10, 100)},
    **{f"rules-{number}": partial(rules, number=number) for number in (10, 100, 1_000)},
}
"""The data of each work by its name; a size is that of the year's minutes."""


def no_op() -> Callable[[object], None]:
    """A function of its own for each handler, as in a program."""

    def handler(event: object) -> None: ...

    return handler


def main(peer: str, version: str, works: dict[str, Callable[[Any], Task]]) -> None:
    """Measure the works that the command line asks for, a line of JSON for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("works", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=25.0, help="begin no round after this")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    size = YEAR // SHRINK if given.small else YEAR
    for name in given.works or works:
        task = works[name](WORKS[name](size))
        seconds: list[float] = []
        result = None
        # One round more than counts: the first compiles and fills caches.
        while len(seconds) < 2 or (len(seconds) <= given.rounds and sum(seconds) < given.seconds):
            ready = task.prepare()
            gc.collect()
            began = time.perf_counter()
            result = task.run(ready)
            seconds.append(time.perf_counter() - began)
        line = {
            "peer": peer,
            "version": version,
            "python": platform.python_version(),
            "work": name,
            "items": task.items,
            "seconds": seconds[1:],
            "count": task.count(result),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _series(length: int, seed: int) -> Series:
    names = ("ts_utc", "open", "high", "low", "close", "volume")
    made = cache(lambda: walk(length, seed))
    return Series(
        *(
            _kept(f"bars-{length}-{seed}-{name}", "q" if name == "ts_utc" else "d", made, name)
            for name in names
        )
    )


def _kept(name: str, code: str, make: Callable[[], object], column: str) -> array[Any]:
    """A column that was made before, or is made now and kept."""
    path = KEPT / f"{name}.bin"
    if path.is_file():
        return array(code, path.read_bytes())
    KEPT.mkdir(parents=True, exist_ok=True)
    values: array[Any] = getattr(make(), column)
    path.write_bytes(values.tobytes())
    return values

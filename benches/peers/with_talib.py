"""TA-Lib: its C function over an array, and its stream object bar by bar."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import talib
from talib import stream

from benches.peers.work import PERIOD, Task, main

if TYPE_CHECKING:
    from benches.series import Series

WARM = 100


def atr(given: Series) -> Task:
    high, low, close = np.asarray(given.high), np.asarray(given.low), np.asarray(given.close)
    return Task(
        len(given.open), lambda: None, lambda _: talib.ATR(high, low, close, PERIOD),
        lambda values: round(values[-1] * 1e4),
    )  # fmt: skip


def atr_stream(given: Series) -> Task:
    rows = list(zip(given.high, given.low, given.close, strict=True))[WARM:]

    def prepare() -> Any:
        high, low, close = (
            np.asarray(each[:WARM]) for each in (given.high, given.low, given.close)
        )
        return stream.ATR(high, low, close, PERIOD)

    def run(made: Any) -> float:
        update, value = made.update, 0.0
        for high, low, close in rows:
            value = update(high, low, close)
        return value

    return Task(len(rows), prepare, run, lambda value: round(value * 1e4))


main("TA-Lib", version("ta-lib"), {"atr": atr, "atr-stream": atr_stream})

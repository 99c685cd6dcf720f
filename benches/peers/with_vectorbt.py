"""vectorbt: signals and stops over arrays, simulated by its compiled loop; no order lives in it.

It cannot alternate by trades that are over, so that its side alternates every 30 bars; entries that
meet a position are ignored, which comes to the same number of trades.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import pandas as pd
import vectorbt as vbt

from benches.peers.compiled import wilder
from benches.peers.work import EVERY, PERIOD, SHARES, STOP, TARGET, Task, main

if TYPE_CHECKING:
    from benches.series import Series

numba.set_num_threads(1)


def over(given: list[Series]) -> Task:
    index = pd.to_datetime(np.asarray(given[0].ts_utc))
    names = [f"S{number}" for number in range(len(given))]
    table = {
        name: np.column_stack([np.asarray(getattr(each, name)) for each in given])
        for name in ("open", "high", "low", "close")
    }
    close = pd.DataFrame(table["close"], index=index, columns=names)
    bars = np.arange(len(index))
    is_due = (bars % EVERY == 0) & (bars > PERIOD)
    is_odd = (bars // EVERY) % 2 == 1
    longs = np.repeat((is_due & is_odd)[:, None], len(given), axis=1)
    shorts = np.repeat((is_due & ~is_odd)[:, None], len(given), axis=1)

    def run(_: Any) -> Any:
        width = np.column_stack(
            [
                wilder(table["high"][:, n], table["low"][:, n], table["close"][:, n], PERIOD)
                for n in range(len(given))
            ]
        )
        # What was known at the end of the bar before, as a part of the price of the entry.
        part = np.vstack([np.full((1, len(given)), np.nan), width[:-1]]) / table["open"]
        return vbt.Portfolio.from_signals(
            close,
            entries=longs,
            short_entries=shorts,
            open=table["open"],
            high=table["high"],
            low=table["low"],
            price=table["open"],
            size=SHARES,
            sl_stop=STOP * part,
            tp_stop=TARGET * part,
            stop_entry_price="price",
            upon_opposite_entry="ignore",
            upon_stop_exit="close",
            init_cash=10_000_000,
            freq="1min",
        )

    return Task(
        close.size, lambda: None, run, lambda made: int(made.trades.closed.count().sum())
        if len(given) > 1 else int(made.trades.closed.count().iloc[0]),
    )  # fmt: skip


main(
    "vectorbt",
    version("vectorbt"),
    {"year": lambda given: over([given]), "fifty": over},
)

"""hftbacktest: its Rust engine under a compiled strategy, on the best bid and ask.

It has no stop orders, so that the strategy watches the quotes itself, as its users write it; the
target rests at the exchange. Only the run is timed.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LIMIT,
    LOCAL_EVENT,
    MARKET,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit

from benches.peers.work import BRACKET_EVERY, BRACKET_PERCENT, Task, main

if TYPE_CHECKING:
    from benches.series import Quotes

FOREVER = 10**18


@njit  # type: ignore[untyped-decorator]
def strategy(hbt: Any, every: int, percent: float) -> int:
    trades, due, order = 0, 0, 10
    held = False
    target_id, stop = 0, 0.0
    while True:
        answer = hbt.wait_next_feed(False, FOREVER)
        if answer == 1:
            return trades
        depth = hbt.depth(0)
        bid, ask = depth.best_bid, depth.best_ask
        if held:
            if hbt.position(0) == 0.0:
                held = False
                trades += 1
            elif bid <= stop:
                hbt.cancel(0, target_id, False)
                order += 1
                hbt.submit_sell_order(0, order, bid, 10.0, GTC, MARKET, True)
                held = False
                trades += 1
            hbt.clear_inactive_orders(0)
        if hbt.current_timestamp >= due:
            due = hbt.current_timestamp + every
            if not held:
                order += 1
                hbt.submit_buy_order(0, order, ask, 10.0, GTC, MARKET, True)
                order += 1
                target_id = order
                target = round(ask * (1 + percent / 100) * 100) / 100
                hbt.submit_sell_order(0, order, target, 10.0, GTC, LIMIT, True)
                stop = ask * (1 - percent / 100)
                held = True


def events(given: Quotes) -> Any:
    """Each quote as what changes in the book: what is left is taken away, what is new is put."""
    bid, ask = np.asarray(given.bid), np.asarray(given.ask)
    at = np.asarray(given.ts_utc)
    rows = []
    flags = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT
    before = None
    for place in range(len(bid)):
        now = (bid[place], ask[place])
        if before is not None and now != before:
            rows.append((flags | BUY_EVENT, at[place], at[place], before[0], 0.0, 0, 0, 0.0))
            rows.append((flags | SELL_EVENT, at[place], at[place], before[1], 0.0, 0, 0, 0.0))
        rows.append((flags | BUY_EVENT, at[place], at[place], now[0], 1_000.0, 0, 0, 0.0))
        rows.append((flags | SELL_EVENT, at[place], at[place], now[1], 1_000.0, 0, 0, 0.0))
        before = now
    return np.array(rows, dtype=event_dtype)


def quotes(given: Quotes) -> Task:
    data = events(given)
    low, high = min(given.bid), max(given.ask)
    between = given.ts_utc[1] - given.ts_utc[0]

    def prepare() -> Any:
        asset = (
            BacktestAsset()
            .data([data])
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(0.01)
            .lot_size(1.0)
            .roi_lb(low - 1.0)
            .roi_ub(high + 1.0)
        )
        return ROIVectorMarketDepthBacktest([asset])

    def run(hbt: Any) -> int:
        trades = int(strategy(hbt, BRACKET_EVERY * between, BRACKET_PERCENT))
        hbt.close()
        return trades

    return Task(len(given.bid), prepare, run, int)


main("hftbacktest", version("hftbacktest"), {"quotes": quotes})

"""The engine's books against the simulated exchange's own: every share, every cent, every order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderloom._core import Engine
    from orderloom.world import Stage

_COMPARED = ("side", "quantity", "price", "commission")


def differences(engine: Engine, stage: Stage, symbols: Sequence[str]) -> list[str]:
    """Tell where the two disagree; an empty list when they do not."""
    return [
        *_fills(engine, stage),
        *_positions(engine, stage, symbols),
        *_orders(engine, stage),
    ]


def _fills(engine: Engine, stage: Stage) -> list[str]:
    told = json.loads(engine.fills())
    # A fill that was taken back is known here as one of no shares, and no more at the exchange.
    ours = {fill["exec_id"]: fill for fill in told if fill["quantity"] != "0"}
    theirs = {fill["exec_id"]: fill for fill in stage.executions()}
    texts = [f"fill {key}: known here alone" for key in sorted(ours.keys() - theirs.keys())]
    texts += [f"fill {key}: known there alone" for key in sorted(theirs.keys() - ours.keys())]
    for key in sorted(ours.keys() & theirs.keys()):
        for name in _COMPARED:
            mine, its = ours[key][name], theirs[key][name]
            if mine != its:
                texts.append(f"fill {key}: {name} `{mine}` here, `{its}` at the exchange")
    return texts


def _positions(engine: Engine, stage: Stage, symbols: Sequence[str]) -> list[str]:
    held = stage.positions()
    texts = []
    for index, symbol in enumerate(symbols):
        mine, its = engine.position(index)[0], held.get(symbol, "0")
        if mine != its:
            texts.append(f"{symbol}: position `{mine}` here, `{its}` at the exchange")
    return texts


def _orders(engine: Engine, stage: Stage) -> list[str]:
    alive = {order["order_id"] for order in stage.live_orders()}
    known = {order["order_id"] for order in json.loads(engine.live_orders())}
    return [
        *(f"order {order}: alive at the exchange alone" for order in sorted(alive - known)),
        *(f"order {order}: alive here alone" for order in sorted(known - alive)),
    ]

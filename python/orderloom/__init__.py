"""orderloom: prediction signals become positions that are always protected.

Names load their module on first use, so that a script pays only for what it names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderloom._core import Command as Command
    from orderloom._core import Engine as Engine
    from orderloom._core import Event as Event
    from orderloom._core import Notice as Notice
    from orderloom._core import Outcome as Outcome
    from orderloom.actions import LinkedCloseAllAction as LinkedCloseAllAction
    from orderloom.actions import LinkedCreateOrderAction as LinkedCreateOrderAction
    from orderloom.actions import LinkedDoubleDownAction as LinkedDoubleDownAction
    from orderloom.actions import LinkedScaleInAction as LinkedScaleInAction
    from orderloom.actions import amount as amount
    from orderloom.actions import close_all as close_all
    from orderloom.actions import double_down as double_down
    from orderloom.actions import enter as enter
    from orderloom.actions import percent as percent
    from orderloom.actions import price as price
    from orderloom.actions import scale_in as scale_in
    from orderloom.actions import trail_amount as trail_amount
    from orderloom.actions import trail_percent as trail_percent
    from orderloom.conditions import account as account
    from orderloom.conditions import all_of as all_of
    from orderloom.conditions import any_of as any_of
    from orderloom.conditions import atr as atr
    from orderloom.conditions import bar as bar
    from orderloom.conditions import conclusion as conclusion
    from orderloom.conditions import context as context
    from orderloom.conditions import crosses_above as crosses_above
    from orderloom.conditions import crosses_below as crosses_below
    from orderloom.conditions import ema as ema
    from orderloom.conditions import fill as fill
    from orderloom.conditions import market as market
    from orderloom.conditions import position as position
    from orderloom.conditions import rsi as rsi
    from orderloom.conditions import session as session
    from orderloom.conditions import signal as signal
    from orderloom.conditions import sma as sma
    from orderloom.conditions import time as time
    from orderloom.errors import ConfigError as ConfigError
    from orderloom.errors import OrderloomError as OrderloomError
    from orderloom.journal import Journal as Journal

    __version__: str

_HOMES = {
    "_core": ("Command", "Engine", "Event", "Notice", "Outcome"),
    "actions": (
        "LinkedCloseAllAction",
        "LinkedCreateOrderAction",
        "LinkedDoubleDownAction",
        "LinkedScaleInAction",
        "amount",
        "close_all",
        "double_down",
        "enter",
        "percent",
        "price",
        "scale_in",
        "trail_amount",
        "trail_percent",
    ),
    "conditions": (
        "account",
        "all_of",
        "any_of",
        "atr",
        "bar",
        "conclusion",
        "context",
        "crosses_above",
        "crosses_below",
        "ema",
        "fill",
        "market",
        "position",
        "rsi",
        "session",
        "signal",
        "sma",
        "time",
    ),
    "errors": ("ConfigError", "OrderloomError"),
    "journal": ("Journal",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list of text, computed from the table above


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("orderloom")
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module `orderloom` has no attribute `{name}`") from None
    value = getattr(import_module(f"orderloom.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})

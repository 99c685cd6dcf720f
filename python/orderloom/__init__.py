"""orderloom: prediction signals become positions that are always protected.

Names load their module on first use, so that a script pays only for what it names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderloom._core import ATR as ATR
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
    from orderloom.app import App as App
    from orderloom.backtesting import backtest as backtest
    from orderloom.bus import EventBus as EventBus
    from orderloom.conditions import account as account
    from orderloom.conditions import all_of as all_of
    from orderloom.conditions import any_of as any_of
    from orderloom.conditions import ask as ask
    from orderloom.conditions import atr as atr
    from orderloom.conditions import bar as bar
    from orderloom.conditions import conclusion as conclusion
    from orderloom.conditions import context as context
    from orderloom.conditions import crosses_above as crosses_above
    from orderloom.conditions import crosses_below as crosses_below
    from orderloom.conditions import ema as ema
    from orderloom.conditions import fill as fill
    from orderloom.conditions import market as market
    from orderloom.conditions import over as over
    from orderloom.conditions import position as position
    from orderloom.conditions import reading as reading
    from orderloom.conditions import rsi as rsi
    from orderloom.conditions import session as session
    from orderloom.conditions import signal as signal
    from orderloom.conditions import sma as sma
    from orderloom.conditions import time as time
    from orderloom.errors import ConfigError as ConfigError
    from orderloom.errors import OrderloomError as OrderloomError
    from orderloom.events import AccountEvent as AccountEvent
    from orderloom.events import BarEvent as BarEvent
    from orderloom.events import BaseEvent as BaseEvent
    from orderloom.events import CommissionEvent as CommissionEvent
    from orderloom.events import ConnectionEvent as ConnectionEvent
    from orderloom.events import ContextConcluded as ContextConcluded
    from orderloom.events import ContextEvent as ContextEvent
    from orderloom.events import ContextOpened as ContextOpened
    from orderloom.events import ContextScaled as ContextScaled
    from orderloom.events import FillEvent as FillEvent
    from orderloom.events import IncidentEvent as IncidentEvent
    from orderloom.events import IndicatorEvent as IndicatorEvent
    from orderloom.events import MarketEvent as MarketEvent
    from orderloom.events import MessageEvent as MessageEvent
    from orderloom.events import ModeEvent as ModeEvent
    from orderloom.events import OperatorEvent as OperatorEvent
    from orderloom.events import OptionsFlowEvent as OptionsFlowEvent
    from orderloom.events import OrderCancelledEvent as OrderCancelledEvent
    from orderloom.events import OrderEvent as OrderEvent
    from orderloom.events import OrderGroupEvent as OrderGroupEvent
    from orderloom.events import OrderModifiedEvent as OrderModifiedEvent
    from orderloom.events import OrderNewEvent as OrderNewEvent
    from orderloom.events import OrderRejectedEvent as OrderRejectedEvent
    from orderloom.events import OrderStatusEvent as OrderStatusEvent
    from orderloom.events import PositionClosedEvent as PositionClosedEvent
    from orderloom.events import PositionEvent as PositionEvent
    from orderloom.events import PositionOpenedEvent as PositionOpenedEvent
    from orderloom.events import PositionUpdatedEvent as PositionUpdatedEvent
    from orderloom.events import PredictionSignalEvent as PredictionSignalEvent
    from orderloom.events import PriceEvent as PriceEvent
    from orderloom.events import QuoteEvent as QuoteEvent
    from orderloom.events import ReadingEvent as ReadingEvent
    from orderloom.events import ReloadEvent as ReloadEvent
    from orderloom.events import RuleBlockedEvent as RuleBlockedEvent
    from orderloom.events import RuleEvent as RuleEvent
    from orderloom.events import RuleFiredEvent as RuleFiredEvent
    from orderloom.events import SessionEvent as SessionEvent
    from orderloom.events import SignalDroppedEvent as SignalDroppedEvent
    from orderloom.events import SignalRejectedEvent as SignalRejectedEvent
    from orderloom.events import TimeEvent as TimeEvent
    from orderloom.events import VolumeEvent as VolumeEvent
    from orderloom.journal import Journal as Journal
    from orderloom.orders import BracketOrder as BracketOrder
    from orderloom.orders import LinkedOrderManager as LinkedOrderManager
    from orderloom.orders import OCOGroup as OCOGroup
    from orderloom.orders import Order as Order
    from orderloom.orders import OrderGroup as OrderGroup
    from orderloom.orders import OrderManager as OrderManager
    from orderloom.orders import Uncovered as Uncovered
    from orderloom.positions import Position as Position
    from orderloom.positions import PositionTracker as PositionTracker
    from orderloom.positions import StockPosition as StockPosition
    from orderloom.resampling import resample as resample
    from orderloom.rule_engine import RuleEngine as RuleEngine
    from orderloom.rules import Rule as Rule
    from orderloom.rules import rule as rule
    from orderloom.strategy import RuleStatus as RuleStatus
    from orderloom.strategy import StrategyController as StrategyController
    from orderloom.sweeping import sweep as sweep
    from orderloom.templates import StrategyBuilder as StrategyBuilder
    from orderloom.templates import create_buy_rule as create_buy_rule
    from orderloom.templates import create_eod_close_rule as create_eod_close_rule
    from orderloom.templates import create_scale_in_rule as create_scale_in_rule
    from orderloom.templates import create_sell_rule as create_sell_rule
    from orderloom.templates import create_short_rule as create_short_rule
    from orderloom.view import View as View

    __version__: str

_HOMES = {
    "_core": (
        "ATR",
        "Command",
        "Engine",
        "Event",
        "Notice",
        "Outcome",
    ),
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
    "app": ("App",),
    "backtesting": ("backtest",),
    "bus": ("EventBus",),
    "conditions": (
        "account",
        "all_of",
        "any_of",
        "ask",
        "atr",
        "bar",
        "conclusion",
        "context",
        "crosses_above",
        "crosses_below",
        "ema",
        "fill",
        "market",
        "over",
        "position",
        "reading",
        "rsi",
        "session",
        "signal",
        "sma",
        "time",
    ),
    "errors": (
        "ConfigError",
        "OrderloomError",
    ),
    "events": (
        "AccountEvent",
        "BarEvent",
        "BaseEvent",
        "CommissionEvent",
        "ConnectionEvent",
        "ContextConcluded",
        "ContextEvent",
        "ContextOpened",
        "ContextScaled",
        "FillEvent",
        "IncidentEvent",
        "IndicatorEvent",
        "MarketEvent",
        "MessageEvent",
        "ModeEvent",
        "OperatorEvent",
        "OptionsFlowEvent",
        "OrderCancelledEvent",
        "OrderEvent",
        "OrderGroupEvent",
        "OrderModifiedEvent",
        "OrderNewEvent",
        "OrderRejectedEvent",
        "OrderStatusEvent",
        "PositionClosedEvent",
        "PositionEvent",
        "PositionOpenedEvent",
        "PositionUpdatedEvent",
        "PredictionSignalEvent",
        "PriceEvent",
        "QuoteEvent",
        "ReadingEvent",
        "ReloadEvent",
        "RuleBlockedEvent",
        "RuleEvent",
        "RuleFiredEvent",
        "SessionEvent",
        "SignalDroppedEvent",
        "SignalRejectedEvent",
        "TimeEvent",
        "VolumeEvent",
    ),
    "journal": ("Journal",),
    "orders": (
        "BracketOrder",
        "LinkedOrderManager",
        "OCOGroup",
        "Order",
        "OrderGroup",
        "OrderManager",
        "Uncovered",
    ),
    "positions": (
        "Position",
        "PositionTracker",
        "StockPosition",
    ),
    "resampling": ("resample",),
    "rule_engine": ("RuleEngine",),
    "rules": (
        "Rule",
        "rule",
    ),
    "strategy": (
        "RuleStatus",
        "StrategyController",
    ),
    "sweeping": ("sweep",),
    "templates": (
        "StrategyBuilder",
        "create_buy_rule",
        "create_eod_close_rule",
        "create_scale_in_rule",
        "create_sell_rule",
        "create_short_rule",
    ),
    "view": ("View",),
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

"""The actions that `orderloom.actions` makes: what each holds, and its native form."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from orderloom.units import Span, decimal_text

if TYPE_CHECKING:
    from decimal import Decimal

    from orderloom.levels import Level, Size
    from orderloom.tree import Condition, JsonDict, Numeric

ACTIONS_DEPTH_MAX: Final = 8
"""How deep `sequence` and `when` may nest."""

Side = Literal["BUY", "SELL"]


class Action(ABC):
    """Something that a rule does when it fires."""

    __slots__ = ()

    def as_dict(self) -> JsonDict:
        """The form that the native engine reads."""
        return self._form()

    @abstractmethod
    def _form(self) -> JsonDict: ...

    def parts(self) -> tuple[Action, ...]:
        """The actions inside, for those that hold others."""
        return ()

    def __str__(self) -> str:
        return json.dumps(self.as_dict())


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter(Action):
    """Opens a trade: an entry with stop and target attached, sent as one bracket.

    Example:
        >>> from orderloom.actions import enter
        >>> enter("BUY", shares=100, stop_percent=3).is_long
        True
    """

    side: Side
    size: Size
    stop: tuple[Level, ...] = ()
    target: tuple[Level, ...] = ()
    limit: Numeric | None = None
    limit_offset: Decimal | None = None
    expires_after: Span | None = None
    exit_tif: Literal["GTC", "DAY"] = "GTC"
    opposite: Literal["ignore", "close", "reverse"] = "ignore"
    reprice: Literal["fill", "average", "keep"] = "average"
    outside_rth: bool = False
    unprotected: bool = False

    @property
    def is_long(self) -> bool:
        """Whether it opens a long trade."""
        return self.side == "BUY"

    def _form(self) -> JsonDict:
        return {
            "enter": {
                "side": self.side,
                "size": self.size.as_dict(),
                "stop": [level.as_dict() for level in self.stop],
                "target": [level.as_dict() for level in self.target],
                "limit_offset": _text(self.limit_offset),
                "limit": _tree(self.limit),
                "expires_after": None if self.expires_after is None else int(self.expires_after),
                "exit_tif": self.exit_tif,
                "opposite": self.opposite,
                "reprice": self.reprice,
                "outside_rth": self.outside_rth,
                "unprotected": self.unprotected,
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleIn(Action):
    """Adds a tranche with its own stop and target to the open trade.

    Example:
        >>> from orderloom.actions import scale_in
        >>> scale_in(shares=50, side="BUY").side
        'BUY'
    """

    size: Size
    side: Side | None = None
    limit_offset: Decimal | None = None

    def _form(self) -> JsonDict:
        return {
            "scale_in": {
                "size": self.size.as_dict(),
                "side": self.side,
                "limit_offset": _text(self.limit_offset),
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleDown(Action):
    """Rests a tranche on the losing side, part of the way to the stop.

    Example:
        >>> from orderloom.actions import double_down
        >>> double_down(fraction="0.5").as_dict()["double_down"]["fraction_bp"]
        5000
    """

    fraction: Decimal
    size: Decimal

    def _form(self) -> JsonDict:
        return {
            "double_down": {
                "fraction_bp": int(self.fraction * 10_000),
                "size_bp": int(self.size * 10_000),
            }
        }


@dataclass(frozen=True, slots=True)
class CloseAll(Action):
    """Closes the trade of the event's symbol.

    Example:
        >>> from orderloom.actions import close_all
        >>> close_all() == CloseAll()
        True
    """

    def _form(self) -> JsonDict:
        return {"close_all": {}}


@dataclass(frozen=True, slots=True)
class CloseEverything(Action):
    """Closes every trade."""

    def _form(self) -> JsonDict:
        return {"close_everything": {}}


@dataclass(frozen=True, slots=True)
class Cancel(Action):
    """Cancels the symbol's live entries and single orders."""

    def _form(self) -> JsonDict:
        return {"cancel": {}}


@dataclass(frozen=True, slots=True)
class AdjustStop(Action):
    """Moves the stop of every tranche, never away from the market."""

    levels: tuple[Level, ...]

    def _form(self) -> JsonDict:
        return {"adjust_stop": [level.as_dict() for level in self.levels]}


@dataclass(frozen=True, slots=True)
class AdjustTarget(Action):
    """Moves the target of every tranche."""

    levels: tuple[Level, ...]

    def _form(self) -> JsonDict:
        return {"adjust_target": [level.as_dict() for level in self.levels]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Action):
    """A single order outside any trade: market, limit, stop or stop limit."""

    side: Side
    size: Size
    limit: Numeric | None = None
    stop: Numeric | None = None
    tif: Literal["DAY", "GTC", "IOC"] = "GTC"

    def spec(self) -> JsonDict:
        """The order alone, as a member of a group."""
        return {
            "side": self.side,
            "size": self.size.as_dict(),
            "limit": _tree(self.limit),
            "stop": _tree(self.stop),
            "tif": self.tif,
        }

    def _form(self) -> JsonDict:
        return {"order": self.spec()}


@dataclass(frozen=True, slots=True)
class Oco(Action):
    """Orders of which a fill cancels or reduces the others."""

    orders: tuple[Order, ...]
    kind: Literal["cancel", "reduce_with_block", "reduce"] = "cancel"

    def _form(self) -> JsonDict:
        return {"oco_group": {"orders": [item.spec() for item in self.orders], "kind": self.kind}}


@dataclass(frozen=True, slots=True)
class Log(Action):
    """Writes to the log."""

    text: str

    def _form(self) -> JsonDict:
        return {"log": {"text": self.text}}


@dataclass(frozen=True, slots=True)
class Notify(Action):
    """Sends a message to the user."""

    text: str

    def _form(self) -> JsonDict:
        return {"notify": {"text": self.text}}


@dataclass(frozen=True, slots=True)
class Steps(Action):
    """One action after the other; stops at the first that is refused."""

    steps: tuple[Action, ...]

    def parts(self) -> tuple[Action, ...]:
        """The actions inside."""
        return self.steps

    def _form(self) -> JsonDict:
        return {"sequence": [step.as_dict() for step in self.steps]}


@dataclass(frozen=True, slots=True)
class Either(Action):
    """Does one thing or another; neither where the condition is unknown."""

    condition: Condition
    then: tuple[Action, ...]
    otherwise: tuple[Action, ...] = ()

    def parts(self) -> tuple[Action, ...]:
        """The actions inside."""
        return (*self.then, *self.otherwise)

    def _form(self) -> JsonDict:
        return {
            "when": {
                "condition": self.condition.as_dict(),
                "then": [action.as_dict() for action in self.then],
                "otherwise": [action.as_dict() for action in self.otherwise],
            }
        }


@dataclass(frozen=True, slots=True)
class Custom(Action):
    """Asks a registered Python function for actions as data."""

    name: str

    def _form(self) -> JsonDict:
        return {"custom": {"name": self.name}}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else decimal_text(number)


def _tree(value: Numeric | None) -> JsonDict | None:
    return None if value is None else value.as_dict()

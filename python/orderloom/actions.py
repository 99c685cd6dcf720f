"""What rules do, as data: descriptions that the native engine carries out under its limits.

Example:
    >>> from orderloom.conditions import atr
    >>> action = enter("BUY", notional=10_000, stop=[2 * atr(14), percent(3)], target=percent(8))
    >>> action.as_dict()["enter"]["size"]
    {'notional': '10000'}
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.expression import parse_operand
from orderloom.levels import (
    Exact,
    Level,
    LevelsLike,
    Size,
    amount,
    as_levels,
    percent,
    price,
    trail_amount,
    trail_percent,
)
from orderloom.names import checked_name
from orderloom.structured import parse_structured
from orderloom.tree import Condition, JsonDict, NumberLike, Numeric, numeric
from orderloom.units import Span, SpanLike, decimal_text, exact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

__all__ = [
    "Action",
    "AdjustStop",
    "AdjustTarget",
    "Cancel",
    "CancelOrdersAction",
    "CloseAll",
    "CloseEverything",
    "ConditionalAction",
    "CreateBracketAction",
    "CreateOCOAction",
    "CreateOrderAction",
    "Custom",
    "CustomAction",
    "DoubleDown",
    "Either",
    "Enter",
    "Level",
    "LinkedCloseAllAction",
    "LinkedCreateOrderAction",
    "LinkedDoubleDownAction",
    "LinkedScaleInAction",
    "Log",
    "LogAction",
    "Notify",
    "NotifyAction",
    "Oco",
    "Order",
    "ScaleIn",
    "SequenceAction",
    "Steps",
    "Size",
    "adjust_stop",
    "adjust_target",
    "amount",
    "cancel",
    "close_all",
    "close_everything",
    "conditional",
    "custom",
    "double_down",
    "enter",
    "log",
    "notify",
    "oco",
    "order",
    "percent",
    "price",
    "scale_in",
    "sequence",
    "trail_amount",
    "trail_percent",
]

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


LinkedCreateOrderAction = CreateBracketAction = Enter
LinkedScaleInAction = ScaleIn
LinkedDoubleDownAction = DoubleDown
LinkedCloseAllAction = CloseAll
CancelOrdersAction = Cancel
CreateOrderAction = Order
CreateOCOAction = Oco
SequenceAction = Steps
ConditionalAction = Either
LogAction = Log
NotifyAction = Notify
CustomAction = Custom


def enter(
    side: str,
    *,
    shares: Exact | None = None,
    notional: Exact | None = None,
    risk_percent: Exact | None = None,
    risk_money: Exact | None = None,
    stop: LevelsLike | None = None,
    target: LevelsLike | None = None,
    stop_atr: Exact | None = None,
    stop_percent: Exact | None = None,
    target_atr: Exact | None = None,
    target_percent: Exact | None = None,
    limit: NumberLike | str | None = None,
    limit_offset: Exact | None = None,
    expires_after: SpanLike | None = None,
    exit_tif: str = "GTC",
    opposite: str = "ignore",
    reprice: str = "average",
    outside_rth: bool = False,
    unprotected: bool = False,
) -> Enter:
    """Open a trade: `BUY` opens long, `SELL` opens short.

    Args:
        side: `BUY` or `SELL`.
        shares: Shares or contracts; exactly one of the four sizes is given (see `Size.of`).
        notional: Money to spend.
        risk_percent: Percent of equity at risk down to the stop.
        risk_money: Money at risk down to the stop.
        stop: Where the stop goes: a level, or a list tried in order.
        target: Where the target goes; none if left out.
        stop_atr: Short for a stop at this multiple of `atr(14)`; tried before `stop_percent`.
        stop_percent: Short for a stop at this percentage.
        target_atr: Short for a target at this multiple of `atr(14)`.
        target_percent: Short for a target at this percentage.
        limit: Price of a resting limit entry: a number or an expression.
        limit_offset: Distance of a limit entry from the far side of the quote, in price units.
        expires_after: How long the entry may work before its rest is cancelled.
        exit_tif: Time in force of the exits, `GTC` or `DAY`.
        opposite: What to do about an open trade on the other side: `ignore`, `close`, `reverse`.
        reprice: Exits follow the `average` of all tranches, each tranche's own `fill`, or `keep`.
        outside_rth: Whether entry and exits may work outside regular hours.
        unprotected: The word that no stop is wanted.

    Raises:
        LanguageError: No stop without `unprotected`, a level on the wrong side, an unclear size.

    Example:
        >>> enter("SELL", shares=25, stop_percent=4, target="12%").as_dict()["enter"]["stop"]
        [{'percent': 4.0}]
        >>> enter("BUY", shares=25)
        Traceback (most recent call last):
            ...
        orderloom.errors.LanguageError: an entry without a stop, expected `stop`, \
hint: `unprotected: true` if that is meant
    """
    checked = _side(side)
    size = Size.of(
        shares=shares, notional=notional, risk_percent=risk_percent, risk_money=risk_money
    )
    stops = _exits("stop", stop, stop_atr, stop_percent)
    targets = _exits("target", target, target_atr, target_percent)
    _check_stop(stops, size, unprotected=_flag("unprotected", unprotected))
    for name, levels in (("stop", stops), ("target", targets)):
        with inside(name):
            _check_levels(name, levels, is_long=checked == "BUY")
    _check_order(stops, targets, is_long=checked == "BUY")
    if limit is not None and limit_offset is not None:
        raise LanguageError("found `limit` and `limit_offset`", "one of them")
    return Enter(
        side=checked,
        size=size,
        stop=stops,
        target=targets,
        limit=_price("limit", limit),
        limit_offset=_offset(limit_offset),
        expires_after=_span("expires_after", expires_after),
        exit_tif=_choice("exit_tif", exit_tif, ("GTC", "DAY")),
        opposite=_choice("opposite", opposite, ("ignore", "close", "reverse")),
        reprice=_choice("reprice", reprice, ("fill", "average", "keep")),
        outside_rth=_flag("outside_rth", outside_rth),
        unprotected=unprotected,
    )


def scale_in(
    *,
    shares: Exact | None = None,
    notional: Exact | None = None,
    risk_percent: Exact | None = None,
    risk_money: Exact | None = None,
    side: str | None = None,
    limit_offset: Exact | None = None,
) -> ScaleIn:
    """Add a tranche to the open trade; its stop and target follow the trade's policy.

    Raises:
        LanguageError: An unclear size, or no side.

    Example:
        >>> scale_in(shares=50).as_dict()["scale_in"]["size"]
        {'shares': '50'}
    """
    return ScaleIn(
        size=Size.of(
            shares=shares, notional=notional, risk_percent=risk_percent, risk_money=risk_money
        ),
        side=None if side is None else _side(side),
        limit_offset=_offset(limit_offset),
    )


def double_down(*, fraction: Exact = "0.5", size: Exact = 1) -> DoubleDown:
    """Rest a tranche on the losing side.

    Args:
        fraction: Part of the way from the average price to the stop, above 0 and below 1.
        size: Multiple of the open position, in steps of 0.0001.

    Raises:
        LanguageError: A number out of range.

    Example:
        >>> double_down().as_dict()
        {'double_down': {'fraction_bp': 5000, 'size_bp': 10000}}
    """
    part, multiple = _steps("fraction", fraction), _steps("size", size)
    if part >= 1:
        with inside("fraction"):
            raise LanguageError(f"`fraction` is {shown(fraction)}", "a number between 0 and 1")
    return DoubleDown(fraction=part, size=multiple)


def close_all() -> CloseAll:
    """Close the symbol's trade, on either side.

    Example:
        >>> close_all().as_dict()
        {'close_all': {}}
    """
    return CloseAll()


def close_everything() -> CloseEverything:
    """Close every trade of the account that is ours.

    Example:
        >>> close_everything().as_dict()
        {'close_everything': {}}
    """
    return CloseEverything()


def cancel() -> Cancel:
    """Cancel the symbol's live entries and single orders; exits stay.

    Example:
        >>> cancel().as_dict()
        {'cancel': {}}
    """
    return Cancel()


def adjust_stop(levels: LevelsLike) -> AdjustStop:
    """Move the stop of every tranche; a move away from the market is not made.

    Raises:
        LanguageError: No level, or one that cannot be.

    Example:
        >>> adjust_stop("1.5%").as_dict()
        {'adjust_stop': [{'percent': 1.5}]}
    """
    return AdjustStop(_some(levels))


def adjust_target(levels: LevelsLike) -> AdjustTarget:
    """Move the target of every tranche.

    Raises:
        LanguageError: No level, or one that cannot be.

    Example:
        >>> adjust_target(price(160)).as_dict()
        {'adjust_target': [{'price': '160'}]}
    """
    found = _some(levels)
    _check_levels("target", found, is_long=False, price_percent=False)
    return AdjustTarget(found)


def order(
    side: str,
    *,
    shares: Exact | None = None,
    notional: Exact | None = None,
    limit: NumberLike | str | None = None,
    stop: NumberLike | str | None = None,
    tif: str = "GTC",
) -> Order:
    """A single order outside any trade; a market order without `limit` and `stop`.

    Raises:
        LanguageError: No side, an unclear size, or a price that is none.

    Example:
        >>> order("BUY", shares=10, limit="market.bid - 0.05").as_dict()["order"]["limit"]
        {'subtract': [{'field': 'market.bid'}, {'number': 0.05}]}
    """
    return Order(
        side=_side(side),
        size=Size.of(shares=shares, notional=notional),
        limit=_price("limit", limit),
        stop=_price("stop", stop),
        tif=_choice("tif", tif, ("DAY", "GTC", "IOC")),
    )


def oco(orders: Sequence[Order], kind: str = "cancel") -> Oco:
    """A group of single orders in which a fill acts on the others.

    Args:
        orders: Two or more, made by `order`.
        kind: `cancel` the rest, `reduce` it, or `reduce_with_block` (one at the exchange at a
            time).

    Raises:
        LanguageError: Fewer than two orders, or another kind.

    Example:
        >>> group = oco([order("SELL", shares=10, limit=160), order("SELL", shares=10, stop=140)])
        >>> len(group.as_dict()["oco_group"]["orders"])
        2
    """
    members = tuple(orders)
    if len(members) < 2 or not all(isinstance(member, Order) for member in members):
        raise LanguageError(f"found {len(members)} order(s)", "two or more orders")
    return Oco(members, _choice("kind", kind, ("cancel", "reduce_with_block", "reduce")))


def log(text: str) -> Log:
    """Write a line to the log.

    Example:
        >>> log("confident").as_dict()
        {'log': {'text': 'confident'}}
    """
    return Log(_line(text))


def notify(text: str) -> Notify:
    """Send a message to the user's notification targets.

    Example:
        >>> notify("in").as_dict()
        {'notify': {'text': 'in'}}
    """
    return Notify(_line(text))


def sequence(*steps: Action) -> Steps:
    """One action after the other; stops at the first that is refused.

    Raises:
        LanguageError: No action, or something else among them.

    Example:
        >>> sequence(cancel(), close_all()).as_dict()
        {'sequence': [{'cancel': {}}, {'close_all': {}}]}
    """
    return Steps(as_actions(steps))


def conditional(
    condition: Condition | str,
    then: Action | Sequence[Action],
    otherwise: Action | Sequence[Action] = (),
) -> Either:
    """Do `then` where the condition holds, `otherwise` where it is known not to.

    Raises:
        LanguageError: The condition is none, or `then` is empty.

    Example:
        >>> either = conditional("position.is_long", close_all(), log("nothing to close"))
        >>> print(either.condition, either.as_dict()["when"]["then"])
        position.is_long [{'close_all': {}}]
    """
    with inside("when"):
        tree = condition if isinstance(condition, Condition) else parse_structured(condition)
    return Either(tree, as_actions(then), as_actions(otherwise, or_none=True))


def custom(name: str) -> Custom:
    """Ask a registered Python function for actions; they pass the same limits.

    Example:
        >>> custom("ladder").as_dict()
        {'custom': {'name': 'ladder'}}
    """
    return Custom(checked_name(name, "a custom action"))


def as_actions(value: Action | Sequence[Action], *, or_none: bool = False) -> tuple[Action, ...]:
    """One action or several as a tuple.

    Raises:
        LanguageError: None where one is needed, something else, or nested too deeply.
    """
    items = (value,) if isinstance(value, Action) else tuple(value)
    for item in items:
        if not isinstance(item, Action):
            raise LanguageError(f"found {shown(item)}", "an action such as `enter(…)`")
    if not items and not or_none:
        raise LanguageError("found no action", "at least one")
    level, depth = items, 0
    while level:
        level, depth = tuple(part for item in level for part in item.parts()), depth + 1
    if depth > ACTIONS_DEPTH_MAX:
        raise LanguageError("actions nested too deeply", f"at most {ACTIONS_DEPTH_MAX} levels")
    return items


def _side(value: object) -> Side:
    if isinstance(value, str) and value.upper() in {"BUY", "SELL"}:
        return cast("Side", value.upper())
    words = {"LONG": "`BUY` opens long", "SHORT": "`SELL` opens short"}
    with inside("side"):
        raise LanguageError(
            f"`side` is {shown(value)}", "`BUY` or `SELL`", words.get(str(value).upper())
        )


def _exits(
    name: str, levels: LevelsLike | None, by_atr: Exact | None, by_percent: Exact | None
) -> tuple[Level, ...]:
    short = [(f"{name}_atr", "atr", by_atr), (f"{name}_percent", "percent", by_percent)]
    given = [(key, kind, value) for key, kind, value in short if value is not None]
    if levels is not None and given:
        raise LanguageError(f"found `{name}` and `{given[0][0]}`", "one of them")
    found: list[Level] = []
    for key, kind, value in given:
        with inside(key):
            found.extend(as_levels({kind: value}))
    with inside(name):
        return tuple(found) or as_levels(levels)


def _check_stop(stops: tuple[Level, ...], size: Size, *, unprotected: bool) -> None:
    if stops and unprotected:
        raise LanguageError("found `stop` and `unprotected`", "one of them")
    if not stops and not unprotected:
        raise LanguageError(
            "an entry without a stop", "`stop`", "`unprotected: true` if that is meant"
        )
    if not stops and size.needs_stop:
        raise LanguageError(f"`{size.kind}` without a stop", "a stop to measure the risk to")


def _check_levels(
    name: str, levels: tuple[Level, ...], *, is_long: bool, price_percent: bool = True
) -> None:
    """Refuses what lies on the wrong side, or below zero, at any entry price."""
    goes_down = (name == "stop") == is_long
    for index, level in enumerate(levels):
        with inside(index):
            if name == "target" and level.is_trailing:
                raise LanguageError(f"the target `{level}` trails", "a fixed target")
            is_percent = level.kind in {"percent", "trail_percent"} and price_percent
            if is_percent and goes_down and level.value >= 100:
                raise LanguageError(
                    f"the {name} `{level}` of a {'long' if is_long else 'short'} trade "
                    "lies at or below zero",
                    "less than 100 percent",
                )


def _check_order(stops: tuple[Level, ...], targets: tuple[Level, ...], *, is_long: bool) -> None:
    """A fixed stop and a fixed target leave room for an entry between them."""
    low, high = (stops, targets) if is_long else (targets, stops)
    for lower in (level for level in low if level.kind == "price"):
        for upper in (level for level in high if level.kind == "price"):
            if lower.value >= upper.value:
                side, below = ("long", "stop") if is_long else ("short", "target")
                above = "target" if is_long else "stop"
                with inside("stop"):
                    raise LanguageError(
                        f"the {below} at {decimal_text(lower.value)} of a {side} trade is not "
                        f"below its {above} at {decimal_text(upper.value)}",
                        f"the {below} below and the {above} above the entry",
                    )


def _some(levels: LevelsLike) -> tuple[Level, ...]:
    found = as_levels(levels)
    if not found:
        raise LanguageError("found no level", "at least one")
    return found


def _steps(name: str, value: Exact) -> Decimal:
    with inside(name):
        number = exact(value, name)
        if number * 10_000 % 1 != 0:
            raise LanguageError(f"`{name}` is {shown(value)}", "steps of 0.0001")
        return number


def _price(name: str, value: NumberLike | str | None) -> Numeric | None:
    if value is None:
        return None
    with inside(name):
        found = numeric(parse_operand(value) if isinstance(value, str) else value, "as a price")
        if (number := found.as_dict().get("number")) is not None:
            exact(number, name)
        return found


def _offset(value: Exact | None) -> Decimal | None:
    with inside("limit_offset"):
        return None if value is None else exact(value, "limit_offset", positive=False)


def _span(name: str, value: SpanLike | None) -> Span | None:
    with inside(name):
        return None if value is None else Span.parse(value)


def _choice(name: str, value: object, known: tuple[str, ...]) -> Any:
    if isinstance(value, str) and value in known:
        return value
    with inside(name):
        words = ", ".join(f"`{word}`" for word in known)
        raise LanguageError(f"`{name}` is {shown(value)}", words, did_you_mean(str(value), known))


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    with inside(name):
        raise LanguageError(f"`{name}` is {shown(value)}", "`true` or `false`")


def _line(text: object) -> str:
    if isinstance(text, str) and 0 < len(text) <= 500:
        return text
    raise LanguageError(f"found {shown(text)}", "a text of up to 500 characters")


def _text(number: Decimal | None) -> str | None:
    return None if number is None else decimal_text(number)


def _tree(value: Numeric | None) -> JsonDict | None:
    return None if value is None else value.as_dict()

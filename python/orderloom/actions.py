"""What rules do, as data: descriptions that the native engine carries out under its limits.

Example:
    >>> from orderloom.conditions import atr
    >>> action = enter("BUY", notional=10_000, stop=[2 * atr(14), percent(3)], target=percent(8))
    >>> action.as_dict()["enter"]["size"]
    {'notional': '10000'}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderloom import action_checks as check
from orderloom.action_types import (
    ACTIONS_DEPTH_MAX,
    Action,
    AdjustStop,
    AdjustTarget,
    Cancel,
    CloseAll,
    CloseEverything,
    Custom,
    DoubleDown,
    Either,
    Enter,
    Log,
    Notify,
    Oco,
    Order,
    ScaleIn,
    Steps,
)
from orderloom.errors import LanguageError, inside, shown
from orderloom.levels import (
    Exact,
    Level,
    LevelsLike,
    Size,
    amount,
    percent,
    price,
    trail_amount,
    trail_percent,
)
from orderloom.names import checked_name
from orderloom.structured import parse_structured
from orderloom.tree import Condition, NumberLike

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderloom.units import SpanLike

__all__ = [
    "ACTIONS_DEPTH_MAX",
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
    checked = check.side(side)
    size = Size.of(
        shares=shares, notional=notional, risk_percent=risk_percent, risk_money=risk_money
    )
    stops = check.exits("stop", stop, stop_atr, stop_percent)
    targets = check.exits("target", target, target_atr, target_percent)
    check.stop(stops, size, unprotected=check.flag("unprotected", unprotected))
    for name, levels in (("stop", stops), ("target", targets)):
        with inside(name):
            check.levels(name, levels, is_long=checked == "BUY")
    check.order_of_levels(stops, targets, is_long=checked == "BUY")
    if limit is not None and limit_offset is not None:
        raise LanguageError("found `limit` and `limit_offset`", "one of them")
    return Enter(
        side=checked,
        size=size,
        stop=stops,
        target=targets,
        limit=check.price("limit", limit),
        limit_offset=check.offset(limit_offset),
        expires_after=check.span("expires_after", expires_after),
        exit_tif=check.choice("exit_tif", exit_tif, ("GTC", "DAY")),
        opposite=check.choice("opposite", opposite, ("ignore", "close", "reverse")),
        reprice=check.choice("reprice", reprice, ("fill", "average", "keep")),
        outside_rth=check.flag("outside_rth", outside_rth),
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
        side=None if side is None else check.side(side),
        limit_offset=check.offset(limit_offset),
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
    part, multiple = check.steps("fraction", fraction), check.steps("size", size)
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

    A percentage or a distance counts from the last price, a trailing one too: the stop is moved
    there and stays. One that trails at the broker is left to it (`NO_STOP`).

    Raises:
        LanguageError: No level, or one that cannot be.

    Example:
        >>> adjust_stop("1.5%").as_dict()
        {'adjust_stop': [{'percent': 1.5}]}
    """
    return AdjustStop(check.some(levels))


def adjust_target(levels: LevelsLike) -> AdjustTarget:
    """Move the target of every tranche.

    Raises:
        LanguageError: No level, or one that cannot be.

    Example:
        >>> adjust_target(price(160)).as_dict()
        {'adjust_target': [{'price': '160'}]}
    """
    found = check.some(levels)
    check.levels("target", found, is_long=False, price_percent=False)
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
        side=check.side(side),
        size=Size.of(shares=shares, notional=notional),
        limit=check.price("limit", limit),
        stop=check.price("stop", stop),
        tif=check.choice("tif", tif, ("DAY", "GTC", "IOC")),
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
    return Oco(members, check.choice("kind", kind, ("cancel", "reduce_with_block", "reduce")))


def log(text: str) -> Log:
    """Write a line to the log.

    Example:
        >>> log("confident").as_dict()
        {'log': {'text': 'confident'}}
    """
    return Log(check.line(text))


def notify(text: str) -> Notify:
    """Send a message to the user's notification targets.

    Example:
        >>> notify("in").as_dict()
        {'notify': {'text': 'in'}}
    """
    return Notify(check.line(text))


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

"""Ready-made rules: the same functions stand behind `templates:` in the configuration.

Example:
    >>> strategy = (StrategyBuilder()
    ...     .buy(["AAPL"], shares=100, confidence=0.8, stop_percent=3, target_percent=8)
    ...     .sell(["AAPL"])
    ...     .eod_close())
    >>> [rule.name for rule in strategy.rules]
    ['buy-AAPL', 'sell-AAPL', 'eod-close']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from orderloom.actions import Action, Enter, close_all, enter, scale_in
from orderloom.errors import LanguageError, inside, shown
from orderloom.names import context, position, session, signal
from orderloom.rules import Rule, checked_symbols, rule
from orderloom.units import Span, SpanLike

if TYPE_CHECKING:
    from orderloom.levels import Exact
    from orderloom.tree import Condition

Symbols = str | Sequence[str]


def create_buy_rule(
    symbols: Symbols = (),
    *,
    name: str | None = None,
    confidence: float = 0.8,
    priority: int = 100,
    cooldown: SpanLike = "5m",
    daily_cap: int | None = None,
    window: Sequence[str] | None = None,
    **entry: Any,
) -> Rule:
    """Open a long trade on a `BUY` of at least `confidence`.

    Args:
        symbols: Symbols it is for; empty for every one.
        name: The rule's name; `buy-` and the symbols if left out.
        confidence: Smallest confidence, 0 to 1.
        priority: Higher first.
        cooldown: Pause per symbol after an entry.
        daily_cap: Most entries per exchange day.
        window: Two times of day between which it may fire.
        entry: Size, stop, target and everything else that `enter` takes, but not `side`.

    Raises:
        LanguageError: As `enter` and `rule` do.

    Example:
        >>> buy = create_buy_rule(["TSLA"], shares=25, confidence=0.9, stop_percent=4)
        >>> print(buy.when)
        signal.side == "BUY" and signal.confidence >= 0.9 and position.is_flat
    """
    action = enter("BUY", **entry)
    return _on_signal(
        "BUY",
        confidence,
        _room(action),
        action,
        name=_named(name, "buy", symbols),
        symbols=symbols,
        priority=priority,
        cooldown=cooldown,
        daily_cap=daily_cap,
        window=window,
    )


def create_short_rule(
    symbols: Symbols = (),
    *,
    name: str | None = None,
    confidence: float = 0.8,
    priority: int = 100,
    cooldown: SpanLike = "5m",
    daily_cap: int | None = None,
    window: Sequence[str] | None = None,
    **entry: Any,
) -> Rule:
    """Open a short trade on a `SHORT` of at least `confidence`; arguments as `create_buy_rule`.

    Raises:
        LanguageError: As `enter` and `rule` do.

    Example:
        >>> short = create_short_rule(["TSLA"], shares=25, stop_percent=4)
        >>> short.then[0].as_dict()["enter"]["side"]
        'SELL'
    """
    action = enter("SELL", **entry)
    return _on_signal(
        "SHORT",
        confidence,
        _room(action),
        action,
        name=_named(name, "short", symbols),
        symbols=symbols,
        priority=priority,
        cooldown=cooldown,
        daily_cap=daily_cap,
        window=window,
    )


def create_sell_rule(
    symbols: Symbols = (),
    *,
    name: str | None = None,
    confidence: float = 0.8,
    priority: int = 110,
    cooldown: SpanLike = 0,
    window: Sequence[str] | None = None,
) -> Rule:
    """Close a long trade on a `SELL` of at least `confidence`.

    Raises:
        LanguageError: As `rule` does.

    Example:
        >>> print(create_sell_rule("AAPL", confidence=0.7).when)
        signal.side == "SELL" and signal.confidence >= 0.7 and position.is_long
    """
    return _on_signal(
        "SELL",
        confidence,
        position.is_long,
        close_all(),
        name=_named(name, "sell", symbols),
        symbols=symbols,
        priority=priority,
        cooldown=cooldown,
        window=window,
    )


def create_scale_in_rule(
    symbols: Symbols = (),
    *,
    name: str | None = None,
    unrealized_percent: float = 2.0,
    max_tranches: int = 2,
    priority: int = 50,
    cooldown: SpanLike = "5m",
    daily_cap: int | None = None,
    window: Sequence[str] | None = None,
    shares: Exact | None = None,
    notional: Exact | None = None,
    limit_offset: Exact | None = None,
) -> Rule:
    """Add a tranche to a trade that is `unrealized_percent` in profit, judged on every bar.

    Args:
        symbols: Symbols it is for; empty for every one.
        name: The rule's name; `scale-in-` and the symbols if left out.
        unrealized_percent: Profit in percent of the average price from which it adds.
        max_tranches: Tranches in all, the first included; 2 or more.
        priority: Higher first.
        cooldown: Pause per symbol after an addition.
        daily_cap: Most additions per exchange day.
        window: Two times of day between which it may fire.
        shares: Shares of the tranche; or `notional`.
        notional: Money to spend on the tranche; or `shares`.
        limit_offset: Distance of a limit from the far side of the quote, in price units.

    Raises:
        LanguageError: As `scale_in` and `rule` do, or a number out of range.

    Example:
        >>> print(create_scale_in_rule("AAPL", shares=50).when)
        position.unrealized_percent >= 2 and context.phase == "OPEN" and context.tranches < 2
    """
    if isinstance(max_tranches, bool) or not isinstance(max_tranches, int) or max_tranches < 2:
        with inside("max_tranches"):
            raise LanguageError(f"`max_tranches` is {shown(max_tranches)}", "2 or more")
    with inside("unrealized_percent"):
        has_gained = position.unrealized_percent >= unrealized_percent
    return rule(
        _named(name, "scale-in", symbols),
        on="Bar",
        symbols=symbols,
        when=has_gained & (context.phase == "OPEN") & (context.tranches < max_tranches),
        then=scale_in(shares=shares, notional=notional, limit_offset=limit_offset),
        priority=priority,
        cooldown=cooldown,
        daily_cap=daily_cap,
        window=window,
    )


def create_eod_close_rule(
    symbols: Symbols = (),
    *,
    name: str | None = None,
    before_close: SpanLike = "5m",
    priority: int = 1_000,
) -> Rule:
    """Close the trade of each symbol some time before the exchange's close, half days included.

    The configuration's `end_of_day` does it for every symbol without any rule, and needs no event
    to be judged on.

    Raises:
        LanguageError: As `rule` does.

    Example:
        >>> print(create_eod_close_rule(before_close="10m").when)
        session.is_open and session.minutes_before_close <= 10 and context.is_open and \
context.phase != "CLOSING"
    """
    with inside("before_close"):
        minutes = Span.parse(before_close).seconds / 60
    return rule(
        _named(name, "eod-close", symbols),
        on=("Bar", "Quote", "Clock"),
        symbols=symbols,
        when=session.is_open
        & (session.minutes_before_close <= minutes)
        & context.is_open
        & (context.phase != "CLOSING"),
        then=close_all(),
        priority=priority,
    )


TEMPLATES: Final[dict[str, Callable[..., Rule]]] = {
    "buy": create_buy_rule,
    "sell": create_sell_rule,
    "short": create_short_rule,
    "scale_in": create_scale_in_rule,
    "eod_close": create_eod_close_rule,
}
"""Templates by their name in the configuration."""


class StrategyBuilder:
    """Collects rules in order of definition; each method returns the builder.

    Example:
        >>> from orderloom.actions import log
        >>> builder = StrategyBuilder().short("TSLA", shares=25, stop_percent=4)
        >>> builder.rule("hello", on="Bar", then=log("bar")).rules[-1].name
        'hello'
    """

    def __init__(self) -> None:
        self._rules: dict[str, Rule] = {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules so far."""
        return tuple(self._rules.values())

    def add(self, *rules: Rule) -> Self:
        """Add finished rules.

        Raises:
            LanguageError: A name is taken; nothing was added then.
        """
        names = [*self._rules, *(item.name for item in rules)]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise LanguageError(f"two rules are named {shown(name)}", "a name of its own")
        self._rules.update({item.name: item for item in rules})
        return self

    def rule(self, name: str, **arguments: Any) -> Self:
        """Add `rule(name, …)`."""
        return self.add(rule(name, **arguments))

    def buy(self, symbols: Symbols = (), **arguments: Any) -> Self:
        """Add `create_buy_rule(symbols, …)`."""
        return self.add(create_buy_rule(symbols, **arguments))

    def sell(self, symbols: Symbols = (), **arguments: Any) -> Self:
        """Add `create_sell_rule(symbols, …)`."""
        return self.add(create_sell_rule(symbols, **arguments))

    def short(self, symbols: Symbols = (), **arguments: Any) -> Self:
        """Add `create_short_rule(symbols, …)`."""
        return self.add(create_short_rule(symbols, **arguments))

    def scale_in(self, symbols: Symbols = (), **arguments: Any) -> Self:
        """Add `create_scale_in_rule(symbols, …)`."""
        return self.add(create_scale_in_rule(symbols, **arguments))

    def eod_close(self, symbols: Symbols = (), **arguments: Any) -> Self:
        """Add `create_eod_close_rule(symbols, …)`."""
        return self.add(create_eod_close_rule(symbols, **arguments))


def _named(name: str | None, kind: str, symbols: object) -> str:
    return name if name is not None else "-".join([kind, *checked_symbols(symbols)])[:64]


def _on_signal(
    side: str, confidence: float, also: Condition, action: Action, **arguments: Any
) -> Rule:
    """A rule that acts on a prediction of at least `confidence`; the rest as for `rule`."""
    with inside("confidence"):
        says = (signal.side == side) & (signal.confidence >= confidence)
    return rule(on="PredictionSignal", when=says & also, then=action, **arguments)


def _room(action: Enter) -> Condition:
    """An entry that closes or reverses the other side must be judged while that side is held."""
    if action.opposite == "ignore":
        return position.is_flat
    return ~position.is_long if action.is_long else ~position.is_short

"""Rules: what triggers them, when they fire, what they do, and with what discipline.

Example:
    >>> from orderloom.actions import enter
    >>> from orderloom.conditions import position, signal
    >>> print(rule("long-on-buy", on="PredictionSignal", symbols=["AAPL"], cooldown="5m",
    ...            when=(signal.side == "BUY") & position.is_flat,
    ...            then=enter("BUY", shares=100, stop_percent=3)).when)
    signal.side == "BUY" and position.is_flat
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from orderloom.actions import Action, as_actions
from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.expression import DEPTH_MAX
from orderloom.structured import parse_structured
from orderloom.tree import Condition, JsonDict, depth
from orderloom.units import Span, SpanLike, clock_text, parse_clock

Trigger = Literal[
    "PredictionSignal",
    "Bar",
    "Quote",
    "Trade",
    "Fill",
    "Position",
    "ContextConcluded",
    "Reading",
    "Clock",
]
TRIGGERS: Final[tuple[str, ...]] = get_args(Trigger)
"""The kinds of event that rules can be triggered by."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@ -]{0,63}")
_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9 ._:/-]{0,31}")
_PRIORITY_MAX: Final = 2**31 - 1
_CAP_MAX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day in the exchange's zone, from `start` (included) to `end` (excluded).

    Both are seconds since midnight.
    """

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock_text(self.start)} to {clock_text(self.end)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as declared; `rule(…)` makes one from looser arguments.

    An empty `symbols` means every symbol. Higher `priority` first, then order of definition.
    `cooldown` starts, per symbol, when an action was emitted; `daily_cap` counts firings per
    exchange day over all symbols.

    Example:
        >>> from orderloom.actions import log
        >>> made = rule("watch", on="Bar", symbols=["AAPL"], then=log("a bar"))
        >>> made.symbols, made.priority, str(made.cooldown)
        (('AAPL',), 0, '0s')
    """

    name: str
    on: tuple[Trigger, ...]
    when: Condition
    then: tuple[Action, ...]
    symbols: tuple[str, ...] = ()
    priority: int = 0
    cooldown: Span = Span(0)  # noqa: RUF009 - a span is an immutable int
    daily_cap: int | None = None
    window: Window | None = None
    enabled: bool = True

    def as_dict(self) -> JsonDict:
        """The form that the native engine compiles."""
        return {
            "name": self.name,
            "on": list(self.on),
            "symbols": list(self.symbols),
            "when": self.when.as_dict(),
            "priority": self.priority,
            "cooldown": int(self.cooldown),
            "daily_cap": self.daily_cap,
            "window": None
            if self.window is None
            else {"from_second": self.window.start, "to_second": self.window.end},
            "enabled": self.enabled,
            "actions": [action.as_dict() for action in self.then],
        }


def rule(
    name: str,
    *,
    on: object,
    when: object = True,
    then: Action | Sequence[Action],
    symbols: str | Sequence[str] = (),
    priority: int = 0,
    cooldown: SpanLike = 0,
    daily_cap: int | None = None,
    window: Sequence[str] | None = None,
    enabled: bool = True,
    custom: Collection[str] = (),
) -> Rule:
    """A checked rule.

    Args:
        name: Unique; up to 64 letters, digits and `_ . : @ -`.
        on: One or several of `TRIGGERS`, or classes of events.
        when: A condition, its text, or its structured form.
        then: One action or several, done in order.
        symbols: Symbols it is for; empty for every one.
        priority: Higher first; rules of the same priority in order of definition.
        cooldown: Pause per symbol after an action was emitted, such as `5m`.
        daily_cap: Most firings per exchange day.
        window: Two times of day in the exchange's zone, such as `["10:00", "15:30"]`.
        enabled: Whether it is on at the start.
        custom: Names of registered Python conditions, usable as bare names in text.

    Raises:
        LanguageError: Anything that cannot be; `path` names the argument.

    Example:
        >>> from orderloom.actions import close_all
        >>> out = rule("out", on="PredictionSignal", symbols="AAPL", cooldown="5m",
        ...            when='signal.side == "SELL" and position.is_long', then=close_all())
        >>> out.on, int(out.cooldown) // 10**9
        (('PredictionSignal',), 300)
    """
    with inside("when"):
        if isinstance(when, bool) and when is not True:
            raise LanguageError(
                "found the plain `False`",
                "a condition",
                "a yes-or-no value is not compared with True: write `position.is_flat`",
            )
        tree = when if isinstance(when, Condition) else parse_structured(when, custom=custom)
        # Room for what surrounds a condition that text alone already bounds.
        if depth(tree) > 2 * DEPTH_MAX:
            raise LanguageError("nested too deeply", f"at most {2 * DEPTH_MAX} levels")
    with inside("then"):
        actions = as_actions(then)
    return Rule(
        name=_name(name),
        on=_triggers(on),
        when=tree,
        then=actions,
        symbols=checked_symbols(symbols),
        priority=_whole("priority", priority, -_PRIORITY_MAX, _PRIORITY_MAX),
        cooldown=_cooldown(cooldown),
        daily_cap=None if daily_cap is None else _whole("daily_cap", daily_cap, 1, _CAP_MAX),
        window=_window(window),
        enabled=_enabled(enabled),
    )


def checked_symbols(value: object) -> tuple[str, ...]:
    """Symbols as a tuple without repetition; one may stand alone.

    Raises:
        LanguageError: Something else, or lower case.

    Example:
        >>> checked_symbols(["AAPL", "BRK B"])
        ('AAPL', 'BRK B')
    """
    with inside("symbols"):
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, Sequence):
            raise LanguageError(f"found {shown(value)}", "a list of symbols")
        for index, item in enumerate(items):
            with inside(index):
                if not isinstance(item, str) or not _SYMBOL.fullmatch(item):
                    capitals = str(item).upper()
                    is_case = capitals != item and _SYMBOL.fullmatch(capitals)
                    hint = "write it in capitals" if is_case else None
                    if isinstance(item, bool):
                        hint = "put it in quotes"
                    raise LanguageError(f"found {shown(item)}", "a symbol such as `AAPL`", hint)
        return tuple(dict.fromkeys(items))


def _name(name: object) -> str:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    with inside("name"):
        raise LanguageError(
            f"the name {shown(name)}", "up to 64 letters, digits, spaces and `_ . : @ -`"
        )


def _triggers(on: object) -> tuple[Trigger, ...]:
    with inside("on"):
        items = [on] if isinstance(on, str | type) else on
        if not isinstance(items, Sequence) or not items:
            raise LanguageError(f"found {shown(on)}", f"one or several of {', '.join(TRIGGERS)}")
        found = []
        for item in items:
            word = item.__name__.removesuffix("Event") if isinstance(item, type) else str(item)
            # Classes of events name the trigger that they are, `PriceEvent` a `Trade`.
            word = getattr(item, "trigger", "") or word
            if word not in TRIGGERS:
                raise LanguageError(
                    f"unknown trigger {shown(item)}",
                    f"one of {', '.join(f'`{trigger}`' for trigger in TRIGGERS)}",
                    did_you_mean(word, TRIGGERS),
                )
            found.append(cast("Trigger", word))
        return tuple(dict.fromkeys(found))


def _whole(name: str, value: object, low: int, high: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    with inside(name):
        raise LanguageError(f"`{name}` is {shown(value)}", f"a whole number from {low} to {high}")


def _cooldown(value: object) -> Span:
    with inside("cooldown"):
        return Span.parse(value)


def _window(value: object) -> Window | None:
    if value is None:
        return None
    with inside("window"):
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise LanguageError(f"found {shown(value)}", 'two times: `["10:00", "15:30"]`')
        window = Window(parse_clock(value[0]), parse_clock(value[1]))
        if window.start >= window.end:
            raise LanguageError(f"the window {window}", "a start before its end")
        return window


def _enabled(value: object) -> bool:
    if isinstance(value, bool):
        return value
    with inside("enabled"):
        raise LanguageError(f"`enabled` is {shown(value)}", "`true` or `false`")

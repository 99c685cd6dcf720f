"""A strategy's rules while they run: listed, switched on and off, and hooked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orderloom._core import Event
from orderloom.errors import did_you_mean
from orderloom.events import OperatorEvent, RuleBlockedEvent, RuleFiredEvent
from orderloom.functions import ask
from orderloom.questions import checked_function
from orderloom.tree import all_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from orderloom.bus import EventBus
    from orderloom.rules import Rule
    from orderloom.view import View

Before = Callable[["View"], bool]
_F = TypeVar("_F", bound=Callable[..., Any])

BEFORE: Final = "before-hooks"
"""Name of the custom condition that asks the hooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatus:
    """How a rule stands: `blocked` counts by reason code, `fired_at` is UTC nanoseconds.

    Example:
        >>> RuleStatus(name="long-on-buy", enabled=True).fired
        0
    """

    name: str
    enabled: bool
    priority: int = 0
    symbols: tuple[str, ...] = ()
    fired: int = 0
    blocked: Mapping[str, int] = field(default_factory=dict)
    fired_at: int | None = None


class StrategyController:
    """The rules of a running strategy.

    Switching goes through the engine as an operator's word, so that the journal has it.

    Args:
        rules: In order of definition.
        bus: Tells what rules do.
        post: Takes the next event for the engine.

    Example:
        >>> from orderloom import RuleEngine, create_buy_rule
        >>> engine = RuleEngine([create_buy_rule("AAPL", shares=100, stop_percent=3)])
        >>> strategy = engine.strategy
        >>> strategy.disable("buy-AAPL")
        >>> [(rule.name, rule.enabled) for rule in strategy.rules]
        [('buy-AAPL', False)]
        >>> strategy.enable("buy_AAPL")
        Traceback (most recent call last):
            ...
        KeyError: 'unknown rule `buy_AAPL`, did you mean `buy-AAPL`?'
    """

    def __init__(
        self, rules: Sequence[Rule], bus: EventBus, post: Callable[[Event], object]
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._enabled = {rule.name: rule.enabled for rule in rules}
        self._fired: Counter[str] = Counter()
        self._fired_at: dict[str, int] = {}
        self._blocked: dict[str, Counter[str]] = {name: Counter() for name in self._rules}
        self._bus = bus
        self._post = post
        bus.subscribe(OperatorEvent, self._on_word)
        bus.subscribe(RuleFiredEvent, self._on_fired)
        bus.subscribe(RuleBlockedEvent, self._on_blocked)

    @property
    def rules(self) -> tuple[RuleStatus, ...]:
        """How each rule stands, in order of definition."""
        return tuple(map(self.status, self._rules))

    def status(self, name: str) -> RuleStatus:
        """How one rule stands.

        Raises:
            KeyError: No such rule.
        """
        rule = self._rule(name)
        return RuleStatus(
            name=name,
            enabled=self._enabled[name],
            priority=rule.priority,
            symbols=rule.symbols,
            fired=self._fired[name],
            blocked=dict(self._blocked[name]),
            fired_at=self._fired_at.get(name),
        )

    def enable(self, name: str) -> None:
        """Switch a rule on, from the next event.

        Raises:
            KeyError: No such rule.
        """
        self._post(Event.operator("enable_rule", rule=self._rule(name).name, enabled=True))

    def disable(self, name: str) -> None:
        """Switch a rule off, from the next event; open trades keep their exits.

        Raises:
            KeyError: No such rule.
        """
        self._post(Event.operator("enable_rule", rule=self._rule(name).name, enabled=False))

    def follow(self, rules: Sequence[Rule]) -> None:
        """Take other rules; counts and switches stay with those of the same name."""
        was, enabled = self._rules, self._enabled
        self._rules = {rule.name: rule for rule in rules}
        self._enabled = {
            rule.name: enabled[rule.name]
            if rule.name in was and was[rule.name].enabled == rule.enabled
            else rule.enabled
            for rule in rules
        }
        self._blocked = {name: self._blocked.get(name, Counter()) for name in self._rules}

    def after(self, hook: Callable[[RuleFiredEvent], object]) -> Callable[[], bool]:
        """Call `hook` after each firing of a rule; returns what ends that."""
        return self._bus.subscribe(RuleFiredEvent, hook).cancel

    def _rule(self, name: str) -> Rule:
        if name not in self._rules:
            hint = did_you_mean(name, list(self._rules))
            raise KeyError(f"unknown rule `{name}`" + (f", {hint}" if hint else ""))
        return self._rules[name]

    def _on_word(self, event: OperatorEvent) -> None:
        if event.word == "enable_rule" and event.rule in self._enabled:
            self._enabled[event.rule] = event.enabled

    def _on_fired(self, event: RuleFiredEvent) -> None:
        self._fired[event.rule] += 1
        self._fired_at[event.rule] = event.at

    def _on_blocked(self, event: RuleBlockedEvent) -> None:
        if event.rule in self._blocked:
            self._blocked[event.rule][event.reason] += 1


class Hooks:
    """Functions that are asked before a rule acts, whether it may.

    Example:
        >>> hooks = Hooks()
        >>> @hooks.before("long-on-buy")
        ... def is_calm(view) -> bool:
        ...     return view.market.spread_percent < 0.1
        >>> from orderloom.actions import log
        >>> from orderloom.rules import rule
        >>> watched = hooks.guarded(rule("long-on-buy", on="Bar", then=log("bar")))
        >>> print(watched.when)
        True and ask("before-hooks")
    """

    def __init__(self) -> None:
        self._hooks: list[tuple[frozenset[str], Before]] = []

    def before(self, *rules: str) -> Callable[[_F], _F]:
        """Have a function asked before these rules act; before every one, if none is named."""

        def register(function: _F) -> _F:
            checked_function(function, "hook", "a hook")
            self._hooks.append((frozenset(rules), function))
            return function

        return register

    def guarded(self, rule: Rule) -> Rule:
        """The rule with its hooks as the last part of its condition."""
        if not any(not names or rule.name in names for names, _ in self._hooks):
            return rule
        return replace(rule, when=all_of(rule.when, ask(BEFORE)))

    def unknown(self, names: Collection[str]) -> set[str]:
        """Rules that hooks name and that are not among `names`."""
        return {name for hooked, _ in self._hooks for name in hooked if name not in names}

    def condition(self, view: View) -> bool:
        """Whether every hook of the rule that asks lets it act."""
        return all(hook(view) for names, hook in self._hooks if not names or view.rule in names)

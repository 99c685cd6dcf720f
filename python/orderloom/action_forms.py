"""Actions in YAML: each entry of `do:` names a function of `actions` and gives its arguments.

Example:
    >>> parse_action({"scale_in": {"shares": 50}}).as_dict()["scale_in"]["size"]
    {'shares': '50'}
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

from orderloom import actions
from orderloom.actions import ACTIONS_DEPTH_MAX, Action, Order
from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.structured import parse_structured

WITH_ARGUMENTS: Final[dict[str, Callable[..., Action]]] = {
    function.__name__: function
    for function in (actions.enter, actions.scale_in, actions.double_down, actions.order)
}
"""Actions whose arguments are a mapping."""

WITH_ONE: Final[dict[str, Callable[[Any], Action]]] = {
    function.__name__: function
    for function in (
        actions.adjust_stop,
        actions.adjust_target,
        actions.log,
        actions.notify,
        actions.custom,
    )
}
"""Actions with one value."""

ALONE: Final[dict[str, Callable[[], Action]]] = {
    function.__name__: function
    for function in (actions.close_all, actions.close_everything, actions.cancel)
}
"""Actions without arguments, also written as a word."""

_KNOWN: Final = (*WITH_ARGUMENTS, *WITH_ONE, *ALONE, "oco", "sequence", "when")


def parse_actions(value: object, *, custom: Collection[str] = ()) -> tuple[Action, ...]:
    """The actions of `do:`, one or a list.

    Args:
        value: What YAML gave.
        custom: Names of registered Python conditions, for `when`.

    Raises:
        LanguageError: Not actions; `path` leads to the offending part.

    Example:
        >>> parse_actions(["close_all", {"log": "closed"}])
        (CloseAll(), Log(text='closed'))
    """
    return _Forms(custom).list_of(value, 0)


def parse_action(value: object) -> Action:
    """One entry of `do:`.

    Raises:
        LanguageError: Not an action; `path` leads to the offending part.
    """
    return _Forms(()).one(value, 0)


class _Forms:
    def __init__(self, custom: Collection[str]) -> None:
        self._custom = custom

    def list_of(self, value: object, depth: int) -> tuple[Action, ...]:
        if not isinstance(value, list):
            return (self.one(value, depth),)
        if not value:
            raise LanguageError("found no action", "at least one")
        found = []
        for index, item in enumerate(value):
            with inside(index):
                found.append(self.one(item, depth))
        return tuple(found)

    def one(self, value: object, depth: int) -> Action:
        if depth >= ACTIONS_DEPTH_MAX:
            raise LanguageError("actions nested too deeply", f"at most {ACTIONS_DEPTH_MAX} levels")
        if isinstance(value, str):
            value = {value: None}
        if isinstance(value, Mapping) and "when" in value:
            return self._either(value, depth)
        if not isinstance(value, Mapping) or len(value) != 1:
            raise LanguageError(f"found {shown(value)}", "one action such as `enter: {…}`")
        ((name, inner),) = value.items()
        if name not in _KNOWN:
            words = ", ".join(f"`{word}`" for word in _KNOWN)
            raise LanguageError(
                f"unknown action {shown(name)}", f"one of {words}", did_you_mean(str(name), _KNOWN)
            ).within(name)
        with inside(name):
            return self._named(name, inner, depth)

    def _named(self, name: str, inner: object, depth: int) -> Action:
        if name in WITH_ARGUMENTS:
            return cast("Action", with_arguments(WITH_ARGUMENTS[name], inner))
        if name in WITH_ONE:
            return WITH_ONE[name](inner)
        if name == "sequence":
            return actions.sequence(*self.list_of(inner, depth + 1))
        if name == "oco":
            return _oco(inner)
        if inner not in (None, {}):
            raise LanguageError(f"found {shown(inner)}", f"`{name}` alone")
        return ALONE[name]()

    def _either(self, value: Mapping[Any, Any], depth: int) -> Action:
        for key in value:
            if key not in {"when", "then", "else"}:
                raise LanguageError(
                    f"unknown key {shown(key)} beside `when`", "`then` and `else`"
                ).within(key)
        with inside("when"):
            condition = parse_structured(value["when"], custom=self._custom)
        if "then" not in value:
            raise LanguageError("`when` without `then`", "`then` with actions")
        with inside("then"):
            then = self.list_of(value["then"], depth + 1)
        with inside("else"):
            otherwise = self.list_of(value["else"], depth + 1) if "else" in value else ()
        return actions.conditional(condition, then, otherwise)


def keys_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The keys that a function's mapping may have; `**entry` stands for those of `enter`."""
    keys: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            keys.extend(key for key in keys_of(actions.enter) if key != "side")
        else:
            keys.append(name)
    return tuple(keys)


def with_arguments(function: Callable[..., Any], value: object) -> Any:
    """The function called with the keys of a mapping as its arguments.

    Raises:
        LanguageError: No mapping, unknown or missing keys; `path` leads to the offending one.
    """
    known = keys_of(function)
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise LanguageError(f"found {shown(value)}", "a mapping such as `{shares: 100}`")
    for key in value:
        if key not in known:
            raise LanguageError(
                f"unknown key {shown(key)}",
                f"one of {', '.join(f'`{name}`' for name in known)}",
                did_you_mean(str(key), known),
            ).within(key)
    for name, parameter in inspect.signature(function).parameters.items():
        is_needed = parameter.default is parameter.empty
        if is_needed and parameter.kind is not parameter.VAR_KEYWORD and name not in value:
            raise LanguageError(f"`{name}` is missing", f"`{name}`")
    return function(**value)


def _oco(value: object) -> Action:
    given = {"orders": value} if isinstance(value, list) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("orders"), list):
        raise LanguageError(f"found {shown(value)}", "a list of orders")
    members: list[Order] = []
    for index, item in enumerate(given["orders"]):
        with inside("orders", index) if given is value else inside(index):
            members.append(with_arguments(actions.order, item))
    return cast("Action", with_arguments(actions.oco, {**given, "orders": members}))

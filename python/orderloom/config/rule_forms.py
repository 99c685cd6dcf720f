"""Rules and templates in YAML: a mapping to a `Rule`, with every problem it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from orderloom.action_forms import parse_actions, with_arguments
from orderloom.actions import Action, cancel
from orderloom.conditions import always
from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.rules import Rule, rule
from orderloom.structured import parse_structured
from orderloom.templates import TEMPLATES

if TYPE_CHECKING:
    from orderloom.tree import Condition

KEYS: Final = (
    "name", "on", "symbols", "when", "priority", "cooldown", "daily_cap", "window", "enabled", "do",
)  # fmt: skip


def parse_rule(
    value: object, problems: list[LanguageError], custom: Collection[str]
) -> Rule | None:
    """The rule that one entry of `rules:` means, or `None` with its problems added."""
    if not isinstance(value, Mapping):
        problems.append(LanguageError(f"found {shown(value)}", "a rule: `{name: …, on: …, do: …}`"))
        return None
    before = len(problems)
    problems.extend(
        LanguageError(
            f"unknown key {shown(key)}",
            f"one of {', '.join(f'`{known}`' for known in KEYS)}",
            did_you_mean(str(key), KEYS),
            path=(key,),
        )
        for key in value
        if key not in KEYS
    )
    problems.extend(
        LanguageError(f"`{key}` is missing", f"`{key}`")
        for key in ("name", "on", "do")
        if key not in value
    )
    arguments: dict[str, Any] = {key: value[key] for key in KEYS if key in value}
    try:
        _check_symbols(arguments)
    except LanguageError as error:
        problems.append(error)
    condition: Condition = always
    actions: tuple[Action, ...] = (cancel(),)
    try:
        with inside("when"):
            condition = parse_structured(arguments.pop("when", True), custom=custom)
    except LanguageError as error:
        problems.append(error)
    try:
        with inside("do"):
            actions = parse_actions(arguments.pop("do", "cancel"), custom=custom)
    except LanguageError as error:
        problems.append(error)
    try:
        arguments = {"name": "unnamed", "on": "Clock", **arguments}
        made = rule(when=condition, then=actions, **arguments)
    except LanguageError as error:
        problems.append(error)
        return None
    return made if len(problems) == before else None


def parse_template(value: object, problems: list[LanguageError]) -> Rule | None:
    """The rule that one entry of `templates:` expands to, or `None` with its problem added."""
    try:
        if not isinstance(value, Mapping) or len(value) != 1:
            raise LanguageError(f"found {shown(value)}", "one template such as `buy: {…}`")
        ((name, arguments),) = value.items()
        if name not in TEMPLATES:
            raise LanguageError(
                f"unknown template {shown(name)}",
                f"one of {', '.join(f'`{known}`' for known in TEMPLATES)}",
                did_you_mean(str(name), list(TEMPLATES)),
                path=(name,),
            )
        with inside(name):
            _check_symbols(arguments)
            made = with_arguments(TEMPLATES[name], arguments)
            assert isinstance(made, Rule)  # noqa: S101 - every template returns one
            return made
    except LanguageError as error:
        problems.append(error)
        return None


def _check_symbols(arguments: object) -> None:
    """Refuse an empty list, which means none to one reader and every symbol to another."""
    if isinstance(arguments, Mapping) and arguments.get("symbols") == []:
        raise LanguageError(
            "found an empty list",
            "at least one symbol",
            "leave `symbols` out for every symbol, or name some",
            path=("symbols",),
        )

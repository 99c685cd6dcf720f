"""Another strategy under way: read, checked, compared, and taken up between two events.

Rules, limits and patience may change while a run goes on. Where orders go, what is traded and where
predictions come from may not: the lines to them are open.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr

from orderloom._core import Event
from orderloom.errors import OrderloomError, sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orderloom._core import Outcome
    from orderloom.config import Settings
    from orderloom.rules import Rule
    from orderloom.runner import Runner

_TAKEN_UP: Final = ("limits.", "execution.", "end_of_day", "signals.max_age", "signals.max_future")
"""Settings that the engine keeps; adapters hold the others since the start."""


class CannotReloadError(OrderloomError):
    """A strategy that this run cannot take up. Its author must act, or start anew."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """What a reload does, or would do."""

    added: tuple[str, ...] = ()
    """Names of rules that were not there."""
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By rule: which of its keys say something else."""
    is_reordered: bool = False
    """Whether rules that stay stand in another order, which counts among equal priorities."""
    settings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By key: what it was, and what it is."""
    cold: tuple[str, ...] = ()
    """Indicators that no rule used before: unknown until enough bars are complete."""
    keeping: tuple[str, ...] = ()
    """Symbols with an open trade: it keeps the policy that it was opened with."""

    @property
    def is_none(self) -> bool:
        """Whether everything is as it was."""
        rules = self.added or self.removed or self.changed or self.is_reordered
        return not (rules or self.settings)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": {name: list(keys) for name, keys in self.changed.items()},
            "is_reordered": self.is_reordered,
            "settings": {key: {"was": was, "is": now} for key, (was, now) in self.settings.items()},
            "cold": list(self.cold),
            "keeping": list(self.keeping),
        }


class Reloader:
    """Takes up other settings for a run, and tells whoever keeps names of rules.

    A listener of the runner; it must hear each event before those that it tells.

    Args:
        runner: Whose engine it is.
        settings: The ones that count now.
        symbols: Names of the run's instruments by the engine's numbers.
        engine_config: The engine's configuration of settings, with the run's instruments.
        load: Reads the settings again; `None`: this run has nothing to read them from.
    """

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        symbols: Sequence[str],
        engine_config: Callable[[Settings], str],
        load: Callable[[], Settings] | None,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._symbols = symbols
        self._engine_config = engine_config
        self._load = load
        self._coming: deque[Settings] = deque()
        self.followers: Final[list[Callable[[Settings], object]]] = []
        """Told the settings of each reload before anything that follows from it."""

    def load(self) -> Settings:
        """Read the settings as they are now; touches nothing, so it may run beside the engine.

        Raises:
            CannotReloadError: There is nothing to read them from.
            ConfigError: They cannot be used, with every problem and its place.
            LanguageError: Rules of a script that cannot be.
        """
        if self._load is None:
            raise CannotReloadError("this run was started without a file: it cannot be reloaded")
        return self._load()

    def take(self, settings: Settings, *, is_dry_run: bool = False) -> Difference:
        """Take up `settings` as the next event, or only tell what would change.

        Raises:
            CannotReloadError: They cannot be taken up under way; nothing changes.
        """
        self._check(settings)
        config = self._engine_config(settings)
        try:
            preview = json.loads(self._runner.engine.preview(config))
        except ValueError as error:
            raise CannotReloadError(str(error)) from None
        difference = self._difference(settings, preview)
        if not (is_dry_run or difference.is_none):
            self._coming.append(settings)
            self._runner.post(Event.reloaded(config))
        return difference

    def on_event(self, _at: int, event: Event, _outcome: Outcome | None) -> None:
        """Take one event: a reload counts from here on."""
        if event.kind == "reloaded" and self._coming:
            self._settings = settings = self._coming.popleft()
            for follow in self.followers:
                follow(settings)

    def _check(self, settings: Settings) -> None:
        fixed = [
            sentence(f"{key}: found `{now}`", f"`{was}` as long as this run goes on", None)
            for key, (was, now) in _changes(self._settings, settings).items()
            if not key.startswith(_TAKEN_UP)
        ]
        for symbol in settings.symbols:
            if symbol not in self._symbols:
                names = [rule.name for rule in settings.rules if symbol in rule.symbols]
                where = f"rule {names[0]}: symbols" if names else "market.symbols"
                known = ", ".join(self._symbols)
                fixed.append(sentence(f"{where}: found `{symbol}`", f"one of {known}", None))
        if fixed:
            raise CannotReloadError("\n".join([*fixed, "nothing was changed; hint: start anew"]))

    def _difference(self, settings: Settings, preview: Mapping[str, Any]) -> Difference:
        old = {rule.name: rule for rule in self._settings.rules}
        new = {rule.name: rule for rule in settings.rules}
        changed = {name: _changed_keys(old[name], new[name]) for name in preview["changed"]}
        kept = [name for name in old if name in new], [name for name in new if name in old]
        engine = self._runner.engine
        return Difference(
            added=tuple(preview["added"]),
            removed=tuple(preview["removed"]),
            changed=changed,
            is_reordered=kept[0] != kept[1],
            settings=_changes(self._settings, settings),
            cold=tuple(preview["cold"]),
            keeping=tuple(
                symbol
                for number, symbol in enumerate(self._symbols)
                if engine.context(number) is not None
            ),
        )


def _changed_keys(old: Rule, new: Rule) -> tuple[str, ...]:
    """The keys of a rule, as the file calls them, that say something else."""
    was, now = old.as_dict(), new.as_dict()
    return tuple("do" if key == "actions" else key for key in now if was[key] != now[key])


def _changes(old: Settings, new: Settings) -> dict[str, tuple[str, str]]:
    was, now = dict(_leaves(old)), dict(_leaves(new))
    keys = dict.fromkeys([*was, *now])
    return {
        key: (_shown(was.get(key)), _shown(now.get(key)))
        for key in keys
        if was.get(key) != now.get(key)
    }


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    parts: list[tuple[str, object]] = []
    if isinstance(value, BaseModel):
        parts = [(name, part) for name, part in value if path or name not in {"rules", "templates"}]
    elif isinstance(value, Mapping):
        parts = [(str(name), part) for name, part in value.items()]
    else:
        yield path, value
    for name, part in parts:
        yield from _leaves(part, f"{path}.{name}" if path else name)


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)

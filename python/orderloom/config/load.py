"""From a file, the environment and secrets to checked `Settings`.

Order, later wins: defaults, the file, `.env` beside it, the environment. Every problem is found
that can be found at once, each with its place.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr, ValidationError

from orderloom.config.document import BYTES_MAX, Document, dotted, problem_of_bytes, value_at
from orderloom.config.document import Path as KeyPath
from orderloom.config.environment import (
    SECRETS,
    Overrides,
    merged,
    read_overrides,
    read_secret,
    secrets_in,
    variable,
)
from orderloom.config.lint import Finding, lint
from orderloom.config.rule_forms import parse_rule, parse_template
from orderloom.config.settings import Settings
from orderloom.config.validation import errors_of
from orderloom.errors import ConfigError, ConfigProblem, LanguageError

if TYPE_CHECKING:
    from orderloom.rules import Rule


NO_RULE = "no rule: nothing will be traded"
"""Said of a file by itself; a script beside it may have rules."""


@dataclass(frozen=True, slots=True)
class ResolvedValue:
    """A value as it counts, and where it comes from."""

    key: str
    value: str
    origin: str


@dataclass(slots=True)
class Checked:
    """What a check found: `settings` unless one of the `problems` is an error."""

    settings: Settings | None
    problems: list[ConfigProblem]
    resolved: list[ResolvedValue] = field(default_factory=list)

    @property
    def errors(self) -> list[ConfigProblem]:
        """Problems that prevent a start."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[ConfigProblem]:
        """Problems that a person should know of."""
        return [problem for problem in self.problems if problem.severity == "warning"]


def load_settings(
    file: str | os.PathLike[str],
    *,
    environment: Mapping[str, str] | None = None,
    custom: Collection[str] = (),
) -> Settings:
    """The settings of a strategy file, under the environment's overrides.

    Args:
        file: The YAML file; a `.env` beside it is read, too.
        environment: Variables; the process's own if left out.
        custom: Names of registered Python conditions, usable as bare names in text.

    Raises:
        ConfigError: With every problem and its place. Warnings are no reason to refuse; see
            `check_settings`.
    """
    checked = check_settings(file, environment=environment, custom=custom)
    if checked.settings is None:
        raise ConfigError(checked.errors)
    return checked.settings


def parse_settings(
    text: str,
    *,
    file: str = "configuration",
    environment: Mapping[str, str] | None = None,
    custom: Collection[str] = (),
) -> Settings:
    """As `load_settings`, from the text of a file.

    Example:
        >>> settings = parse_settings("signals: {max_age: 90s}", environment={})
        >>> str(settings.signals.max_age)
        '1m30s'
    """
    checked = check_text(text, file=file, environment=environment, custom=custom)
    if checked.settings is None:
        raise ConfigError(checked.errors)
    return checked.settings


def check_settings(
    file: str | os.PathLike[str],
    *,
    environment: Mapping[str, str] | None = None,
    custom: Collection[str] = (),
) -> Checked:
    """Everything that is wrong or suspicious in a strategy file, and its settings if usable."""
    path = Path(file)
    try:
        with path.open("rb") as opened:  # a pipe as well, and of what has no end only the beginning
            begins = opened.read(BYTES_MAX + 1)
        text = begins.decode("utf-8-sig", "strict" if len(begins) <= BYTES_MAX else "replace")
    except UnicodeDecodeError as error:
        return Checked(None, [problem_of_bytes(str(file), error)])
    except OSError as error:
        problem = ConfigProblem(
            file=str(file),
            where="the file",
            what=f"cannot be read ({error.strerror})",
            expected="a readable YAML file",
            hint="`orderloom init` writes one",
        )
        return Checked(None, [problem])
    return check_text(
        text, file=str(file), environment=environment, custom=custom, dotenv=path.parent / ".env"
    )


def check_text(
    text: str,
    *,
    file: str = "configuration",
    environment: Mapping[str, str] | None = None,
    custom: Collection[str] = (),
    dotenv: Path | None = None,
) -> Checked:
    """As `check_settings`, from the text of a file."""
    try:
        document = Document.parse(text, file)
    except ConfigError as error:
        return Checked(None, list(error.problems))
    variables = os.environ if environment is None else environment
    return check_document(document, read_overrides(variables, dotenv), custom)


def check_document(
    document: Document, overrides: Overrides, custom: Collection[str] = ()
) -> Checked:
    """As `check_text`, from a file that is read and its overrides."""
    return _Loader(document, overrides, custom).load()


class _Loader:
    def __init__(self, document: Document, overrides: Overrides, custom: Collection[str]) -> None:
        self._document = document
        self._overrides = overrides
        self._custom = custom
        self._data = merged(document.data, overrides.data)
        self._paths: dict[str, KeyPath] = {}
        self._secret_origins: dict[KeyPath, str] = {}
        self._secret_keys: dict[KeyPath, KeyPath] = {}
        self._problems = [
            ConfigProblem(
                file=place, where="the environment", what=e.what, expected=e.expected, hint=e.hint
            )
            for place, e in overrides.problems
        ]

    def load(self) -> Checked:
        self._take_secrets()
        rules = self._rules()
        settings: Settings | None = None
        try:
            settings = Settings(**{**self._data, "rules": rules})
        except ValidationError as error:
            for found, of_key in errors_of(error, Settings):
                self._add(found, of_key=of_key)
        if settings is not None:
            for finding in lint(settings):
                self._add_finding(finding)
            if not rules and not self._problems:
                empty = LanguageError(NO_RULE, "one under `rules` or `templates`", path=("rules",))
                self._add(empty, severity="warning")
        resolved = [] if settings is None else list(self._resolved(settings))
        problems = sorted(
            self._problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0)
        )
        if any(problem.severity == "error" for problem in problems):
            settings = None
        return Checked(settings, problems, resolved)

    def _take_secrets(self) -> None:
        for path in secrets_in(self._document.data):
            self._add(
                LanguageError(
                    "a secret in the file",
                    "it outside the file",
                    f"set {variable(path)}, or name a 0600 file in `{path[-1]}_file`; "
                    "treat the written key as known to others",
                    path=path,
                )
            )
        for path in SECRETS:
            if value_at(self._data, path) is not None:
                continue
            try:
                found = read_secret(self._data, path)
            except LanguageError as error:
                self._add(error)
                continue
            if found is not None:
                value, self._secret_origins[path], self._secret_keys[path] = found
                self._data = merged(self._data, {str(path[0]): {str(path[1]): value}})

    def _rules(self) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for section in ("rules", "templates"):
            entries = self._data.pop(section, None)
            if entries is None:
                continue
            if not isinstance(entries, list):
                self._add(LanguageError("no list", f"a list under `{section}`", path=(section,)))
                continue
            for index, entry in enumerate(entries):
                rules.extend(self._rule(section, index, entry, rules))
        return tuple(rules)

    def _rule(self, section: str, index: int, entry: object, before: list[Rule]) -> Iterator[Rule]:
        found: list[LanguageError] = []
        if section == "rules":
            made = parse_rule(entry, found, self._custom)
        else:
            made = parse_template(entry, found)
        for error in found:
            self._add(error.within(section, index), of_key=error.what.startswith("unknown "))
        if made is None:
            return
        if made.name in self._paths:
            first = self._document.place(self._paths[made.name])
            self._add(
                LanguageError(
                    f"the name `{made.name}` again"
                    + (f" (first in line {first[0]})" if first else ""),
                    "a name of its own",
                    path=(section, index, "name"),
                )
            )
            return
        self._paths[made.name] = (section, index)
        yield made

    def _add_finding(self, finding: Finding) -> None:
        path, what = finding.path, finding.what
        if finding.rule is not None:
            path = (*self._paths[finding.rule], *path)
        if path in self._secret_keys:
            what = f"{what} ({self._secret_origins[path]})"
            path = self._secret_keys[path]
        error = LanguageError(what, finding.expected, finding.hint, path=path)
        self._add(error, severity=finding.severity)

    def _add(self, error: LanguageError, *, of_key: bool = False, severity: Any = "error") -> None:
        path = error.path
        origin = self._overrides.origin(path)
        is_file = origin is None or (
            self._document.has(path) and path not in self._overrides.origins
        )
        place = self._document.place(path, error.offset, of_key=of_key) if is_file else None
        self._problems.append(
            ConfigProblem(
                file=self._document.file if is_file or origin is None else origin,
                where=self._where(path),
                what=error.what,
                expected=error.expected,
                hint=error.hint,
                line=(place[0] if place else 1) if is_file else None,
                column=(place[1] if place else 1) if is_file else None,
                severity=severity,
            )
        )

    def _where(self, path: KeyPath) -> str:
        """The rule's name and the key in it, or the key alone."""
        if len(path) < 2 or path[0] not in {"rules", "templates"}:
            return dotted(path)
        entry = value_at(self._data_before, path[:2])
        name = entry.get("name") if isinstance(entry, Mapping) else None
        rest = dotted(path[2:]) if len(path) > 2 else ""
        if not isinstance(name, str):
            return dotted(path[:2]) + (f": {rest}" if rest else "")
        return f"rule {name}" + (f": {rest}" if rest else "")

    @property
    def _data_before(self) -> dict[str, Any]:
        return merged(self._document.data, self._overrides.data)

    def _resolved(self, settings: Settings) -> Iterator[ResolvedValue]:
        for name in type(settings).model_fields:
            if name not in {"rules", "templates"}:
                yield from self._values((name,), getattr(settings, name))
        for rule in settings.rules:
            origin = self._origin(self._paths[rule.name])
            for key in (*("on", "symbols", "when", "then", "priority", "cooldown"), "daily_cap"):
                value = _shown(getattr(rule, key))
                if key == "symbols" and not rule.symbols:
                    value = f"every: {_shown(settings.symbols)}"
                yield ResolvedValue(f"rules.{rule.name}.{key}", value, origin)

    def _values(self, path: KeyPath, value: object) -> Iterator[ResolvedValue]:
        if isinstance(value, BaseModel):
            for name, inner in value:
                yield from self._values((*path, name), inner)
        elif isinstance(value, Mapping) and value:
            for name, inner in value.items():
                yield from self._values((*path, name), inner)
        else:
            yield ResolvedValue(dotted(path), _shown(value), self._origin(path))

    def _origin(self, path: KeyPath) -> str:
        if path in self._secret_origins:
            return self._secret_origins[path]
        if path in self._overrides.origins:
            return self._overrides.origins[path]
        if self._document.has(path):
            place = self._document.place(path)
            return f"{self._document.file}:{place[0]}" if place else self._document.file
        return "default"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else "(none)"
    if value is None:
        return "(none)"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "(none)"
    return str(value)

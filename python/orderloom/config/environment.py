"""Overrides and secrets from outside the file: environment, `.env`, 0600 files, keyring."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from orderloom.config.document import Path as KeyPath
from orderloom.config.document import value_at
from orderloom.config.settings import ENV_DELIMITER, ENV_PREFIX, Settings
from orderloom.errors import LanguageError, did_you_mean, shown

SECRETS: Final[tuple[KeyPath, ...]] = (("signals", "api_key"), ("signals", "hmac_key"))
"""Values that may never stand in the file."""


@dataclass(slots=True)
class Overrides:
    """What the environment sets: nested data, and which variable set each value."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[tuple[str, LanguageError]] = field(default_factory=list)

    def origin(self, path: KeyPath) -> str | None:
        """The variable behind a value, its parent, or the first one below it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
        below = (name for found, name in self.origins.items() if found[: len(path)] == path)
        return next(below, None)


def variable(path: KeyPath) -> str:
    """The variable that overrides a key.

    Example:
        >>> variable(("broker", "port"))
        'ORDERLOOM_BROKER__PORT'
    """
    return ENV_PREFIX + ENV_DELIMITER.join(str(part).upper() for part in path)


def read_overrides(environment: Mapping[str, str], dotenv: Path | None = None) -> Overrides:
    """Overrides of `environment`, which wins, and of a `.env` file.

    A variable of ours that names no section is a problem: it was meant to do something.
    """
    from dotenv import dotenv_values  # noqa: PLC0415 - only where a configuration is loaded

    ours: dict[str, str] = {}
    origins: dict[str, str] = {}
    overrides = Overrides()
    if dotenv is not None and dotenv.is_file():
        for name, value in dotenv_values(dotenv, interpolate=False).items():
            if name.upper().startswith(ENV_PREFIX) and value is not None:
                ours[name.lower()], origins[name.lower()] = value, f"{dotenv} {name.upper()}"
        secret = [name for name in ours if any(variable(p).lower() == name for p in SECRETS)]
        if secret and (reason := _readable_by_others(dotenv)) is not None:
            overrides.problems.append((origins[secret[0]], reason))
    for name, value in environment.items():
        if name.upper().startswith(ENV_PREFIX):
            ours[name.lower()], origins[name.lower()] = value, f"environment {name.upper()}"
    for name in [name for name, value in ours.items() if not value]:
        del ours[name]  # an empty variable is the usual way to unset one
    _check_sections(ours, origins, overrides)
    source = EnvSettingsSource(Settings)
    source.env_vars = dict(ours)
    try:
        overrides.data = source()
    except SettingsError as error:
        names = [name for name in ours if name.removeprefix(ENV_PREFIX.lower()) in str(error)]
        place = origins[names[0]] if names else "environment"
        overrides.problems.append((place, LanguageError("not JSON", "a list or mapping as JSON")))
    for path, _ in leaves(overrides.data):
        for end in range(len(path), 0, -1):
            if (name := variable(path[:end]).lower()) in ours:
                overrides.origins[path[:end]] = origins[name]
                break
    return overrides


def read_secret(data: Mapping[str, Any], secret: KeyPath) -> tuple[str, str, KeyPath] | None:
    """A secret, its origin, and which of the keys beside it, in `_file` or `_keyring`, gave it.

    Raises:
        LanguageError: The file or entry is missing, or the file is open to others.
    """
    section, key = secret
    values = data.get(str(section))
    if not isinstance(values, Mapping):
        return None
    if isinstance(name := values.get(f"{key}_file"), str):
        path = Path(name).expanduser()
        where = (section, f"{key}_file")
        if not path.is_file():
            raise LanguageError(f"no file {shown(name)}", "a file with the key", path=where)
        if (reason := _readable_by_others(path)) is not None:
            raise LanguageError(reason.what, reason.expected, reason.hint, path=where)
        try:
            found = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise LanguageError(
                f"{shown(name)} cannot be read ({why})", "a file with the key", path=where
            ) from None
        if not found:
            raise LanguageError(f"{shown(name)} is empty", "a file with the key", path=where)
        return found, f"file {path}", where
    if isinstance(name := values.get(f"{key}_keyring"), str) and "/" in name:
        return _from_keyring(name, secret), f"keyring {name}", (section, f"{key}_keyring")
    return None


def leaves(data: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Every value that is no mapping, with its path; an empty mapping is one."""
    if isinstance(data, Mapping) and data:
        for key, inner in data.items():
            yield from leaves(inner, (*path, str(key)))
    else:
        yield path, data


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, mappings joined key by key, `over` winning."""
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            result[key] = merged(inner, value)
        else:
            result[key] = value
    return result


def _check_sections(ours: dict[str, str], origins: dict[str, str], overrides: Overrides) -> None:
    sections = list(Settings.model_fields)
    for name in list(ours):
        section = name.removeprefix(ENV_PREFIX.lower()).split(ENV_DELIMITER)[0]
        if section not in sections:
            close = did_you_mean(section, sections)
            overrides.problems.append(
                (
                    origins[name],
                    LanguageError(
                        f"unknown section `{section}`",
                        f"one of {', '.join(f'`{known}`' for known in sections)}",
                        close or "the section and the key are joined by `__`",
                    ),
                )
            )
            del ours[name]


def _readable_by_others(path: Path) -> LanguageError | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return LanguageError(
            f"{shown(str(path))} is open to others (mode {mode:04o})",
            "mode 0600 for a file with a secret",
            f"chmod 600 {path}",
        )
    return None


def _from_keyring(name: str, secret: KeyPath) -> str:
    where = (secret[0], f"{secret[1]}_keyring")
    service, _, user = name.partition("/")
    try:
        import keyring.errors  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError:
        raise LanguageError(
            "the package `keyring` is not installed",
            f"it for `{where[-1]}`",
            "pip install keyring",
            path=where,
        ) from None
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        raise LanguageError(
            f"the keyring cannot be read ({(str(error) or type(error).__name__).splitlines()[0]})",
            "one that is unlocked",
            f"{variable(secret)} or `{secret[1]}_file` where there is none",
            path=where,
        ) from None
    if not found:
        raise LanguageError(
            f"no entry {shown(name)} in the keyring",
            "the key there",
            f"keyring set {service} {user}",
            path=where,
        )
    return str(found)


def secrets_in(data: Mapping[str, Any]) -> list[KeyPath]:
    """Secrets that the file itself gives."""
    return [path for path in SECRETS if value_at(data, path) is not None]

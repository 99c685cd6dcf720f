"""A strategy file of which many versions are made that differ in some values.

A path names a value as the file has it: `limits.max_position_value`, `rules.long.cooldown` (a rule
by its name or its place), `rules.long.do[0].enter.stop[0].atr`. What a condition compares with is
named by the other side: `rules.long.when.signal.confidence` is the number beside
`signal.confidence` in that rule's `when`.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom.config.document import Document
from orderloom.config.document import Path as KeyPath
from orderloom.config.environment import Overrides, merged, read_overrides
from orderloom.config.load import Checked, check_document, load_settings
from orderloom.config.rule_forms import KEYS
from orderloom.config.settings import Settings
from orderloom.errors import ConfigError, ConfigProblem, LanguageError, did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LISTS: Final = ("rules", "templates")
_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True)
class Variants:
    """One file, read once; may be sent to another process.

    Example:
        >>> text = '''
        ... rules:
        ...   - {name: out, on: Bar, symbols: [A], when: bar.close < 10, do: [close_all: {}]}
        ... '''
        >>> variants = Variants("strategy.yaml", text, Overrides())
        >>> made = variants.settings({"rules.out.when.bar.close": 12, "signals.max_age": "9s"})
        >>> print(made.rules[0].when, made.signals.max_age)
        bar.close < 12 9s
    """

    file: str
    text: str
    overrides: Overrides
    called: str = "parameter"
    """What messages call a value that is given by its path."""

    @classmethod
    def read(cls, file: str | os.PathLike[str], called: str = "parameter") -> Variants:
        """The file as it is, with what the environment overrides.

        Raises:
            ConfigError: The file cannot be used even without a change.
        """
        load_settings(file)
        path = Path(file)
        overrides = read_overrides(os.environ, path.parent / ".env")
        return cls(str(file), path.read_text(encoding="utf-8-sig"), overrides, called)

    def __call__(self, **values: object) -> Settings:
        """As `settings`, for `sweep`."""
        return self.settings(values)

    def settings(self, values: Mapping[str, object]) -> Settings:
        """The settings with these values by path; the file's own where there is none.

        Raises:
            LanguageError: A path that leads nowhere; the nearest that would is named.
            ConfigError: A value that cannot be, with its place.
        """
        checked = self._checked(values)
        if checked.settings is None:
            # The file can be used as it is: to blame is what was put into it.
            alone = ((path, self._checked({path: value})) for path, value in values.items())
            blamed = [(path, each.errors) for path, each in alone if each.errors]
            together = ", ".join(values)
            raise ConfigError(
                [
                    self._in_parameter(path, problem)
                    for path, problems in blamed or [(together, checked.errors)]
                    for problem in problems
                ]
            )
        return checked.settings

    def _checked(self, values: Mapping[str, object]) -> Checked:
        data, given = deepcopy(self._document.data), self.overrides
        for path, value in values.items():
            section = path.partition(".")[0].partition("[")[0]
            try:
                if section in _LISTS:
                    _set(data, path, value)
                else:
                    given = _overridden(given, path, value)
            except LanguageError as error:
                raise LanguageError(
                    f"{self.called} {shown(path)}: {error.what}", error.expected, error.hint
                ) from None
        return check_document(replace(self._document, data=data), given)

    def _in_parameter(self, path: str, problem: ConfigProblem) -> ConfigProblem:
        where = problem.where if problem.where != path else "its value"
        return replace(problem, file=f"{self.called} {path}", where=where, line=None, column=None)

    @cached_property
    def _document(self) -> Document:
        return Document.parse(self.text, self.file)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was made of the text: it is made again where it is needed."""
        return {name: getattr(self, name) for name in ("file", "text", "overrides", "called")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _overridden(overrides: Overrides, path: str, value: object) -> Overrides:
    """The environment's overrides, and one more that wins."""
    keys = tuple(path.split("."))
    sections = (*Settings.model_fields,)
    if keys[0] not in sections:
        raise _nowhere(keys[0], sections)
    if len(keys) < 2:
        raise LanguageError("a whole section", f"one of its values, such as `{path}.…`")
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    origins = {**overrides.origins, keys: path}
    return Overrides(merged(overrides.data, nested), origins, overrides.problems)


def _set(data: dict[str, Any], path: str, value: object) -> None:
    section, entry, rest = _entry(data, path)
    if section == "rules" and rest[0] not in KEYS:
        raise _nowhere(str(rest[0]), KEYS)
    if section == "rules" and rest[0] == "when" and len(rest) > 1:
        operand = path[path.index(".when.") + len(".when.") :]
        entry["when"] = _compared(entry.get("when"), operand, value)
        return
    here = entry
    for key in rest[:-1]:
        here = _inner(here, key)
    last = rest[-1]
    if isinstance(here, list):
        _inner(here, last)
        here[int(last)] = value
    elif isinstance(here, dict):
        # A key that is not in the file yet is judged as if it stood there.
        here[str(last)] = value
    else:
        raise _nowhere(str(last), ())


def _entry(data: dict[str, Any], path: str) -> tuple[str, Any, KeyPath]:
    """The rule or template that a path begins with, and the way on from there."""
    section = path.partition(".")[0].partition("[")[0]
    entries = data.get(section)
    if not isinstance(entries, list):
        raise LanguageError("nothing there", f"`{section}` in the file")
    rest = path[len(section) :]
    names = [entry.get("name") if isinstance(entry, Mapping) else None for entry in entries]
    if rest.startswith(".") and rest[1:] in names:
        raise LanguageError("a whole entry", f"one of its values, such as `{path}.…`")
    # The longest name first: names may hold dots.
    for name in sorted({name for name in names if isinstance(name, str)}, key=len, reverse=True):
        end = 1 + len(name)
        if rest.startswith(f".{name}") and rest[end : end + 1] in {".", "["}:
            return section, entries[names.index(name)], tuple(_parts(rest[end:]))
    parts = tuple(_parts(rest))
    found = str(parts[0]) if parts else ""
    if found.isdigit() and int(found) < len(entries) and len(parts) > 1:
        return section, entries[int(found)], parts[1:]
    known = [name for name in names if isinstance(name, str)]
    raise _nowhere(found, known or [str(number) for number in range(len(entries))])


def _parts(text: str) -> Iterator[str | int]:
    for match in _PART.finditer(text):
        yield int(match[1]) if match[1] is not None else match[2]


def _inner(here: Any, key: str | int) -> Any:
    if isinstance(here, list):
        place = int(key) if str(key).isdigit() else len(here)
        if place < len(here):
            return here[place]
        raise _nowhere(str(key), [str(number) for number in range(len(here))])
    if isinstance(here, Mapping) and key in here:
        return here[str(key)]
    raise _nowhere(str(key), list(here) if isinstance(here, Mapping) else ())


def _compared(when: object, operand: str, value: object) -> str:
    """The condition's text with another number beside `operand`."""
    if not isinstance(when, str):
        raise LanguageError(f"found {shown(when)}", "a `when` that is one text")
    try:
        tree = ast.parse(when.strip(), mode="eval")
    except SyntaxError:
        raise LanguageError(f"found {shown(when)}", "a condition", path=("when",)) from None
    found = [(name, place) for node in ast.walk(tree) for name, place in _numbers(node)]
    places = [place for name, place in found if name == operand.replace(" ", "")]
    if len(places) != 1:
        names = [name for name, _ in found]
        if not places:
            raise _nowhere(operand, names)
        raise LanguageError(
            f"`{operand}` is compared {len(places)} times in {shown(when)}",
            "once; or give the whole `when` as the value",
        )
    (place,) = places
    lines = when.strip().encode().split(b"\n")
    line = lines[place.lineno - 1]
    assert place.end_lineno == place.lineno  # noqa: S101 - a number is on one line
    assert place.end_col_offset is not None  # noqa: S101 - the parser tells it
    changed = line[: place.col_offset] + str(value).encode() + line[place.end_col_offset :]
    lines[place.lineno - 1] = changed
    return b"\n".join(lines).decode()


def _numbers(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The constants of a comparison, each by what it is compared with."""
    if not isinstance(node, ast.Compare):
        return
    sides = [node.left, *node.comparators]
    for left, right in pairwise(sides):
        for name, place in ((left, right), (right, left)):
            if isinstance(place, ast.Constant | ast.UnaryOp):
                yield ast.unparse(name).replace(" ", ""), place


def _nowhere(found: str, known: Iterable[str]) -> LanguageError:
    names: Sequence[str] = list(dict.fromkeys(known))
    expected = f"one of {', '.join(f'`{name}`' for name in names)}" if names else "a shorter path"
    return LanguageError(
        f"no `{found}` there",
        expected,
        did_you_mean(found, names),
    )

"""A YAML file as plain data that remembers where each of its values stands.

Read as YAML 1.2 by ruamel's safe resolver: no tags, no key or anchor twice, bounded size.
What looks like a date stays text.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orderloom.errors import ConfigError, ConfigProblem, not_utf8, shown

BYTES_MAX: Final = 1_000_000
"""Largest file."""
VALUES_MAX: Final = 50_000
"""Most values, each use of an alias counted."""
DEPTH_MAX: Final = 64
"""Deepest nesting; a recursive alias runs into it."""

Path = tuple[str | int, ...]

_CORE: Final = "tag:yaml.org,2002:"
_TYPES: Final = frozenset({"str", "int", "float", "bool", "null", "timestamp", "map", "seq"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands; `source` is the raw text of a scalar from `index` on."""

    line: int
    column: int
    key_line: int
    key_column: int
    node: Node


@dataclass(slots=True)
class Document:
    r"""One configuration file.

    Example:
        >>> document = Document.parse("broker:\n  port: 7497\n", "strategy.yaml")
        >>> document.data, document.place(("broker", "port"))
        ({'broker': {'port': 7497}}, (2, 9))
    """

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    _places: dict[Path, _Place] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, file: str) -> Document:
        """The document in `text`; `file` is its name in messages.

        Raises:
            ConfigError: No YAML, a duplicate key, a tag, or beyond the bounds.
        """
        document = cls(file, text)
        if len(text.encode(errors="replace")) > BYTES_MAX:
            document._refuse(None, "the file", "too many bytes", f"up to {BYTES_MAX}")
        yaml = YAML(typ="safe", pure=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ReusedAnchorWarning)
                root = yaml.compose(text)
        except ReusedAnchorWarning as warning:
            # Its text names both places, the second one last.
            line, column = re.findall(r"line (\d+), column (\d+)", str(warning))[-1]
            document._refuse_at(
                int(line), int(column), "an anchor `&…` of a name that is taken", "one of its own"
            )
        except RecursionError:
            document._refuse(None, "the file", "nested too deeply", f"up to {DEPTH_MAX} levels")
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            document._refuse_at(
                1 if mark is None else mark.line + 1,
                1 if mark is None else mark.column + 1,
                f"not YAML ({error.problem or error.context})",
                "YAML 1.2",
                "a `:` or `#` inside a text needs quotes around it",
            )
        except (YAMLError, ValueError) as error:
            document._refuse_at(1, 1, f"not YAML ({str(error).splitlines()[0]})", "YAML 1.2")
        if root is None:
            return document
        if not isinstance(root, MappingNode):
            document._refuse(root, "the file", "no mapping", "sections such as `broker:`")
        document.data = document._plain(root, (), root, yaml)
        return document

    def place(
        self, path: Path, offset: int | None = None, *, of_key: bool = False
    ) -> tuple[int, int] | None:
        """Line and column, from 1, of the value at `path` or of its nearest parent in the file.

        Args:
            path: Keys and indices from the top.
            offset: Index of a character in the text that the value is.
            of_key: Whether the key is meant rather than its value.
        """
        for end in range(len(path), 0, -1):
            place = self._places.get(path[:end])
            if place is None:
                continue
            exactly = end == len(path)
            if exactly and offset is not None and isinstance(place.node, ScalarNode):
                return self._inside(place.node, offset)
            if (exactly and of_key) or not isinstance(place.node, ScalarNode):
                return place.key_line, place.key_column
            return place.line, place.column
        return None

    def has(self, path: Path) -> bool:
        """Whether the file gives a value at `path`."""
        return path in self._places

    def _inside(self, node: ScalarNode, offset: int) -> tuple[int, int]:
        """The place of one character of a scalar.

        Quotes, escapes, folding and indentation move characters but keep the order of those that
        are not blank, so that following them in the source finds the place in every style.
        """
        start = end = node.start_mark.index
        if node.style in {"|", ">"}:
            start = end = self.text.find("\n", start) + 1
        for letter in str(node.value)[: offset + 1]:
            if letter.isspace():
                continue
            found = self.text.find(letter, end, node.end_mark.index)
            if found < 0:
                break
            start, end = found, found + 1
        line_start = self.text.rfind("\n", 0, start) + 1
        return self.text.count("\n", 0, start) + 1, start - line_start + 1

    def _plain(self, node: Node, path: Path, key: Node, yaml: YAML) -> Any:
        if len(self._places) >= VALUES_MAX:
            self._refuse(node, "the file", "too many values", f"up to {VALUES_MAX}")
        if len(path) > DEPTH_MAX:
            self._refuse(node, "the file", "nested too deeply", f"up to {DEPTH_MAX} levels")
        mark, key_mark = node.start_mark, key.start_mark
        self._places[path] = _Place(
            mark.line + 1, mark.column + 1, key_mark.line + 1, key_mark.column + 1, node
        )
        kind = str(node.tag).removeprefix(_CORE)
        if kind not in _TYPES or not str(node.tag).startswith(_CORE):
            self._refuse(node, dotted(path), f"the tag {shown(str(node.tag))}", "plain values")
        if isinstance(node, MappingNode):
            return self._mapping(node, path, yaml)
        if isinstance(node, SequenceNode):
            return [
                self._plain(item, (*path, index), item, yaml)
                for index, item in enumerate(node.value)
            ]
        if kind in {"str", "timestamp"}:
            return str(node.value)
        try:
            return yaml.constructor.construct_object(node, deep=True)
        except (YAMLError, ValueError, OverflowError):
            self._refuse(node, dotted(path), f"found {shown(str(node.value))}", f"a {kind}")

    def _mapping(self, node: MappingNode, path: Path, yaml: YAML) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse(key_node, dotted(path), "a key that is no word", "a word")
            key = str(key_node.value)
            if key in data:
                first = self._places[*path, key]
                self._refuse(
                    key_node,
                    dotted((*path, key)),
                    f"the key {shown(key)} again (first in line {first.key_line})",
                    "each key once",
                )
            data[key] = self._plain(value_node, (*path, key), key_node, yaml)
        return data

    def _refuse(self, node: Node | None, where: str, what: str, expected: str) -> NoReturn:
        mark = None if node is None else node.start_mark
        raise ConfigError(
            [
                ConfigProblem(
                    file=self.file,
                    where=where,
                    what=what,
                    expected=expected,
                    line=1 if mark is None else mark.line + 1,
                    column=1 if mark is None else mark.column + 1,
                )
            ]
        )

    def _refuse_at(
        self,
        line: int,
        column: int,
        what: str,
        expected: str,
        hint: str | None = None,
    ) -> NoReturn:
        raise ConfigError(
            [
                ConfigProblem(
                    file=self.file,
                    where="the file",
                    what=what,
                    expected=expected,
                    hint=hint,
                    line=line,
                    column=column,
                )
            ]
        ) from None


def problem_of_bytes(file: str, error: UnicodeDecodeError) -> ConfigProblem:
    """What is wrong with a file that is no text."""
    return ConfigProblem(
        file=file,
        where="the file",
        what=not_utf8(error),
        expected="YAML in UTF-8",
        hint="save it with that encoding",
        line=error.object.count(b"\n", 0, error.start) + 1,
    )


def dotted(path: Path) -> str:
    """A path as messages show it: `broker.port`, `rules[0].when`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"


def value_at(data: object, path: Path) -> Any:
    """The value at `path` of nested mappings and lists, or `None`."""
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data

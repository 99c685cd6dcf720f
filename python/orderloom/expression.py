"""Conditions as text, in Python's syntax over the documented names.

The text is parsed by the standard `ast` and rebuilt, node by node, from what this file allows; it
is never evaluated as Python. Everything else is refused with its place.
"""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NoReturn, cast

from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.functions import FUNCTIONS
from orderloom.names import NAME_MAX, NAMES, NAMESPACES, signal, time
from orderloom.tree import (
    Condition,
    ConstantCondition,
    CustomCondition,
    FlagCondition,
    Node,
    NotCondition,
    Number,
    Numeric,
    Operand,
    Sign,
    all_of,
    any_of,
    arithmetic,
    compare,
    numeric,
    operand,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

TEXT_MAX: Final = 4_000
"""Longest text, in characters."""
NODES_MAX: Final = 1_000
"""Most syntax nodes of one text."""
DEPTH_MAX: Final = 32
"""Deepest nesting; the native reader of the compiled form bounds it, too."""

_METHODS: Final[dict[str, Callable[..., Node]]] = {
    "time.between": time.between,
    "time.weekdays": time.weekdays,
}
_FEATURES: Final = "signal.features"
_SIGNS: Final[dict[type[ast.cmpop], Sign]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.GtE: ">=",
    ast.Gt: ">",
}
_ARITHMETIC: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
}
_HINTS: Final[dict[type[ast.AST], str]] = {
    ast.BitAnd: "join conditions with `and`",
    ast.BitOr: "join conditions with `or`",
    ast.Invert: "write `not`",
    ast.Is: "write `==`",
    ast.IsNot: "write `!=`",
    ast.IfExp: "write `a and b or c`, or two rules",
    ast.JoinedStr: "write the text in plain quotes",
}

# `(` and `)` around the text let it run over several lines and hold comments.
_OPENING, _CLOSING = "(\n", "\n)"


def parse_condition(text: str, *, custom: Collection[str] = ()) -> Condition:
    """The condition that a text means.

    Args:
        text: An expression such as `signal.side == "BUY" and position.is_flat`.
        custom: Names of registered Python conditions, usable without `ask("…")`.

    Raises:
        LanguageError: The text is no condition; `offset` is the place in it.

    Example:
        >>> parse_condition('0.8 <= signal.confidence < 0.95 and not position.is_long')
        <signal.confidence >= 0.8 and signal.confidence < 0.95 and not (position.is_long)>
    """
    return _Reader(text, FUNCTIONS, custom).condition()


def parse_operand(text: str) -> Operand:
    """The value that a text names or computes, flags included.

    Raises:
        LanguageError: The text is no value; `offset` is the place in it.

    Example:
        >>> parse_operand("market.bid - 0.5 * atr(14)")
        <market.bid - (0.5 * atr(14))>
    """
    return _Reader(text, FUNCTIONS, ()).operand()


def parse_value(text: str, functions: Mapping[str, Callable[..., object]]) -> object:
    """What a text means where calls of `functions` are allowed besides the usual ones.

    Raises:
        LanguageError: The text means nothing; `offset` is the place in it.
    """
    return _Reader(text, {**FUNCTIONS, **functions}, ()).value()


class _Reader:
    """One text on its way from syntax to tree."""

    def __init__(
        self,
        text: str,
        functions: Mapping[str, Callable[..., object]],
        custom: Collection[str],
    ) -> None:
        self._text = text
        self._functions = functions
        self._custom = custom
        self._lines = text.split("\n")
        self._root = self._syntax()

    def condition(self) -> Condition:
        return self._condition(self._root)

    def operand(self) -> Operand:
        value = self.value()
        try:
            return operand(value)
        except LanguageError as error:
            raise error.at(self._offset(self._root)) from None

    def value(self) -> object:
        return self._read(self._root)

    def _syntax(self) -> ast.expr:
        text = self._text
        if len(text) > TEXT_MAX:
            raise LanguageError(f"{len(text)} characters", f"at most {TEXT_MAX}", offset=0)
        if not text.strip():
            raise LanguageError("an empty text", "an expression", offset=0)
        for index, letter in enumerate(text):
            if not letter.isprintable() and letter not in "\n\t":
                raise LanguageError(
                    f"the character U+{ord(letter):04X}", "printable text", offset=index
                )
        self._check_brackets()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                root = ast.parse(_OPENING + text + _CLOSING, mode="eval").body
        except SyntaxError as error:
            self._refuse_syntax(error)
        except (RecursionError, MemoryError, ValueError, OverflowError):
            raise self._too_deep() from None
        self._check_size(root)
        return root

    def _check_brackets(self) -> None:
        """A bracket that closes ours would let `a) or (b` pass."""
        depth = 0
        lines = io.StringIO(_OPENING + self._text + _CLOSING).readline
        try:
            for token in tokenize.generate_tokens(lines):
                if token.type != tokenize.OP:
                    continue
                depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
                if depth == 0 and token.start[0] < len(self._lines) + 2:
                    offset = self._index(token.start[0] - 2, token.start[1])
                    raise LanguageError(
                        f"unmatched `{token.string}`", "balanced brackets", offset=offset
                    )
        except (tokenize.TokenError, SyntaxError):
            return  # `ast` words these better

    def _refuse_syntax(self, error: SyntaxError) -> NoReturn:
        line = min(max((error.lineno or 2) - 2, 0), len(self._lines) - 1)
        column = max((error.offset or 1) - 1, 0) if (error.lineno or 0) > 1 else 0
        hint = None
        if any(word in self._text for word in ("&&", "||", " AND ", " OR ", "NOT ", "<>")):
            hint = "write `and`, `or`, `not` and `!=`"
        message = (error.msg or "invalid syntax").split(". ", maxsplit=1)
        if "too many nested" in message[0]:
            raise self._too_deep() from None
        if len(message) > 1 and hint is None:
            hint = message[1]
        raise LanguageError(
            f"cannot be read ({message[0]})",
            "an expression in Python's syntax",
            hint,
            offset=self._index(line, column),
        ) from None

    @staticmethod
    def _too_deep() -> LanguageError:
        return LanguageError(
            "nested too deeply or too large", f"at most {DEPTH_MAX} levels", offset=0
        )

    def _check_size(self, root: ast.expr) -> None:
        level, depth, count = [cast("ast.AST", root)], 0, 0
        while level:
            depth, count = depth + 1, count + len(level)
            if depth > DEPTH_MAX or count > NODES_MAX:
                raise self._too_deep()
            level = [
                child
                for parent in level
                for child in ast.iter_child_nodes(parent)
                if not isinstance(child, ast.expr_context)
            ]

    def _read(self, node: ast.expr) -> object:
        try:
            return self._read_inner(node)
        except LanguageError as error:
            raise error.at(self._offset(node)) from None

    def _read_inner(self, node: ast.expr) -> object:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.BoolOp(op=ast.And()):
                return all_of(*map(self._condition, node.values))
            case ast.BoolOp():
                return any_of(*map(self._condition, node.values))
            case ast.UnaryOp(op=ast.Not()):
                return NotCondition(self._condition(node.operand))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                number = self._number(node.operand)
                return -number if isinstance(node.op, ast.USub) else number
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                sign = _ARITHMETIC[type(node.op)]
                return arithmetic(self._number(node.left), sign, self._number(node.right))
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.Subscript():
                return self._feature(node)
            case ast.BinOp() | ast.UnaryOp():
                raise self._refusal(node, node.op)
            case _:
                raise self._refusal(node, node)

    def _condition(self, node: ast.expr) -> Condition:
        value = self._read(node)
        if isinstance(value, bool):
            return ConstantCondition(value)
        if isinstance(value, Condition):
            return value
        found = f"`{value}`" if isinstance(value, Node) else shown(value)
        raise LanguageError(
            f"{found} is no condition",
            "a comparison or a yes-or-no value",
            offset=self._offset(node),
        )

    def _number(self, node: ast.expr) -> Numeric:
        value = self._read(node)
        try:
            return numeric(value, "in a computation")
        except LanguageError as error:
            raise error.at(self._offset(node)) from None

    def _compare(self, node: ast.Compare) -> Condition:
        nodes = [node.left, *node.comparators]
        parts = []
        for (left, right), sign in zip(pairwise(nodes), node.ops, strict=True):
            first = self._read(left)
            try:
                if isinstance(sign, ast.In | ast.NotIn):
                    parts.append(self._membership(first, right, is_in=isinstance(sign, ast.In)))
                elif type(sign) in _SIGNS:
                    parts.append(_compared(first, _SIGNS[type(sign)], self._read(right)))
                else:
                    raise self._refusal(right, sign)
            except LanguageError as error:
                raise error.at(self._offset(right)) from None
        return all_of(*parts)

    def _membership(self, value: object, node: ast.expr, *, is_in: bool) -> Condition:
        if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
            raise LanguageError(
                "`in` without a list", 'fixed values in brackets, such as `["BUY", "SHORT"]`'
            )
        found = any_of(*(_compared(value, "==", self._read(item)) for item in node.elts))
        return found if is_in else NotCondition(found)

    def _call(self, node: ast.Call) -> object:
        name = self._dotted(node.func)
        functions = {**self._functions, **_METHODS}
        function = functions.get(name or "")
        if name is None or function is None:
            if name in NAMES:
                raise LanguageError(f"`{name}` is called", "it without brackets", f"write `{name}`")
            raise LanguageError(
                f"unknown function {shown(name or ast.unparse(node.func))}",
                "a documented function",
                did_you_mean(name or "", list(functions)),
            )
        if any(keyword.arg is None for keyword in node.keywords) or any(
            isinstance(item, ast.Starred) for item in node.args
        ):
            raise LanguageError("`*` in a call", "every argument written out")
        positional = [self._argument(item) for item in node.args]
        named = {str(item.arg): self._argument(item.value) for item in node.keywords}
        signature = inspect.signature(function)
        try:
            signature.bind(*positional, **named)
        except TypeError as error:
            parameters = ", ".join(signature.parameters)
            raise LanguageError(f"`{name}`: {error}", f"`{name}({parameters})`") from None
        return function(*positional, **named)

    def _argument(self, node: ast.expr) -> object:
        value = self._read(node)
        return value.value if isinstance(value, Number) else value

    def _name(self, node: ast.expr) -> object:
        name = self._dotted(node)
        if name is None:
            raise self._refusal(node, node)
        if name in NAMES:
            return NAMES[name]
        if name in self._custom:
            return CustomCondition(name)
        if name in self._functions or name in _METHODS:
            raise LanguageError(f"`{name}` is a function", f"a call such as `{name}(…)`")
        if name in NAMESPACES:
            members = [known for known in NAMES if known.startswith(f"{name}.")]
            raise LanguageError(
                f"`{name}` has several values", "one of " + ", ".join(f"`{m}`" for m in members)
            )
        if name == _FEATURES:
            raise LanguageError(f"`{name}` has several values", f'one, as in `{name}["rsi"]`')
        hint = did_you_mean(name, [*NAMES, *self._functions, *_METHODS, *self._custom])
        if hint is None and name.isidentifier() and len(name) <= NAME_MAX:
            hint = f'words need quotes (`"{name}"`), Python conditions `ask("{name}")`'
        raise LanguageError(f"unknown name {shown(name)}", "a documented name", hint)

    def _feature(self, node: ast.Subscript) -> Operand:
        key = node.slice
        if self._dotted(node.value) != _FEATURES:
            raise self._refusal(node, node)
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            raise LanguageError("a feature without its name", f'`{_FEATURES}["rsi"]`')
        return signal.features[key.value]

    def _dotted(self, node: ast.expr) -> str | None:
        """`a.b.c` of names and attributes, nothing of anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None

    def _refusal(self, node: ast.expr, culprit: ast.AST) -> LanguageError:
        try:
            source = ast.get_source_segment(_OPENING + self._text + _CLOSING, node) or ""
        except ValueError:
            source = ""
        return LanguageError(
            f"{shown(source)} ({type(culprit).__name__}) is not part of the language",
            "comparisons, `and`, `or`, `not`, `in`, `+ - * / %`, names and documented functions",
            _HINTS.get(type(culprit)),
            offset=self._offset(node),
        )

    def _offset(self, node: ast.expr) -> int:
        line = min(max(node.lineno - 2, 0), len(self._lines) - 1)
        encoded = self._lines[line].encode()[: node.col_offset]
        return self._index(line, len(encoded.decode(errors="ignore")))

    def _index(self, line: int, column: int) -> int:
        """The place in the text, of a line and a column counted from 0."""
        before = sum(len(text) + 1 for text in self._lines[:line])
        return min(before + column, max(len(self._text) - 1, 0))


def _compared(left: object, sign: Sign, right: object) -> Condition:
    """A comparison; a condition beside `True` or `False` stands for itself or its negation."""
    if isinstance(left, bool):
        left, right = right, left
    if isinstance(left, Condition) and isinstance(right, bool) and sign in {"==", "!="}:
        return left if right == (sign == "==") else NotCondition(left)
    for side in (left, right):
        if isinstance(side, Condition) and not isinstance(side, FlagCondition):
            raise LanguageError(
                f"the condition `{side}` is compared", "values", "put brackets, or join by `and`"
            )
    return compare(left, sign, right)


__all__ = ["DEPTH_MAX", "NODES_MAX", "TEXT_MAX", "parse_condition", "parse_operand", "parse_value"]

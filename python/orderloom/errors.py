"""Errors, told apart by who must act on them.

A refusal by the broker is no error: it is an event, for rules to react to.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class OrderloomError(Exception):
    """Anything that orderloom raises on purpose; the command line ends with `exit_code`.

    Example:
        >>> issubclass(ConfigError, OrderloomError), ConfigError.exit_code
        (True, 2)
    """

    exit_code: ClassVar[int] = 1


class BrokerUnavailable(OrderloomError):  # noqa: N818 - says what happened
    """No connection to the broker, or refused by it. The person who runs orderloom must act."""

    exit_code: ClassVar[int] = 3


class InvariantViolated(OrderloomError):  # noqa: N818 - says what happened
    """Something that must always hold did not, or the run ended halted. The operator must act."""

    exit_code: ClassVar[int] = 4


class ComparisonDiffers(OrderloomError):  # noqa: N818 - says what happened
    """Two runs that were expected to be the same are not."""

    exit_code: ClassVar[int] = 5


class LanguageError(OrderloomError, ValueError):
    """A part of a rule that cannot mean anything.

    Args:
        what: What was found, values in backticks.
        expected: What would have been right there.
        hint: The remedy, where it is known.
        offset: Index of the offending character in the text, for expressions.
        path: Keys and indices from the parsed value down to the offending one.

    Example:
        >>> from orderloom.expression import parse_condition
        >>> parse_condition('signal.sid == "BUY"')
        Traceback (most recent call last):
            ...
        orderloom.errors.LanguageError: unknown name `signal.sid`, expected a documented name, \
hint: did you mean `signal.side`?
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        what: str,
        expected: str,
        hint: str | None = None,
        *,
        offset: int | None = None,
        path: Sequence[str | int] = (),
    ) -> None:
        super().__init__(what, expected, hint)
        self.what = what
        self.expected = expected
        self.hint = hint
        self.offset = offset
        self.path = tuple(path)

    def __str__(self) -> str:
        return sentence(self.what, self.expected, self.hint)

    def within(self, *path: str | int) -> LanguageError:
        """The same error, seen from a value that holds the offending one at `path`."""
        return LanguageError(
            self.what, self.expected, self.hint, offset=self.offset, path=(*path, *self.path)
        )

    def at(self, offset: int) -> LanguageError:
        """The same error with a place in the text, unless it has one already."""
        if self.offset is not None:
            return self
        return LanguageError(self.what, self.expected, self.hint, offset=offset, path=self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One thing that is wrong, or suspicious, in a configuration.

    `where` is the rule's name, or the key with its sections. `line` and `column` count from 1 and
    are absent for values that do not come from the file; `file` then names their source.

    Example:
        >>> str(ConfigProblem(file="strategy.yaml", line=4, where="broker.port",
        ...                   what="found `abc`", expected="a whole number"))
        'strategy.yaml:4: broker.port: found `abc`, expected a whole number'
    """

    file: str
    where: str
    what: str
    expected: str
    hint: str | None = None
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        mild = "warning: " if self.severity == "warning" else ""
        return f"{place}: {self.where}: {mild}{sentence(self.what, self.expected, self.hint)}"

    def as_dict(self) -> dict[str, str | int | None]:
        """The problem as JSON values, with the whole `message`."""
        return {**asdict(self), "message": str(self)}


class ConfigError(OrderloomError):
    """A configuration that cannot be used. The author of the strategy must act, before the start.

    Example:
        >>> from orderloom.config import parse_settings
        >>> try:
        ...     parse_settings("broker: {prot: 7497}", file="strategy.yaml", environment={})
        ... except ConfigError as error:
        ...     print(error)
        strategy.yaml:1: broker.prot: unknown key `prot`, expected one of `mode`, `host`, `port`, \
`client_id`, `account`, `restarts`, hint: did you mean `port`?
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@contextmanager
def inside(*path: str | int) -> Iterator[None]:
    """Lets a `LanguageError` tell the way down from the value that is being read.

    Example:
        >>> with inside("stop", 0):
        ...     raise LanguageError("found `-1`", "a number above 0")
        Traceback (most recent call last):
            ...
        orderloom.errors.LanguageError: found `-1`, expected a number above 0
    """
    try:
        yield
    except LanguageError as error:
        raise error.within(*path) from None


def sentence(what: str, expected: str, hint: str | None) -> str:
    """What was found, what was expected, and the remedy if there is one."""
    parts = [what, f"expected {expected}"] if expected else [what]
    return ", ".join([*parts, f"hint: {hint}"] if hint else parts)


def not_utf8(error: UnicodeDecodeError) -> str:
    r"""Which byte of a text is no UTF-8, and in which line.

    Example:
        >>> try:
        ...     b"a: 1\nb: caf\xe9\n".decode()
        ... except UnicodeDecodeError as error:
        ...     print(not_utf8(error))
        the byte 0xe9 in line 2 is not UTF-8
    """
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"the byte 0x{error.object[error.start]:02x} in line {line} is not UTF-8"


def did_you_mean(found: str, known: Sequence[str]) -> str | None:
    """A hint that names the closest of `known`, if one is close."""
    if len(found) > 80:
        return None
    close = [name for name in known if name.lower() == found.lower()]
    close = close or get_close_matches(found, known, n=1)
    return f"did you mean `{close[0]}`?" if close else None


def shown(value: object, limit: int = 60) -> str:
    """A value as messages show it: short, on one line, in backticks.

    A text is quoted if it reads as a value of another kind.

    Example:
        >>> shown("abc"), shown("1"), shown(1), shown(True)
        ('`abc`', "`'1'`", '`1`', '`true`')
    """
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    try:
        text = value if isinstance(value, str) and not _reads_as_other(value) else repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        text = f"{type(value).__name__} of too many digits"
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: limit + 1])
    return f"`{text if len(text) <= limit else text[: limit - 1] + '…'}`"


def _reads_as_other(text: str) -> bool:
    """Whether a text looks like a number or a boolean where nothing marks it as text."""
    with suppress(ValueError):
        float(text)
        return True
    return text in {"true", "false", "True", "False"}

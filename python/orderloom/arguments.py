"""Arguments of functions that people call, refused by their name before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderloom.errors import LanguageError, did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import UnionType


def check_kind(name: str, value: object, kind: type | UnionType, expected: str) -> None:
    """Refuse a value of another kind.

    Raises:
        LanguageError: The argument is named, with what it has to be.

    Example:
        >>> check_kind("progress", "yes", bool, "`True` or `False`")
        Traceback (most recent call last):
            ...
        orderloom.errors.LanguageError: `progress`: found `yes`, expected `True` or `False`
    """
    if not isinstance(value, kind):
        raise LanguageError(f"`{name}`: found {shown(value)}", expected)


def check_word(name: str, value: object, words: Collection[str]) -> None:
    """Refuse what is none of these words.

    Raises:
        LanguageError: As for `check_kind`, with the nearest.
    """
    expected = f"one of {', '.join(f'`{word}`' for word in words)}"
    check_kind(name, value, str, expected)
    if value not in words:
        hint = did_you_mean(str(value), list(words))
        raise LanguageError(f"`{name}`: found {shown(value)}", expected, hint)

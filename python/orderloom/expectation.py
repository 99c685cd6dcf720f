"""What pydantic expected, in our words, wherever it looks at something that a person wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPECTED: Final = {
    "bool_parsing": "`true` or `false`",
    "bool_type": "`true` or `false`",
    "dict_type": "a mapping such as `{{key: value}}`",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "list_type": "a list",
    "model_attributes_type": "a mapping such as `{{key: value}}`",
    "model_type": "a mapping such as `{{key: value}}`",
    "string_pattern_mismatch": "text of the form `{pattern}`",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "string_type": "text",
    "tuple_type": "a list",
}
"""Our words by pydantic's type of error."""


def expected(found: Mapping[str, Any]) -> str:
    """What would have been right where pydantic found an error; its own words where we have none.

    Example:
        >>> expected({"type": "less_than_equal", "msg": "Input should be …", "ctx": {"le": 65535}})
        '65535 or less'
    """
    words = _EXPECTED.get(found["type"])
    if words is not None:
        return words.format(**found.get("ctx", {}))
    message = str(found["msg"])
    for start in ("Value error, ", "Input should be ", "String should ", "Assertion failed, "):
        message = message.removeprefix(start)
    return message.replace("'", "`") if found["type"] == "literal_error" else message

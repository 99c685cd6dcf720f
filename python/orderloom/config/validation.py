"""Pydantic's findings as ours: what was found, what was expected, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.expectation import expected

if TYPE_CHECKING:
    from collections.abc import Iterator


def errors_of(
    error: ValidationError, model: type[BaseModel]
) -> Iterator[tuple[LanguageError, bool]]:
    """Each finding with its path, and whether it is about the key rather than the value."""
    for found in error.errors(include_url=False):
        path = tuple(found["loc"])
        cause = found.get("ctx", {}).get("error")
        if isinstance(cause, LanguageError):
            yield cause.within(*path), False
            continue
        match found["type"]:
            case "extra_forbidden":
                keys = _keys_at(model, path[:-1])
                words = ", ".join(f"`{key}`" for key in keys)
                yield (
                    LanguageError(
                        f"unknown key {shown(path[-1])}",
                        f"one of {words}",
                        did_you_mean(str(path[-1]), keys),
                        path=path,
                    ),
                    True,
                )
            case "missing":
                yield LanguageError(f"`{path[-1]}` is missing", f"`{path[-1]}`", path=path), True
            case _:
                yield _other(dict(found), path), False


def _other(found: dict[str, Any], path: tuple[str | int, ...]) -> LanguageError:
    message = expected(found)
    value, hint = found["input"], None
    if found["type"] == "literal_error":
        words = [word for word in str(found["ctx"]["expected"]).split("'") if word.isalnum()]
        hint = did_you_mean(str(value), words)
    elif found["type"] == "string_type" and isinstance(value, int | float):
        hint = "put it in quotes"
    what = "found a secret" if isinstance(value, SecretStr) else f"found {shown(value)}"
    return LanguageError(what, message, hint, path=path)


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the section at `path` knows."""
    current: Any = model
    for part in path:
        if isinstance(part, str) and part in current.model_fields:
            current = _model_in(current.model_fields[part].annotation)
    fields = current.model_fields.items()
    return [name for name, field in fields if field.annotation is not SecretStr]


def _model_in(annotation: Any) -> Any:
    """The model that an annotation such as `dict[str, Model] | None` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _model_in(inner)) is not None:
            return found
    return None

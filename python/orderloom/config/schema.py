"""The JSON Schema of the parts that the language reads itself: conditions, actions, templates.

Keys come from the functions that read them, so that schema and reader cannot part.
"""

from __future__ import annotations

from typing import Any, Final

from orderloom.action_forms import ALONE, WITH_ARGUMENTS, WITH_ONE, keys_of
from orderloom.levels import LEVELS
from orderloom.names import NAMES
from orderloom.rules import TRIGGERS
from orderloom.templates import TEMPLATES

Schema = dict[str, Any]

_ANY_NUMBER: Final[Schema] = {"type": ["number", "string"]}
_SYMBOLS: Final[Schema] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    "description": "Symbols it is for; left out: every one.",
}
_WINDOW: Final[Schema] = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 2,
    "maxItems": 2,
    "description": "Two times of day in the exchange's zone.",
}
_CONDITION: Final[Schema] = {
    "type": ["string", "object", "boolean"],
    "description": "An expression over " + ", ".join(NAMES) + "; or all, any, not, field …",
}
_LEVEL: Final[Schema] = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {
                **dict.fromkeys(LEVELS, _ANY_NUMBER),
                "atr": _ANY_NUMBER,
                "period": {"type": "integer"},
                "distance": {"type": "string"},
            },
            "additionalProperties": False,
        },
    ]
}
_LEVELS: Final[Schema] = {
    "anyOf": [*_LEVEL["anyOf"], {"type": "array", "items": _LEVEL}],
    "description": "Where it stands: one level, or several tried in order.",
}
_KEYS: Final[dict[str, Schema]] = {
    "side": {"enum": ["BUY", "SELL"]},
    "stop": _LEVELS,
    "target": _LEVELS,
    "exit_tif": {"enum": ["GTC", "DAY"]},
    "tif": {"enum": ["GTC", "DAY", "IOC"]},
    "opposite": {"enum": ["ignore", "close", "reverse"]},
    "reprice": {"enum": ["average", "fill", "keep"]},
    "outside_rth": {"type": "boolean"},
    "unprotected": {"type": "boolean"},
    "limit": _ANY_NUMBER,
    "expires_after": {"type": "string"},
    "symbols": _SYMBOLS,
    "name": {"type": "string"},
    "window": _WINDOW,
    "cooldown": {"type": ["string", "integer"]},
    "before_close": {"type": "string"},
    "priority": {"type": "integer"},
    "daily_cap": {"type": "integer", "minimum": 1},
    "max_tranches": {"type": "integer", "minimum": 2},
}
"""Keys that are no plain number."""


def _arguments(keys: tuple[str, ...], **other: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {key: other.get(key, _KEYS.get(key, _ANY_NUMBER)) for key in keys},
        "additionalProperties": False,
    }


def _one_of(forms: dict[str, Schema]) -> list[Schema]:
    return [
        {
            "type": "object",
            "properties": {name: form},
            "required": [name],
            "additionalProperties": False,
        }
        for name, form in forms.items()
    ]


_ACTION_TEXT: Final[Schema] = {"type": "string"}
_NESTED: Final[Schema] = {"type": ["array", "object", "string"]}
_ORDER: Final[Schema] = _arguments(keys_of(WITH_ARGUMENTS["order"]), stop=_ANY_NUMBER)
_ACTION: Final[Schema] = {
    "anyOf": [
        {"enum": list(ALONE)},
        *_one_of(
            {
                name: _ORDER if name == "order" else _arguments(keys_of(function))
                for name, function in WITH_ARGUMENTS.items()
            }
        ),
        *_one_of(
            {name: _LEVELS if name.startswith("adjust") else _ACTION_TEXT for name in WITH_ONE}
        ),
        *_one_of({name: {"type": ["object", "null"]} for name in ALONE}),
        *_one_of(
            {
                "sequence": _NESTED,
                "oco": {
                    "anyOf": [
                        {"type": "array", "items": _ORDER},
                        {
                            "type": "object",
                            "properties": {
                                "orders": {"type": "array", "items": _ORDER},
                                "kind": {"enum": ["cancel", "reduce_with_block", "reduce"]},
                            },
                            "additionalProperties": False,
                        },
                    ]
                },
            }
        ),
        {
            "type": "object",
            "properties": {"when": _CONDITION, "then": _NESTED, "else": _NESTED},
            "required": ["when", "then"],
            "additionalProperties": False,
        },
    ]
}

RULES_SCHEMA: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Unique; explanations and cooldowns use it."},
            "on": {
                "anyOf": [
                    {"enum": list(TRIGGERS)},
                    {"type": "array", "items": {"enum": list(TRIGGERS)}},
                ],
                "description": "What it is judged on.",
            },
            "symbols": _SYMBOLS,
            "when": _CONDITION,
            "priority": {
                "type": "integer",
                "description": "Higher first, then order of definition.",
            },
            "cooldown": {
                "type": ["string", "integer"],
                "description": "Pause per symbol after an action was emitted.",
            },
            "daily_cap": {"type": "integer", "minimum": 1},
            "window": _WINDOW,
            "enabled": {"type": "boolean"},
            "do": {"anyOf": [_ACTION, {"type": "array", "items": _ACTION}]},
        },
        "required": ["name", "on", "do"],
        "additionalProperties": False,
    },
}
"""`rules:`."""

TEMPLATES_SCHEMA: Final[Schema] = {
    "type": "array",
    "items": {
        "anyOf": _one_of(
            {name: _arguments(keys_of(function)) for name, function in TEMPLATES.items()}
        )
    },
}
"""`templates:`."""

"""Conditions in Python: the same tree that `when:` text and the structured YAML form build.

Compare documented names with `== != < <= >= >`, compute with `+ - * /`, and join with `&`, `|`
and `~`, each comparison in brackets.

Example:
    >>> when = (signal.side == "BUY") & (signal.confidence >= 0.8) & position.is_flat
    >>> when == parse_condition(
    ...     'signal.side == "BUY" and signal.confidence >= 0.8 and position.is_flat')
    True
"""

from __future__ import annotations

from typing import Final

from orderloom.expression import parse_condition
from orderloom.functions import ask, crosses_above, crosses_below, feature, known, reading
from orderloom.indicators import (
    atr,
    atr_sma,
    bollinger_lower,
    bollinger_mid,
    bollinger_upper,
    ema,
    rma,
    rsi,
    sma,
    stdev,
)
from orderloom.names import (
    account,
    bar,
    conclusion,
    context,
    field,
    fill,
    market,
    position,
    session,
    signal,
    time,
)
from orderloom.structured import parse_structured
from orderloom.tree import (
    AndCondition,
    CompareCondition,
    Condition,
    ConstantCondition,
    CrossCondition,
    CustomCondition,
    FlagCondition,
    KnownCondition,
    NotCondition,
    OrCondition,
    all_of,
    any_of,
    compare,
)

__all__ = [
    "AndCondition",
    "CompareCondition",
    "Condition",
    "ConstantCondition",
    "CrossCondition",
    "CustomCondition",
    "FlagCondition",
    "KnownCondition",
    "NotCondition",
    "OrCondition",
    "account",
    "all_of",
    "always",
    "any_of",
    "ask",
    "atr",
    "atr_sma",
    "bar",
    "bollinger_lower",
    "bollinger_mid",
    "bollinger_upper",
    "compare",
    "conclusion",
    "context",
    "crosses_above",
    "crosses_below",
    "ema",
    "feature",
    "field",
    "fill",
    "known",
    "market",
    "parse_condition",
    "parse_structured",
    "position",
    "reading",
    "rma",
    "rsi",
    "session",
    "signal",
    "sma",
    "stdev",
    "time",
]

always: Final = ConstantCondition(value=True)

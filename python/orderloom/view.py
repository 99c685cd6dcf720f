"""What a script's function sees when a rule asks it: the documented names, as rules see them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orderloom.errors import did_you_mean
from orderloom.expression import parse_operand
from orderloom.functions import feature, reading
from orderloom.indicators import INDICATORS
from orderloom.names import NAMES, NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom._core import Engine


class View:
    """The engine's state at one moment, about one symbol, read name by name.

    Every documented name of conditions is an attribute: `view.signal.confidence`,
    `view.position.quantity`, `view.market.price`, `view.atr(14)`, and so on; whatever is unknown is
    `None`. A view that was handed to a function is good until the function's deadline.

    Attributes:
        symbol: What the rule is judged for; `None` when its event names no symbol.
        rule: The rule that asks; empty outside of questions.

    Example:
        >>> from orderloom import RuleEngine
        >>> engine = RuleEngine(symbols=["AAPL"])
        >>> view = engine.view("AAPL")
        >>> view.position.is_flat, view.market.price
        (True, None)
        >>> view.position.quanttiy
        Traceback (most recent call last):
            ...
        AttributeError: unknown name `position.quanttiy`, did you mean `position.quantity`?
    """

    def __init__(
        self,
        engine: Engine,
        symbols: tuple[str, ...],
        symbol: str | None,
        *,
        rule: str = "",
        ask: int | None = None,
    ) -> None:
        self.symbol = symbol
        self.rule = rule
        self._engine: Engine | None = engine
        self._number = None if symbol is None else symbols.index(symbol)
        self._ask = ask

    def value(self, expression: str) -> float | str | bool | None:
        """What an expression of conditions is worth, such as `market.bid - 0.5 * atr(14)`.

        Raises:
            LanguageError: The text is no value.
        """
        return self._worth(parse_operand(expression).to_json())

    def feature(self, name: str) -> float | str | bool | None:
        """One of the model's inputs by its name in the prediction."""
        return self._worth(feature(name).to_json())

    def reading(self, name: str) -> float | str | bool | None:
        """A value that a script pushed in."""
        return self._worth(reading(name).to_json())

    def __getattr__(self, name: str) -> Any:
        if name in NAMESPACES:
            return _Names(self._worth, name)
        if name in INDICATORS:
            return lambda *parameters, **named: self._worth(
                INDICATORS[name](*parameters, **named).to_json()
            )
        raise AttributeError(_unknown(name, [*NAMESPACES, *INDICATORS]))

    def _worth(self, operand: str) -> float | str | bool | None:
        if self._engine is None:
            raise RuntimeError(f"the question of rule `{self.rule}` is over, its view with it")
        return self._engine.worth(operand, self._number, self._ask)

    def _close(self) -> None:
        """Take the engine away from a function that outlived its deadline."""
        self._engine = None


class _Names:
    """One namespace of a view, such as `view.market`."""

    def __init__(self, worth: Callable[[str], Any], space: str) -> None:
        self._worth = worth
        self._space = space

    def __getattr__(self, name: str) -> Any:
        full = f"{self._space}.{name}"
        if full not in NAMES:
            raise AttributeError(_unknown(full, list(NAMES)))
        return self._worth(json.dumps({"field": full}))


def _unknown(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return f"unknown name `{name}`" + (f", {hint}" if hint else "")

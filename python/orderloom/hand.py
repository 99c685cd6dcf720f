"""Acting without a trigger of the market: what a script wants done now, done by a rule.

A standing rule waits for the reading `by-hand` and asks for its actions by the same exchange as
any custom action. So whatever is done by hand is judged, limited, journaled and explained like
everything else that rules do.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

from orderloom._core import Event
from orderloom.actions import Action, Custom, as_actions
from orderloom.functions import known, reading
from orderloom.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orderloom.view import View

BY_HAND: Final = "by-hand"
"""Name of the rule, of the reading that triggers it, and of its custom action."""

RULE: Final = Rule(
    name=BY_HAND, on=("Reading",), when=known(reading(BY_HAND)), then=(Custom(BY_HAND),)
)


class Hand:
    """Takes actions and has them done.

    Args:
        symbols: Names of the instruments by the engine's numbers.
        post: Takes the next event for the engine.
    """

    def __init__(self, symbols: Sequence[str], post: Callable[[Event], object]) -> None:
        self._symbols = symbols
        self._post = post
        self._wanted: defaultdict[str | None, deque[tuple[Action, ...]]] = defaultdict(deque)

    def act(self, symbol: str, *actions: Action) -> None:
        """Have actions done about a symbol, now or right after the event at hand.

        Raises:
            LanguageError: No action, or something else.
            ValueError: Not a symbol of the strategy.
        """
        checked = as_actions(actions)
        if symbol not in self._symbols:
            raise ValueError(f"`symbol` must be one of {', '.join(self._symbols)}, was `{symbol}`")
        number = self._symbols.index(symbol)
        self._wanted[symbol].append(checked)
        self._post(Event.reading(BY_HAND, number, 1.0))
        self._post(Event.reading(BY_HAND, number, None))

    def actions(self, view: View) -> tuple[Action, ...]:
        """What the standing rule is to do, when it asks."""
        wanted = self._wanted[view.symbol]
        return wanted.popleft() if wanted else ()

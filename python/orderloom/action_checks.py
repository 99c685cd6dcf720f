"""What the arguments of actions may be: each check refuses the rest with the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from orderloom.errors import LanguageError, did_you_mean, inside, shown
from orderloom.expression import parse_operand
from orderloom.levels import Exact, Level, LevelsLike, Size, as_levels
from orderloom.tree import NumberLike, Numeric, numeric
from orderloom.units import Span, SpanLike, decimal_text, exact

if TYPE_CHECKING:
    from decimal import Decimal

    from orderloom.action_types import Side


def side(value: object) -> Side:
    """A side of an order, in capitals."""
    if isinstance(value, str) and value.upper() in {"BUY", "SELL"}:
        return cast("Side", value.upper())
    words = {"LONG": "`BUY` opens long", "SHORT": "`SELL` opens short"}
    with inside("side"):
        raise LanguageError(
            f"`side` is {shown(value)}", "`BUY` or `SELL`", words.get(str(value).upper())
        )


def exits(
    name: str, levels: LevelsLike | None, by_atr: Exact | None, by_percent: Exact | None
) -> tuple[Level, ...]:
    """The levels of a stop or target, written in full or by its short keys."""
    short = [(f"{name}_atr", "atr", by_atr), (f"{name}_percent", "percent", by_percent)]
    given = [(key, kind, value) for key, kind, value in short if value is not None]
    if levels is not None and given:
        raise LanguageError(f"found `{name}` and `{given[0][0]}`", "one of them")
    found: list[Level] = []
    for key, kind, value in given:
        with inside(key):
            found.extend(as_levels({kind: value}))
    with inside(name):
        return tuple(found) or as_levels(levels)


def stop(stops: tuple[Level, ...], size: Size, *, unprotected: bool) -> None:
    """Refuses an entry that has neither a stop nor the word that none is wanted."""
    if stops and unprotected:
        raise LanguageError("found `stop` and `unprotected`", "one of them")
    if not stops and not unprotected:
        raise LanguageError(
            "an entry without a stop", "`stop`", "`unprotected: true` if that is meant"
        )
    if not stops and size.needs_stop:
        raise LanguageError(f"`{size.kind}` without a stop", "a stop to measure the risk to")


def levels(
    name: str, levels: tuple[Level, ...], *, is_long: bool, price_percent: bool = True
) -> None:
    """Refuses what lies on the wrong side, or below zero, at any entry price."""
    goes_down = (name == "stop") == is_long
    for index, level in enumerate(levels):
        with inside(index):
            if name == "target" and level.is_trailing:
                raise LanguageError(f"the target `{level}` trails", "a fixed target")
            is_percent = level.kind in {"percent", "trail_percent"} and price_percent
            if is_percent and goes_down and level.value >= 100:
                raise LanguageError(
                    f"the {name} `{level}` of a {'long' if is_long else 'short'} trade "
                    "lies at or below zero",
                    "less than 100 percent",
                )


def order_of_levels(stops: tuple[Level, ...], targets: tuple[Level, ...], *, is_long: bool) -> None:
    """A fixed stop and a fixed target leave room for an entry between them."""
    low, high = (stops, targets) if is_long else (targets, stops)
    for lower in (level for level in low if level.kind == "price"):
        for upper in (level for level in high if level.kind == "price"):
            if lower.value >= upper.value:
                side, below = ("long", "stop") if is_long else ("short", "target")
                above = "target" if is_long else "stop"
                with inside("stop"):
                    raise LanguageError(
                        f"the {below} at {decimal_text(lower.value)} of a {side} trade is not "
                        f"below its {above} at {decimal_text(upper.value)}",
                        f"the {below} below and the {above} above the entry",
                    )


def some(levels: LevelsLike) -> tuple[Level, ...]:
    """At least one level."""
    found = as_levels(levels)
    if not found:
        raise LanguageError("found no level", "at least one")
    return found


def steps(name: str, value: Exact) -> Decimal:
    """A number in steps of 0.0001."""
    with inside(name):
        number = exact(value, name)
        if number * 10_000 % 1 != 0:
            raise LanguageError(f"`{name}` is {shown(value)}", "steps of 0.0001")
        return number


def price(name: str, value: NumberLike | str | None) -> Numeric | None:
    """A price: a number, an operand or its text."""
    if value is None:
        return None
    with inside(name):
        found = numeric(parse_operand(value) if isinstance(value, str) else value, "as a price")
        if (number := found.as_dict().get("number")) is not None:
            exact(number, name)
        return found


def offset(value: Exact | None) -> Decimal | None:
    """A distance in price units; 0 is one."""
    with inside("limit_offset"):
        return None if value is None else exact(value, "limit_offset", positive=False)


def span(name: str, value: SpanLike | None) -> Span | None:
    """A length of time."""
    with inside(name):
        return None if value is None else Span.parse(value)


def choice(name: str, value: object, known: tuple[str, ...]) -> Any:
    """One of the known words."""
    if isinstance(value, str) and value in known:
        return value
    with inside(name):
        words = ", ".join(f"`{word}`" for word in known)
        raise LanguageError(f"`{name}` is {shown(value)}", words, did_you_mean(str(value), known))


def flag(name: str, value: object) -> bool:
    """Yes or no."""
    if isinstance(value, bool):
        return value
    with inside(name):
        raise LanguageError(f"`{name}` is {shown(value)}", "`true` or `false`")


def line(text: object) -> str:
    """A text to be written or sent."""
    if isinstance(text, str) and 0 < len(text) <= 500:
        return text
    raise LanguageError(f"found {shown(text)}", "a text of up to 500 characters")

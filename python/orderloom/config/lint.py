"""What a configuration says that it cannot mean: `check`'s second half.

Conditions are judged by the ranges that their comparisons leave, so a finding is certain and a
missing one promises nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal

from orderloom.actions import Action, Enter
from orderloom.config.ranges import Ranges, branches, implies
from orderloom.config.sections import BAR_SIZES
from orderloom.errors import shown
from orderloom.hours import known_until
from orderloom.redaction import LENGTH_MIN
from orderloom.tree import Indicator, Operand, operands
from orderloom.units import Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from decimal import Decimal

    from orderloom.config.document import Path
    from orderloom.config.settings import Settings
    from orderloom.rules import Rule

_HMAC_KEY_MIN: Final = 16
_REGULAR_SESSION: Final = Span.parse("6h30m")
_LONG: Final = Span.parse("1h")
_SOON: Final = timedelta(days=31)
_A_WEEK: Final = tuple(1_704_672_000_000_000_000 + day * 86_400_000_000_000 for day in range(5))
"""Midnights UTC from Monday 2024-01-08 to Friday."""
_ONLY_ON: Final = {
    "signal.": "PredictionSignal",
    "feature(": "PredictionSignal",
    "fill.": "Fill",
    "conclusion.": "ContextConcluded",
}

_VALUES: Final = ("max_order_value", "max_position_value", "max_gross_exposure")
_LIMITS_OF: Final = {
    "notional": _VALUES,
    "shares": ("max_order_shares", "max_position_shares", *_VALUES),
}
"""Limits that an entry by itself can break, by the kind of its size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or suspicious; `path` starts in the rule, if one is named."""

    what: str
    expected: str
    path: Path = ()
    rule: str | None = None
    hint: str | None = None
    severity: Literal["error", "warning"] = "warning"


def lint(settings: Settings, *, today: date | None = None) -> list[Finding]:
    """Every finding in checked settings, in no particular order; `today` is the day in UTC."""
    sessions = _usual_sessions(settings)
    session = max((Span(closes - opens) for opens, closes in sessions), default=None)
    found = list(_of_sections(settings, session))
    found.extend(_of_restarts(settings, sessions))
    found.extend(_end_of_calendar(settings, sessions, today or datetime.now(UTC).date()))
    for rule in settings.rules:
        found.extend(_of_rule(rule))
        found.extend(_over_limits(rule, settings))
        found.extend(_warm_up(rule, settings, session or _REGULAR_SESSION))
        if session is not None and rule.cooldown > session:
            found.append(
                Finding(
                    rule=rule.name,
                    path=("cooldown",),
                    what=f"the cooldown of {rule.cooldown} is longer than a session of {session}",
                    expected="a shorter one",
                    hint="`daily_cap: 1` fires once a day",
                )
            )
    for first, second in combinations(sorted(settings.rules, key=lambda r: -r.priority), 2):
        found.extend(_of_pair(first, second))
    return found


def _of_sections(settings: Settings, session: Span | None) -> Iterator[Finding]:
    calendar = settings.market.calendar
    if session is None:
        yield Finding(
            path=("market", "calendar"),
            what=f"unknown calendar {shown(calendar)}",
            expected="an exchange calendar such as `XNYS`, or `always`",
            severity="error",
        )
    end = settings.end_of_day
    if end is not None and session is not None and end.close >= session:
        yield Finding(
            path=("end_of_day", "close"),
            what=f"trades are closed from {end.close} before the close on, and a session has "
            f"{session}: nothing is ever entered",
            expected="a shorter time such as `5m`",
        )
    if settings.market.bars not in BAR_SIZES:
        yield Finding(
            path=("market", "bars"),
            what=f"TWS has no bars of {settings.market.bars}: they can be back-tested alone",
            expected=f"one of {', '.join(BAR_SIZES.values())}",
        )
    if settings.broker.host not in {"127.0.0.1", "localhost", "::1"}:
        yield Finding(
            path=("broker", "host"),
            what=f"TWS at {shown(settings.broker.host)} is reached without encryption",
            expected="this machine",
            hint="tunnel the port, for example through ssh",
        )
    signals = settings.signals
    keys = (("api_key", signals.api_key, LENGTH_MIN), ("hmac_key", signals.hmac_key, _HMAC_KEY_MIN))
    for name, key, least in keys:
        if 0 < (length := len(key.get_secret_value())) < least:
            yield Finding(
                path=("signals", name),
                what=f"a key of {length} characters, too short to be kept secret",
                expected=f"at least {least}",
                severity="error",
            )
    is_trusted = signals.is_signed or settings.limits.unsigned is not None
    if settings.broker.mode == "live" and signals.url is not None and not is_trusted:
        yield Finding(
            path=("signals", "url"),
            what="predictions are not signed: whoever answers in the source's name is believed",
            expected="`hmac_key_file`, or lower limits under `limits.unsigned`",
        )
    if any(not rule.symbols for rule in settings.rules):
        if not settings.symbols:
            yield Finding(
                path=("rules",),
                what="no symbol is named anywhere: the rules cover none",
                expected="`symbols` in a rule or under `market`",
                severity="error",
            )
        return
    used = {symbol for rule in settings.rules for symbol in rule.symbols}
    named: list[tuple[Path, str]] = [
        *((("market", "instruments", symbol), symbol) for symbol in settings.market.instruments),
        *((("market", "symbols"), symbol) for symbol in settings.market.symbols),
        *((("signals", "tickers", key), name) for key, name in settings.signals.tickers.items()),
    ]
    for path, symbol in named:
        if settings.rules and symbol not in used:
            yield Finding(path=path, what=f"no rule is for `{symbol}`", expected="a rule that is")


def _of_restarts(settings: Settings, sessions: list[tuple[int, int]]) -> Iterator[Finding]:
    if settings.market.calendar == "always" or not sessions:
        return
    first, last = (
        datetime.fromtimestamp(at // 1_000_000_000, UTC).date()
        for at in (sessions[0][0], sessions[-1][1])
    )
    days = [first + timedelta(days=each) for each in range(-4, (last - first).days + 5)]
    for place, restart in enumerate(settings.broker.restarts):
        if any(
            begin < closes and opens < end
            for begin, end in restart.windows(days)
            for opens, closes in sessions
        ):
            yield Finding(
                path=("broker", "restarts", place),
                what=f"the restart at {restart.at:%H:%M} lies within the trading session",
                expected="one outside of it, with `before` and `lasts`",
                hint="nothing is entered meanwhile",
            )


def _end_of_calendar(
    settings: Settings, sessions: list[tuple[int, int]], today: date
) -> Iterator[Finding]:
    calendar = settings.market.calendar
    if calendar in {"always", "XNYS"} or not sessions:
        return  # without an end, or unknown
    last = known_until(calendar)
    if last is not None and last - today < _SOON:
        yield Finding(
            path=("market", "calendar"),
            what=f"the holidays of {shown(calendar)} are known until {last} only",
            expected="a calendar that can be simulated for another month",
            hint="pip install -U exchange_calendars",
        )


def _of_rule(rule: Rule) -> Iterator[Finding]:
    ways = branches(rule.when)
    empty = [way.empty for way in ways if way.empty is not None]
    if len(empty) == len(ways):
        reason = empty[0] if empty else None
        text = "the condition can never hold"
        hint = None
        if reason is not None:
            text += f" ({reason})"
            if reason.name == "signal.confidence":
                hint = "confidence runs from 0 to 1: write 0.8 for 80 percent"
        yield Finding(
            rule=rule.name,
            path=("when",),
            what=text,
            expected="one that can",
            hint=hint,
            severity="error",
        )
        return
    for start, trigger in _ONLY_ON.items():
        if trigger in rule.on:
            continue
        if all(any(name.startswith(start) for name in way.known) for way in ways):
            yield Finding(
                rule=rule.name,
                path=("on",),
                what=f"the rule needs `{start.rstrip('.(')}`, which is known on `{trigger}` only",
                expected=f"`on: {trigger}`",
            )
    for action in _entries(rule.then):
        yield from _wrong_side(rule, action, ways)


def _wrong_side(rule: Rule, action: Enter, ways: list[Ranges]) -> Iterator[Finding]:
    """A fixed level that lies on the wrong side of every price at which the rule can fire."""
    low = min(way.low("market.price") for way in ways if way.empty is None)
    high = max(way.high("market.price") for way in ways if way.empty is None)
    for name, levels, is_below in (
        ("stop", action.stop, action.is_long),
        ("target", action.target, not action.is_long),
    ):
        for level in levels:
            if level.kind != "price":
                continue
            value = float(level.value)
            if (is_below and value >= high) or (not is_below and value <= low):
                side = "long" if action.is_long else "short"
                yield Finding(
                    rule=rule.name,
                    path=("do",),
                    what=f"the {name} at {level.value} of a {side} trade is on the wrong side of "
                    f"every price at which the rule fires",
                    expected=f"a {name} {'below' if is_below else 'above'} the market",
                    severity="error",
                )


def _over_limits(rule: Rule, settings: Settings) -> Iterator[Finding]:
    """An entry of a fixed size that is more than a limit lets pass."""
    limits = settings.limits.in_force(is_signed=settings.signals.is_signed)
    instruments = settings.market.instruments
    units = min(
        (instruments[name].multiplier if name in instruments else 1)
        for name in rule.symbols or settings.symbols or ("",)
    )
    for action in _entries(rule.then):
        kind, size = action.size.kind, action.size.value
        what = f"{size:f} shares" if kind == "shares" else f"a notional of {size:f}"
        for name in _LIMITS_OF.get(kind, ()):
            most: Decimal | None = getattr(limits, name)
            # Without a price, a share is taken to be worth 1 at least.
            if most is None or size <= most:
                continue
            where = "limits" if most == getattr(settings.limits, name) else "limits.unsigned"
            if kind == "notional":
                when = "refused unless whole shares are worth less"
            elif name.endswith("_shares"):
                when = "always refused"
            else:
                when = f"refused at any price above {most / size / units:.4f}"
            yield Finding(
                rule=rule.name,
                path=("do",),
                what=f"enters {what}, above `{where}.{name}` of {most:f}: {when}",
                expected="a smaller size, or a higher limit",
            )
            break


def _warm_up(rule: Rule, settings: Settings, session: Span) -> Iterator[Finding]:
    span = session
    if rule.window is not None:
        until_end = Span.parse(f"{rule.window.end}s")
        span = Span(min(session, until_end))
    nodes: list[Operand] = list(operands(rule.when))
    for action in _entries(rule.then):
        for level in (*action.stop, *action.target):
            nodes.extend(operands(level.of) if level.of is not None else ())
    for node in {str(n): n for n in nodes if isinstance(n, Indicator)}.values():
        own, length = settings.market.bars, settings.market.bars
        if node.over is not None:
            length = node.over.span
            if node.over.of == "trades":
                continue
            if length % own:
                yield Finding(
                    rule=rule.name,
                    path=("when",) if str(node) in str(rule.when) else ("do",),
                    what=f"`{node}` cannot be built from `market.bars` of {own}",
                    expected=f"a whole multiple of {own}",
                    severity="error",
                )
                continue
        length = min(length, session)
        bars = settings.market.history * session // length + span // length
        if node.bars > bars:
            yield Finding(
                rule=rule.name,
                path=("when",) if str(node) in str(rule.when) else ("do",),
                what=f"`{node}` needs {node.bars} bars and can have {bars} at most when the rule "
                "is judged",
                expected="an indicator that is known in time",
                hint="raise `market.history`, or take longer `market.bars`",
            )


def _of_pair(first: Rule, second: Rule) -> Iterator[Finding]:
    """`first` is judged before `second`."""
    mine, theirs = list(_entries(first.then)), list(_entries(second.then))
    is_shared = set(first.on) & set(second.on) and (
        not first.symbols or not second.symbols or set(first.symbols) & set(second.symbols)
    )
    if not (mine and theirs and is_shared and first.enabled and second.enabled):
        return
    ways = [
        way
        for one in branches(first.when)
        for other in branches(second.when)
        if (way := one.joined(other)).empty is None
    ]
    if not ways:
        return
    if {action.side for action in mine} != {action.side for action in theirs}:
        yield Finding(
            rule=second.name,
            path=("when",),
            what=f"can enter the opposite side of `{first.name}` on the same event",
            expected="conditions that exclude each other",
            hint=f"only `{first.name}` enters then: higher priority, or defined first",
        )
        return
    covers = set(second.on) <= set(first.on) and (
        not first.symbols or (second.symbols and set(second.symbols) <= set(first.symbols))
    )
    if covers and implies(second.when, first.when):
        always = not first.cooldown and first.daily_cap is None and first.window is None
        yield Finding(
            rule=second.name,
            path=("when",),
            what=f"is shadowed: whenever it holds, `{first.name}` holds and enters first"
            + ("" if always else ", unless that one is in its cooldown, cap or window"),
            expected="a condition or priority that comes first",
        )


def _entries(actions: tuple[Action, ...]) -> Iterator[Enter]:
    for action in actions:
        if isinstance(action, Enter):
            yield action
        yield from _entries(action.parts())


def _usual_sessions(settings: Settings) -> list[tuple[int, int]]:
    """Open and close, UTC ns, of the sessions of usual days; none where no calendar tells them."""
    calendar = settings.market.calendar
    if calendar == "always":
        return [(_A_WEEK[0], _A_WEEK[0] + Span.parse("24h"))]
    longest = max((rule.cooldown for rule in settings.rules), default=Span(0))
    if calendar == "XNYS" and longest <= _LONG:
        # Spares the common case the calendars' slow import.
        return [(at + Span.parse("14h30m"), at + Span.parse("21h")) for at in _A_WEEK]
    from exchange_calendars import get_calendar  # noqa: PLC0415
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the calendars do inside is not ours to tell
            month = get_calendar(calendar, start="2024-01-02", end="2024-02-01")
    except (InvalidCalendarName, NotImplementedError, ValueError):
        return []  # unknown, or one that fails with this pandas; simulations say so
    return [
        (int(opens.value), int(closes.value))
        for opens, closes in zip(month.opens, month.closes, strict=True)
    ]

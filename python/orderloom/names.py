"""The documented names that conditions read, with what each can be.

The same objects serve Python (`signal.side == "BUY"`) and text (`when: signal.side == "BUY"`).
"""

from __future__ import annotations

from typing import Final

from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.tree import (
    Condition,
    Feature,
    FlagCondition,
    FlagField,
    NumericField,
    Operand,
    WordField,
    all_of,
    any_of,
)
from orderloom.units import parse_clock

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WHOLE_NAMES: Final = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip

NAME_MAX: Final = 80


def weekday_of(name: object) -> int | None:
    """0 for `mon` or `Monday`, to 6; `None` for what is no weekday's name.

    Example:
        >>> weekday_of("Sat"), weekday_of("saturday"), weekday_of("satan")
        (5, 5, None)
    """
    word = name.strip().lower() if isinstance(name, str) else ""
    return next((names.index(word) for names in (WEEKDAYS, _WHOLE_NAMES) if word in names), None)


def checked_name(name: object, of: str) -> str:
    """A name that users choose: printable, at most 80 characters, on one line.

    Raises:
        LanguageError: Anything else; `of` says what the name is for.
    """
    if isinstance(name, str) and 0 < len(name) <= NAME_MAX and name.isprintable():
        return name
    raise LanguageError(f"found {shown(name)} as {of}", "its name in quotes, up to 80 characters")


def _flag(name: str, doc: str) -> FlagCondition:
    return FlagCondition(FlagField(name, doc))


class Features:
    """The model's inputs by name; a feature that a prediction lacks is unknown.

    Example:
        >>> from orderloom.conditions import signal
        >>> print(signal.features["rsi_14"] < 30)
        feature("rsi_14") < 30
    """

    def __getitem__(self, name: str) -> Feature:
        return Feature(checked_name(name, "a feature"))


class Signal:
    """The prediction that triggered the rule; unknown on any other event.

    Example:
        >>> from orderloom.conditions import signal
        >>> print((signal.side == "BUY") & (signal.confidence >= 0.8))
        signal.side == "BUY" and signal.confidence >= 0.8
    """

    side = WordField("signal.side", "What it says.", ("BUY", "SELL", "SHORT", "NEUTRAL"))
    confidence = NumericField("signal.confidence", "The model's certainty, 0 to 1.", 0, 1)
    numeric = NumericField("signal.numeric", "The source's number for the side.")
    price = NumericField("signal.price", "The price that the model saw.", 0)
    age = NumericField("signal.age", "Seconds since the prediction was made.")
    features = Features()


class Position:
    """What is held of the event's symbol, from executions only.

    Example:
        >>> from orderloom.conditions import position
        >>> print(position.is_long & (position.unrealized_percent >= 2))
        position.is_long and position.unrealized_percent >= 2
    """

    is_flat = _flag("position.is_flat", "Nothing is held.")
    is_long = _flag("position.is_long", "Shares are held.")
    is_short = _flag("position.is_short", "Shares are owed.")
    side = WordField("position.side", "Which way.", ("LONG", "SHORT", "FLAT"))
    quantity = NumericField("position.quantity", "Signed shares or contracts.")
    average_price = NumericField(
        "position.average_price", "Average price of what is held; unknown when flat.", 0
    )
    unrealized = NumericField(
        "position.unrealized", "Unrealised profit in money; unknown when flat or without a price."
    )
    unrealized_percent = NumericField(
        "position.unrealized_percent", "Unrealised profit in percent of the average price."
    )
    age = NumericField("position.age", "Seconds since it was opened; unknown when flat.", 0)


class Context:
    """The open trade of the event's symbol.

    Example:
        >>> from orderloom.conditions import context
        >>> print((context.phase == "OPEN") & (context.tranches < 2))
        context.phase == "OPEN" and context.tranches < 2
    """

    is_open = _flag("context.is_open", "A trade is under way.")
    phase = WordField(
        "context.phase", "Where the trade stands.", ("NONE", "ENTERING", "OPEN", "CLOSING")
    )
    tranches = NumericField("context.tranches", "How many tranches were sent; 0 without one.", 0)
    since_conclusion = NumericField(
        "context.since_conclusion",
        "Seconds since the symbol's last trade was concluded; unknown before the first.",
        0,
    )
    count = NumericField("context.count", "How many trades of the symbol the run has opened.", 0)


class Market:
    """The market of the event's symbol.

    Example:
        >>> from orderloom.conditions import market
        >>> print(market.spread_percent < 0.05)
        market.spread_percent < 0.05
    """

    price = NumericField("market.price", "Last price of the tape, else the quote's middle.", 0)
    bid = NumericField("market.bid", "Best bid.", 0)
    ask = NumericField("market.ask", "Best ask.", 0)
    spread_percent = NumericField(
        "market.spread_percent", "Ask minus bid in percent of their middle."
    )
    volume = NumericField("market.volume", "Shares traded in this session.", 0)
    change_percent = NumericField(
        "market.change_percent", "Price against the session's first price, in percent.", -100
    )
    volatility = NumericField(
        "market.volatility", "Deviation of the last 20 bars' returns, in percent.", 0
    )


class Bar:
    """The last complete bar of the event's symbol.

    Example:
        >>> from orderloom.conditions import bar
        >>> print(bar.close > bar.open)
        bar.close > bar.open
    """

    open = NumericField("bar.open", "First price.", 0)
    high = NumericField("bar.high", "Highest price.", 0)
    low = NumericField("bar.low", "Lowest price.", 0)
    close = NumericField("bar.close", "Last price.", 0)
    volume = NumericField("bar.volume", "Shares or contracts traded.", 0)
    index = NumericField("bar.index", "How many complete bars of the run came before it.", 0)


class Time:
    """The exchange's local time of the event.

    Example:
        >>> from orderloom.conditions import time
        >>> print(time.hhmm >= 1000)
        time.hhmm >= 1000
    """

    hhmm = NumericField("time.hhmm", "Time of day as a number, such as 1430.", 0, 2359)
    weekday = NumericField("time.weekday", "0 Monday to 6 Sunday.", 0, 6)

    def between(self, start: str, end: str) -> Condition:
        """From `start` (included) to `end` (excluded); over midnight when `end` is earlier.

        Raises:
            LanguageError: A time with seconds, or no time of day, or an empty span.

        Example:
            >>> from orderloom.conditions import time
            >>> print(time.between("10:00", "15:30"))
            time.hhmm >= 1000 and time.hhmm < 1530
        """
        first, last = self._hhmm(start), self._hhmm(end)
        if first == last:
            raise LanguageError(f"{shown(start)} to {shown(end)} is no time at all", "two times")
        join = all_of if first < last else any_of
        return join(self.hhmm >= first, self.hhmm < last)

    def weekdays(self, *days: str) -> Condition:
        """One of the weekdays, by their names or the first three letters of them.

        Raises:
            LanguageError: No weekday.

        Example:
            >>> from orderloom.conditions import time
            >>> print(time.weekdays("mon", "fri"))
            time.weekday == 0 or time.weekday == 4
        """
        return self.weekday.one_of(*map(self._number, days))

    @staticmethod
    def _hhmm(text: str) -> int:
        seconds = parse_clock(text)
        if seconds % 60:
            raise LanguageError(f"found {shown(text)}", "whole minutes", "`window` takes seconds")
        return seconds // 3600 * 100 + seconds // 60 % 60

    @staticmethod
    def _number(day: str) -> int:
        if (number := weekday_of(day)) is None:
            raise LanguageError(f"found {shown(day)}", f"weekdays such as {', '.join(WEEKDAYS)}")
        return number


class Session:
    """The regular trading session of the symbol's exchange, half days included.

    Example:
        >>> from orderloom.conditions import session
        >>> print(session.is_open & (session.minutes_before_close > 30))
        session.is_open and session.minutes_before_close > 30
    """

    is_open = _flag("session.is_open", "Regular trading goes on.")
    minutes_after_open = NumericField(
        "session.minutes_after_open", "Minutes since the open; negative before it."
    )
    minutes_before_close = NumericField(
        "session.minutes_before_close", "Minutes until the close; negative after it."
    )


class Account:
    """The account, over all symbols, in its base currency.

    Example:
        >>> from orderloom.conditions import account
        >>> print(account.daily_pnl > -500)
        account.daily_pnl > -500
    """

    equity = NumericField("account.equity", "Net liquidation value.")
    daily_pnl = NumericField(
        "account.daily_pnl",
        "Realised and unrealised profit of the exchange's day, before commissions.",
    )
    gross_exposure = NumericField(
        "account.gross_exposure", "Sum of the absolute position values.", 0
    )
    net_exposure = NumericField("account.net_exposure", "Sum of the signed position values.")
    open_contexts = NumericField("account.open_contexts", "How many trades are under way.", 0)


class Fill:
    """The fill that triggered the rule; unknown on any other event.

    Example:
        >>> from orderloom.conditions import fill
        >>> print((fill.side == "SELL") & (fill.quantity >= 100))
        fill.side == "SELL" and fill.quantity >= 100
    """

    quantity = NumericField("fill.quantity", "Shares or contracts.", 0)
    price = NumericField("fill.price", "Price of the fill.")
    side = WordField("fill.side", "Bought or sold.", ("BUY", "SELL"))


class Conclusion:
    """The trade whose conclusion triggered the rule; unknown on any other event.

    Example:
        >>> from orderloom.conditions import conclusion
        >>> print((conclusion.reason == "STOP") & (conclusion.pnl < 0))
        conclusion.reason == "STOP" and conclusion.pnl < 0
    """

    reason = WordField(
        "conclusion.reason",
        "Why it ended.",
        ("TARGET", "STOP", "TRAIL", "CLOSE_ALL", "REVERSAL", "END_OF_DAY", "MANUAL", "RECOVERY"),
    )
    pnl = NumericField("conclusion.pnl", "Profit of the trade, before commissions.")


signal = Signal()
position = Position()
context = Context()
market = Market()
bar = Bar()
time = Time()
session = Session()
account = Account()
fill = Fill()
conclusion = Conclusion()

NAMESPACES: Final[dict[str, object]] = {
    "signal": signal,
    "position": position,
    "context": context,
    "market": market,
    "bar": bar,
    "time": time,
    "session": session,
    "account": account,
    "fill": fill,
    "conclusion": conclusion,
}

NAMES: Final[dict[str, Operand | FlagCondition]] = {
    f"{space}.{name}": member
    for space, names in NAMESPACES.items()
    for name, member in vars(type(names)).items()
    if isinstance(member, Operand | FlagCondition)
}
"""Every documented name as conditions spell it."""


def field(name: str) -> Operand | FlagCondition:
    """A documented name by its text.

    Raises:
        LanguageError: No such name.

    Example:
        >>> print(field("signal.confidence"))
        signal.confidence
    """
    if name not in NAMES:
        raise LanguageError(
            f"unknown name {shown(name)}", "a documented name", did_you_mean(name, list(NAMES))
        )
    return NAMES[name]

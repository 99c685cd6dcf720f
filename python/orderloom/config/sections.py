"""The sections of the configuration file, each with its defaults and bounds.

A new key is one line here; engine keys carry the engine's own names.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.json_schema import SkipJsonSchema

from orderloom.config.values import (
    Count,
    Duration,
    LongDuration,
    Percentage,
    PositiveDecimal,
    Symbols,
    TimeOfDay,
    Weekdays,
    Whole,
    Zone,
)
from orderloom.errors import LanguageError, shown
from orderloom.names import WEEKDAYS
from orderloom.ports import BAR_SPANS
from orderloom.signals.fields import FieldMapping
from orderloom.signals.signing import HEADER
from orderloom.signals.source import PredictionSource
from orderloom.units import Span

_SECOND = 1_000_000_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR
_AWAY_MAX = Span(3 * _DAY)
_ANY_YEAR = tuple(date(2026, 1, 1) + timedelta(days=day) for day in range(366))

BAR_SIZES = {span: size for size, span in BAR_SPANS.items()}
"""TWS's names of the lengths that its bars can have."""


def _none_is_empty(value: object) -> object:
    """A section whose keys are all commented out is empty, not missing."""
    return {} if value is None else value


class Section(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=False, use_attribute_docstrings=True
    )


def _form(pattern: str, expected: str) -> BeforeValidator:
    """Text has this form; where the schema has the pattern, people get these words."""

    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise LanguageError(f"found {shown(value)}", expected)
        return value

    return BeforeValidator(check)


class RestartSettings(Section):
    """A known time at which TWS or the Gateway is away: its daily restart, its weekly log-in."""

    at: TimeOfDay
    """When it begins, as set in TWS (Configuration, Lock and Exit) or the Gateway."""
    zone: Zone = ZoneInfo("America/New_York")
    """The time zone of `at`; daylight saving is followed."""
    days: Weekdays = WEEKDAYS
    """On which days."""
    before: LongDuration = Span(5 * 60 * _SECOND)
    """No new entries from so long before it."""
    lasts: LongDuration = Span(15 * 60 * _SECOND)
    """How long it may take; a line that is down after that is alarmed."""

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        for name, value in (("before", self.before), ("lasts", self.lasts)):
            if value > _AWAY_MAX:
                raise LanguageError(f"found `{value}`", f"at most `{_AWAY_MAX}`", path=(name,))
        # Windows that meet would hold entries for ever, and no lost line would be told.
        numbers = [WEEKDAYS.index(day) for day in self.days]
        following = [*numbers[1:], numbers[0] + 7]
        rest = min(b - a for a, b in zip(numbers, following, strict=True)) * _DAY
        if self.before + self.lasts > (longest := Span(rest - 2 * _HOUR)):
            raise LanguageError(
                f"found `{Span(self.before + self.lasts)}` with `before`",
                f"together at most `{longest}`, an hour before the next when the clocks go forward",
                path=("lasts",),
            )
        return self

    def window(self, day: date) -> tuple[int, int]:
        """From when to when TWS may be away around `at` of a day, UTC ns."""
        # A time that a change of the clocks skips counts as before it.
        at = datetime.combine(day, self.at, tzinfo=self.zone)
        begin = round(at.timestamp()) * _SECOND
        return begin - self.before, begin + self.lasts

    def windows(self, days: Iterable[date]) -> Iterator[tuple[int, int]]:
        """The windows of those of `days` that are among its own."""
        return (self.window(day) for day in days if WEEKDAYS[day.weekday()] in self.days)


class BrokerSettings(Section):
    """Where TWS or the Gateway is, and on which terms orders go there."""

    mode: Literal["sim", "paper", "live"] = "sim"
    """`sim`: the embedded TWS; `live` also needs `--live` and the account's number."""
    host: Annotated[str, _form(r"\S+", "a name or an address such as `127.0.0.1`")] = "127.0.0.1"
    """TWS's socket is neither encrypted nor authenticated: another machine needs a tunnel."""
    port: Annotated[Count, Field(le=65_535)] = 7497
    """7497 paper and 7496 live in TWS, 4002 and 4001 in the Gateway."""
    client_id: Whole = 7
    """Which client of TWS; each program that connects needs its own."""
    account: str = ""
    """Account number; empty: the only one."""
    restarts: tuple[RestartSettings, ...] = ()
    """Known times at which TWS is away; no entries until every stop was found standing after it."""

    @model_validator(mode="after")
    def _restarts_leave_time(self) -> Self:
        """An hour of every week is in no window, whatever the clocks of their zones do."""
        windows = sorted(w for each in self.restarts for w in each.windows(_ANY_YEAR))
        began = until = -_HOUR
        for begin, end in windows:
            if begin - until >= _HOUR:
                began = begin
            until = max(until, end)
            if until - began >= 7 * _DAY:
                raise LanguageError(
                    "windows that meet for a whole week, in which nothing is entered",
                    "an hour of every week that is in none",
                    path=("restarts",),
                )
        return self

    @model_validator(mode="after")
    def _live_is_explicit(self) -> Self:
        if self.mode == "live" and not self.account:
            raise LanguageError(
                "`live` without an account", "`account` with its number", path=("mode",)
            )
        return self


class InstrumentSettings(Section):
    """What one symbol is at the broker."""

    sec_type: Literal["STK", "OPT", "FUT", "CASH", "IND", "CFD", "CRYPTO"] = "STK"
    """TWS secType."""
    exchange: str = "SMART"
    """TWS exchange."""
    primary_exchange: str = ""
    """TWS primaryExch, where `SMART` alone is ambiguous."""
    currency: Annotated[
        str, _form("[A-Z]{3}", "an ISO currency such as `USD`"), Field(pattern=r"^[A-Z]{3}$")
    ] = "USD"
    """ISO currency of price and value."""
    tick: PositiveDecimal | None = None
    """Smallest price step; the broker's own where it tells one, else 0.01."""
    multiplier: Count = 1
    """Units of the underlying per contract."""


class MarketSettings(Section):
    """Trading hours, data and instruments."""

    calendar: str = "XNYS"
    """An exchange calendar, or `always`."""
    data: Literal["live", "delayed"] = "live"
    """Which data to ask for; no entry on a delayed price where live data was asked for."""
    bars: LongDuration = Span(60 * _SECOND)
    """Length of the bars that indicators are computed from."""
    history: Count = 5
    """Sessions of past bars that warm the indicators up before the first entry."""
    symbols: Symbols = ()
    """Symbols to watch besides those that rules name."""
    instruments: Annotated[dict[str, InstrumentSettings], BeforeValidator(_none_is_empty)] = Field(
        default_factory=dict
    )
    """By symbol, where the defaults (a US stock) do not fit."""


class SignalSettings(Section):
    """The prediction API."""

    url: str | None = None
    """Base URL; https unless on this machine."""
    api_key: SkipJsonSchema[SecretStr] = SecretStr("")
    """Only from `ORDERLOOM_SIGNALS__API_KEY`, `api_key_file` or `api_key_keyring`."""
    api_key_file: Path | None = None
    """A file with nothing but the key, readable by its owner only."""
    api_key_keyring: (
        Annotated[str, _form("[^/]+/.+", "`service/user`"), Field(pattern=r"^[^/]+/.+$")] | None
    ) = None
    """`service/user` of an entry in the system's keyring."""
    hmac_key: SkipJsonSchema[SecretStr] = SecretStr("")
    """Only from `ORDERLOOM_SIGNALS__HMAC_KEY`, `hmac_key_file` or `hmac_key_keyring`: with it, only
    predictions that are signed with it are taken."""
    hmac_key_file: Path | None = None
    """A file with nothing but the key of signatures, readable by its owner only."""
    hmac_key_keyring: (
        Annotated[str, _form("[^/]+/.+", "`service/user`"), Field(pattern=r"^[^/]+/.+$")] | None
    ) = None
    """`service/user` of the key of signatures in the system's keyring."""
    signature_header: Annotated[
        str,
        _form("[A-Za-z0-9-]+", "a header such as `X-Signature`"),
        Field(pattern="^[A-Za-z0-9-]+$"),
    ] = HEADER
    """The answer's header with `sha256=` and the HMAC of its body."""
    poll: LongDuration = Span(60 * _SECOND)
    """How often each ticker is asked for."""
    max_age: LongDuration = Span(120 * _SECOND)
    """Older predictions are expired."""
    max_future: Duration = Span(5 * _SECOND)
    """Predictions further ahead than this are refused."""
    tickers: dict[str, str] = Field(default_factory=dict)
    """The source's ticker for a symbol of ours, where they differ: `{BRK.B: "BRK B"}`."""
    fields: FieldMapping = Field(default_factory=FieldMapping)
    """Where another vendor's JSON keeps its values."""

    @model_validator(mode="after")
    def _url_is_private(self) -> Self:
        if self.url is not None:
            try:
                PredictionSource(url=self.url)
            except ValueError as error:
                reason = str(error).split("Value error, ")[-1].split(" [type=")[0].splitlines()[0]
                raise LanguageError(
                    f"the URL {shown(self.url)} cannot be used ({reason})",
                    "`https://…`, or `http://127.0.0.1…`",
                    path=("url",),
                ) from None
        return self

    @property
    def is_signed(self) -> bool:
        """Whether only signed predictions are taken."""
        return bool(self.hmac_key.get_secret_value())

    def source(self) -> PredictionSource | None:
        """The source that the client polls; none without a URL."""
        if self.url is None:
            return None
        return PredictionSource(
            url=self.url,
            api_key=self.api_key,
            hmac_key=self.hmac_key,
            signature_header=self.signature_header,
            fields=self.fields,
        )


class Limits(Section):
    """Limits on what increases risk; absent means no limit. Exits always pass."""

    max_order_value: PositiveDecimal | None = None
    """Value of one order."""
    max_order_shares: PositiveDecimal | None = None
    """Shares of one order."""
    max_position_value: PositiveDecimal | None = None
    """Value of one symbol's position, all live orders filled."""
    max_position_shares: PositiveDecimal | None = None
    """Shares of one symbol's position, all live orders filled."""
    max_open_contexts: Count | None = None
    """Trades under way at once."""
    max_gross_exposure: PositiveDecimal | None = None
    """Sum of absolute position values."""
    max_net_exposure: PositiveDecimal | None = None
    """Absolute sum of signed position values."""
    max_orders_per_minute: Count | None = None
    """Entries per minute over the whole account."""
    max_orders_per_minute_rule: Count | None = None
    """Entries per minute of one rule."""
    max_orders_per_minute_symbol: Count | None = None
    """Entries per minute of one symbol."""
    price_collar_percent: Percentage | None = None
    """Distance of an entry's limit from the quote."""
    max_daily_loss: PositiveDecimal | None = None
    """Loss of the exchange's day that stops entries: realised, unrealised and commissions."""
    max_drawdown: PositiveDecimal | None = None
    """Loss from the run's highest equity that stops entries."""
    no_short: Symbols = ()
    """Symbols that may not be sold short."""
    check_buying_power: bool = False
    """Whether an entry may cost more than the account's buying power."""


class LimitSettings(Limits):
    """The limits, and lower ones for predictions that nobody has signed."""

    unsigned: Limits | None = None
    """Hold besides while no `signals.hmac_key` is set; the lower of each counts."""

    def in_force(self, *, is_signed: bool) -> Limits:
        """The limits that count for predictions with or without signatures."""
        ours = {name: getattr(self, name) for name in Limits.model_fields}
        if is_signed or self.unsigned is None:
            return Limits.model_construct(**ours)
        for name, theirs in self.unsigned:
            mine = ours[name]
            if isinstance(theirs, bool):
                ours[name] = mine or theirs
            elif isinstance(theirs, tuple):
                ours[name] = tuple(dict.fromkeys((*mine, *theirs)))
            elif theirs is not None:
                ours[name] = theirs if mine is None else min(mine, theirs)
        return Limits.model_construct(**ours)


class ExecutionSettings(Section):
    """Patience and tolerances towards the broker."""

    quote_max_age: LongDuration = Span(60 * _SECOND)
    """A quote older than this is no price."""
    answer_timeout: LongDuration = Span(5 * _SECOND)
    """How long an unanswered order, change or cancel is waited for before it is asked again."""
    asks_max: Annotated[Count, Field(le=255)] = 3
    """How often it is asked again before an alarm."""
    uncovered_max: LongDuration = Span(2 * _SECOND)
    """How long filled shares may have no live stop before the policy acts."""
    reprice_after: LongDuration = Span(3 * _SECOND)
    """How long a marketable exit is given before it is priced again."""
    close_collar_percent: Percentage = 0.5
    """How far through the quote a closing limit is priced."""
    oca_patience: LongDuration = Span(1 * _SECOND)
    """How long the broker is given to reduce an OCA sibling by itself."""
    ask_deadline: LongDuration = Span(_SECOND // 2)
    """Answers of custom Python conditions later than this are unknown."""


class EndOfDaySettings(Section):
    """What happens before the exchange's close."""

    close: LongDuration
    """Close every trade this long before the close, half days included."""


class JournalSettings(Section):
    """What becomes of the journal, which begins a file with every day of the exchange."""

    keep_days: Whole = 10
    """Days kept whole, besides the current one; of older ones the prices are removed for space."""


def as_section(value: object) -> Any:
    """See `_none_is_empty`."""
    return _none_is_empty(value)

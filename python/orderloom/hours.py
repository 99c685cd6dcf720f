"""Trading hours of an exchange, from its calendar; holidays and half days included.

For the simulated TWS and for back-tests: a live run takes its hours from the broker.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from orderloom.errors import OrderloomError

ALWAYS: Final = "always"
_DAY_NS: Final = 86_400_000_000_000
_SHOWN_DAYS: Final = 7
_PAST_DAYS: Final = 367


class UnknownCalendarError(OrderloomError):
    """A calendar name that nobody knows."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One session. `date` is the exchange's, as YYYYMMDD; times are UTC nanoseconds."""

    date: int
    open: int
    close: int
    utc_offset: int
    """Local time minus UTC at the open, in nanoseconds."""


class Hours:
    """The sessions of one exchange between two moments; `text` reaches back a year before them.

    `name` is a calendar of `exchange_calendars` such as `XNYS`, or `always`: every day from
    midnight to midnight UTC.

    Example:
        >>> day = 1_773_100_800_000_000_000  # 2026-03-10 00:00 UTC
        >>> hours = Hours("XNYS", day, day + 86_400_000_000_000)
        >>> hours.days[0].date, hours.is_open(day), hours.is_open(day + 15 * 3_600_000_000_000)
        (20260310, False, True)
    """

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name: Final = name
        time_zone, days = (
            _always(start, end) if name == ALWAYS else _from_calendar(name, start, end)
        )
        self.time_zone: Final = time_zone
        self.days: Final = [day for day in days if day.close > start]
        self._by_date = {day.date: day for day in days}
        self._opens = [day.open for day in self.days]
        self._zone = ZoneInfo(self.time_zone)

    def at(self, moment: int) -> TradingDay | None:
        """Return the session that goes on at `moment`, if one does."""
        if self.name == ALWAYS:
            return _whole_day(moment // _DAY_NS)
        place = bisect_right(self._opens, moment) - 1
        if place >= 0 and moment < self.days[place].close:
            return self.days[place]
        return None

    def is_open(self, moment: int) -> bool:
        """Tell whether regular trading goes on."""
        return self.at(moment) is not None

    def text(self, moment: int) -> str:
        """Return the hours of the day and the coming ones as TWS contract details write them."""
        today = self._local(moment).date()
        entries = []
        for ahead in range(_SHOWN_DAYS):
            date = int((today + timedelta(days=ahead)).strftime("%Y%m%d"))
            day = self._by_date.get(date)
            if day is None and self.name == ALWAYS:
                day = _whole_day(moment // _DAY_NS + ahead)
            if day is None:
                entries.append(f"{date}:CLOSED")
            else:
                opens, closes = self._local(day.open), self._local(day.close)
                entries.append(f"{opens:%Y%m%d:%H%M}-{closes:%Y%m%d:%H%M}")
        return ";".join(entries)

    def _local(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment // 1_000_000_000, tz=UTC).astimezone(self._zone)


def _unknown(name: str) -> UnknownCalendarError:
    return UnknownCalendarError(
        f"market.calendar: expected an exchange calendar such as `XNYS` or `always`, found `{name}`"
    )


def known_until(calendar: str) -> date | None:
    """The last day whose hours a calendar knows; `None` where it has no end, or is `always`."""
    if calendar == ALWAYS:
        return None
    # Any days will do: the end is the exchange's, whatever part of its calendar is made.
    ends = type(_made(calendar, start="2024-01-02", end="2024-02-01")).bound_max()
    return None if ends is None else ends.date()


def zone_of(calendar: str) -> tzinfo:
    """The exchange's time zone; UTC where the market is always open."""
    if calendar == ALWAYS:
        return UTC
    return ZoneInfo(str(_made(calendar).tz))


def _made(calendar: str, **days: str) -> Any:
    """A calendar of `exchange_calendars`.

    Raises:
        UnknownCalendarError: There is none of that name, or it cannot be computed.
    """
    from exchange_calendars import get_calendar  # noqa: PLC0415 - takes a second to load
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        return get_calendar(calendar, **days)
    except InvalidCalendarName:
        raise _unknown(calendar) from None
    except (NotImplementedError, ValueError) as error:
        raise _failing(calendar, error) from None


def _failing(calendar: str, error: Exception) -> UnknownCalendarError:
    """Some calendars cannot be computed with some versions of pandas."""
    return UnknownCalendarError(
        f"market.calendar: expected a calendar that can be computed, found `{calendar}` ({error})"
        "\nhint: pip install -U exchange_calendars pandas"
    )


def _always(start: int, end: int) -> tuple[str, list[TradingDay]]:
    return "UTC", [
        _whole_day(day) for day in range(start // _DAY_NS - _PAST_DAYS, end // _DAY_NS + 1)
    ]


def _whole_day(day: int) -> TradingDay:
    date = datetime.fromtimestamp(day * 86_400, tz=UTC)
    return TradingDay(int(date.strftime("%Y%m%d")), day * _DAY_NS, (day + 1) * _DAY_NS, 0)


def _from_calendar(name: str, start: int, end: int) -> tuple[str, list[TradingDay]]:
    import exchange_calendars  # noqa: PLC0415 - slow to load, and needed by simulations alone
    from exchange_calendars.errors import CalendarError, InvalidCalendarName  # noqa: PLC0415

    first = datetime.fromtimestamp(start // 1_000_000_000, tz=UTC)
    last = datetime.fromtimestamp(end // 1_000_000_000, tz=UTC)
    # The past that schedules tell, and the days that contract details show ahead.
    days_from = (first - timedelta(days=_PAST_DAYS)).strftime("%Y-%m-%d")
    days_to = (last + timedelta(days=_SHOWN_DAYS + 1)).strftime("%Y-%m-%d")
    try:
        try:
            calendar = exchange_calendars.get_calendar(name, start=days_from, end=days_to)
        except ValueError:
            # Some exchanges are younger than others, or their holidays are known for less time.
            # What is played must be known, though: days without sessions are a closed exchange.
            kind = type(exchange_calendars.get_calendar(name))
            begins, ends = kind.bound_min(), kind.bound_max()
            days_from = max(days_from, begins.strftime("%Y-%m-%d") if begins else "")
            days_to = min(days_to, ends.strftime("%Y-%m-%d") if ends else "9")
            if days_from > f"{first:%Y-%m-%d}" or days_to < f"{last:%Y-%m-%d}":
                raise
            calendar = exchange_calendars.get_calendar(name, start=days_from, end=days_to)
    except InvalidCalendarName:
        raise _unknown(name) from None
    except NotImplementedError as error:
        raise _failing(name, error) from None
    except (ValueError, CalendarError):
        raise UnknownCalendarError(
            f"market.calendar: expected a calendar that knows {first:%Y-%m-%d} to "
            f"{last:%Y-%m-%d}, found `{name}`\nhint: pip install -U exchange_calendars"
        ) from None
    zone = ZoneInfo(str(calendar.tz))
    days = []
    for label, opens, closes in zip(
        calendar.sessions, calendar.opens, calendar.closes, strict=True
    ):
        offset = opens.to_pydatetime().astimezone(zone).utcoffset() or timedelta()
        days.append(
            TradingDay(
                int(label.strftime("%Y%m%d")),
                int(opens.value),
                int(closes.value),
                int(offset.total_seconds()) * 1_000_000_000,
            )
        )
    return str(calendar.tz), days

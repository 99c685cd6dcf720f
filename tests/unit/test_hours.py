"""Trading hours where a calendar begins or ends, or knows nothing of the days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from orderloom.config import parse_settings
from orderloom.config.lint import lint
from orderloom.doctor import examine_host
from orderloom.hours import Hours, UnknownCalendarError
from orderloom.instant import iso_to_ns

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000_000_000


@pytest.mark.parametrize(
    ("name", "first", "begins"),
    [
        ("AIXK", "2017-12-04", 20171204),  # the exchange's first year: no year before it is known
        ("XSAU", "2021-06-01", 20210601),  # in the zone's summer
        ("XNYS", "2026-11-27", 20261127),  # a half day
    ],
)
def test_the_days_that_a_calendar_knows_are_told(name: str, first: str, begins: int) -> None:
    at = iso_to_ns(f"{first}T00:00:00+00:00")
    hours = Hours(name, at, at + DAY)
    assert hours.days[0].date == begins
    assert hours.text(at + DAY // 2).startswith(str(begins))
    assert hours.is_open(hours.days[0].open)


def day(text: str) -> int:
    return iso_to_ns(f"{text}T00:00:00+00:00")


def test_days_that_a_calendar_does_not_know_are_told() -> None:
    at = day("2010-06-01")
    with pytest.raises(UnknownCalendarError, match=r"a calendar that knows 2010.* found `AIXK`"):
        Hours("AIXK", at, at + DAY)


def last_known(name: str) -> int:
    from exchange_calendars import get_calendar

    ends = type(get_calendar(name)).bound_max()
    assert ends is not None, f"{name} has no end: take another calendar"
    return int(ends.value)


@pytest.mark.parametrize("name", ["XSHG", "XSES"])
def test_the_last_days_that_a_calendar_knows_are_played_and_none_after_them(name: str) -> None:
    end = last_known(name)
    days = Hours(name, end - 14 * DAY, end + DAY - 1).days
    assert end - 3 * DAY < days[-1].close < end + DAY
    for start in (end - 14 * DAY, end + DAY):
        with pytest.raises(UnknownCalendarError, match=f"a calendar that knows .* found `{name}`"):
            Hours(name, start, end + DAY)


def test_a_day_before_a_calendar_begins_is_told() -> None:
    assert Hours("AIXK", day("2017-01-01"), day("2017-12-31")).days
    with pytest.raises(UnknownCalendarError, match="knows 2016-12-31 to 2017-12-31, found `AIXK`"):
        Hours("AIXK", day("2016-12-31"), day("2017-12-31"))


def test_the_end_of_what_a_calendar_knows_is_told_a_month_before() -> None:
    ends = datetime.fromtimestamp(last_known("XSES") // 10**9, UTC).date()
    rules = "rules: [{name: a, on: Bar, symbols: [A], do: cancel}]"
    settings = parse_settings(f"market: {{calendar: XSES}}\n{rules}\n", environment={})
    assert lint(settings, today=ends - timedelta(days=31)) == []
    (found,) = lint(settings, today=ends - timedelta(days=30))
    assert f"the holidays of `XSES` are known until {ends} only" in found.what


def test_a_calendar_that_cannot_be_computed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # As calendars with the Orthodox Easter fail with some versions of pandas.
    def fails(*_: object, **__: object) -> None:
        raise NotImplementedError("implemented by subclasses")

    monkeypatch.setattr("exchange_calendars.get_calendar", fails)
    with pytest.raises(UnknownCalendarError, match=r"found `ASEX` \(implemented by subclasses\)"):
        Hours("ASEX", 20_000 * DAY, 20_010 * DAY)


def test_what_is_always_open_is_so_after_the_data_too() -> None:
    hours = Hours("always", day("2026-03-10"), day("2026-03-11"))
    for later in (day("2026-03-11"), day("2026-03-14"), day("2027-01-01")):
        assert hours.is_open(later)
        assert hours.is_open(later + DAY - 1)
        assert "CLOSED" not in hours.text(later)
    assert hours.text(day("2026-03-14")).startswith("20260314:0000-20260315:0000;20260315:0000-")


@pytest.mark.parametrize(
    ("left", "state", "says"),
    [
        (20, "ok", "sessions known for 14 days"),
        (9, "warning", "sessions known until {last} only"),
        (1, "warning", "sessions known until {last} only"),
        (0, "failed", "expected a calendar that knows {last} to"),
    ],
)
def test_the_doctor_warns_while_days_are_known_and_fails_without_tomorrows(
    tmp_path: Path, left: int, state: str, says: str
) -> None:
    last = datetime.fromtimestamp(last_known("XSHG") // 10**9, UTC)
    settings = parse_settings("market: {calendar: XSHG, symbols: [A]}\n", environment={})
    with time_machine.travel(last - timedelta(days=left) + timedelta(hours=3), tick=False):
        (found,) = [each for each in examine_host(settings, tmp_path) if each.what == "calendar"]
    assert (found.state, bool(found.hint)) == (state, state != "ok")
    assert says.format(last=last.date()) in found.detail
    if state != "ok":
        assert "pip install -U" in found.hint

"""Known restarts of the broker's program: when they are, over weeks and changes of the clocks."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.clock import ManualClock
from orderloom.config import check_text
from orderloom.config.sections import RestartSettings
from orderloom.sessions.restarts import Restarts

if TYPE_CHECKING:
    from orderloom._core import Event

SECOND = 1_000_000_000
DAILY = {"at": "23:45"}
WEEKLY = {"at": "01:00", "days": ["sun"], "lasts": "12h"}


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


def text(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%a %m-%d %H:%M")


def restarts(start: str, *values: dict[str, Any]) -> tuple[ManualClock, Restarts]:
    clock = ManualClock(ns(start))
    return clock, Restarts([RestartSettings.model_validate(each) for each in values], clock)


def changes(start: str, count: int, *values: dict[str, Any]) -> list[str]:
    """The next changes, as an operator far from the broker would see them in UTC."""
    clock, known = restarts(start, *values)
    found = []
    for _ in range(count):
        at = known.next_change()
        assert at is not None
        clock.advance_to(at)
        found.append(f"{text(at)} {'away' if known.is_near() else 'back'}")
    return found


def test_a_daily_restart_follows_daylight_saving() -> None:
    # The clocks of New York go forward in the night to 2026-03-08.
    assert changes("2026-03-07T12:00+00:00", 4, DAILY) == [
        "Sun 03-08 04:40 away",
        "Sun 03-08 05:00 back",
        "Mon 03-09 03:40 away",
        "Mon 03-09 04:00 back",
    ]
    # And back in the night to 2026-11-01.
    assert changes("2026-10-31T12:00+00:00", 4, DAILY)[::2] == [
        "Sun 11-01 03:40 away",
        "Mon 11-02 04:40 away",
    ]


def test_a_weekly_log_in_comes_once_a_week_and_joins_the_daily_restart() -> None:
    assert changes("2026-03-06T12:00+00:00", 8, DAILY, WEEKLY) == [
        "Sat 03-07 04:40 away",
        "Sat 03-07 05:00 back",
        "Sun 03-08 04:40 away",
        "Sun 03-08 05:00 back",
        "Sun 03-08 05:55 away",
        "Sun 03-08 18:00 back",
        "Mon 03-09 03:40 away",
        "Mon 03-09 04:00 back",
    ]


def test_a_time_that_the_clocks_skip_or_repeat_comes_once() -> None:
    """There is no 02:30 on 2026-03-08 and there are two 01:30 on 2026-11-01 in New York."""
    skipped = {"at": "02:30", "before": "1m", "lasts": "10m"}
    assert changes("2026-03-07T12:00+00:00", 4, skipped)[::2] == [
        "Sun 03-08 07:29 away",
        "Mon 03-09 06:29 away",
    ]
    repeated = {"at": "01:30", "before": "1m", "lasts": "10m"}
    assert changes("2026-10-31T12:00+00:00", 4, repeated)[::2] == [
        "Sun 11-01 05:29 away",
        "Mon 11-02 06:29 away",
    ]


def test_one_that_lasts_for_days_is_still_on_at_its_end() -> None:
    long = {"at": "10:00", "zone": "Europe/Berlin", "days": ["fri"], "lasts": "2d12h"}
    clock, known = restarts("2026-06-07T19:59+00:00", long)
    assert known.is_near()
    clock.advance_to(ns("2026-06-07T20:00+00:00"))
    assert not known.is_near()


async def test_it_is_announced_once_and_called_off_also_when_a_run_starts_within() -> None:
    clock, known = restarts("2026-03-07T04:50+00:00", DAILY)
    posted: list[dict[str, Any]] = []

    def post(event: Event) -> None:
        posted.append(json.loads(event.json()))

    task = asyncio.create_task(known.announce(post))
    for _ in range(60):
        await asyncio.sleep(0)
        clock.advance_to(clock.now() + 60 * SECOND)
        await asyncio.sleep(0)
    task.cancel()
    assert [(each["reason"], each["is_on"]) for each in posted] == [
        ("broker_restart", True),
        ("broker_restart", False),
    ]


async def test_without_any_nothing_is_announced() -> None:
    _, known = restarts("2026-03-07T04:50+00:00")
    async with asyncio.timeout(1):
        await known.announce(lambda event: pytest.fail(f"expected nothing, found {event}"))
    assert not known.is_near()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{at: 25:00}", "a time of day before 24:00, such as `23:45`"),
        ("{at: 23:45, zone: New York}", "a time zone of the IANA's list"),
        ("{at: 23:45, days: [someday]}", "a list of weekdays out of mon, tue"),
        ("{at: 23:45, days: [satan]}", "found `['satan']`, expected a list of weekdays out of mon"),
        ("{at: 23:45, days: []}", "a list of weekdays out of mon, tue"),
        ("{at: 23:45, lasts: 4d}", "at most `3d`"),
        ("{at: 23:45, lasts: 24h}", "found `1d5m` with `before`, expected together at most `22h`"),
        ("{at: 23:45, before: 1m, lasts: 22h}", "together at most `22h`"),
        ("{at: 23:45, days: [mon, wed], lasts: 2d}", "together at most `1d22h`"),
        ("{at: 23:45, before: 15}", "a length of time with its unit"),
        ("{zone: Europe/Berlin}", "broker.restarts[0].at"),
        ("{at: 23:45, until: 5m}", "unknown key `until`"),
    ],
)
def test_a_restart_that_cannot_be_is_told_with_its_place(given: str, told: str) -> None:
    checked = check_text(f"broker:\n  restarts:\n    - {given}\n", environment={})
    assert checked.settings is None
    (problem,) = checked.errors
    assert told in str(problem)
    assert problem.line == 3


def test_one_restart_that_is_no_list_is_told_to_be_one() -> None:
    (problem,) = check_text("broker: {restarts: {at: 23:45}}\n", environment={}).errors
    assert str(problem) == (
        "configuration:1: broker.restarts: found `{'at': '23:45'}`, expected a list"
    )


def test_weekdays_have_long_and_short_names() -> None:
    found = RestartSettings.model_validate({"at": "23:45", "days": ["Sunday", "sat", "SUN "]})
    assert found.days == ("sat", "sun")


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        (["{at: '09:00', lasts: 12h}", "{at: '21:00', lasts: 12h}"], False),
        (["{at: '09:00', lasts: 12h}", "{at: '21:00', lasts: 10h55m}"], True),
        (["{at: '09:00', lasts: 12h}", "{at: '21:00', lasts: 10h56m}"], False),
        (["{at: '09:00', lasts: 12h}", "{at: '21:00', days: [mon, tue], lasts: 12h}"], True),
        # In the three weeks between the changes of the clocks of both zones only.
        (["{at: '09:00', lasts: 12h}", "{at: '02:00', zone: Europe/Berlin, lasts: 11h55m}"], False),
        (["{at: '23:45', before: 1h, lasts: 21h}"], True),
    ],
)
def test_restarts_leave_an_hour_of_every_week(given: list[str], is_taken: bool) -> None:
    text = f"broker: {{restarts: [{', '.join(given)}]}}\n"
    checked = check_text(text, environment={})
    told = [f"{problem.where}: {problem.what}" for problem in checked.errors]
    meet = "broker.restarts: windows that meet for a whole week, in which nothing is entered"
    assert [each for each in told if "restarts" in each] == ([] if is_taken else [meet])


def test_a_whole_week_is_the_default() -> None:
    day = timedelta(days=1)
    start = datetime(2026, 6, 1, tzinfo=UTC)
    found = changes(start.isoformat(), 14, DAILY)[::2]
    assert found == [
        text(ns((start + n * day).replace(hour=3, minute=40).isoformat())) + " away"
        for n in range(7)
    ]

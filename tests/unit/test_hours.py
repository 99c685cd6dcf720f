"""Trading hours where a calendar begins or ends, or knows nothing of the days."""

from __future__ import annotations

import pytest

from orderloom.hours import Hours, UnknownCalendarError
from orderloom.instant import iso_to_ns

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


def test_days_that_a_calendar_does_not_know_are_told() -> None:
    at = iso_to_ns("2010-06-01T00:00:00+00:00")
    with pytest.raises(UnknownCalendarError, match=r"a calendar that knows 2009.* found `AIXK`"):
        Hours("AIXK", at, at + DAY)

import asyncio
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from orderloom.tws.errors import (
    AccountError,
    NotConnectedError,
    RequestRefusedError,
    WrongModeError,
)
from orderloom.tws.replies import REQUEST_ID_MIN, Part, Replies
from orderloom.tws.sessions import sessions_of
from orderloom.tws.settings import Mode, TWSSettings
from orderloom.tws.words import EXECUTED, limit_price, moment, number, side, stop_price, zone

NEW_YORK = ZoneInfo("America/New_York")
HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("20250922 09:30:00 US/Eastern", 1758547800),
        ("20250922-13:30:00", 1758547800),
        ("20250922  09:30:00", 1758547800),
        ("20251103 09:30:00 EST (Eastern Standard Time)", 1762180200),
    ],
)
def test_an_execution_time_is_read_in_its_own_zone(text: str, epoch: int) -> None:
    assert moment(text, NEW_YORK) == epoch


@pytest.mark.parametrize("text", ["20250922", "20250922 09:30:00 Nowhere/Land", "yesterday"])
def test_a_time_that_cannot_be_read_is_shown(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        moment(text, UTC)


def test_unset_numbers_are_absent() -> None:
    assert number(1.7976931348623157e308) is None
    assert number(float("nan")) is None
    assert number(float("inf")) is None
    assert number(0.0) == 0.0
    assert limit_price("MKT", 0.0) is None
    assert limit_price("LMT", 200.5) == 200.5
    assert stop_price("STP", 95.0, 7.0) == 95.0
    assert stop_price("TRAIL", 2.0, 98.0) == 98.0
    assert stop_price("LMT", 0.0, 200.5) is None
    with pytest.raises(ValueError, match="found `BOUGHT`"):
        side("BOUGHT", EXECUTED)


def test_sessions_follow_the_exchange_over_half_days_and_daylight_saving() -> None:
    hours = (
        "20251031:0930-20251031:1600;20251101:CLOSED;20251103:0930-20251103:1600;"
        "20251128:0930-20251128:1300"
    )
    before, after, half = sessions_of(hours, NEW_YORK)
    assert (before.utc_offset, after.utc_offset) == (-4 * HOUR, -5 * HOUR)
    assert (before.date, before.open) == (20251031, 1761917400 * 10**9)
    assert half.close - half.open == 3.5 * HOUR


def test_an_overnight_session_belongs_to_the_day_of_its_close() -> None:
    (session,) = sessions_of("20250921:1700-20250922:1600", zone("US/Central"))
    assert session.date == 20250922
    assert session.close - session.open == 23 * HOUR
    (whole_day,) = sessions_of("20250922:0000-2400", NEW_YORK)
    assert whole_day.close - whole_day.open == 24 * HOUR
    with pytest.raises(ValueError, match="found `20250922:morning`"):
        sessions_of("20250922:morning", NEW_YORK)


@pytest.mark.parametrize(
    ("mode", "account", "managed", "expected"),
    [
        ("paper", "", ["DU1"], "DU1"),
        ("sim", "DF2", ["DU1", "DF2"], "DF2"),
        ("live", "U7", ["U7"], "U7"),
        ("paper", "", ["U7"], WrongModeError),
        ("sim", "", ["U7"], WrongModeError),
        ("live", "DU1", ["DU1"], WrongModeError),
        ("live", "", ["U7"], AccountError),
        ("paper", "", ["DU1", "DU2"], AccountError),
        ("paper", "DU3", ["DU1", "DU2"], AccountError),
        ("paper", "DU2", ["DU1", "DU2"], AccountError),
    ],
)
def test_paper_and_live_are_told_apart_and_accounts_allowed_by_name(
    mode: Mode, account: str, managed: list[str], expected: str | type[Exception]
) -> None:
    settings = TWSSettings(
        mode=mode, account=account, allowed_accounts=frozenset({"DU1", "DF2", "U7"})
    )
    if isinstance(expected, str):
        assert settings.choose_account(managed) == expected
    else:
        with pytest.raises(expected):
            settings.choose_account(managed)


async def test_the_late_end_of_a_request_that_timed_out_ends_no_later_one() -> None:
    replies = Replies(iter(range(REQUEST_ID_MIN, REQUEST_ID_MIN + 10)))
    replies.expect(Part.POSITIONS)
    replies.forget(Part.POSITIONS)
    second = replies.expect(Part.POSITIONS)
    replies.end(Part.POSITIONS)
    assert not second.done()
    replies.end(Part.POSITIONS)
    assert await second == []


async def test_an_answer_is_collected_refused_or_cut_off_by_its_id() -> None:
    replies = Replies(iter(range(REQUEST_ID_MIN, REQUEST_ID_MIN + 10)))
    first, second, third = (replies.new_id() for _ in range(3))
    whole, refused, cut = map(replies.expect, (first, second, third))
    replies.add(first, "a")
    replies.add(second, "x")
    replies.add(first, "b")
    replies.end(first)
    assert await whole == ["a", "b"]
    assert replies.refuse(second, 200, "No security definition")
    with pytest.raises(RequestRefusedError, match="error 200"):
        await refused
    assert not replies.refuse(second, 200, "again")
    replies.close("TWS closed the connection")
    with pytest.raises(NotConnectedError, match="TWS closed"):
        await asyncio.wait_for(cut, 1)
    with pytest.raises(NotConnectedError):
        replies.expect(Part.TIME)

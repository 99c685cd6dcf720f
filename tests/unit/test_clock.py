import asyncio

import pytest

from orderloom.clock import ManualClock, SystemClock


async def test_sleepers_wake_in_order_and_only_when_due() -> None:
    clock = ManualClock(100)
    woken: list[int] = []

    async def sleep(at: int) -> None:
        await clock.sleep_until(at)
        woken.append(at)

    sleepers = [asyncio.ensure_future(sleep(at)) for at in (300, 200, 400, 50)]
    await asyncio.sleep(0)
    assert clock.next_wake == 200
    clock.advance_to(300)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert woken == [50, 200, 300]
    sleepers[2].cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    assert clock.next_wake is None


def test_time_never_moves_back() -> None:
    clock = ManualClock(100)
    with pytest.raises(ValueError, match="it is `100`, asked for `99`"):
        clock.advance_to(99)
    assert clock.now() == 100


async def test_the_system_clock_waits_until_the_moment() -> None:
    clock = SystemClock()
    at = clock.now() + 20_000_000
    await clock.sleep_until(at)
    assert at <= clock.now() < at + 2_000_000_000

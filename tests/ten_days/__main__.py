"""`python -m tests.ten_days [DAYS]`: trades them, prints each night, and fails on what is wrong."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from .harness import trade

_MIB = 1 << 20
_DAYS_MIN = 5
# MiB a day. A day has about 20,000 events.
_LEAK_MAX = 0.5


def main() -> int:
    """Return 0 when nothing was wrong and memory stayed about where it was on the second day."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as directory:
        days = asyncio.run(trade(Path(directory), count=count))
    nights = days.watch.nights
    head = f"{'night':<11}{'':<8}{'held':<28}{'orders':>7}{'RSS MiB':>9}{'past MiB':>10}"
    print(f"{head}{'seconds':>9}  wrong")
    for night in nights:
        held = " ".join(f"{symbol} {shares}" for symbol, shares in night.positions.items())
        print(
            f"{night.date!s:<11}{night.moment:<8}{held or 'flat':<28}{night.orders:>7}"
            f"{night.rss / _MIB:>9.1f}"
            f"{night.past / _MIB:>10.1f}{night.seconds:>9.1f}  {'; '.join(night.wrong) or '-'}"
        )
    wrong = [text for night in nights for text in night.wrong]
    summary = days.summary
    trips = summary["round_trips"]
    reasons = sorted({trip["exit_reason"] for trip in trips})
    print(
        f"{count} days in {days.seconds:.0f} s: {days.predictions} predictions, {len(trips)} trades"
        f" ({', '.join(reasons)}), {summary['orders_sent']} orders sent, line lost"
        f" {days.watch.lines_lost} times; {summary['invariant_violations']} invariant violations,"
        f" {len(wrong)} found at night, alarms {sorted(set(days.watch.alarms)) or 'none'},"
        f" longest uncovered {summary['uncovered_max_ms']} ms"
    )
    leaks = 0.0
    if count >= _DAYS_MIN:
        # The first day loads what every day needs.
        first, *_, last = [night for night in nights if night.moment == "before"][1:]
        grown, past = (last.rss - first.rss) / _MIB, (last.past - first.past) / _MIB
        leaks = (grown - past) / (count - 2)
        print(
            f"RSS from the second night to the last: {grown:+.1f} MiB, {past:+.1f} MiB of it the"
            f" simulated exchange's past; what is left: {leaks:+.2f} MiB a day"
        )
    is_wrong = wrong or summary["invariant_violations"] or summary["exit_code"]
    return int(bool(is_wrong or leaks > _LEAK_MAX))


if __name__ == "__main__":
    sys.exit(main())

"""Kill and recover so many times: `python -m tests.crash 10000`.

With a day and points it plays one day again: `python -m tests.crash --day 3 --kill 112 --kill 17`.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import time
from collections import Counter

from .day import LONG_AND_SHORT
from .harness import Day
from .study import Different, Kills, Study

_SHOWN_EVERY_S = 30.0


def main() -> int:
    """Run, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(prog="tests.crash", description=__doc__)
    parser.add_argument("recoveries", type=int, nargs="?", default=300)
    parser.add_argument("--stride", type=int, default=1, help="of every so many points take one")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--day", type=int)
    parser.add_argument("--kill", type=int, action="append", default=[])
    parser.add_argument("--away", type=int, default=0)
    parser.add_argument("--written", action="store_true")
    parser.add_argument("--hasty", action="store_true", help="a desk that sends before it writes")
    given = parser.parse_args()
    # A line that ends is nothing to warn of here.
    logging.getLogger("orderloom.tws").setLevel(logging.ERROR)
    if given.hasty:
        Day(LONG_AND_SHORT, is_hasty=True).play()
        return 0
    if given.day is not None:
        study = Study(given.day, is_written=given.written)
        return _survive(study, Kills(tuple(given.kill), given.away), Counter())
    return _share_out(given.recoveries, given.stride, given.workers)


def _share_out(recoveries: int, stride: int, workers: int) -> int:
    """Let `workers` processes do it; each is a fork, so that nothing is imported twice."""
    children = []
    for number in range(workers):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _work(recoveries // workers, stride, (number, workers))
            finally:
                sys.stdout.flush()
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    return max(codes, key=abs)


def _work(recoveries: int, stride: int, share: tuple[int, int]) -> int:
    counts: Counter[str] = Counter()
    began = shown = time.monotonic()
    for number in itertools.count():
        for is_written in (False, True):
            study = Study(number, is_written=is_written)
            for kills in study.kills(stride, share):
                _survive(study, kills, counts)
                if time.monotonic() > shown + _SHOWN_EVERY_S:
                    shown = time.monotonic()
                    _show(share[0], counts, began)
                if counts["recoveries"] >= recoveries:
                    _show(share[0], counts, began)
                    return 1 if counts["failures"] else 0
    raise AssertionError


def _survive(study: Study, kills: Kills, counts: Counter[str]) -> int:
    counts["days"] += 1
    try:
        counts["recoveries"] += study.survive(kills)
    except (Different, AssertionError) as error:
        counts["failures"] += 1
        print(f"{study}, {kills}: {error}", flush=True)
        return 1
    return 0


def _show(worker: int, counts: Counter[str], began: float) -> None:
    took = time.monotonic() - began
    words = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"worker {worker}: {words} in {took:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())

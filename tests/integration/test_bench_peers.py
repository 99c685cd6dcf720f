"""What is measured beside other libraries is the same work: counts agree before rates do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def measured(script: str, *works: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"benches.peers.{script}", *works, "--small", "--rounds", "1"],
        cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["work"] for line in lines] == list(works)
    assert all(line["items"] > 0 and line["seconds"] for line in lines)
    return {line["work"]: line["count"] for line in lines}


def test_ours_and_a_loop_by_hand_do_the_same_work() -> None:
    works = ("year", "quotes", "bus-10", "rules-100")
    ours, plain = measured("ours", *works), measured("plain", *works)
    assert ours["rules-100"] == plain["rules-100"] > 0
    assert ours["bus-10"] == plain["bus-10"] == 10
    assert abs(ours["year"] - plain["year"]) <= 2 < ours["year"]
    assert abs(ours["quotes"] - plain["quotes"]) <= 2 < ours["quotes"]


def test_ours_and_ta_lib_end_on_the_same_value() -> None:
    works = ("atr", "atr-stream")
    assert measured("ours", *works) == measured("with_talib", *works)

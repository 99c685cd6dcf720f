"""What does it cost to have it in writing?

Asked: how long an order waits for its intent to be durable while a busy feed is journaled, and
how fast a journal is verified. Run with `make bench`; the figures depend on the disk.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orderloom.journal import Header, Journal

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

HEADER = Header("0.0.0", "{}", ("AAPL",), "DU1234567", 0)
FEED_PER_S = 20_000


@dataclass(frozen=True)
class Said:
    kind: str
    body: str

    def json(self) -> str:
        return self.body


QUOTE = Said(
    "quote",
    json.dumps({"kind": "quote", "symbol": 0, "bid": "150.02", "ask": "150.03", "bid_size": "300"}),
)
LEG = Said(
    "place",
    json.dumps(
        {
            "kind": "place",
            "ticket": {"order_id": 41, "order_ref": "r-1", "symbol": 0, "side": "BUY"},
            "role": "entry",
        }
    ),
)


def test_an_order_waits_for_its_intent_under_a_busy_feed(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    journal = Journal.create(tmp_path / "journal.db", HEADER)
    seq = 0

    def ten_milliseconds_of_feed() -> None:
        nonlocal seq
        end = time.perf_counter() + 0.01
        for _ in range(FEED_PER_S // 100):
            seq += 1
            journal.append_event(seq, seq, QUOTE)
        journal.append_outcome(seq, [LEG, LEG, LEG], [])
        while time.perf_counter() < end:
            pass  # the event loop has other work, and the interpreter lock

    benchmark.pedantic(  # type: ignore[no-untyped-call]  # untyped in pytest-benchmark
        journal.commit, setup=ten_milliseconds_of_feed, rounds=300
    )
    journal.close()
    with Journal.open(tmp_path / "journal.db") as recording:
        assert sum(1 for _ in recording.events()) == seq
        assert len(list(recording.commands())) * FEED_PER_S == seq * 300


@pytest.mark.parametrize("events", [50_000])
def test_a_journal_is_verified(benchmark: BenchmarkFixture, tmp_path: Path, events: int) -> None:
    with Journal.create(tmp_path / "journal.db", HEADER) as journal:
        for seq in range(events):
            journal.append_event(seq, seq, QUOTE)
    with Journal.open(tmp_path / "journal.db") as recording:
        assert benchmark(recording.verify) is None

"""What does it cost to have it in writing?

Asked: how long an order waits for its intent to be durable while a busy feed is journaled, how
fast a journal is verified, and how long a crashed run takes to be where it was: the chain followed
and every event judged again. Run with `make bench`; the figures depend on the disk.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orderloom._core import Engine, Event
from orderloom.journal import Header, Journal
from orderloom.recovery import recover
from orderloom.replay import replay

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


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of 50,000 quotes and trades; what a recovery takes grows with their number."""
    path = tmp_path_factory.mktemp("bench") / "journal.db"
    config = json.dumps({"run": "bench", "instruments": [{"symbol": "AAPL", "tick": "0.01"}]})
    engine = Engine(config)
    with Journal.create(path, Header("0.0.0", config, ("AAPL",), "", 0)) as journal:
        for seq in range(1, 50_001):
            price = 100 + seq % 9 / 100
            event = (
                Event.quote(0, price, price + 0.02, 100.0, 100.0)
                if seq % 3
                else Event.trade(0, price, 100.0)
            )
            journal.append_event(seq, seq * 1_000_000, event)
            outcome = engine.on_event(seq, seq * 1_000_000, event)
            if outcome is not None:
                journal.append_outcome(seq, outcome.commands, outcome.notices)
    return path


def test_a_run_is_recovered(benchmark: BenchmarkFixture, feed: Path) -> None:
    recovered = benchmark(recover, feed)
    assert (recovered.events, recovered.last.seq, recovered.doubt) == (50_000, 50_000, None)
    assert recovered.engine.mark(0) == "100.03"


def test_a_run_is_replayed(benchmark: BenchmarkFixture, feed: Path) -> None:
    replayed = benchmark(replay, feed)
    assert (replayed.events, replayed.difference, replayed.is_closed) == (50_000, None, True)

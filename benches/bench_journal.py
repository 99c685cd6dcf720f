"""What does it cost to have it in writing?

Asked: how long an order waits for its intent to be durable while a busy feed is journaled, how
fast a journal is verified, and how long a crashed run takes to be where it was: the chain followed
and every event judged again, or only those after the last snapshot. What a snapshot itself costs is
asked of an engine with a long day behind it. Run with `make bench`; the figures depend on the disk.

`python -m benches.bench_journal 1000000` tells it for a journal of so many events.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from orderloom._core import Engine, Event
from orderloom.journal import Header, Journal
from orderloom.recovery import recover
from orderloom.replay import replay
from orderloom.runner import SNAPSHOT_EVENTS

if TYPE_CHECKING:
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


def write_feed(path: Path, events: int, snapshots: int | None = None) -> None:
    """Write the journal of so many quotes and trades, with a snapshot every so many of them."""
    config = json.dumps({"run": "bench", "instruments": [{"symbol": "AAPL", "tick": "0.01"}]})
    engine = Engine(config)
    with Journal.create(path, Header("0.0.0", config, ("AAPL",), "", 0)) as journal:
        for seq in range(1, events + 1):
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
            if snapshots is not None and seq % snapshots == 0:
                journal.append_snapshot(engine.snapshot())
            if journal.pending > 50_000:
                journal.commit()


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of 50,000 quotes and trades; what a recovery takes grows with their number."""
    path = tmp_path_factory.mktemp("bench") / "journal.db"
    write_feed(path, 50_000)
    return path


def test_a_run_is_recovered_from_its_last_snapshot(
    benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    write_feed(tmp_path / "journal.db", 50_000, snapshots=20_000)
    recovered = benchmark(recover, tmp_path / "journal.db")
    assert (recovered.events, recovered.last.seq, recovered.doubt) == (10_000, 50_000, None)


def engine_after(orders: int) -> Engine:
    """An engine that has sent so many orders, each filled and over."""
    buy = {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "BUY"}}
    order = {"order": {"side": "BUY", "size": {"shares": "10"}}}
    rule = {"name": "buy", "on": ["PredictionSignal"], "when": {"compare": buy}, "actions": [order]}
    engine = Engine(
        json.dumps(
            {
                "run": "bench",
                "instruments": [{"symbol": "AAPL", "tick": "0.01"}],
                "rules": [rule],
            }
        )
    )
    seq = 0

    def hear(*events: Event) -> None:
        nonlocal seq
        for event in events:
            seq += 1
            engine.on_event(seq, seq * 1_000_000, event)

    hear(Event.connection("up"), Event.snapshot("began"), Event.next_order_id(1))
    hear(Event.snapshot("ended"))
    for number in range(1, orders + 1):
        at = seq * 1_000_000
        hear(
            Event.quote(0, 100.0, 100.02, 300.0, 300.0),
            Event.signal(f"s{number}", "AAPL", 0, "BUY", 0.9, None, [], at, None, []),
            Event.execution(f"x.{number}.01", number, number, "", 0, "BUY", 10.0, 100.02, at),
        )
    return engine


@pytest.mark.parametrize("orders", [1_000])
def test_the_event_loop_pays_for_a_snapshot(benchmark: BenchmarkFixture, orders: int) -> None:
    engine = engine_after(orders)
    assert len(json.loads(engine.fills())) == orders
    benchmark(engine.snapshot)


@pytest.mark.parametrize("orders", [1_000])
def test_the_journal_s_thread_pays_for_a_snapshot(benchmark: BenchmarkFixture, orders: int) -> None:
    engine = engine_after(orders)
    text = benchmark(engine.snapshot().json)
    assert Engine.restore(text).snapshot().json() == text


def test_a_run_is_recovered(benchmark: BenchmarkFixture, feed: Path) -> None:
    recovered = benchmark(recover, feed)
    assert (recovered.events, recovered.last.seq, recovered.doubt) == (50_000, 50_000, None)
    assert recovered.engine.mark(0) == "100.03"


def test_a_run_is_replayed(benchmark: BenchmarkFixture, feed: Path) -> None:
    replayed = benchmark(replay, feed)
    assert (replayed.events, replayed.difference, replayed.is_closed) == (50_000, None, True)


def main() -> None:
    """Tell how long a journal of so many events takes to recover, without snapshots and with."""
    events = int(sys.argv[1])
    for snapshots in (None, SNAPSHOT_EVENTS):
        with TemporaryDirectory() as directory:
            path = Path(directory) / "journal.db"
            # The last distance is whole: the worst moment to crash.
            write_feed(path, events - 1 if snapshots else events, snapshots)
            size = path.stat().st_size / 1e6
            for _ in range(3):
                wall, cpu = time.perf_counter(), time.process_time()
                recovered = recover(path)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                assert recovered.doubt is None
                how = "no snapshots" if snapshots is None else f"a snapshot every {snapshots:,}"
                print(
                    f"{events:,} events ({size:.0f} MB), {how}: {recovered.events:,} judged again, "
                    f"{wall:.2f} s, {cpu:.2f} s of processor time"
                )
    for orders in (100, 10_000):
        engine = engine_after(orders)
        began = time.process_time()
        snapshot = engine.snapshot()
        kept = time.process_time()
        text = snapshot.json()
        written = time.process_time()
        Engine.restore(text)
        read = time.process_time()
        print(
            f"a snapshot after {orders:,} orders: {1e3 * (kept - began):.2f} ms on the event loop, "
            f"{1e3 * (written - kept):.1f} ms to write {len(text) / 1e6:.2f} MB, "
            f"{1e3 * (read - written):.1f} ms to read, of processor time"
        )


if __name__ == "__main__":
    main()

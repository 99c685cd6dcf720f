"""A run of several days: a file for each, snapshots to begin at, and old days made small."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from orderloom._core import Engine, Event, Snapshot
from orderloom.clock import ManualClock
from orderloom.config import parse_settings
from orderloom.doctor import examine_host
from orderloom.explain import explain
from orderloom.journal import (
    Header,
    Journal,
    JournalBroken,
    JournalCompacted,
    JournalFailed,
    Recording,
    Run,
    compact,
)
from orderloom.recovery import OtherVersionError, Seat, recover, seat_name, state_directory
from orderloom.replay import replay
from orderloom.runner import Runner
from orderloom.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orderloom.doctor import Finding
    from orderloom.journal.recording import Rows
    from orderloom.recovery import Recovered

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
OPEN = 1_773_149_400 * SECOND  # 2026-03-10T13:30:00Z
NAMES = ["journal.db", "journal-2026-03-11.db", "journal-2026-03-12.db"]
EVERY = 60
"""Events between snapshots here."""


def on(signal: str, action: dict[str, object]) -> dict[str, object]:
    word = {"left": {"field": "signal.side"}, "is": "==", "right": {"text": signal}}
    return {
        "name": signal.lower(),
        "on": ["PredictionSignal"],
        "when": {"compare": word},
        "actions": [action],
    }


EXITS = {"stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]}
CONFIG = json.dumps(
    {
        "run": "days",
        "instruments": [{"symbol": "AAPL", "tick": "0.01"}],
        "rules": [
            on("BUY", {"enter": {"side": "BUY", "size": {"shares": "100"}, **EXITS}}),
            on("SELL", {"close_all": {}}),
        ],
    }
)
HEADER = Header("0.1.0", CONFIG, ("AAPL",), "DU1234567", OPEN)


class Desk:
    """A runner that hears what a broker and a market say, and whose orders nobody takes."""

    def __init__(
        self,
        journal: Journal,
        recovered: Recovered | None = None,
        on_problem: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.journal = journal
        self.clock = ManualClock(OPEN if recovered is None else recovered.last.at)
        self._runner = Runner(
            CONFIG,
            clock=self.clock,
            journal=journal,
            on_problem=on_problem,
            recovered=recovered,
            snapshot_events=EVERY,
        )
        self.engine = self._runner.engine
        if recovered is not None:
            self.hear(Event.restarted(CONFIG))
        self.hear(Event.connection("up"), Event.snapshot("began"), Event.snapshot("ended"))

    def hear(self, *events: Event) -> None:
        for event in events:
            self.clock.advance_to(self.clock.now() + SECOND // 10)
            self._runner.post(event)

    def compacted(self) -> None:
        """Wait until days that are over were looked at."""
        for thread in threading.enumerate():
            if thread.name == "compaction":
                thread.join(10)

    def day(self, number: int, prices: int = 100) -> None:
        """A session, a long trade that stays open or is added to nothing, and prices."""
        start = OPEN + number * DAY
        self.clock.advance_to(max(start, self.clock.now()))
        close = start + 23_400 * SECOND
        self.hear(Event.session(0, 20260310 + number, -4 * 3_600 * SECOND, start, close))
        self.hear(Event.quote(0, 99.99, 100.01, 300.0, 300.0))
        now = self.clock.now()
        self.hear(
            Event.signal(f"s-{number}", "AAPL", 0, "BUY", 0.9, None, [], now, None, []),
            Event.execution(f"x.{number}.01", 1, 11, "", 0, "BUY", 10.0, 100.01, now),
            Event.commission(f"x.{number}.01", 0.35, "USD"),
        )
        for place in range(prices):
            price = 100 + place % 7 / 100
            self.hear(
                Event.quote(0, price - 0.01, price + 0.01, 300.0, 300.0)
                if place % 3
                else Event.trade(0, price, 100.0)
            )


def trade(directory: Path, days: int = 3, *, prices: int = 100, keep: int | None = None) -> Desk:
    """Run that many days to their end."""
    with Journal.create(directory / NAMES[0], HEADER, keep=keep) as journal:
        desk = Desk(journal)
        for number in range(days):
            desk.day(number, prices)
    return desk


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def rows(directory: Path, query: str) -> list[object]:
    found: list[object] = []
    for name in NAMES:
        with closing(sqlite3.connect(directory / name)) as connection:
            found += connection.execute(query).fetchall()
    return found


def test_each_day_is_a_file_and_the_chain_runs_through_all_of_them(tmp_path: Path) -> None:
    desk = trade(tmp_path / "run")
    files = sorted((tmp_path / "run").iterdir())
    assert {path.name for path in files} == set(NAMES), "and nothing beside them"
    assert [path.name for path in desk.journal.files] == NAMES
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    with Run.open(tmp_path / "run") as run:
        run.verify()
        assert run.is_closed
        seqs = [seq for seq, _, _ in run.events()]
        assert seqs == list(range(1, len(seqs) + 1)), "nothing is lost between two files"
        assert len({config for _, config in run.configs()}) == 1
    # An ordinary sqlite3 reads each day by itself.
    ends = rows(tmp_path / "run", "select kind from entry where type = 'end'")
    assert ends == [("rotated",), ("rotated",), ("closed",)]
    assert len(rows(tmp_path / "run", "select * from fills where symbol = 'AAPL'")) == 3
    change(tmp_path / "run" / NAMES[1], "update entry set at = at + 1 where id = 9")
    with Run.open(tmp_path / "run") as run, pytest.raises(JournalBroken, match="row 9"):
        run.verify()


def test_files_that_do_not_follow_each_other_are_not_taken_for_a_run(tmp_path: Path) -> None:
    trade(tmp_path / "run")
    trade(tmp_path / "other", 2, prices=90)
    shutil.copy(tmp_path / "other" / NAMES[1], tmp_path / "run" / NAMES[1])
    with pytest.raises(JournalBroken, match="expected it to go on where"):
        replay(tmp_path / "run")


def test_files_that_cannot_be_read_as_one_are_all_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(tmp_path)
    opened: list[Recording] = []
    open_ = Recording.__init__

    def note(self: Recording, path: Path) -> None:
        open_(self, path)
        opened.append(self)

    monkeypatch.setattr(Recording, "__init__", note)

    def left_open() -> int:
        count = 0
        for each in opened:
            with suppress(sqlite3.ProgrammingError):
                count += each.count()[0] > 0
        opened.clear()
        return count

    compact(tmp_path / NAMES[0])
    with Run.open(tmp_path) as run:
        assert [each.path.name for each in run.files] == NAMES[1:]
    assert left_open() == 0
    (tmp_path / NAMES[1]).rename(tmp_path / "gone")
    for read, path in (
        (Run.open, tmp_path),
        (Run.whole, tmp_path),
        (Run.until, tmp_path / NAMES[2]),
    ):
        with pytest.raises(JournalBroken):
            read(path)
        assert opened
        assert left_open() == 0, read
    with pytest.raises(JournalCompacted):
        Run.open(tmp_path / NAMES[0])
    assert left_open() == 0


def test_a_file_is_read_whose_writer_was_killed_in_the_midst_of_a_change(tmp_path: Path) -> None:
    run, left = tmp_path / "run", tmp_path / "left"
    trade(run, days=1, prices=1_000)
    left.mkdir()
    with closing(sqlite3.connect(run / NAMES[0], isolation_level=None)) as writer:
        writer.execute("pragma journal_mode = delete")
        writer.execute("pragma cache_size = 10")
        writer.execute("begin immediate")
        writer.execute("update entry set body = body || ' '")
        # Pages are written by now, and beside them lies what they were.
        for path in run.iterdir():
            shutil.copy(path, left)
        writer.execute("rollback")
    assert (left / f"{NAMES[0]}-journal").stat().st_size > 0
    address = f"{(left / NAMES[0]).as_uri()}?mode=ro"
    readonly = pytest.raises(sqlite3.OperationalError, match="readonly")
    with closing(sqlite3.connect(address, uri=True)) as reader, readonly:
        reader.execute("select count(*) from entry")
    with Recording(left / NAMES[0]) as found, Recording(run / NAMES[0]) as expected:
        assert found.verify() is None
        assert (found.count(), found.last) == (expected.count(), expected.last)


def test_a_run_replays_in_order_and_each_day_by_itself(tmp_path: Path) -> None:
    trade(tmp_path)
    whole = replay(tmp_path)
    assert (whole.difference, whole.is_closed, list(whole.files)) == (None, True, NAMES)
    days = [replay(tmp_path / name) for name in NAMES]
    assert [day.difference for day in days] == [None] * 3
    assert all(day.is_closed for day in days)
    assert sum(day.events for day in days) == whole.events > 300
    assert sum(day.outcomes for day in days) == whole.outcomes
    # So do explanations.
    judged = explain(tmp_path, rule="buy").accounts["buy"].judged
    assert judged == 3
    assert explain(tmp_path / NAMES[1], rule="buy").accounts["buy"].judged == 1


@pytest.mark.parametrize("are_small", [False, True])
def test_each_day_is_explained_in_the_time_of_its_exchange(tmp_path: Path, are_small: bool) -> None:
    trade(tmp_path)
    taken_up = tmp_path / "taken up"
    taken_up.mkdir()
    (taken_up / NAMES[0]).symlink_to(tmp_path / NAMES[2])
    whole = [tmp_path / NAMES[0]]
    if are_small:
        compact(tmp_path / NAMES[0])
        whole = [tmp_path]
    for path, day in (
        *((each, 10 + are_small) for each in whole),
        (tmp_path / NAMES[1], 11),
        (taken_up, 12),
    ):
        (judged, *_) = explain(path, rule="buy", at="09:30").judged
        assert judged.time == f"2026-03-{day} 09:30:00", path


def test_a_replay_names_a_snapshot_that_the_engine_does_not_come_to(tmp_path: Path) -> None:
    desk = trade(tmp_path, 1)
    other = desk.engine.snapshot()
    seq = 1
    with Journal.create(tmp_path / "forged.db", HEADER) as journal:
        journal.append_event(seq, OPEN, Event.connection("up"))
        journal.append_snapshot(other)
    difference = replay(tmp_path / "forged.db").difference
    assert difference is not None
    assert difference.seq == seq
    assert "sha256" in (difference.expected or "")


def test_a_recovery_begins_at_the_last_snapshot(tmp_path: Path) -> None:
    desk = trade(tmp_path)
    for name in NAMES:  # wherever one begins to look
        recovered = recover(tmp_path / name)
        assert recovered.path.name == NAMES[2]
        assert recovered.doubt is None
        assert recovered.events < EVERY
        assert recovered.engine.snapshot().json() == desk.engine.snapshot().json()
        assert recovered.config["run"] == "days"
        assert list(recovered.openers.values()) == ["buy"], "told on the first day"
    with Recording(tmp_path / NAMES[2]) as recording:
        kept = recording.snapshots()
    assert len(kept) == 2, "the one that the day begins with, and one under way"


def tell_another_layout(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "update snapshot set body = replace(body, :now, :then) where id ="
            " (select max(id) from snapshot)",
            {"now": f'"layout":{Snapshot.LAYOUT}', "then": '"layout":99'},
        )


@pytest.mark.parametrize(
    "damage",
    [
        ["update snapshot set body = replace(body, '\"is_synced\":true', '\"is_synced\":false')"],
        ["update snapshot set body = 'x'"],
        ["update snapshot set body = x'ff00'"],
        ["delete from snapshot"],
    ],
)
def test_a_damaged_snapshot_is_not_used_and_the_rows_tell_the_same(
    tmp_path: Path, damage: Sequence[str]
) -> None:
    desk = trade(tmp_path)
    change(tmp_path / NAMES[2], *[f"{each} where id > 1" for each in damage])
    recovered = recover(tmp_path / NAMES[2])
    assert EVERY < recovered.events < 120, "all of the day"
    assert recovered.engine.snapshot().json() == desk.engine.snapshot().json()

    change(tmp_path / NAMES[2], *damage)
    recovered = recover(tmp_path / NAMES[2])
    assert 120 < recovered.events < 200, "from a snapshot of the day before"
    assert recovered.engine.snapshot().json() == desk.engine.snapshot().json()
    with pytest.raises(JournalBroken, match="found its text damaged or gone; hint: "):
        replay(tmp_path / NAMES[2])
    assert replay(tmp_path).difference is None

    for name in NAMES[:2]:
        change(tmp_path / name, *damage)
    recovered = recover(tmp_path / NAMES[2])
    assert recovered.events > 300, "all of the run"
    assert (recovered.doubt, recovered.engine.snapshot().json()) == (
        None,
        desk.engine.snapshot().json(),
    )


class Newer:
    """Snapshots of an orderloom to come."""

    LAYOUT = Snapshot.LAYOUT + 1


def raise_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("replay", "recovery"):
        monkeypatch.setattr(f"orderloom.{module}.Snapshot", Newer)


def test_a_snapshot_of_another_layout_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = trade(tmp_path)
    raise_layout(monkeypatch)
    recovered = recover(tmp_path / NAMES[2])
    assert recovered.events > 300
    assert recovered.engine.snapshot().json() == desk.engine.snapshot().json()
    monkeypatch.undo()
    # Nor one whose row says that it were ours.
    text = desk.engine.snapshot().json()
    for other in (
        text.replace(f'"layout":{Snapshot.LAYOUT}', f'"layout":{Snapshot.LAYOUT + 1}'),
        text.replace('"is_synced":true,', ""),
        text.replace('"is_synced":true,', '"is_synced":true,"is_new":true,'),
        text.replace('"confirmed_at":', '"confirmed":'),
    ):
        assert other != text
        with pytest.raises(ValueError, match="layout"):
            type(desk.engine).restore(other)


def test_a_run_that_only_another_version_can_take_up_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(tmp_path)
    for name in NAMES[:2]:
        compact(tmp_path / name)
    raise_layout(monkeypatch)
    with pytest.raises(OtherVersionError) as left:
        recover(tmp_path / NAMES[0])
    now, then = Newer.LAYOUT, Snapshot.LAYOUT
    assert left.value.reason == (
        f"{tmp_path / NAMES[2]}: expected a snapshot of layout {now}, found layout {then}, and "
        f"nothing before it to begin with: the prices of {NAMES[1]} were removed"
    )
    assert f"go on with the version that wrote it ({__version__})" in left.value.hint
    monkeypatch.undo()
    # Damage is another matter: no version can take it up.
    change(tmp_path / NAMES[2], "update snapshot set body = 'x'")
    with pytest.raises(JournalBroken, match="found its text damaged or gone, and nothing"):
        recover(tmp_path / NAMES[0])


def doctor_on(run: Path, monkeypatch: pytest.MonkeyPatch) -> Finding:
    """What the doctor says of the journal when `run` was the last."""
    settings = parse_settings("market: {symbols: [AAPL]}")
    monkeypatch.setenv("XDG_STATE_HOME", str(run / "state"))
    seat = Seat.take(state_directory() / seat_name(settings, settings.broker.mode), run)
    seat.remember(run / NAMES[0])
    seat.release()
    (finding,) = (each for each in examine_host(settings, run) if each.what == "journal")
    return finding


def test_the_doctor_tells_whether_this_version_can_take_up_the_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(tmp_path)
    for name in NAMES[:2]:
        compact(tmp_path / name)
    finding = doctor_on(tmp_path, monkeypatch)
    assert (finding.state, finding.hint) == ("ok", "")
    with Run.whole(tmp_path) as run:
        assert f"{run.count()[0]} events in 3 files, the chain holds" in finding.detail
    raise_layout(monkeypatch)
    finding = doctor_on(tmp_path, monkeypatch)
    assert finding.state == "failed"
    assert f"expected a snapshot of layout {Newer.LAYOUT}" in finding.detail
    assert finding.hint.startswith("go on with the version that wrote it")


def test_the_doctor_proves_every_day_of_the_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(tmp_path)
    change(tmp_path / NAMES[1], "update entry set at = at + 1 where id = 9")
    finding = doctor_on(tmp_path, monkeypatch)
    assert finding.state == "failed"
    assert finding.detail.startswith(f"{tmp_path / NAMES[1]}: row 9 ")
    (tmp_path / NAMES[1]).unlink()
    (tmp_path / NAMES[0]).unlink()
    finding = doctor_on(tmp_path, monkeypatch)
    assert finding.state == "failed"
    assert f"{NAMES[1]}: expected a journal, found no such file" in finding.detail
    assert "the run is taken up from its last file" in finding.hint


def test_a_recovery_needs_no_day_before_the_last(tmp_path: Path) -> None:
    desk = trade(tmp_path)
    for name in NAMES[:2]:
        (tmp_path / name).unlink()
        recovered = recover(tmp_path / NAMES[0])
        assert recovered.path.name == NAMES[2]
        assert recovered.openers == {}, "the day that tells is gone"
        assert recovered.engine.snapshot().json() == desk.engine.snapshot().json()
    (tmp_path / NAMES[2]).unlink()
    with pytest.raises(JournalBroken, match=f"{NAMES[0]}: expected a journal, found no such file"):
        recover(tmp_path / NAMES[0])


def test_a_run_that_ended_between_two_files_goes_on_in_the_first(tmp_path: Path) -> None:
    trade(tmp_path, 2)
    (tmp_path / NAMES[1]).rename(tmp_path / "gone")  # as if killed before it was there
    (tmp_path / f"{NAMES[1]}.new").write_bytes(b"half of it")
    recovered = recover(tmp_path / NAMES[0])
    assert (recovered.path.name, recovered.doubt) == (NAMES[0], None)
    with recovered.resume(()) as journal:
        desk = Desk(journal, recovered)
        desk.day(2)
    assert [path.name for path in journal.files] == [NAMES[0], NAMES[2]]
    assert {path.name for path in tmp_path.iterdir()} == {
        NAMES[0],
        NAMES[2],
        f"{NAMES[1]}.new",
        "gone",
    }
    replayed = replay(tmp_path)
    assert (replayed.difference, list(replayed.files)) == (None, [NAMES[0], NAMES[2]])


def test_a_day_that_is_gone_between_two_is_missed_and_nothing_goes_on_before_it(
    tmp_path: Path,
) -> None:
    trade(tmp_path, 3)
    (tmp_path / NAMES[1]).rename(tmp_path / "gone")
    for read in (Run.open, lambda path: recover(path / NAMES[0])):
        with pytest.raises(JournalBroken, match=f"{NAMES[1]}.*before {NAMES[2]}, it is gone"):
            read(tmp_path)
    (tmp_path / "gone").rename(tmp_path / NAMES[1])
    assert recover(tmp_path / NAMES[0]).path.name == NAMES[2]


def test_what_a_run_came_to_counts_from_its_first_day(tmp_path: Path) -> None:
    trade(tmp_path, 3)
    link = tmp_path / "taken up"
    link.mkdir()
    (link / NAMES[0]).symlink_to(tmp_path / NAMES[2])
    for path, files in ((tmp_path, 3), (tmp_path / NAMES[1], 2), (link, 3)):
        with Run.whole(path) as run:
            assert [each.path.resolve().name for each in run.files] == NAMES[:files]
            assert next(run.events())[0] == 1


def test_a_day_whose_file_cannot_begin_fails_the_journal_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / NAMES[0], HEADER)
    desk = Desk(journal)
    desk.day(0)
    (tmp_path / f"{NAMES[1]}.new").mkdir()  # not a file that could be cleared away
    desk.day(1, prices=5)
    with pytest.raises(JournalFailed):
        journal.commit()
    journal.close()
    assert recover(tmp_path / NAMES[0]).path.name == NAMES[0]
    with Recording(tmp_path / NAMES[0]) as recording:
        assert recording.verify() is None


def test_every_entry_after_a_day_whose_file_cannot_begin_is_counted_as_lost(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / NAMES[0], HEADER)
    journal.append_event(1, OPEN, Event.connection("up"))
    (tmp_path / f"{NAMES[1]}.new").mkdir()  # not a file that could be cleared away
    journal.turn(20260311, CONFIG, Engine(CONFIG).snapshot())
    for seq in range(2, 7):
        journal.append_event(seq, OPEN, Event.connection("up"))
    with pytest.raises(JournalFailed):
        journal.commit()
    assert journal.lost == 5
    journal.close()


def test_old_days_lose_their_prices_and_say_so(tmp_path: Path) -> None:
    trade(tmp_path)
    before = {
        view: rows(tmp_path, f"select * from {view}")
        for view in ("orders", "fills", "commands", "notices", "round_trips")
    }
    decided = rows(tmp_path, "select seq, kind from events where kind not in ('quote', 'trade')")
    size = (tmp_path / NAMES[0]).stat().st_size
    assert compact(tmp_path / NAMES[0])
    assert not compact(tmp_path / NAMES[0]), "once is enough"
    assert (tmp_path / NAMES[0]).stat().st_size < size
    for view, found in before.items():
        assert rows(tmp_path, f"select * from {view}") == found, view
    others = "select seq, kind from events where kind not in ('quote', 'trade')"
    assert rows(tmp_path, others) == decided
    with closing(sqlite3.connect(tmp_path / NAMES[0])) as connection:
        assert connection.execute("select kinds, events from compacted").fetchall() \
            == [('["quote", "trade"]', 101)]  # fmt: skip
        assert connection.execute("select count(*) from events where kind = 'quote'").fetchone() \
            == (0,)  # fmt: skip

    # What is there is proven still, and what is not cannot be run.
    with Recording(tmp_path / NAMES[0]) as recording:
        assert recording.verify() is None
    with pytest.raises(JournalCompacted, match="101 prices were removed on 20"):
        replay(tmp_path / NAMES[0])
    replayed = replay(tmp_path)
    assert (replayed.difference, list(replayed.files)) == (None, NAMES[1:])
    assert "101 prices were removed" in replayed.skipped[0]
    assert recover(tmp_path / NAMES[0]).doubt is None
    with pytest.raises(JournalBroken, match="found no file after it"):
        compact(tmp_path / NAMES[2])
    for statement in (
        "delete from entry where id = (select max(first) - 1 from removed)",
        "update removed set hash = replace(hash, substr(hash, 1, 1), 'x')",
        "update entry set body = replace(body, '100', '101') where kind = 'place'",
    ):
        copy = shutil.copy(tmp_path / NAMES[0], tmp_path / "copy.db")
        change(tmp_path / "copy.db", statement)
        with Recording(tmp_path / "copy.db") as recording:
            assert recording.verify() is not None, statement
        (tmp_path / copy).unlink()


class Overtaken(Recording):
    """What is read while another process makes it small."""

    def _rows(self, after: int, last: int) -> Rows | None:
        compact(self.path)
        return super()._rows(after, last)


def test_a_day_that_is_made_small_while_it_is_read_was_not_changed_by_hand(tmp_path: Path) -> None:
    trade(tmp_path)
    with Overtaken(tmp_path / NAMES[0]) as recording:
        assert recording.compacted is None
        assert recording.verify() is None
        assert recording.compacted is not None
    with Overtaken(tmp_path / NAMES[1]) as recording, pytest.raises(JournalCompacted):
        list(recording.checked(recording.chain()))


class Full(sqlite3.Connection):
    """A disk that does not take the copy from which a file is made small."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "vacuum":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)


def test_space_that_could_not_be_given_back_is_given_back_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(tmp_path, 2, prices=1_000)
    path = tmp_path / NAMES[0]
    size = path.stat().st_size
    with monkeypatch.context() as full:
        full.setattr(
            "orderloom.journal.compaction.connect",
            lambda path: sqlite3.connect(path, isolation_level=None, factory=Full),
        )
        with pytest.raises(sqlite3.OperationalError, match="full"):
            compact(path)
    assert path.stat().st_size >= size
    assert compact(path)
    assert path.stat().st_size < size / 2
    assert not compact(path)


def test_a_day_that_cannot_be_made_small_is_told_with_the_next_and_keeps_none_from_it(
    tmp_path: Path,
) -> None:
    trade(tmp_path, 3)
    change(tmp_path / NAMES[1], "update entry set at = at + 1 where id = 9")
    recovered = recover(tmp_path / NAMES[2])
    problems: list[str] = []
    with recovered.resume((), keep=0) as journal:
        desk = Desk(journal, recovered, problems.append)
        desk.day(3)
        journal.commit()
        desk.compacted()
        assert not [each for each in problems if "small" in each]
        desk.day(4)
        (problem,) = (each for each in problems if "small" in each)
    assert problem.startswith(f"{tmp_path / NAMES[1]} could not be made small: row 9 ")
    for name in (NAMES[0], NAMES[2]):
        with Recording(tmp_path / name) as recording:
            assert recording.compacted is not None, name


def test_days_beyond_those_that_are_kept_are_made_small_under_way(tmp_path: Path) -> None:
    desk = trade(tmp_path, 3, keep=1)
    assert list(desk.journal.problems()) == []
    for name, is_small in zip(NAMES, (True, False, False), strict=True):
        with Recording(tmp_path / name) as recording:
            assert (recording.compacted is not None) == is_small, name


def test_a_day_that_is_over_may_be_taken_away_and_the_one_that_is_written_may_not(
    tmp_path: Path,
) -> None:
    first = tmp_path / "journal.db"
    with Journal.create(first, HEADER) as journal:
        journal.turn(20260311, CONFIG, Engine(CONFIG).snapshot())
        journal.check_place()
        journal.commit()
        first.unlink()
        journal.check_place()
        journal.path.rename(tmp_path / "elsewhere.db")
        with pytest.raises(JournalFailed, match=r"2026-03-11\.db: .* deleted or moved"):
            journal.check_place()
        with pytest.raises(JournalFailed):
            journal.commit()

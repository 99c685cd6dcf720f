"""The journal: durable before anything leaves, readable by anyone, and honest about damage."""

from __future__ import annotations

import asyncio
import json
import random
import resource
import shutil
import sqlite3
import stat
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orderloom import Engine, Event
from orderloom._core import Snapshot
from orderloom.actions import log
from orderloom.config import Settings
from orderloom.journal import Header, Journal, JournalBroken, JournalFailed, schema
from orderloom.journal.chain import row_hash
from orderloom.redaction import Redactor
from orderloom.rules import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderloom.journal.file import Recordable

SECOND = 1_000_000_000
START = 1_773_153_000 * SECOND  # 2026-03-10T14:30:00Z
HEADER = Header(
    orderloom="0.1.0",
    config=json.dumps({"run": "t", "rules": [{"name": "long-on-buy"}]}),
    symbols=("AAPL", "BRK B"),
    account="DU1234567",
    started_at=START,
)
CANARY = 'c4nary"\\key-é'


@dataclass(frozen=True)
class Said:
    """Anything with a kind and fields."""

    kind: str
    fields: dict[str, object]

    def json(self) -> str:
        return json.dumps({"kind": self.kind, **self.fields})


def quote(number: int) -> Said:
    return Said("quote", {"symbol": number % 2, "bid": f"{100 + number}.01", "ask": None})


PLACE = Said(
    "place",
    {
        "ticket": {
            "order_id": 41,
            "order_ref": "t-1",
            "symbol": 0,
            "side": "BUY",
            "quantity": "100",
            "order_type": {"type": "limit", "limit_price": "150.02"},
        },
        "role": "entry",
        "context": 1,
    },
)


def told(kind: str, **fields: object) -> Said:
    return Said(kind, fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.db"


FIRST_SCHEMA = Path(__file__).parents[1] / "data" / "journal-schema-1.sql"


def write(path: Path, events: int = 30) -> list[tuple[int, int, str]]:
    """Write a closed journal of quotes, with an order after every tenth."""
    written = []
    with Journal.create(path, HEADER) as journal:
        for seq in range(events):
            event = quote(seq)
            journal.append_event(seq, START + seq, event)
            written.append((seq, START + seq, event.json()))
            if seq % 10 == 9:
                journal.append_outcome(seq, [PLACE], [told("mode_changed", mode="Active")])
                journal.commit()
    return written


def tamper(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_what_was_appended_is_read_back_in_order(path: Path) -> None:
    written = write(path)
    with Journal.open(path) as recording:
        assert recording.verify() is None
        assert recording.is_closed
        assert list(recording.events()) == written
        assert [(c.seq, c.n, c.at, c.kind) for c in recording.commands()] == [
            (seq, 0, START + seq, "place") for seq in (9, 19, 29)
        ]
        assert [n.body for n in recording.notices()] == [
            '{"kind": "mode_changed", "mode": "Active"}'
        ] * 3
        assert recording.header.account == "DU*****67"
        assert recording.header.symbols == HEADER.symbols


def test_reading_a_closed_journal_leaves_nothing_beside_it_and_changes_none_of_it(
    path: Path,
) -> None:
    write(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with Journal.open(path) as first, Journal.open(path) as second:
        assert first.last == second.last
    assert list(path.parent.iterdir()) == [path]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_reading_takes_no_log_away_from_a_run_that_goes_on_or_was_killed(path: Path) -> None:
    killed = path.with_name("killed.db")
    with Journal.create(path, HEADER) as journal:
        with Journal.open(path) as recording:
            assert recording.count() == (0, 0)
        journal.append_event(1, START, quote(1))
        journal.commit()
        parts = [path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal")]
        for part in parts:
            shutil.copy(part, part.with_name(part.name.replace(path.name, killed.name)))
        log = killed.with_name("killed.db-wal")
        before = killed.read_bytes(), log.read_bytes()
        for each in (path, killed):
            with Journal.open(each) as recording:
                assert recording.count() == (1, 1)
        assert (killed.read_bytes(), log.read_bytes()) == before
        assert all(part.exists() for part in parts)
        journal.append_event(2, START, quote(2))
        journal.commit()
    with Journal.open(path) as recording:
        assert (recording.verify(), recording.count()) == (None, (2, 2))


def test_only_the_owner_may_read_it(path: Path) -> None:
    with Journal.create(path, HEADER) as journal:
        journal.append_event(1, START, quote(1))
        journal.commit()
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 0o600)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_views_answer_a_person_with_an_ordinary_sqlite3(path: Path) -> None:
    with Journal.create(path, HEADER) as journal:
        journal.append_event(1, START + 5, quote(1))
        journal.append_outcome(
            1, [PLACE], [told("order_changed", order_id=41, symbol=0, phase="submitting")]
        )
        journal.append_event(2, START + SECOND, told("execution", exec_id="e1", symbol=0))
        filled = {"order_id": 41, "symbol": 0, "side": "BUY", "quantity": "100", "price": "150.01"}
        journal.append_outcome(
            2,
            [told("cancel", order_id=42, symbol=1)],
            [
                told("filled", exec_id="e1", role="entry", **filled),
                told("order_changed", order_id=41, symbol=0, phase="filled"),
                told("commission_paid", exec_id="e1", symbol=0, amount="1"),
                told(
                    "context_concluded", context=1, symbol=0, side="LONG", rule=0, pnl="1198",
                    exit_reason="TARGET", opened_at=START, closed_at=START + SECOND,
                ),
            ],
        )  # fmt: skip
        journal.commit()
        connection = sqlite3.connect(path)

        def rows(sql: str) -> list[tuple[object, ...]]:
            return connection.execute(sql).fetchall()

        assert rows("select seq, at_utc, kind, symbol from events") == [
            (1, "2026-03-10T14:30:00.000000005Z", "quote", "BRK B"),
            (2, "2026-03-10T14:30:01.000000000Z", "execution", "AAPL"),
        ]
        assert rows("select seq, n, kind, symbol, order_id from commands") == [
            (1, 0, "place", "AAPL", 41),
            (2, 0, "cancel", "BRK B", 42),
        ]
        assert rows("select order_id, symbol, order_type, limit_price, phase from orders") == [
            (41, "AAPL", "limit", "150.02", "filled")
        ]
        assert rows("select symbol, side, quantity, price, commission from fills") == [
            ("AAPL", "BUY", "100", "150.01", "1")
        ]
        assert rows("select rule, exit_reason, pnl, closed_at from round_trips") == [
            ("long-on-buy", "TARGET", "1198", "2026-03-10T14:30:01.000000000Z")
        ]
        connection.close()


def test_a_trade_is_shown_under_the_rule_that_opened_it_whatever_rules_came_later(
    path: Path,
) -> None:
    def over(context: int, rule: int) -> Said:
        return told("context_concluded", context=context, rule=rule, opened_at=0, closed_at=0)

    gone = 2**32 - 1
    with Journal.create(path, HEADER) as journal:
        journal.append_event(1, START, quote(1))
        journal.append_outcome(1, [], [told("context_opened", context=1, rule=0)])
        for seq, kind in ((2, "reloaded"), (3, "restarted")):
            rules = [{"name": f"since-{seq}"}, {"name": "long-on-buy"}]
            journal.append_event(seq, START, told(kind, run="t", rules=rules))
        # The second was opened in a file before this one.
        journal.append_outcome(3, [], [over(1, gone), over(2, 0), over(3, gone)])
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("select context, rule from round_trips").fetchall()
    assert found == [(1, "long-on-buy"), (2, "since-3"), (3, None)]


def test_an_entry_is_on_disk_when_commit_returns_and_not_awaited_before(path: Path) -> None:
    with Journal.create(path, HEADER, linger=60) as journal, Journal.open(path) as recording:
        journal.append_event(1, START, quote(1))
        assert list(recording.events()) == []
        assert journal.commit() > 0
        assert [seq for seq, _, _ in recording.events()] == [1]
        # A copy of the files is what a power cut leaves.
        copy = path.parent.parent / "copy"
        shutil.copytree(path.parent, copy)
        with Journal.open(copy / path.name) as survivor:
            assert [seq for seq, _, _ in survivor.events()] == [1]
            assert not survivor.is_closed


async def test_commit_async_leaves_the_event_loop_running(path: Path) -> None:
    with Journal.create(path, HEADER) as journal:
        journal.append_event(1, START, quote(1))
        took, _ = await asyncio.gather(journal.commit_async(), asyncio.sleep(0))
        assert took > 0
        with Journal.open(path) as recording:
            assert len(list(recording.events())) == 1


def test_appending_a_burst_waits_for_no_disk(path: Path) -> None:
    event = quote(1)
    with Journal.create(path, HEADER) as journal:
        start = time.thread_time()
        for seq in range(20_000):
            journal.append_event(seq, START + seq, event)
        # A second's worth of the busiest feed; the bound is ten times what was measured.
        assert time.thread_time() - start < 0.3
        journal.commit()
        assert journal.pending == 0
    with Journal.open(path) as recording:
        assert sum(1 for _ in recording.events()) == 20_000


def test_an_event_out_of_order_is_refused_and_nothing_is_written(path: Path) -> None:
    with Journal.create(path, HEADER) as journal:
        journal.append_event(7, START, quote(1))
        with pytest.raises(ValueError, match="event 7: expected a number above 7"):
            journal.append_event(7, START, quote(2))
        with pytest.raises(ValueError, match="outcome of event 6"):
            journal.append_outcome(6, [PLACE], [])
    with Journal.open(path) as recording:
        assert [body for _, _, body in recording.events()] == [quote(1).json()]
        assert list(recording.commands()) == []


def test_an_existing_journal_is_not_overwritten(path: Path) -> None:
    written = write(path)
    with pytest.raises(FileExistsError):
        Journal.create(path, HEADER)
    with Journal.open(path) as recording:
        assert list(recording.events()) == written


def test_no_secret_reaches_the_disk(path: Path) -> None:
    header = Header("0.1.0", json.dumps({"key": CANARY}), (), "DU1234567", START)
    with Journal.create(path, header, secrets=[CANARY, "1234567"]) as journal:
        detail = f"GET https://example.org/?key={CANARY} failed"
        journal.append_event(1, START, told("signal_rejected", detail=detail, count=1234567))
        journal.commit()
        for file in path.parent.iterdir():
            content = file.read_bytes()
            assert CANARY.encode() not in content
            assert b"c4nary" not in content
            assert b"DU1234567" not in content
    with Journal.open(path) as recording:
        [(_, _, body)] = recording.events()
        # Still JSON, and a number that looks like the secret is still a number.
        assert json.loads(body) == {
            "kind": "signal_rejected",
            "detail": "GET https://example.org/?key=[redacted] failed",
            "count": 1234567,
        }
        assert json.loads(recording.header.config) == {"key": "[redacted]"}


def test_each_row_is_what_the_redactor_and_the_chain_make_of_its_record(path: Path) -> None:
    watch = rule("watch", on="Reading", symbols=["AAPL"], then=log(f"é\u20ac 7654321 {CANARY}"))
    engine = Engine(Settings(rules=(watch,)).engine_config("one"))
    header, secrets = Header("0.1.0", engine.config, ("AAPL",), "", START), [CANARY, "7654321"]
    records: list[tuple[int, int, str, list[Recordable]]] = []
    with Journal.create(path, header, secrets=secrets) as journal:
        for seq, event in enumerate([
            Event.quote(0, 100.25, None, 300.0, 0.0),
            Event.reading("vix", 0, 7654321.0),
            Event.signal_rejected("api", "status", f"GET /?key={CANARY}"),
            Event.operator("halt", reason="7654321"),
        ], 1):  # fmt: skip
            journal.append_event(seq, START + seq, event)
            records.append((seq, START + seq, "event", [event]))
            if (outcome := engine.on_event(seq, START + seq, event)) is not None:
                journal.append_outcome(seq, outcome.commands, outcome.notices)
                records.append((seq, START + seq, "command", [*outcome.commands]))
                records.append((seq, START + seq, "notice", [*outcome.notices]))
        snapshot, last = engine.snapshot(), told("else", text=f"{CANARY} 7654321", number=7654321)
        journal.append_snapshot(snapshot)
        journal.append_event(9, START + 9, last)
    redactor = Redactor(secrets)
    text = redactor.json(snapshot.json())
    note = {"layout": Snapshot.LAYOUT, "sha256": sha256(text.encode()).hexdigest()}
    with Journal.open(path) as recording:
        hash_ = recording.start.hash
    expected = []
    rows = [
        (seq, n, at, type_, record.kind, redactor.json(record.json()))
        for seq, at, type_, several in records
        for n, record in enumerate(several)
    ]
    rows.append((4, 0, START + 4, "snapshot", "engine", json.dumps(note)))
    rows.append((9, 0, START + 9, "event", "else", redactor.json(last.json())))
    rows.append((9, 0, START + 9, "end", "closed", "{}"))
    for id_, row in enumerate(rows, 1):
        hash_ = row_hash(hash_, id_, *row)
        expected.append((id_, *row, hash_))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select * from entry order by id").fetchall() == expected
        assert connection.execute("select body from snapshot").fetchall() == [(text,)]
    assert {row[3] for row in rows} == {"event", "command", "notice", "snapshot", "end"}
    assert sum("[redacted]" in row[5] for row in rows) == 5


def test_a_secret_too_short_to_redact_is_refused_without_showing_it(path: Path) -> None:
    with pytest.raises(ValueError, match="at least 6 characters") as refused:
        Journal.create(path, HEADER, secrets=["s3"])
    assert "s3" not in str(refused.value)
    assert not path.exists()


@pytest.fixture
def file_size_limit() -> Iterator[int]:
    """No file of this process may grow beyond this: what a full disk looks like to SQLite."""
    limit = 200_000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_fails_every_commit_and_loses_nothing_acknowledged(
    path: Path, file_size_limit: int
) -> None:
    journal = Journal.create(path, HEADER)
    acknowledged = -1

    def run_until_the_disk_is_full() -> None:
        nonlocal acknowledged
        for seq in range(file_size_limit // 100):
            journal.append_event(seq, START + seq, quote(seq))
            journal.commit()
            acknowledged = seq

    with pytest.raises(JournalFailed, match=r"journal\.db: expected entries to be durable"):
        run_until_the_disk_is_full()
    assert acknowledged > 10

    # The disk has room again, and the journal still refuses: what failed once proves nothing later.
    resource.setrlimit(
        resource.RLIMIT_FSIZE,
        (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]),
    )
    journal.append_event(acknowledged + 2, START, quote(0))
    with pytest.raises(JournalFailed):
        journal.commit()
    assert journal.failure is not None
    assert journal.lost == 2
    journal.close()  # the failure was told: not again

    with Journal.open(path) as recording:
        assert recording.verify() is None
        assert not recording.is_closed
        assert [seq for seq, _, _ in recording.events()] == list(range(acknowledged + 1))

    with Journal.resume(path) as resumed:
        resumed.append_event(acknowledged + 1, START, quote(0))
        resumed.commit()
    with Journal.open(path) as recording:
        assert recording.verify() is None
        assert recording.is_closed
        assert recording.last.seq == acknowledged + 1


def test_a_failure_that_no_commit_told_is_told_by_close(path: Path, file_size_limit: int) -> None:
    journal = Journal.create(path, HEADER, linger=0.001)
    for seq in range(file_size_limit // 50):
        journal.append_event(seq, START, quote(seq))  # a feed does not notice
    with pytest.raises(JournalFailed):
        journal.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "journal"]


def test_a_second_writer_of_the_same_file_fails_rather_than_mixing_two_chains(path: Path) -> None:
    with Journal.create(path, HEADER) as first:
        first.append_event(1, START, quote(1))
        first.commit()
        second = Journal.resume(path)
        second.append_event(2, START, quote(2))
        second.commit()
        first.append_event(2, START, quote(3))
        with pytest.raises(JournalFailed, match="UNIQUE"):
            first.commit()
        second.close()
    with Journal.open(path) as recording:
        assert recording.verify() is None
        assert [body for _, _, body in recording.events()] == [quote(1).json(), quote(2).json()]


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("update entry set body = replace(body, '100.01', '100.02') where id = 1", 1),
        ("update entry set at = at + 1 where id = 5", 5),
        ("update entry set kind = 'trade' where id = 14", 14),
        ("delete from entry where id = 7", 7),
        ("delete from entry where id = 1", 1),
        ("update entry set id = 999 where id = 3", 3),
        ("update run set config = '{}'", 1),
        ('update run set symbols = \'["AAPL", "MSFT"]\'', 1),
    ],
)
def test_a_changed_journal_is_broken_at_the_change(
    path: Path, statement: str, broken_at: int
) -> None:
    write(path)
    tamper(path, statement)
    with Journal.open(path) as recording:
        broken = recording.verify()
    assert broken is not None
    assert broken.id == broken_at
    with pytest.raises(JournalBroken, match=f"row {broken_at}"):
        Journal.resume(path)


@pytest.mark.parametrize("column", ["type", "kind", "body", "hash"])
@pytest.mark.parametrize("value", ["{0} || char(30)", "char(30) || {0}", "{0} || char(30) || {0}"])
def test_a_separator_of_rows_in_a_field_is_noticed_there_or_in_a_row_behind(
    path: Path, column: str, value: str
) -> None:
    write(path)
    tamper(path, f"update entry set {column} = {value.format(column)} where id = 6")
    with Journal.open(path) as recording:
        broken = recording.verify()
        assert broken is not None
        assert broken.id >= 6
        with pytest.raises(JournalBroken, match=f"row {broken.id}"):
            list(recording.checked(recording.chain()))
    with pytest.raises(JournalBroken, match=f"row {broken.id}"):
        Journal.resume(path)


def test_a_journal_cut_at_any_row_is_whole_up_to_there_and_known_as_not_closed(
    path: Path,
) -> None:
    written = write(path, events=12)
    with Journal.open(path) as recording:
        rows = recording.last.id
    for last in reversed(range(rows)):
        tamper(path, f"delete from entry where id > {last}")
        with Journal.open(path) as recording:
            assert recording.verify() is None
            assert not recording.is_closed
            events = list(recording.events())
            assert events == written[: len(events)]
            assert recording.last.id == last


def test_a_flipped_bit_is_noticed_or_changes_nothing(path: Path) -> None:
    written = write(path, events=40)
    content = path.read_bytes()
    choose = random.Random(20260310)
    noticed = 0
    for _ in range(300):
        flipped = bytearray(content)
        flipped[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
        path.write_bytes(flipped)
        try:
            with Journal.open(path) as recording:
                if recording.verify() is None:
                    assert list(recording.events()) == written
                    assert len(list(recording.commands())) == 4
                    continue
        except JournalBroken:
            pass
        noticed += 1
    assert noticed > 50


def test_a_journal_is_verified_up_to_where_it_was_while_a_run_goes_on_writing(path: Path) -> None:
    with Journal.create(path, HEADER) as journal:
        for seq in range(5_000):
            journal.append_event(seq, START, quote(seq))
        journal.commit()
        with Journal.open(path) as recording:
            for place, _ in enumerate(recording.checked(recording.chain())):
                journal.append_event(5_000 + place, START, quote(place))
                journal.commit()
            assert place > 1
            assert recording.verify() is None


def test_a_journal_cut_at_any_byte_is_read_up_to_the_damage_or_refused(path: Path) -> None:
    written = write(path, events=40)
    content = path.read_bytes()
    for length in range(0, len(content), 997):
        path.write_bytes(content[:length])
        try:
            with Journal.open(path) as recording:
                assert recording.verify() is not None
        except JournalBroken:
            continue
    path.write_bytes(content)
    with Journal.open(path) as recording:
        assert list(recording.events()) == written


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a journal, found none in it; hint: put it back from a copy"),
        (
            b"notes, no journal",
            r"cannot be read as a journal \(file is not a database\); hint: put",
        ),
        (None, r"cannot be read as a journal \(database disk image is malformed\); hint: put"),
    ],
)
def test_what_is_no_journal_is_told_with_what_to_do(
    path: Path, content: bytes | None, said: str
) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:5_000] if content is None else content)
    with pytest.raises(JournalBroken, match=said):
        Journal.open(path)


def test_a_journal_of_a_newer_schema_is_refused_with_a_hint_and_left_alone(path: Path) -> None:
    write(path)
    tamper(path, "pragma user_version = 99")
    before = path.read_bytes()
    with pytest.raises(JournalBroken, match="found 99"):
        Journal.open(path)
    with pytest.raises(JournalBroken, match="found 99"):
        Journal.resume(path)
    assert path.read_bytes() == before


def test_an_upgrade_takes_effect_whole_or_not_at_all(path: Path) -> None:
    written = write(path)
    connection = sqlite3.connect(path, isolation_level=None)
    broken_step = "alter table run add column note text; select no_such_function();"
    with pytest.raises(sqlite3.OperationalError):
        schema.upgrade(connection, (*schema.UPGRADES, broken_step))
    assert schema.version(connection) == len(schema.UPGRADES)
    assert "note" not in {row[1] for row in connection.execute("pragma table_info(run)")}

    schema.upgrade(connection, (*schema.UPGRADES, "alter table run add column note text;"))
    assert schema.version(connection) == len(schema.UPGRADES) + 1
    assert connection.execute("select note from run").fetchall() == [(None,)]
    assert connection.execute("select count(*) from events").fetchone() == (len(written),)
    connection.close()


def test_a_journal_of_the_first_schema_is_read_brought_up_and_gone_on_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(FIRST_SCHEMA.read_text())
    monkeypatch.setattr(
        schema, "UPGRADES", (*schema.UPGRADES, "alter table run add column note text;")
    )
    with Journal.open(path) as recording:
        assert recording.schema == 1
        assert recording.verify() is None
        assert recording.is_closed
        last = recording.last
    with Journal.resume(path) as journal:
        journal.append_event(last.seq + 1, last.at, quote(1))
    with Journal.open(path) as recording:
        assert recording.schema == len(schema.UPGRADES)
        assert recording.verify() is None, "the old rows and the new one are one chain"
        assert [seq for seq, _, _ in recording.events()] == list(range(1, last.seq + 2))
    with closing(sqlite3.connect(path)) as connection:
        (view,) = connection.execute("select sql from sqlite_schema where name = 'round_trips'")
        assert "configs" in view[0], "its views are today's"

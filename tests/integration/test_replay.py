"""A journal run again says the same, or the first difference is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from orderloom.cli import main
from orderloom.journal import Header, Journal, JournalBroken
from orderloom.journal.chain import genesis, row_hash
from orderloom.journal.file import symbols_json
from orderloom.replay import replay

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(quickstart: Path, tmp_path: Path) -> Path:
    shutil.copy(quickstart / "journal.db", tmp_path)
    return tmp_path / "journal.db"


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def forge(path: Path) -> None:
    """Make the hash chain of a changed journal whole again."""
    with Journal.open(path) as recording:
        link = genesis(recording.header, symbols_json(recording.header.symbols))
    last = link.hash
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "select id, seq, n, at, type, kind, body from entry order by id"
        ).fetchall()
        for number, (_, *rest) in enumerate(rows, 1):
            last = row_hash(last, number, *rest)
            connection.execute(
                "update entry set id = ?, hash = ? where id = ?",
                (number, last, rows[number - 1][0]),
            )
    connection.close()


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_journal_of_a_run_replays_identically(
    quickstart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replayed = replay(quickstart / "journal.db")
    assert replayed.difference is None
    assert replayed.is_closed
    with Journal.open(quickstart / "journal.db") as recording:
        assert replayed.events == sum(1 for _ in recording.events())
        said = sum(1 for _ in recording.commands()) + sum(1 for _ in recording.notices())
    assert replayed.outcomes == said > 10
    assert code_of("replay", str(quickstart)) == 0
    assert capsys.readouterr().out.startswith("identical: ")


def test_a_command_that_the_engine_did_not_give_is_named(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(
        copy,
        'update entry set body = replace(body, \'"quantity":"\', \'"quantity":"9\') where id ='
        " (select min(id) from entry where kind = 'place')",
    )
    forge(copy)
    difference = replay(copy).difference
    assert difference is not None
    assert difference.place == 0
    assert difference.expected is not None
    assert difference.found is not None
    more, less = (json.loads(text)["ticket"] for text in (difference.expected, difference.found))
    assert more.pop("quantity") == f"9{less.pop('quantity')}"
    assert more == less
    assert code_of("replay", str(copy)) == 5
    assert f"event {difference.seq}, outcome 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "is_expected"), [("n", True), ("-n", False)], ids=["the first", "the last"]
)
def test_a_notice_that_was_taken_out_of_several_is_named(
    copy: Path, place: str, is_expected: bool
) -> None:
    several = "(select seq from entry where type = 'notice' and n = 1 limit 1)"
    change(
        copy,
        f"delete from entry where id = (select id from entry where seq = {several}"
        f" and type = 'notice' order by {place} limit 1)",
    )
    forge(copy)
    difference = replay(copy).difference
    assert difference is not None
    assert difference.found is not None
    assert (difference.expected is not None) == is_expected


def test_a_notice_that_nothing_led_to_is_named(copy: Path) -> None:
    change(
        copy,
        "insert into entry select 1 + (select max(id) from entry), (select max(seq) from entry), 0,"
        " at, type, kind, body, hash from entry where type = 'notice' limit 1",
    )
    forge(copy)
    difference = replay(copy).difference
    assert difference is not None
    assert difference.expected is not None
    assert difference.found is None


def test_a_changed_row_is_found_by_the_chain_before_anything_is_compared(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copy, "update entry set at = at + 1 where id = 40")
    with pytest.raises(JournalBroken, match="row 40 "):
        replay(copy)
    assert code_of("replay", str(copy)) == 1
    assert capsys.readouterr().err.startswith(f"{copy}: row 40 ")


def test_a_run_that_was_cut_between_an_event_and_its_outcome_is_no_difference(copy: Path) -> None:
    with sqlite3.connect(copy) as connection:
        cut = "(select min(id) from entry where type = 'command')"
        connection.execute(f"delete from entry where id >= {cut}")
    connection.close()
    replayed = replay(copy)
    assert replayed.difference is None
    assert not replayed.is_closed


def test_a_journal_cut_at_any_row_replays_up_to_there_and_is_no_proof(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal.open(copy) as recording:
        last = recording.last.id
    for cut in sorted({*range(0, last, last // 25), 1, 2, last - 1}, reverse=True):
        with sqlite3.connect(copy) as connection:
            connection.execute("delete from entry where id > ?", (cut,))
        connection.close()
        assert code_of("replay", str(copy)) == 5
        told = capsys.readouterr()
        assert told.out.startswith("identical: ")
        assert "expected a closing row, found none" in told.err


def test_the_journal_of_a_run_without_events_replays(tmp_path: Path) -> None:
    config = '{"run": "none", "instruments": []}'
    Journal.create(tmp_path / "journal.db", Header("0", config, (), "", 0)).close()
    replayed = replay(tmp_path / "journal.db")
    assert (replayed.events, replayed.difference, replayed.is_closed) == (0, None, True)


def test_a_flipped_bit_anywhere_ends_replay_in_a_sentence_or_changes_nothing(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = copy.read_bytes()
    noticed = 0
    for place in range(0, len(content), len(content) // 40):
        copy.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        code = code_of("replay", str(copy))
        told = capsys.readouterr()
        assert "Traceback" not in told.out + told.err
        assert (code == 0) == told.out.startswith("identical: ")
        noticed += code != 0
        assert code in {0, JournalBroken.exit_code}
    assert noticed > 20

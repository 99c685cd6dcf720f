"""The quickstart day, run twice: by the installed command as a user would, and in this process."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderloom.config import load_settings
from orderloom.explain import explain
from orderloom.journal import Journal
from orderloom.sessions import RunOptions, Session

STRATEGY = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
ORDERLOOM = Path(sys.executable).with_name("orderloom")
PATIENCE = 60.0
TRIP_KEYS = {
    "symbol", "side", "quantity", "entry_price", "exit_price", "exit_reason", "tranches", "pnl",
    "commission", "opened_at", "closed_at", "rule",
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """What the installed command left behind."""

    code: int
    stdout: str
    stderr: str
    directory: Path
    working: Path

    @property
    def summary(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    working = tmp_path_factory.mktemp("quickstart")
    done = subprocess.run(
        [ORDERLOOM, "run", STRATEGY, "--speed", "max", "--seed", "1", "--json"],
        cwd=working,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    (directory,) = (working / "runs").iterdir()
    return Ran(done.returncode, done.stdout, done.stderr, directory, working)


def commands(directory: Path, run: str) -> list[tuple[Any, ...]]:
    """Every command of a journal, with the run's own name taken out of the order references."""
    with closing(sqlite3.connect(directory / "journal.db")) as journal:
        rows = journal.execute("select seq, n, at, kind, body from commands order by seq, n")
        return [(*row[:-1], row[-1].replace(run, "RUN")) for row in rows]


def test_the_day_ends_in_order_flat_and_in_agreement_with_the_exchange(ran: Ran) -> None:
    summary = ran.summary
    assert (ran.code, summary["exit_code"]) == (0, 0), ran.stderr
    assert summary["final_positions"] == {}
    assert summary["live_orders"] == 0
    assert summary["ledger_differences"] == []
    assert summary["incidents"] == []
    assert (summary["invariant_violations"], summary["uncovered_max_ms"]) == (0, 0)


def test_the_day_shows_every_kind_of_ending(ran: Ran) -> None:
    endings = {(trip["side"], trip["exit_reason"]) for trip in ran.summary["round_trips"]}
    assert endings >= {
        ("LONG", "TARGET"),
        ("LONG", "STOP"),
        ("LONG", "CLOSE_ALL"),
        ("LONG", "END_OF_DAY"),
        ("LONG", "REVERSAL"),
        ("SHORT", "TARGET"),
        ("SHORT", "END_OF_DAY"),
    }
    assert max(trip["tranches"] for trip in ran.summary["round_trips"]) == 2
    for trip in ran.summary["round_trips"]:
        entry, leave = Decimal(trip["entry_price"]), Decimal(trip["exit_price"])
        is_up = leave > entry
        if trip["exit_reason"] == "TARGET":
            assert is_up == (trip["side"] == "LONG"), trip
            assert Decimal(trip["pnl"]) > 0
        if trip["exit_reason"] == "STOP":
            assert is_up == (trip["side"] == "SHORT"), trip
            assert Decimal(trip["pnl"]) < 0


def test_what_was_not_traded_is_counted_by_its_reason(ran: Ran) -> None:
    signals = ran.summary["signals"]
    assert signals["expired"] == 1
    assert signals["duplicate"] >= 1
    assert signals["received"] == signals["duplicate"] + signals["expired"] + signals["new"]
    assert signals["refused"] == {"COOLDOWN": 1, "OPPOSITE_CONTEXT": 1}


def test_the_day_is_counted_the_same_by_summary_journal_and_explanation(ran: Ran) -> None:
    signals, rules = ran.summary["signals"], ran.summary["rules"]
    explained = explain(ran.directory / "journal.db")
    del signals["rejected"]
    assert explained.funnel.as_dict() == signals
    fired = {name: len(account.fired) for name, account in explained.accounts.items()}
    assert fired == {name: rule["fired"] for name, rule in rules.items()}
    with closing(sqlite3.connect(ran.directory / "journal.db")) as journal:
        entries = journal.execute("select count(*) from orders where role = 'entry'").fetchone()[0]
    # All but one, which a rule on bars has sent; one of them turned a trade.
    assert (signals["sent"], signals["filled"]) == (entries - 1, entries - 1) == (7, 7)
    first, then = explained.accounts["turn-short"].fired
    assert (first.event, then.seq > first.seq) == ("signal", True)
    assert then.verdict["condition"]["text"] == "the trade on the other side is over"


def test_the_document_on_standard_output_is_the_only_one_and_the_file_s_own(ran: Ran) -> None:
    summary = json.loads(ran.stdout)  # more than one document would not parse
    assert summary == json.loads((ran.directory / "summary.json").read_text())
    assert summary.keys() >= {
        "exit_code", "mode", "seed", "signals", "round_trips", "final_positions", "live_orders",
        "uncovered_max_ms", "invariant_violations", "incidents", "latency_us",
    }  # fmt: skip
    assert (summary["mode"], summary["seed"]) == ("sim", 1)
    assert all(trip.keys() == TRIP_KEYS for trip in summary["round_trips"])
    wire = summary["latency_us"]["signal_to_wire"]
    assert wire["samples"] >= 5
    assert 0 < wire["p50"] <= wire["p99"]
    assert wire["of_which"].keys() == {"engine", "journal", "broker_client"}
    assert all(0 < part < wire["p99"] for part in wire["of_which"].values())
    assert wire["of_which_p99"].keys() == wire["of_which"].keys()
    assert wire["of_which"]["journal"] <= wire["of_which_p99"]["journal"] < wire["p99"]


def test_the_run_s_directory_holds_summary_log_and_a_whole_journal(ran: Ran) -> None:
    assert {path.name for path in ran.directory.iterdir()} == {
        "journal.db", "summary.json", "log.jsonl",
    }  # fmt: skip
    assert {path.name for path in ran.working.iterdir()} == {"runs"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in ran.directory.iterdir())
    lines = [json.loads(line) for line in (ran.directory / "log.jsonl").read_text().splitlines()]
    told = [line["event"] for line in lines]
    assert told.count("context_concluded") == len(ran.summary["round_trips"])
    assert "problem" not in told
    with Journal.open(ran.directory / "journal.db") as recording:
        assert recording.verify() is None
    with closing(sqlite3.connect(ran.directory / "journal.db")) as journal:
        kinds = dict(journal.execute("select kind, count(*) from events group by kind"))
        placed = journal.execute("select count(*) from commands where kind = 'place'").fetchone()[0]
    assert sum(kinds.values()) == ran.summary["events"]
    assert kinds["execution"] == ran.summary["fills"]
    assert kinds["signal"] == ran.summary["signals"]["received"]
    assert placed >= 3 * len(ran.summary["round_trips"])


def test_the_same_seed_gives_the_same_trades_and_the_same_commands(
    ran: Ran, tmp_path: Path
) -> None:
    problems: list[str] = []
    options = RunOptions(out=tmp_path / "again", seed=1)
    session = Session(load_settings(STRATEGY), options, problems.append)

    again = asyncio.run(session.run())

    assert problems == []
    assert again["run"] != ran.summary["run"]
    assert again["round_trips"] == ran.summary["round_trips"]
    first = commands(ran.directory, ran.summary["run"])
    second = commands(session.directory, session.run_name)
    assert len(first) >= 20
    for one, other in zip(first, second, strict=True):
        assert one == other


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_run_whose_reader_has_left_ends_with_its_own_code(
    tmp_path: Path, options: list[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    until = ("--until", "2026-03-10T14:00:00Z", "--out", tmp_path / "run")
    done = subprocess.run(
        [ORDERLOOM, "run", STRATEGY, "--speed", "max", *until, *options],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["exit_code"] == 0


def test_a_run_without_standard_streams_goes_on_without_them(tmp_path: Path) -> None:
    run = ("run", STRATEGY, "--speed", "max", "--until", "2026-03-10T14:00:00Z")
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    done = subprocess.run(
        [*closed, ORDERLOOM, *run, "--out", tmp_path / "run"], timeout=PATIENCE, check=False
    )
    assert done.returncode == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["exit_code"] == 0

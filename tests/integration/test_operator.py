"""An operator talks to a running instance: asks, halts, resumes, flattens; nobody else can."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from orderloom.cli import main
from orderloom.config import load_settings
from orderloom.control import FILE, ControlServer, NoInstanceError, RefusedWordError, find
from orderloom.instant import iso_to_ns
from orderloom.sessions import RunOptions, Session

STRATEGY = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
PATIENCE = 60.0


async def run_beside(session: Session, operator: Any) -> tuple[dict[str, Any], Any]:
    """Run a session, and an operator in a thread of his own beside it."""
    running = asyncio.create_task(session.run())
    told = await asyncio.wait_for(asyncio.to_thread(operator), PATIENCE)
    session.stop()
    return await asyncio.wait_for(running, PATIENCE), told


def session_at(directory: Path) -> Session:
    # 300 simulated seconds per second: the first hour takes twelve.
    options = RunOptions(
        out=directory, speed=300.0, until=iso_to_ns("2026-03-10T16:00:00Z"),
        start=iso_to_ns("2026-03-10T13:55:00Z"),
    )  # fmt: skip
    return Session(load_settings(STRATEGY), options, lambda _: None)


def wait_for(directory: Path, word: str, until: Any) -> dict[str, Any]:
    import time

    for _ in range(600):
        if (directory / FILE).exists():
            answer = find(directory).ask(word)
            if until(answer):
                return answer
        time.sleep(0.05)
    raise AssertionError(f"`{word}` never came to that")


async def test_a_person_asks_halts_and_flattens_and_the_run_ends_halted(tmp_path: Path) -> None:
    directory = tmp_path / "run"

    def operator() -> dict[str, Any]:
        wait_for(directory, "status", lambda answer: answer["open_trades"] == 1)
        instance = find(directory)
        (held,) = [each for each in instance.ask("positions")["positions"] if each["trade"]]
        orders = instance.ask("orders")["orders"]
        halted = instance.ask("halt", reason="lunch")
        instance.ask("flatten", symbol=held["symbol"])
        wait_for(directory, "status", lambda answer: answer["open_trades"] == 0)
        with pytest.raises(RefusedWordError, match="unknown symbol `XYZ`"):
            instance.ask("flatten", symbol="XYZ")
        with pytest.raises(RefusedWordError, match="unknown word `dance`"):
            instance.ask("dance")
        return {"held": held, "orders": orders, "halted": halted}

    summary, told = await run_beside(session_at(directory), operator)

    assert (told["held"]["trade"]["side"], told["held"]["trade"]["rule"]) == ("LONG", "long-on-buy")
    assert {order["role"] for order in told["orders"]} == {"stop", "target"}
    assert told["halted"]["mode"] == "Halted"
    assert [trip["exit_reason"] for trip in summary["round_trips"]] == ["CLOSE_ALL"]
    assert summary["final_positions"] == {}
    assert summary["exit_code"] == 4, "a run that ends halted says so"
    assert not (directory / FILE).exists()


async def test_without_the_token_nothing_is_told_and_nothing_happens(tmp_path: Path) -> None:
    directory = tmp_path / "run"

    def stranger() -> list[dict[str, Any]]:
        wait_for(directory, "status", lambda _: True)
        told = json.loads((directory / FILE).read_text())
        assert (directory / FILE).stat().st_mode & 0o077 == 0
        answers = []
        for line in (
            json.dumps({"token": "guess", "word": "halt"}),
            json.dumps({"word": "halt"}),
            "not json",
            "[]",
        ):
            with socket.create_connection(("127.0.0.1", told["port"]), 5) as caller:
                caller.sendall(line.encode() + b"\n")
                answers.append(json.loads(caller.makefile("rb").readline()))
        return answers

    summary, answers = await run_beside(session_at(directory), stranger)

    assert [set(answer) for answer in answers] == [{"error"}] * 4
    assert answers[0] == {"error": "wrong token"}
    assert summary["exit_code"] == 0, "nobody halted it"


def test_without_an_instance_the_message_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(NoInstanceError, match="found none, hint"):
        find(tmp_path)
    (tmp_path / FILE).write_text('{"port": 1, "token": "x", "pid": 999999999}')
    with pytest.raises(NoInstanceError, match="found none"):
        find(tmp_path)


async def test_of_two_instances_a_word_that_changes_one_must_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words: list[tuple[str, str]] = []
    servers = []
    # The second is the newer one, whatever its name.
    for name, trades in (("zinc", "sim"), ("gold", "paper DU*****67, client 7")):

        async def answer(word: str, _: dict[str, Any], name: str = name) -> dict[str, Any]:
            words.append((name, word))
            return {"mode": "Active"}

        directory = Path("runs") / name
        directory.mkdir(parents=True)
        servers.append(ControlServer(directory, answer, trades))
        await servers[-1].start()

    def command(*line: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(line)
        told = capsys.readouterr()
        return int(str(ended.value.code)), told.out + told.err

    for word in ("halt", "resume", "flatten --all", "flatten AAPL", "flatten", "reload"):
        code, said = await asyncio.to_thread(command, *word.split())
        lines = said.splitlines()
        assert (code, words) == (2, []), word
        assert lines[0] == "runs: expected one running instance, found 2:"
        assert lines[1].startswith("  runs/gold  paper DU*****67, client 7  since 20")
        assert lines[2].startswith("  runs/zinc  sim  since 20")
        assert lines[3] == "hint: name one, for example --run runs/gold"

    assert await asyncio.to_thread(command, "status") == (0, "run: runs/gold\nmode: Active\n")
    code, said = await asyncio.to_thread(command, "halt", "--run", "runs/zinc", "--json")
    assert (code, json.loads(said)) == (0, {"run": "runs/zinc", "mode": "Active"})
    assert words == [("gold", "status"), ("zinc", "halt")]
    await servers[1].stop()
    assert (await asyncio.to_thread(command, "resume"))[1].startswith("run: runs/zinc\n")
    await servers[0].stop()

"""An operator talks to a running instance: asks, halts, resumes, flattens; nobody else can."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from orderloom.config import load_settings
from orderloom.control import FILE, NoInstanceError, RefusedWordError, find
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

    assert told["held"]["trade"]["side"] == "LONG"
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

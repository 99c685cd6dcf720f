"""Fixtures that several folders of tests share."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 20.0

# Of `make fuzz`.
settings.register_profile("fuzz", max_examples=20_000, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True)
def state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test goes on where a run of another test, or of the user, has ended."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def every_run_replays(tmp_path: Path) -> Iterator[None]:
    """Whatever a test is about: the journal of a run that it let end tells the same again (I14)."""
    yield
    for summary in tmp_path.rglob("summary.json"):
        if summary.with_name("journal.db").exists():
            assert_replays(summary.parent)


def assert_replays(run: Path) -> None:
    from orderloom.replay import replay

    replayed = replay(run)
    assert replayed.difference is None, f"{run}: {replayed.difference}"
    assert replayed.is_closed, run


@pytest.fixture
def orderloom() -> Path:
    """The installed command."""
    return Path(sys.executable).with_name("orderloom")


@pytest.fixture
def start_sim(orderloom: Path, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start `orderloom sim` with the given arguments as a process of its own; returns its port.

    It is asked to end after the test, and must then end in order.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str | Path) -> int:
        ready = tmp_path / f"sim-{len(started)}.json"
        sim = subprocess.Popen(
            [orderloom, "sim", "--port", "0", "--ready-file", ready, *arguments],
            stdout=subprocess.DEVNULL,
        )
        started.append(sim)
        deadline = time.monotonic() + PATIENCE
        while not (ready.exists() and ready.read_text()):
            assert sim.poll() is None, f"orderloom sim ended with {sim.returncode}"
            assert time.monotonic() < deadline, "orderloom sim did not say that it is ready"
            time.sleep(0.02)
        port: int = json.loads(ready.read_text())["port"]
        return port

    yield start
    for sim in started:
        sim.terminate()
    for sim in started:
        try:
            assert sim.wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            sim.kill()
            sim.wait()
            raise

"""What a person asks before a run: is everything there, and what would faults do to it."""

from __future__ import annotations

import json
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from orderloom.cli import main

STRATEGY = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
RULES = """\
market: {calendar: XNYS, symbols: [AAPL]}
"""


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a command."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"orderloom {version('orderloom')}\n"


def test_the_doctor_finds_a_host_and_a_broker_that_are_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(RULES)
    code, told = asked(capsys, "doctor", "s.yaml")
    assert {each["what"]: each["state"] for each in told["findings"]} == dict.fromkeys(
        ["configuration", "environment", "calendar", "disk", "journal", "connection", "account",
         "clock", "permissions", "market data", "predictions"],
        "ok",
    )  # fmt: skip
    assert code == 0


def test_the_doctor_says_what_to_do_when_nobody_listens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        (tmp_path / "s.yaml").write_text(RULES + f"broker: {{mode: paper, port: {port}}}\n")
        code, told = asked(capsys, "doctor", "s.yaml")
    (finding,) = [each for each in told["findings"] if each["what"] == "connection"]
    assert (code, finding["state"]) == (3, "failed")
    assert f"127.0.0.1:{port}" in finding["detail"]
    assert "start TWS" in finding["hint"]


def test_a_drill_tells_what_each_fault_left_uncovered(capsys: pytest.CaptureFixture[str]) -> None:
    faults = [
        "nothing",
        "exits ended",
        "fill busted",
        "line cut",
        "fills told late",
        "stop refused",
    ]
    options = [word for name in faults for word in ("--fault", name)]
    code, told = asked(capsys, "drill", str(STRATEGY), *options)
    drills = {each["fault"]: each for each in told["drills"]}
    assert list(drills) == faults
    assert code == 0
    assert all(each["is_sound"] and each["has_struck"] for each in told["drills"])
    assert (drills["nothing"]["shares"], drills["nothing"]["milliseconds"]) == (0, 0)
    assert drills["nothing"]["incidents"] == []
    assert drills["exits ended"]["shares"] > 0
    assert drills["exits ended"]["milliseconds"] < 2_000, "within execution.uncovered_max"
    assert drills["line cut"]["incidents"] == ["DISCONNECTED"]
    assert drills["nothing"]["round_trips"] == 2
    assert (drills["nothing"]["refused"], drills["stop refused"]["refused"]) == ([], ["stop"])
    (summary,) = Path("runs").glob("*/stop-refused/summary.json")
    (refused,) = json.loads(summary.read_text())["rejected_orders"]
    assert (refused["role"], refused["code"]) == ("stop", 201)
    assert "injected" in refused["text"]


def test_a_drill_whose_fault_never_struck_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text(RULES)
    # Without an order, neither what waits for one nor what refuses one has anything to strike.
    options = ("--fault", "nothing", "--fault", "line cut", "--fault", "entry refused")
    with pytest.raises(SystemExit) as ended:
        main(["drill", "s.yaml", *options])
    assert ended.value.code == 0
    _, nothing, *others = capsys.readouterr().out.splitlines()[:4]
    assert "DID NOT STRIKE" not in nothing
    assert all(each.endswith("DID NOT STRIKE") for each in others)

"""A run over two days of the exchange, and all that is asked of it afterwards."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orderloom.cli import main
from orderloom.config import parse_settings
from orderloom.journal import Recording
from orderloom.recovery import recover
from orderloom.replay import replay
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from orderloom.config import Settings

STRATEGY = """\
journal: {keep_days: 0}
rules:
  - name: {name}
    on: Trade
    symbols: [AAPL]
    when: position.is_flat
    do:
      - enter: {side: BUY, shares: 10, stop: [{percent: 2}], target: [{percent: 3}]}
"""
NAMES = ["journal.db", "journal-2026-03-11.db"]


def strategy(name: str = "always-long") -> str:
    return STRATEGY.replace("{name}", name)


def settings() -> Settings:
    return parse_settings(strategy())


def market(path: Path) -> Path:
    """Prints every ten minutes of two days; the long of the first is held overnight."""
    lines = ["ts_utc,symbol,price,size"]
    for day in (10, 11):
        opens = datetime(2026, 3, day, 13, 30, tzinfo=UTC)
        for number in range(1, 38):
            at = opens + timedelta(minutes=10 * number)
            price = 100 + (number % 8) * 0.25 + (4 if day == 11 and number > 20 else 0)
            lines.append(f"{at.isoformat()},AAPL,{price},500")
    path.write_text("\n".join(lines) + "\n")
    return path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def test_a_run_of_two_days_is_two_files_and_every_command_takes_them_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = RunOptions(out=out, market=[market(tmp_path / "prices.csv")])
    problems: list[str] = []
    kept_whole = parse_settings(strategy().replace("keep_days: 0", "keep_days: 1"))
    summary = asyncio.run(Session(kept_whole, options, problems.append).run())
    assert summary["exit_code"] == 0
    assert {text.partition(":")[0] for text in problems} == {"EXITS_ASLEEP"}
    assert [Path(path).name for path in summary["journals"]] == NAMES
    assert {path.name for path in out.iterdir()} == {*NAMES, "summary.json", "log.jsonl"}
    held = summary["final_positions"]

    first, second = (replay(out / name) for name in NAMES)
    whole = replay(out)
    assert (whole.difference, first.difference, second.difference) == (None, None, None)
    assert first.events > 37 < second.events
    assert first.events + second.events == whole.events == summary["events"]
    recovered = recover(out / NAMES[0])
    assert recovered.engine.position(0)[0] == held["AAPL"]
    with Recording(out / NAMES[1]) as recording:
        closed = [entry for entry in recording.notices() if entry.kind == "context_concluded"]
    assert closed, "the trade of the day before ends in this file"

    trips = summary["round_trips"]
    code, text = answer(capsys, "report", out, "--json")
    report = json.loads(text)
    assert (code, report["is_closed"]) == (0, True)
    assert len(report["round_trips"]) == len(trips) > 0
    code, text = answer(capsys, "explain", out, "--json")
    assert len(json.loads(text)["rules"][0]["fired"]) == len(trips) + len(held)
    other = tmp_path / "other.yaml"
    other.write_text(strategy())
    for place in (out, out / NAMES[1]):
        code, text = answer(capsys, "whatif", place, other, "--expect-same", "--json")
        assert (code, json.loads(text)["changes"]) == (0, []), place
    code, text = answer(capsys, "replay", out, "--json")
    assert (code, json.loads(text)["files"]) == (0, NAMES)


def test_a_run_whose_last_day_is_gone_did_not_end_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = RunOptions(out=out, market=[market(tmp_path / "prices.csv")])
    asyncio.run(Session(settings(), options, lambda _: None).run())
    (out / NAMES[1]).rename(tmp_path / "last")
    code, text = answer(capsys, "report", out)
    assert (code, f"the run goes on in {NAMES[1]}, which is gone" in text) == (0, True)
    code, text = answer(capsys, "report", out, "--json")
    told = json.loads(text)
    assert (code, told["is_closed"], told["missing"]) == (0, False, NAMES[1])
    (tmp_path / "last").rename(out / NAMES[1])
    assert json.loads(answer(capsys, "report", out, "--json")[1])["is_closed"]


def test_prices_of_days_that_are_not_kept_go_and_the_rest_answers_still(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = RunOptions(out=out, market=[market(tmp_path / "prices.csv")])
    problems: list[str] = []
    summary = asyncio.run(Session(settings(), options, problems.append).run())
    assert summary["exit_code"] == 0
    assert {text.partition(":")[0] for text in problems} == {"EXITS_ASLEEP"}
    code, text = answer(capsys, "replay", out, "--json")
    answered = json.loads(text)
    assert (code, answered["files"], answered["is_identical"]) == (0, NAMES[1:], True)
    assert "to save space" in answered["skipped"][0]
    code, text = answer(capsys, "report", out, "--json")
    assert len(json.loads(text)["round_trips"]) == len(summary["round_trips"])
    other = tmp_path / "other.yaml"
    other.write_text(strategy())
    for command, name in (("explain", "explained"), ("whatif", "judged")):
        given = (command, out, other) if command == "whatif" else (command, out)
        code, text = answer(capsys, *given)
        assert (code, text.count(f"not {name}: {out / NAMES[0]}: ")) == (0, 1), text
        code, text = answer(capsys, *given, "--json")
        assert json.loads(text)["skipped"] == answered["skipped"]
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(out / NAMES[0])])
    assert ended.value.code == 1
    assert "cannot be run again" in capsys.readouterr().err

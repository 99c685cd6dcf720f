"""Other rules over the events of a run: what they would have decided otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderloom.cli import main
from orderloom.config import load_settings
from orderloom.whatif import whatif

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = QUICKSTART.read_text()
    assert old in text
    file = tmp_path / "other.yaml"
    file.write_text(text.replace(old, new))
    return file


def code_of(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_same_rules_decide_the_same(quickstart: Path) -> None:
    compared = whatif(quickstart / "journal.db", load_settings(QUICKSTART))
    assert compared.changes == []
    assert compared.decisions > 100
    assert compared.entries[0] == compared.entries[1] > 0
    summary = json.loads((quickstart / "summary.json").read_text())
    assert compared.entries[0] == summary["entries"], "one way of counting"
    assert code_of("whatif", quickstart, QUICKSTART, "--expect-same") == 0


def test_a_lower_threshold_fires_where_the_run_did_not(quickstart: Path, tmp_path: Path) -> None:
    file = changed(
        tmp_path,
        'signal.side == "BUY" and signal.confidence >= 0.80',
        'signal.side == "BUY" and signal.confidence >= 0.60',
    )
    first = whatif(quickstart / "journal.db", load_settings(file)).changes[0]
    assert (first.symbol, first.what, first.was, first.would_be) == (
        "AAPL", "long-on-buy", None, "fired",
    )  # fmt: skip
    assert first.at.startswith("2026-03-10T13:50")
    assert first.is_certain


def test_a_shorter_cooldown_is_told_by_reason_and_ends_with_5(
    quickstart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = changed(tmp_path, "priority: 100\n    cooldown: 30m", "priority: 100\n    cooldown: 20m")
    assert code_of("whatif", quickstart, file) == 0
    assert code_of("whatif", quickstart, file, "--expect-same") == 5
    capsys.readouterr()
    assert code_of("whatif", quickstart, file, "--json", "--expect-same") == 5
    document = json.loads(capsys.readouterr().out)
    first = document["changes"][0]
    assert (first["symbol"], first["was"], first["would_be"]) == ("MSFT", "COOLDOWN", "fired")
    assert document["entries"]["would_be"] == document["entries"]["was"] + 1


def test_a_rule_that_decides_otherwise_on_every_bar_is_told_once(
    quickstart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.yaml"
    watch = "  - {name: watch, on: Bar, symbols: [AAPL], when: bar.close > 0, do: [log: a bar]}\n"
    file.write_text(QUICKSTART.read_text() + watch)
    (change,) = whatif(quickstart / "journal.db", load_settings(file)).changes
    assert (change.what, change.was, change.would_be) == ("watch", None, "fired")
    assert change.times > 70
    assert code_of("whatif", quickstart, file) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith(f"nothing -> fired, {change.times} times in a row until {change.until}")
    assert told[1].startswith(f"{change.times} of ")


def test_a_rule_under_another_name_and_a_symbol_without_events_are_told(
    quickstart: Path, tmp_path: Path
) -> None:
    file = changed(tmp_path, "name: short-on-short", "name: sell-short")
    file.write_text(file.read_text().replace("[TSLA, AAPL]", "[TSLA, AAPL, IBM]"))
    compared = whatif(quickstart / "journal.db", load_settings(file))
    assert compared.unheard == ("IBM",)
    assert {(change.what, change.was, change.would_be) for change in compared.changes} == {
        ("short-on-short", "fired", None),
        ("sell-short", None, "fired"),
        ("short-on-short", "OPPOSITE_CONTEXT", None),
        ("sell-short", None, "OPPOSITE_CONTEXT"),
    }

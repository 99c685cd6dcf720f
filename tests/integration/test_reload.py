"""A run takes up its strategy file again: two steps of a strategy in one run and one journal."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import (
    App,
    FillEvent,
    ReloadEvent,
    RuleFiredEvent,
    View,
    ask,
    enter,
    position,
    signal,
)
from orderloom.actions import log
from orderloom.cli import main
from orderloom.config import load_settings
from orderloom.control import RefusedWordError, find
from orderloom.errors import OrderloomError
from orderloom.explain import explain
from orderloom.instant import iso_to_ns
from orderloom.journal import Journal
from orderloom.recovery import recover
from orderloom.replay import replay
from orderloom.sessions import CannotReloadError, Difference, RunOptions, Session
from orderloom.whatif import whatif

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom._core import Event, Outcome

# The first 80 minutes of the sample day: AAPL BUY of 0.91 at 10:00 New York, MSFT of 0.88 at 9:52.
UNTIL = iso_to_ns("2026-03-10T14:50:00Z")
FIRST = """\
limits: {max_open_contexts: 5}
rules:
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY" and signal.confidence >= 0.80 and position.is_flat
    do: [enter: {side: BUY, shares: 10, stop: [{percent: 1}], target: [{percent: 4}]}]
  - name: watch
    on: Bar
    symbols: [MSFT, TSLA]
    when: sma(3) > 0
    do: [log: a bar]
"""
SECOND = """\
limits: {max_open_contexts: 3}
rules:
  - name: watch
    on: Bar
    symbols: [MSFT]
    when: sma(3) > 0 and ema(5) > 0
    cooldown: 10m
    do: [log: a bar]
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.confidence >= 0.99 and signal.side == "BUY"
    do: [enter: {side: BUY, shares: 99, stop: [{percent: 3}], target: [{percent: 9}]}]
  - name: out
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "SHORT" and position.is_long
    do: [close_all: {}]
"""
BROKEN = FIRST.replace("signal.confidence", "signal.confidense")
ANOTHER_LINE = "broker: {client_id: 8}\nsignals: {poll: 10s}\n" + FIRST.replace("TSLA", "NVDA")


class Editor:
    """Hears a run, and edits its file and has it reloaded after the first fill."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.session: Session
        self.differences: list[Difference] = []
        self.refusals: list[str] = []
        self.exits_before: list[dict[str, Any]] = []

    def on_event(self, _at: int, _event: Event, outcome: Outcome | None) -> None:
        if self.differences or not outcome:
            return
        if not any(notice.kind == "filled" for notice in outcome.notices):
            return
        reloader = self.session.reloader
        for text in (BROKEN, ANOTHER_LINE):
            self.file.write_text(text)
            try:
                reloader.take(reloader.load())
            except OrderloomError as error:
                self.refusals.append(f"{type(error).__name__}: {error}")
        self.file.write_text(SECOND)
        self.differences.append(reloader.take(reloader.load(), is_dry_run=True))
        self.differences.append(reloader.take(reloader.load()))
        self.differences.append(Difference())
        self.exits_before = json.loads(self.session.runner.engine.live_orders())


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Editor, dict[str, Any]]:
    """A run in which the strategy was edited, and refused twice before; not to be changed."""
    directory = tmp_path_factory.mktemp("reload")
    file = directory / "strategy.yaml"
    file.write_text(FIRST)
    editor = Editor(file)
    options = RunOptions(
        out=directory / "run", until=UNTIL, listeners=[editor], load=lambda: load_settings(file)
    )
    editor.session = Session(load_settings(file), options, pytest.fail)
    summary = asyncio.run(editor.session.run())
    return directory / "run", editor, summary


def bodies(run: Path, kind: str) -> list[tuple[int, dict[str, Any]]]:
    with Journal.open(run / "journal.db") as recording:
        events = [(seq, json.loads(body)) for seq, _, body in recording.events(kind)]
        told = [(entry.seq, json.loads(entry.body)) for entry in recording.notices()]
    return events + [(seq, body) for seq, body in told if body["kind"] == kind]


def test_what_cannot_be_taken_up_is_refused_by_name_and_changes_nothing(
    reloaded: tuple[Path, Editor, dict[str, Any]],
) -> None:
    run, editor, _ = reloaded
    broken, fixed = editor.refusals
    assert broken.startswith("ConfigError: ")
    assert "strategy.yaml:6: rule long: when: unknown name `signal.confidense`" in broken
    assert fixed.splitlines() == [
        "CannotReloadError: broker.client_id: found `8`, expected `7` as long as this run goes on",
        "signals.poll: found `10s`, expected `1m` as long as this run goes on",
        "rule watch: symbols: found `NVDA`, expected one of AAPL, MSFT, TSLA",
        "nothing was changed; hint: start anew",
    ]
    assert len(bodies(run, "reloaded")) == 2, "one event and its notice: the others left no trace"


def test_the_difference_is_told_before_and_after_and_in_the_journal(
    reloaded: tuple[Path, Editor, dict[str, Any]],
) -> None:
    run, editor, _ = reloaded
    dry, taken, _ = editor.differences
    assert dry == taken
    assert taken.as_dict() == {
        "added": ["out"],
        "removed": [],
        "changed": {"watch": ["symbols", "when", "cooldown"], "long": ["when", "do"]},
        "is_reordered": True,
        "settings": {"limits.max_open_contexts": {"was": "5", "is": "3"}},
        "cold": ["ema(5)"],
        "keeping": ["AAPL"],
    }
    (seq, event), (told_at, told) = bodies(run, "reloaded")
    assert seq == told_at
    assert [rule["name"] for rule in event["rules"]] == ["watch", "long", "out"]
    assert (told["added"], told["changed"]) == (["out"], ["watch", "long"])


def test_the_open_trade_keeps_its_policy_and_is_booked_under_its_rule(
    reloaded: tuple[Path, Editor, dict[str, Any]],
) -> None:
    run, editor, summary = reloaded
    exits = {order["role"]: order["quantity"] for order in editor.exits_before}
    assert exits == {"stop": "10", "target": "10"}
    placed = []
    with Journal.open(run / "journal.db") as recording:
        placed = [json.loads(e.body) for e in recording.commands() if e.kind == "place"]
    assert {order["ticket"]["quantity"] for order in placed} == {"10"}, "never 99 shares"
    (trip,) = summary["round_trips"]
    assert (trip["rule"], trip["quantity"], trip["exit_reason"]) == ("long", "10", "CLOSE_ALL")
    with closing(sqlite3.connect(run / "journal.db")) as connection:
        assert connection.execute("select rule from round_trips").fetchall() == [("long",)]
    assert summary["exit_code"] == 0
    assert summary["ledger_differences"] == []


def test_replay_explain_whatif_and_recovery_know_which_rules_counted_when(
    reloaded: tuple[Path, Editor, dict[str, Any]],
) -> None:
    run, editor, summary = reloaded
    journal = run / "journal.db"
    replayed = replay(journal)
    assert replayed.difference is None
    assert replayed.outcomes > 10

    ((seq, _), _) = bodies(run, "reloaded")
    accounts = explain(journal).accounts
    assert list(accounts) == ["long", "watch", "out"]
    assert all(judged.seq < seq for judged in accounts["long"].fired)
    assert all(judged.seq > seq for judged in accounts["out"].fired)
    assert len(accounts["long"].fired) == len(accounts["out"].fired) == 1
    parts = set(accounts["long"].false)
    assert {"signal.confidence >= 0.8", "signal.confidence >= 0.99"} <= parts, "as each was then"
    assert {judged.symbol for judged in accounts["watch"].fired if judged.seq > seq} == {"MSFT"}

    # By the second strategy from the start on: the entry of the first one is gone.
    compared = whatif(journal, load_settings(editor.file))
    assert compared.entries == (1, 0)
    assert ("long", "fired", None) in {(c.what, c.was, c.would_be) for c in compared.changes}

    recovered = recover(journal)
    assert recovered.doubt is None
    assert [rule["name"] for rule in recovered.config["rules"]] == ["watch", "long", "out"]
    assert recovered.events == summary["events"]


async def test_the_command_reloads_a_run_under_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "strategy.yaml", tmp_path / "run"
    file.write_text(FIRST)
    options = RunOptions(out=out, speed=60.0, load=lambda: load_settings(file))
    session = Session(load_settings(file), options, lambda _: None)
    running = asyncio.create_task(session.run())

    def command(*more: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["reload", "--run", str(out), *more])
        assert ended.value.code == 0
        return capsys.readouterr().out

    def operator() -> list[str]:
        import time

        for _ in range(400):
            if (out / "control.json").exists():
                break
            time.sleep(0.05)
        texts = [command()]
        file.write_text(BROKEN)
        with pytest.raises(RefusedWordError, match=r"strategy\.yaml:6: rule long: when: unknown"):
            find(out).ask("reload")
        file.write_text(SECOND)
        texts += [command("--dry-run"), command(), command("--json")]
        return texts

    same, dry, taken, again = await asyncio.wait_for(asyncio.to_thread(operator), 60)
    session.stop()
    await asyncio.wait_for(running, 60)
    assert same == f"run: {out}\nnothing to change\n"
    assert dry.splitlines() == [
        f"run: {out}",
        "+ rule out",
        "~ rule watch: symbols, when, cooldown",
        "~ rule long: when, do",
        "~ the order of the rules",
        "~ limits.max_open_contexts: 5 -> 3",
        "without a value until enough bars are complete: ema(5)",
        "nothing was changed",
    ]
    assert taken == dry.replace("nothing was changed", "taken up")
    assert json.loads(again)["is_applied"] is False
    assert len(bodies(out, "reloaded")) == 2


def test_a_script_reloads_itself_and_rules_that_it_adds_count_from_then_on(tmp_path: Path) -> None:
    app = App(broker="sim")
    app.rule("first", on="PredictionSignal", symbols=["AAPL"],
             when=(signal.side == "BUY") & (signal.confidence >= 0.8) & position.is_flat,
             then=enter("BUY", shares=10, stop_percent=1))  # fmt: skip
    heard: list[str] = []
    quantities: list[float] = []
    app.on(ReloadEvent)(lambda told: heard.extend(told.added))
    app.on(RuleFiredEvent)(lambda fired: heard.append(fired.rule))

    @app.on(FillEvent)
    def grow(_fill: FillEvent) -> None:
        if quantities or len(app.strategy.rules) > 1:
            return

        @app.condition("late")
        def late(view: View) -> bool:
            quantities.append(view.position.quantity)
            return True

        app.rule("second", on="Bar", symbols=["AAPL"], when=ask("late"), cooldown="1h",
                 then=log("grown"))  # fmt: skip
        assert app.reload(is_dry_run=True).added == ("second",)
        assert app.reload().added == ("second",)
        app.rule("third", on="Bar", symbols=["NVDA"], then=log("never"))
        with pytest.raises(CannotReloadError, match="rule third: symbols: found `NVDA`, expected"):
            app.reload()

    summary = asyncio.run(app.trade(out=tmp_path / "run", until=UNTIL))
    assert summary["exit_code"] == 0
    assert heard == ["first", "second", "second"]
    assert quantities == [10.0]
    assert [status.name for status in app.strategy.rules] == ["first", "second"]
    assert app.strategy.status("second").fired == 1
    assert replay(tmp_path / "run" / "journal.db").difference is None

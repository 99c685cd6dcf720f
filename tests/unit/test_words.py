"""What a person's words to a running instance come to."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import enter, reading
from orderloom._core import Event
from orderloom.actions import order
from orderloom.cli.operator import show
from orderloom.clock import ManualClock
from orderloom.control import RefusedWordError
from orderloom.journal import Header, Journal
from orderloom.recovery import Restraint, recover
from orderloom.report.summary import RunTally
from orderloom.rules import rule
from orderloom.runner import Runner
from orderloom.sessions.outside import Outside
from orderloom.sessions.standing import Standing
from orderloom.sessions.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orderloom.action_types import Action

CONFIG = json.dumps(
    {
        "run": "words",
        "instruments": [{"symbol": "AAPL", "tick": "0.01"}, {"symbol": "MSFT", "tick": "0.01"}],
    }
)


@contextmanager
def started(
    folder: Path, config: str, clock: ManualClock | None = None
) -> Iterator[tuple[Runner, Outside, list[str]]]:
    """A runner with nothing in it yet, who hears what is not its own, and what that tells."""
    header = Header("0.1.0", config, ("AAPL", "MSFT"), "DU1234567", 0)
    with Journal.create(folder / "journal.db", header) as journal:
        runner = Runner(
            config, clock=clock or ManualClock(), journal=journal, on_problem=lambda _: None
        )
        told: list[str] = []
        outside = Outside(runner.engine, ("AAPL", "MSFT"), told.append)
        runner.listeners.append(outside)
        yield runner, outside, told


def words_of(runner: Runner, outside: Outside) -> Words:
    standing = Standing(runner.engine, None)
    runner.listeners.append(standing)
    unused: Any = None
    symbols = ("AAPL", "MSFT")
    tally = RunTally(symbols, ())
    return Words(runner, tally, outside, standing, symbols, lambda: 0, unused, lambda: None)


CONNECTED = (
    Event.connection("up"),
    Event.next_order_id(1),
    Event.snapshot("began"),
    Event.snapshot("ended"),
)


async def test_the_status_tells_why_nothing_is_entered_and_since_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    with started(tmp_path, CONFIG, clock) as (runner, outside, _):
        words = words_of(runner, outside)

        async def standing() -> tuple[str | None, ...]:
            status = await words.answer("status", {})
            return tuple(status[key] for key in ("mode", "mode_reason", "mode_since", "hint"))

        snapshot = "the broker's snapshot has not ended yet"
        assert await standing() == ("ReduceOnly", snapshot, None, None)
        for event in CONNECTED:
            runner.post(event)
        assert await standing() == ("Active", None, None, None)
        for second, (word, reason) in enumerate(
            [("reduce_only", "a doubt"), ("halt", "lunch"), ("halt", "again"), ("reduce_only", "x")]
        ):
            clock.advance_to((second + 1) * 1_000_000_000)
            runner.post(Event.operator(word, reason=reason))
        lunch = ("1970-01-01T00:00:02Z", "`orderloom resume`")
        assert await standing() == ("Halted", "lunch", *lunch)
        show(await words.answer("status", {}), as_json=False)
        told = capsys.readouterr().out
        assert "mode: Halted\nmode_reason: lunch\nmode_since: 1970-01-01T00:00:02" in told
        assert "hint: `orderloom resume`\n" in told
        await words.answer("resume", {})
        assert await standing() == ("Active", None, None, None)

        # Nobody who resumes is to blame for a line that went away, before the halt or after it.
        down, halt = Event.connection("down"), Event.operator("halt", reason="gone")
        for minute, news, seen in [(1, (down, halt), "00"), (2, (halt, down), "30")]:
            for event in news:
                clock.advance_to(minute * 60_000_000_000)
                runner.post(event)
            clock.advance_to(minute * 60_000_000_000 + 30_000_000_000)
            await words.answer("resume", {})
            mode, cause, since, hint = await standing()
            assert (mode, since, hint) == ("ReduceOnly", f"1970-01-01T00:0{minute}:{seen}Z", None)
            assert "snapshot" in (cause or "")
            for event in CONNECTED:
                runner.post(event)
            assert await standing() == ("Active", None, None, None)


@pytest.mark.parametrize("is_first_day_gone", [False, True])
def test_why_a_run_was_left_halted_is_found_days_later(
    tmp_path: Path, *, is_first_day_gone: bool
) -> None:
    clock = ManualClock()
    with started(tmp_path, CONFIG, clock) as (runner, *_):
        for event in CONNECTED:
            runner.post(event)
        clock.advance_to(5)
        runner.post(Event.operator("halt", reason="lunch"))
        for day in (2026_03_11, 2026_03_12):
            runner.journal.turn(day, runner.engine.config, runner.engine.snapshot())
            runner.post(Event.clock())
        path = runner.journal.path
    if is_first_day_gone:
        (tmp_path / "journal.db").unlink()
        expected = Restraint(None, True, "told on a day whose journal is gone")
    else:
        expected = Restraint(5, True, "lunch")
    assert recover(path).restraint == expected


async def test_flatten_says_what_it_leaves_because_no_trade_of_the_run_holds_it(
    tmp_path: Path,
) -> None:
    with started(tmp_path, CONFIG) as (runner, outside, told):
        for event in (
            Event.connection("up"),
            Event.next_order_id(1),
            Event.snapshot("began"),
            # Of an order that nobody here sent.
            Event.execution("e1.01", 0, 99, "", 0, "BUY", 5.0, 100.0, 0),
            Event.position_report(0, 5.0, 100.0),
            Event.snapshot("ended"),
        ):
            runner.post(event)
        words = words_of(runner, outside)
        for asked in ("AAPL", None):
            with pytest.raises(RefusedWordError, match="AAPL 5 held by no trade of this run"):
                await words.answer("flatten", {"symbol": asked})
        assert (await words.answer("flatten", {"symbol": "MSFT"}))["open_trades"] == 0
        rows = (await words.answer("positions", {}))["positions"]
        assert [row["unclaimed"] for row in rows] == ["5", None]
        assert len(told) == 1
        assert "5 AAPL of no trade" in told[0]


async def test_resume_tells_which_symbols_it_re_arms_and_whose_their_shares_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(tmp_path, CONFIG) as (runner, outside, _):
        for event in (
            Event.connection("up"),
            Event.next_order_id(1),
            Event.snapshot("began"),
            Event.position_report(1, 0.0, 0.0),
            Event.snapshot("ended"),
            # A person sells short.
            Event.execution("e1.01", 0, 99, "", 0, "SELL", 40.0, 100.0, 0),
        ):
            runner.post(event)
        words = words_of(runner, outside)
        told = [{"symbol": "AAPL", "held": "-40", "own": "0"}]
        status, resumed, after = [
            await words.answer(word, {}) for word in ("status", "resume", "status")
        ]
        assert (status["quarantined"], "rearmed" in status) == (told, False)
        assert (resumed["rearmed"], resumed["quarantined"], after["quarantined"]) == (told, [], [])
        holds = "AAPL: {}broker holds -40, 0 of them by this run's trades and orders{}\n"
        for answer, line in (
            (status, holds.format("", "; no entries until `resume`")),
            (resumed, holds.format("was quarantined, ", "")),
        ):
            show(answer, as_json=False)
            assert f":\n  {line}" in capsys.readouterr().out


async def test_a_run_whose_journal_has_failed_is_not_resumed(tmp_path: Path) -> None:
    with started(tmp_path, CONFIG) as (runner, outside, _):
        words = words_of(runner, outside)
        assert (await words.answer("resume", {}))["mode"] != "Halted"
        (tmp_path / "journal.db-wal").unlink()
        watching = asyncio.create_task(runner.watch_journal(0.01))
        await asyncio.wait([watching], timeout=0.3)
        watching.cancel()
        await words.answer("halt", {})
        with pytest.raises(
            RefusedWordError, match=r"its -wal was deleted or moved .* end this run"
        ):
            await words.answer("resume", {})
        assert runner.engine.mode == "Halted"
        assert (await words.answer("status", {}))["hint"] is None


async def test_flatten_tells_what_it_is_going_to_close(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = enter("BUY", shares=10, stop_percent=5)
    entering = rule("in", on="Reading", when=reading("go") > 0, then=entry).as_dict()
    with started(tmp_path, json.dumps(json.loads(CONFIG) | {"rules": [entering]})) as (
        runner,
        outside,
        _,
    ):
        words = words_of(runner, outside)

        async def flatten(symbol: str | None) -> tuple[Any, str]:
            answer = await words.answer("flatten", {"symbol": symbol})
            show(answer, as_json=False)
            return answer["closing"], capsys.readouterr().out

        for event in CONNECTED:
            runner.post(event)
        for asked in ("AAPL", None):
            closing, told = await flatten(asked)
            assert closing == []
            assert told.startswith("closing: nothing to close\n")
        for place in (0, 1):
            runner.post(Event.quote(place, 99.0, 101.0, 100.0, 100.0))
            runner.post(Event.reading("go", place, 1.0))
        # Of the two entries the first one fills.
        first = json.loads(runner.engine.live_orders())[0]
        ours = (first["order_id"], 50, first["order_ref"])
        runner.post(Event.execution("e1.01", *ours, 0, "BUY", 10.0, 100.0, 0))
        closing, told = await flatten(None)
        assert [(each["symbol"], each["quantity"]) for each in closing] == [
            ("AAPL", "10"),
            ("MSFT", "0"),
        ]
        assert told.startswith(
            "closing:\n  AAPL: LONG 10 shares\n"
            "  MSFT: LONG, its entry has not filled and is cancelled\nat: "
        )


def test_shares_of_a_single_order_of_the_run_are_its_own(tmp_path: Path) -> None:
    config = json.loads(CONFIG) | {
        "rules": [
            {"name": "one", "on": ["Reading"], "when": {"holds": {"field": "position.is_flat"}},
             "actions": [{"order": {"side": "BUY", "size": {"shares": "5"}}}]},
        ]
    }  # fmt: skip
    with started(tmp_path, json.dumps(config)) as (runner, outside, told):
        for event in (
            Event.connection("up"),
            Event.next_order_id(1),
            Event.snapshot("began"),
            Event.snapshot("ended"),
            Event.quote(0, 99.0, 101.0, 100.0, 100.0),
            Event.reading("go", 0, 1.0),
        ):
            runner.post(event)
        sent = json.loads(runner.engine.live_orders())
        order_ref = sent[0]["order_ref"]
        for event in (
            Event.execution("e1.01", 1, 9, order_ref, 0, "BUY", 5.0, 100.0, 0),
            # Two more are a person's.
            Event.execution("e2.01", 0, 10, "", 0, "BUY", 2.0, 100.0, 0),
            Event.snapshot("began"),
            Event.position_report(0, 7.0, 100.0),
            Event.snapshot("ended"),
        ):
            runner.post(event)
        assert outside.shares == {"AAPL": "2"}
        assert ["2 AAPL of no trade" in each for each in told] == [True]


def test_shares_of_a_single_order_follow_a_split(tmp_path: Path) -> None:
    def acting(name: str, action: Action) -> dict[str, Any]:
        when = reading(name) > 0
        return rule(name, on="Reading", symbols="AAPL", when=when, then=action).as_dict()

    config = json.loads(CONFIG) | {
        "rules": [
            acting("trade", enter("BUY", shares=10, stop_percent=5)),
            acting("single", order("BUY", shares=10)),
        ]
    }

    def snapshot(shares: float, price: float) -> list[Event]:
        return [Event.snapshot("began"), Event.position_report(0, shares, price),
                Event.snapshot("ended")]  # fmt: skip

    with started(tmp_path, json.dumps(config)) as (runner, outside, told):

        def post(*events: Event) -> None:
            for event in events:
                runner.post(event)

        post(Event.connection("up"), Event.next_order_id(1), *snapshot(0, 0.0))
        post(Event.quote(0, 99.0, 101.0, 100.0, 100.0))
        post(Event.reading("trade", 0, 1.0), Event.reading("single", 0, 1.0))
        for number, each in enumerate(json.loads(runner.engine.live_orders())):
            if each["role"] in ("entry", "single"):
                ours = each["order_id"], 50 + number, each["order_ref"]
                post(Event.execution(f"e{number}.01", *ours, 0, "BUY", 10.0, 100.0, 0))
        assert outside.shares == {}
        post(*snapshot(40.0, 50.0))
        post(*snapshot(40.0, 50.0))
        assert runner.engine.position(0)[0] == "40"
        assert outside.shares == {}
        assert told == []

"""A Python strategy in a whole session: real sockets, the packaged sample day, full speed."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest

from orderloom import (
    App,
    BaseEvent,
    ContextConcluded,
    ContextOpened,
    FillEvent,
    IncidentEvent,
    OrderNewEvent,
    PredictionSignalEvent,
    QuoteEvent,
    RuleBlockedEvent,
    View,
    ask,
    enter,
    position,
    reading,
    scale_in,
    signal,
)
from orderloom.actions import custom, log
from orderloom.app import load_script
from orderloom.explain import explain
from orderloom.instant import iso_to_ns
from orderloom.replay import replay

SCRIPTS = Path(__file__).parents[2] / "examples" / "scripts"
# The first 80 minutes of the sample day: a BUY of 0.62 at 9:50, one of 0.91 at 10:00, New York.
UNTIL = iso_to_ns("2026-03-10T14:50:00Z")
BUY = (signal.side == "BUY") & (signal.confidence >= 0.6) & position.is_flat


def trade(app: App, out: Path) -> dict[str, Any]:
    return asyncio.run(app.trade(out=out, until=UNTIL))


def journaled(out: Path, kind: str) -> list[dict[str, Any]]:
    """Bodies of the journaled events of a kind."""
    with closing(sqlite3.connect(out / "journal.db")) as journal:
        rows = journal.execute("select body from entry where type = 'event'").fetchall()
    bodies = [json.loads(body) for (body,) in rows]
    assert len(bodies) > 100
    return [body for body in bodies if body["kind"] == kind]


def test_a_script_is_asked_acts_and_hears_of_everything(tmp_path: Path) -> None:
    app = App(broker="sim")
    asked: list[tuple[str, float]] = []
    heard: list[BaseEvent] = []
    slow: list[FillEvent] = []

    @app.condition("calm")
    def calm(view: View) -> bool:
        asked.append((view.signal.side, view.signal.confidence))
        return bool(view.signal.confidence > 0.7)

    @app.action("size")
    def size(view: View) -> Any:
        return enter("BUY", shares=round(100 * view.signal.confidence), stop_percent=1)

    app.rule("long", on=PredictionSignalEvent, symbols=["AAPL"], when=BUY & ask("calm"),
             then=custom("size"))  # fmt: skip
    app.rule("add", on="Reading", symbols=["AAPL"], when=reading("more") > 0,
             then=scale_in(shares=9))  # fmt: skip
    app.on(BaseEvent)(heard.append)

    @app.on(ContextOpened)
    def fails(_event: ContextOpened) -> None:
        raise ValueError("a handler of the user's")

    @app.on(FillEvent)
    async def later(fill: FillEvent) -> None:
        await asyncio.sleep(0)
        slow.append(fill)
        if len(slow) == 1:
            app.push("more", 1.0, "AAPL")
            app.push("more", None, "AAPL")

    summary = trade(app, tmp_path / "run")
    assert summary["exit_code"] == 0
    assert summary["ledger_differences"] == []
    # Asked once per new BUY while flat: no for the first, yes for the second.
    assert asked == [("BUY", 0.62), ("BUY", 0.91)]
    entries = [e for e in heard if isinstance(e, OrderNewEvent) and e.role == "entry"]
    assert [f"{entry.side} {entry.quantity}" for entry in entries] == ["BUY 91", "BUY 9"]
    assert app.positions["AAPL"].quantity == 100
    # A handler that raises is told, stops nobody, and is no incident of trading.
    assert any("fails" in text and "a handler of the user's" in text for text in app.problems)
    assert not any(isinstance(event, IncidentEvent) for event in heard)
    fills = [event for event in heard if isinstance(event, FillEvent)]
    assert slow == fills
    assert sum(fill.quantity for fill in fills) == 100
    # The prediction that Python said yes to matched; the rule on a reading is no part of that.
    told = {**summary["signals"]}
    del told["rejected"]
    assert told == explain(tmp_path / "run" / "journal.db").funnel.as_dict()
    assert (told["matched"], told["sent"], told["filled"]) == (1, 1, 1)
    assert summary["entries"] == 2
    # What Python said is in the journal, so a replay needs no script.
    answers = journaled(tmp_path / "run", "answer")
    assert [answer["value"] for answer in answers if "actions" not in answer] == [False, True]
    assert [len(answer["actions"]) for answer in answers if "actions" in answer] == [1]
    replayed = replay(tmp_path / "run" / "journal.db")
    assert replayed.difference is None
    assert replayed.outcomes > 10


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt("mine")])
def test_a_handler_that_exits_is_told_and_cuts_no_line(
    tmp_path: Path, raised: BaseException, is_async: bool
) -> None:
    app = App(broker="sim")
    app.rule("long", on=PredictionSignalEvent, symbols=["AAPL"], when=BUY,
             then=enter("BUY", shares=10, stop_percent=1))  # fmt: skip

    def exits(_fill: FillEvent) -> None:
        raise raised

    async def exits_later(fill: FillEvent) -> None:
        exits(fill)

    app.on(FillEvent)(exits_later if is_async else exits)
    summary = trade(app, tmp_path / "run")
    assert (summary["exit_code"], summary["fills"], summary["incidents"]) == (0, 1, [])
    (told,) = app.problems
    name = "exits_later" if is_async else "exits"
    assert f"<locals>.{name}` (test_script.py:" in told
    assert f"raised {type(raised).__name__}: {raised}; event FillEvent(" in told


def test_ctrl_c_inside_a_handler_ends_the_run_in_order(tmp_path: Path) -> None:
    app = App(broker="sim")
    heard: list[QuoteEvent] = []

    @app.on(QuoteEvent)
    def interrupted(quote: QuoteEvent) -> None:
        heard.append(quote)
        os.kill(os.getpid(), SIGINT)

    app.rule("long", on=PredictionSignalEvent, symbols=["AAPL"], when=BUY, then=log("buy"))
    summary = trade(app, tmp_path / "run")
    assert (summary["exit_code"], app.problems) == (0, [])
    assert 0 < len(heard) < 100


def test_a_script_that_fails_costs_its_own_trades_only(tmp_path: Path) -> None:
    app = App(broker="sim")

    @app.condition("broken")
    def broken(view: View) -> bool:
        return bool(view.signal.confidence / 0)

    app.rule("scripted", on=PredictionSignalEvent, symbols=["AAPL"], when=BUY & ask("broken"),
             then=enter("BUY", shares=10, stop_percent=1), priority=10)  # fmt: skip
    app.rule("native", on=PredictionSignalEvent, symbols=["AAPL"], when=BUY,
             then=enter("BUY", shares=20, stop_percent=1, target_percent=1))  # fmt: skip
    blocked: list[RuleBlockedEvent] = []
    over: list[ContextConcluded] = []
    quotes: list[QuoteEvent] = []
    app.on(RuleBlockedEvent)(blocked.append)
    app.on(ContextConcluded)(over.append)
    app.on(QuoteEvent)(quotes.append)
    summary = trade(app, tmp_path / "run")
    assert summary["exit_code"] == 0
    assert [incident["code"] for incident in summary["incidents"]] == ["SCRIPT_FAILED"]
    line = broken.__code__.co_firstlineno + 2
    assert f"(test_script.py:{line}) raised ZeroDivisionError" in summary["incidents"][0]["text"]
    assert [(event.rule, event.reason) for event in blocked] == [("scripted", "CONDITION_UNKNOWN")]
    assert [f"{trip.rule} {trip.quantity}" for trip in over] == ["native 20"]
    assert len(quotes) > 100
    assert all(quote.symbol == "AAPL" for quote in quotes)


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_the_gallery_trades_without_an_incident(script: str, tmp_path: Path) -> None:
    app = load_script(SCRIPTS / script)
    fired: list[BaseEvent] = []
    app.on(ContextOpened)(fired.append)
    summary = trade(app, tmp_path / "run")
    assert summary["exit_code"] == 0
    assert summary["incidents"] == []
    assert app.problems == []
    assert fired or script == "calm_market.py"


def test_the_gallery_is_there() -> None:
    assert len(list(SCRIPTS.glob("*.py"))) == 5

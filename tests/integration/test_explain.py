"""Every rule of the quickstart answers why it acted, or what kept it from acting, with numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from orderloom._core import Engine, Event
from orderloom.cli import main
from orderloom.config import parse_settings
from orderloom.explain import Judged, UnknownNameError, explain
from orderloom.journal import Journal
from orderloom.report.funnel import Funnel

if TYPE_CHECKING:
    from pathlib import Path


def asked(quickstart: Path, symbol: str, rule: str, at: str) -> Judged:
    (judged,) = explain(quickstart / "journal.db", symbol=symbol, rule=rule, at=at).judged
    return judged


def closed(judged: Judged) -> list[str]:
    return [gate["name"] for gate in judged.verdict["gates"] if gate["closed"] is not None]


def test_a_rule_that_fired_shows_what_it_compared(quickstart: Path) -> None:
    judged = asked(quickstart, "AAPL", "long-on-buy", "10:00")
    assert judged.reason is None
    assert judged.time == "2026-03-10 10:00:00"
    assert judged.verdict["condition"]["truth"] == "yes"
    side, confidence, flat = judged.verdict["condition"]["parts"]
    assert side["values"][0] == {"text": "signal.side", "value": "BUY"}
    assert confidence["values"][0] == {"text": "signal.confidence", "value": 0.91}
    assert flat["values"][0] == {"text": "position.is_flat", "value": True}
    assert closed(judged) == []


def test_a_rule_below_its_threshold_shows_by_how_much(quickstart: Path) -> None:
    judged = asked(quickstart, "AAPL", "long-on-buy", "09:50")
    assert judged.reason == "CONDITION_FALSE"
    assert judged.detail == "`signal.confidence >= 0.8`: signal.confidence is 0.62, 0.18 away"
    assert judged.verdict["blocker"]["distance"] == pytest.approx(0.18)


def test_a_rule_in_cooldown_shows_how_long(quickstart: Path) -> None:
    judged = asked(quickstart, "MSFT", "long-on-buy", "10:16")
    assert judged.reason == "COOLDOWN"
    assert judged.verdict["cooldown_left"] == 360 * 1_000_000_000
    assert judged.detail == "acted 1440 s ago, cooldown 1800 s, 360 s left"
    assert closed(judged) == ["cooldown"]
    assert judged.verdict["condition"]["truth"] == "yes"


def test_an_unknown_condition_shows_what_was_missing(quickstart: Path) -> None:
    judged = asked(quickstart, "AAPL", "scale-in", "09:40")
    assert judged.reason == "CONDITION_UNKNOWN"
    assert judged.verdict["blocker"]["missing"] == ["position.unrealized_percent"]


def test_a_rule_that_meets_the_other_side_shows_the_open_trade(quickstart: Path) -> None:
    judged = asked(quickstart, "AAPL", "short-on-short", "10:30")
    assert judged.reason == "OPPOSITE_CONTEXT"
    assert judged.verdict["trade"].startswith("LONG 74, tranches 1")


def test_an_indicator_that_is_not_warm_is_named() -> None:
    rules = """
    rules:
      - {name: wild, on: Bar, symbols: [AAPL], when: atr(3) > 1, do: [log: wild]}
    """
    engine = Engine(parse_settings(rules, file="rules.yaml", environment={}).engine_config("t"))
    bar = Event.bar(0, 0, 60_000_000_000, 10.0, 10.5, 9.5, 10.0, 100.0)
    (verdict,) = engine.explain(1, 1, bar, "wild")
    assert json.loads(verdict)["blocker"]["missing"] == ["atr(3)"]
    assert engine.explain(1, 1, Event.clock(), "wild") == []
    with pytest.raises(ValueError, match="no rule `tame`"):
        engine.explain(1, 1, bar, "tame")


def test_the_account_of_a_run_covers_every_rule_and_agrees_with_the_journal(
    quickstart: Path,
) -> None:
    explained = explain(quickstart / "journal.db")
    with Journal.open(quickstart / "journal.db") as recording:
        told = [(entry.kind, json.loads(entry.body)) for entry in recording.notices()]
        rules = recording.last_config()["rules"]
    assert list(explained.accounts) == [rule["name"] for rule in rules]
    assert len(rules) >= 4
    for number, account in enumerate(explained.accounts.values()):
        fired = sum(1 for kind, body in told if kind == "rule_fired" and body["rule"] == number)
        blocked = [
            body["reason"]
            for kind, body in told
            if kind == "rule_blocked" and body["rule"] == number
        ]
        assert len(account.fired) == fired
        assert [judged.reason for judged in account.blocked] == blocked
        false = sum(times for times, _ in account.false.values())
        unknown = sum(times for times, _ in account.unknown.values())
        dropped = sum(account.dropped.values())
        assert account.judged == fired + len(blocked) + false + unknown + dropped


def test_the_funnel_adds_up(quickstart: Path) -> None:
    funnel = explain(quickstart / "journal.db").funnel
    assert funnel.received == funnel.new + sum(funnel.dropped.values())
    assert funnel.dropped["DUPLICATE"] > 100
    assert funnel.matched > sum(funnel.refused.values()) > 0
    assert funnel.sent >= funnel.filled > 0
    one = explain(quickstart / "journal.db", symbol="TSLA").funnel
    assert 0 < one.received < funnel.received


def test_the_run_and_the_explanation_count_predictions_the_same(quickstart: Path) -> None:
    summary = json.loads((quickstart / "summary.json").read_text())
    told = summary["signals"]
    # Asked for before there was a first prediction.
    assert told.pop("rejected")["NOT_FOUND"] > 0
    assert told == explain(quickstart / "journal.db").funnel.as_dict()
    # Rules on bars act too, which is no part of the way of predictions.
    fired = sum(rule["fired"] for rule in summary["rules"].values())
    blocked = sum(sum(rule["blocked"].values()) for rule in summary["rules"].values())
    assert fired + blocked >= told["matched"] > 0
    assert summary["entries"] >= told["sent"] > 0


@pytest.mark.parametrize(
    ("rule", "kind", "counted"),
    [
        (4, "rule_fired", (1, 1, 1, {})),
        (4, "rule_blocked", (1, 0, 0, {"EXPIRED": 1})),
        # One that the end of the trade triggers is no part of the way of predictions.
        (5, "rule_fired", (1, 0, 0, {})),
        (5, "rule_blocked", (1, 0, 0, {})),
    ],
)
def test_what_a_rule_does_when_the_other_side_is_over_belongs_to_its_prediction(
    rule: int, kind: str, counted: tuple[int, int, int, dict[str, int]]
) -> None:
    funnel = Funnel()
    funnel.on_event(1, {"kind": "signal", "symbol": 0})
    funnel.on_notice(1, {"kind": "signal_judged", "dropped": None})
    funnel.on_notice(1, {"kind": "rule_fired", "rule": 4, "symbol": 0})
    if kind == "rule_fired":
        ticket = {"order_id": 9, "symbol": 0}
        funnel.on_command(2, {"kind": "place", "role": "entry", "ticket": ticket})
    funnel.on_notice(2, {"kind": "context_concluded", "symbol": 0})
    funnel.on_notice(2, {"kind": kind, "rule": rule, "symbol": 0, "reason": "EXPIRED"})
    funnel.on_notice(3, {"kind": "filled", "order_id": 9})
    assert (funnel.matched, funnel.sent, funnel.filled, funnel.refused) == counted


def test_looking_changes_nothing(quickstart: Path) -> None:
    with Journal.open(quickstart / "journal.db") as recording:
        looked, plain = Engine(recording.header.config), Engine(recording.header.config)
        rules = [rule["name"] for rule in json.loads(recording.header.config)["rules"]]
        for seq, at, body in recording.events():
            event = Event.from_json(body)
            foreseen = [
                verdict for rule in rules for verdict in looked.explain(seq, at, event, rule)
            ]
            seen = looked.trace(seq, at, event)
            assert sorted(foreseen) == sorted(seen)
            plain.on_event(seq, at, event)
            assert looked.next_deadline() == plain.next_deadline()
        assert looked.fills() == plain.fills() != "[]"
        assert looked.live_orders() == plain.live_orders()
        assert looked.profit() == plain.profit()


def test_what_the_journal_does_not_have_is_told(
    quickstart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for question in ({"symbol": "IBM"}, {"rule": "none"}, {"at": "later"}):
        with pytest.raises(UnknownNameError, match="expected"):
            explain(quickstart / "journal.db", **question)
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(quickstart), "--symbol", "AAPL", "--at", "03:00"])
    assert ended.value.code == 0
    assert "nothing was judged at 03:00" in capsys.readouterr().out


def test_the_command_shows_the_tree_and_the_blocker(
    quickstart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(
            [
                "explain",
                str(quickstart),
                "--symbol",
                "MSFT",
                "--rule",
                "long-on-buy",
                "--at",
                "10:16",
            ]
        )
    text = capsys.readouterr().out
    assert "COOLDOWN: acted 1440 s ago" in text
    assert "signal.confidence = 0.93" in text
    with pytest.raises(SystemExit):
        main(["explain", str(quickstart), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert {rule["rule"] for rule in document["rules"]} >= {"scale-in"}
    assert document["funnel"]["received"] > 0

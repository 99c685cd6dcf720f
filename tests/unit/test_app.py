"""A strategy in Python, up to the start: what it puts together and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orderloom import App, FillEvent, View, ask, create_buy_rule, enter, position, signal
from orderloom._core import Event
from orderloom.actions import custom, log, sequence
from orderloom.app import NotRunningError, load_script
from orderloom.errors import LanguageError
from orderloom.hand import BY_HAND
from orderloom.sessions import RunOptions
from orderloom.strategy import BEFORE

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = enter("BUY", shares=10, stop_percent=2)
FILE = """\
limits: {max_open_contexts: 3}
rules:
  - name: from-file
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY" and calm
    do: [{enter: {side: BUY, shares: 10, stop: 2%}}]
"""
SCRIPT = """\
from orderloom import App, enter
app = App.from_file("another.yaml")
app.rule("from-script", on="Bar", symbols=["MSFT"], then=enter("SELL", shares=5, stop_percent=2))
@app.condition("calm")
def calm(view):
    return True
app.run(speed=1.0)
"""


def names(app: App) -> list[str]:
    return [rule.name for rule in app.settings().rules]


def test_rules_of_the_file_come_before_those_of_the_script_and_may_ask_it(tmp_path: Path) -> None:
    (tmp_path / "strategy.yaml").write_text(FILE)
    (tmp_path / "script.py").write_text(SCRIPT)
    app = load_script(tmp_path / "script.py")
    settings = app.settings(tmp_path / "strategy.yaml")
    assert [rule.name for rule in settings.rules] == ["from-file", "from-script", BY_HAND]
    assert settings.symbols == ("AAPL", "MSFT")
    assert settings.limits.max_open_contexts == 3


def test_a_script_needs_exactly_one_app(tmp_path: Path) -> None:
    for count in (0, 2):
        script = tmp_path / f"script{count}.py"
        script.write_text("from orderloom import App\n" + "App()\n" * count)
        with pytest.raises(LanguageError, match=f"{count} apps, expected one"):
            load_script(script)
    with pytest.raises(LanguageError, match="expected a Python file"):
        load_script(tmp_path / "missing.py")


def test_what_a_rule_asks_must_be_registered() -> None:
    app = App()

    @app.condition("calm")
    def calm(_view: View) -> bool:
        return True

    app.rule("long", on="Bar", when=position.is_flat & ask("clam"), then=ENTRY)
    with pytest.raises(LanguageError, match=r"rule `long` asks the condition `clam`.*`calm`"):
        app.settings()
    acting = App()
    acting.rule("long", on="Bar", then=sequence(custom("ladder")))
    with pytest.raises(LanguageError, match="asks the action `ladder`"):
        acting.settings()


def test_a_registered_condition_is_a_bare_name_in_text() -> None:
    app = App()

    @app.condition("calm")
    def calm(_view: View) -> bool:
        return True

    made = app.rule("long", on="Bar", when="position.is_flat and calm", then=ENTRY)
    assert made.when == position.is_flat & ask("calm")


def test_names_are_used_once() -> None:
    app = App()
    app.add(create_buy_rule("AAPL", name="long", shares=1, stop_percent=2))
    for taken in ("long", BY_HAND):
        with pytest.raises(LanguageError, match=f"the name `{taken}` again"):
            app.rule(taken, on="Bar", then=ENTRY)
    app.condition("calm")(lambda _view: True)
    with pytest.raises(LanguageError, match="the name `calm` again"):
        app.condition("calm")
    assert names(app) == ["long", BY_HAND]


def test_hooks_guard_the_rules_they_name_and_no_other() -> None:
    app = App()
    for name in ("one", "two"):
        app.rule(name, on="Bar", when=signal.side == "BUY", then=ENTRY)
    app.before("one")(lambda _view: True)
    one, two, by_hand = app.settings().rules
    assert one.when == (signal.side == "BUY") & ask(BEFORE)
    assert two.when == (signal.side == "BUY")
    assert BEFORE not in str(by_hand.when)
    app.before("three")(lambda _view: True)
    with pytest.raises(LanguageError, match="a hook before the rule `three`"):
        app.settings()


def test_what_only_a_session_has_is_refused_before_it() -> None:
    app = App(symbols=["AAPL"])
    app.push("vix", 17.5)
    app.on(FillEvent)(lambda _fill: None)
    with pytest.raises(NotRunningError):
        _ = app.positions
    with pytest.raises(NotRunningError):
        app.act("AAPL", ENTRY)


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_a_reading_that_no_journal_can_keep_is_refused_where_it_is_pushed(value: float) -> None:
    app = App(symbols=["AAPL"])
    with pytest.raises(ValueError, match="must be finite"):
        app.push("vix", value)
    with pytest.raises(ValueError, match=f"`value` must be finite, was {value}"):
        Event.reading("vix", None, value)


def test_live_trading_needs_two_words() -> None:
    with pytest.raises(LanguageError, match="`live` without an account"):
        App(broker="live", symbols=["AAPL"]).run(has_live_word=True)
    with pytest.raises(LanguageError, match="a live broker, expected `has_live_word=True`"):
        App(broker={"mode": "live", "account": "U1"}, symbols=["AAPL"]).run()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"speed": "fast"}, "`speed`: found `fast`, expected a number above 0, or `max`"),
        ({"speed": None}, "`speed`: found `None`, expected a number above 0, or `max`"),
        ({"speed": 0}, "`speed`: found `0`, expected a number above 0, or `max`"),
        ({"speed": float("nan")}, "`speed`: found `nan`, expected a number above 0, or `max`"),
        ({"speed": True}, "`speed`: found `true`, expected a number above 0, or `max`"),
        ({"out": "runs/one"}, "`out`: found `runs/one`, expected a `pathlib.Path`"),
        ({"until": "10:30"}, "`until`: found `10:30`, expected UTC nanoseconds, a whole number"),
        ({"fresh": "no"}, "`fresh`: found `no`, expected `True` or `False`"),
        ({"seed": -1}, "`seed`: found `-1`, expected a whole number, 0 or more"),
        ({"seed": True}, "`seed`: found `true`, expected a whole number, 0 or more"),
        ({"market": "day.csv"}, "`market`: found `day.csv`, expected a list of paths"),
        ({"duration": float("nan")}, "`duration`: found `nan`, expected seconds, a number above 0"),
        ({"duration": -1}, "`duration`: found `-1`, expected seconds, a number above 0"),
        ({"live": True}, "`options`: found `live`, expected one of `duration`, `end`, `faults`"),
        ({"mode": "live"}, "`options`: found `mode`, expected one of `duration`"),
        ({"sped": 60}, "`state`, `until`, hint: did you mean `speed`?"),
    ],
)
def test_an_option_that_cannot_be_is_told_by_name_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    app = App(broker="sim")
    app.rule("long", on="Bar", symbols=["AAPL"], when=signal.side == "BUY", then=log("x"))
    with pytest.raises(LanguageError) as caught:
        app.run(**options)
    assert told in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_speed_of_the_command_is_taken() -> None:
    assert RunOptions(speed="max").speed == RunOptions().speed == float("inf")


def test_a_section_that_cannot_be_is_told_with_its_place() -> None:
    with pytest.raises(LanguageError) as caught:
        App(limits={"max_open_context": 3}).settings()
    assert caught.value.path == ("limits", "max_open_context")
    assert "did you mean `max_open_contexts`?" in str(caught.value)

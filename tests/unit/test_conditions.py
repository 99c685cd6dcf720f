"""Text, structured YAML and Python are three faces of one tree, which is the native one."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path

import pytest

from orderloom._core import Engine
from orderloom.actions import cancel
from orderloom.conditions import (
    Condition,
    account,
    all_of,
    always,
    any_of,
    ask,
    atr,
    bar,
    conclusion,
    context,
    crosses_above,
    crosses_below,
    ema,
    feature,
    fill,
    known,
    market,
    parse_condition,
    parse_structured,
    position,
    reading,
    rsi,
    session,
    signal,
    sma,
    stdev,
    time,
)
from orderloom.config import Settings
from orderloom.errors import LanguageError
from orderloom.indicators import INDICATORS
from orderloom.names import NAMES, field
from orderloom.rules import rule
from orderloom.tree import FlagCondition, FlagField, Numeric, NumericField, WordField

CORE = Path(__file__).parents[2] / "rust" / "core" / "src"


def rust_fields() -> dict[str, str]:
    """Names and types as the native tree declares them."""
    source = (CORE / "rule" / "condition.rs").read_text()
    return dict(re.findall(r'= "([a-z]+\.[a-z_]+)": (Number|Text|Bool)', source))


def test_names_and_types_are_the_native_ones() -> None:
    kinds = {NumericField: "Number", WordField: "Text", FlagCondition: "Bool"}
    ours = {name: kinds[type(member)] for name, member in NAMES.items()}
    assert len(ours) > 40
    assert ours == rust_fields()


def test_indicators_are_the_native_ones() -> None:
    source = (CORE / "indicator" / "catalogue.rs").read_text()
    table = source[source.index("\nindicators! {") :].split("\n}\n")[0]
    native = {
        name
        for names in re.findall(r"\) \[([^\]]+)\]", table)
        for name in re.findall(r'"([a-z_]+)"', names)
    }
    assert "atr" in native
    assert set(INDICATORS) == native


@pytest.mark.parametrize("name", NAMES)
def test_each_name_builds_the_same_tree_in_all_three_forms(name: str) -> None:
    member = field(name)
    if isinstance(member, FlagCondition):
        python: Condition = ~member
        text = f"not {name}"
        structured: object = {"field": name, "is": False}
        native: object = {"not": {"holds": {"field": name}}}
    elif isinstance(member, WordField):
        word = member.words[0]
        python, text = member == word, f'{name} == "{word}"'
        structured = {"field": name, "==": word}
        native = {"compare": {"left": {"field": name}, "is": "==", "right": {"text": word}}}
    else:
        assert isinstance(member, Numeric)
        python, text = member >= 0.5, f"{name} >= 0.5"
        structured = {"field": name, ">=": 0.5}
        native = {"compare": {"left": {"field": name}, "is": ">=", "right": {"number": 0.5}}}
    assert python.as_dict() == native
    assert parse_condition(text).as_dict() == native
    assert parse_structured(structured).as_dict() == native


FORMS: dict[str, tuple[Condition, str, object]] = {
    "all": (
        (signal.side == "BUY") & (signal.confidence >= 0.8) & position.is_flat,
        'signal.side == "BUY" and signal.confidence >= 0.8 and position.is_flat',
        {
            "all": [
                {"field": "signal.side", "is": "BUY"},
                {"field": "signal.confidence", ">=": 0.8},
                {"field": "position.is_flat"},
            ]
        },
    ),
    "any": (
        position.is_long | position.is_short,
        "position.is_long or position.is_short",
        {"any": ["position.is_long", {"field": "position.is_short", "is": True}]},
    ),
    "not": (~session.is_open, "not session.is_open", {"not": "session.is_open"}),
    "constant": (always, "True", True),
    "between": (
        signal.confidence.between(0.8, 0.9),
        "0.8 <= signal.confidence <= 0.9",
        {"field": "signal.confidence", "between": [0.8, 0.9]},
    ),
    "one of words": (
        signal.side.one_of("BUY", "SHORT"),
        'signal.side in ["BUY", "SHORT"]',
        {"field": "signal.side", "one_of": ["BUY", "SHORT"]},
    ),
    "one of numbers": (
        time.weekday.one_of(0, 4),
        'time.weekdays("mon", "fri")',
        {"time": {"weekdays": ["monday", "fri"]}},
    ),
    "time": (
        time.between("10:00", "15:30"),
        'time.between("10:00", "15:30")',
        {"time": {"between": ["10:00", "15:30"]}},
    ),
    "over midnight": (
        (time.hhmm >= 2200) | (time.hhmm < 230),
        'time.between("22:00", "02:30")',
        {"time": {"between": ["22:00", "2:30"]}},
    ),
    "arithmetic": (
        market.price > bar.close + 2 * atr(14) - 0.5 / feature("x"),
        'market.price > bar.close + 2 * atr(14) - 0.5 / feature("x")',
        {"field": "market.price", ">": 'bar.close + 2 * atr(14) - 0.5 / signal.features["x"]'},
    ),
    "negation of a number": (
        account.daily_pnl < -account.equity / 100,
        "account.daily_pnl < -account.equity / 100",
        {"field": "account.daily_pnl", "<": "-account.equity / 100"},
    ),
    "crosses above": (
        crosses_above(ema(9), ema(21)),
        "crosses_above(ema(9), ema(21))",
        {"indicator": "ema(9)", "crosses_above": "ema(21)"},
    ),
    "crosses below": (
        crosses_below(rsi(14), 70),
        "crosses_below(rsi(), 70)",
        {"indicator": "rsi(14)", "crosses_below": 70},
    ),
    "known": (known(atr(14)), "known(atr(14))", {"known": "atr(14)"}),
    "known flag": (
        known(position.is_flat),
        "known(position.is_flat)",
        {"field": "position.is_flat", "known": True},
    ),
    "ask": (ask("calm"), 'ask("calm")', {"ask": "calm"}),
    "feature": (feature("a b") > 1, 'feature("a b") > 1', {"feature": "a b", ">": 1}),
    "reading": (reading("vix") < 30, 'reading("vix") < 30', {"reading": "vix", "<": 30}),
    "indicators": (
        bar.close < sma(20) - 2 * stdev(20),
        "bar.close < sma(20) - 2 * stdev(20)",
        {"value": "bar.close", "<": "sma(20) - 2 * stdev(20)"},
    ),
    "two tests": (
        (context.tranches >= 1) & (context.tranches != 3),
        "context.tranches >= 1 and context.tranches != 3",
        {"field": "context.tranches", ">=": 1, "!=": 3},
    ),
    "two words compared": (
        fill.side == signal.side,
        "fill.side == signal.side",
        {"field": "fill.side", "==": "signal.side"},
    ),
    "nested": (
        (conclusion.pnl < 0) & ~(position.is_long | (session.minutes_before_close <= 5)),
        "conclusion.pnl < 0 and not (position.is_long or session.minutes_before_close <= 5)",
        {
            "all": [
                {"field": "conclusion.pnl", "<": 0},
                {"not": {"any": ["position.is_long", "session.minutes_before_close <= 5"]}},
            ]
        },
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_three_forms_are_one_tree(form: tuple[Condition, str, object]) -> None:
    python, text, structured = form
    assert parse_condition(text).as_dict() == python.as_dict()
    assert parse_structured(structured).as_dict() == python.as_dict()
    assert parse_condition(str(python)) == python


def test_the_engine_takes_every_form_and_every_name() -> None:
    trees = [form[0] for form in FORMS.values()]
    trees += [known(member) for member in NAMES.values()]
    forms = INDICATORS.values()
    trees += [(form(5) if signature(form).parameters else form()) > 0 for form in forms]
    rules = [
        rule(f"r{index}", on="PredictionSignal", symbols="AAPL", when=tree, then=cancel())
        for index, tree in enumerate(trees)
    ]
    assert Engine(Settings(rules=tuple(rules)).engine_config("run-1"))


def test_conditions_are_not_answered_in_python() -> None:
    with pytest.raises(TypeError, match="`&`, `\\|` and `~`"):
        _ = (signal.confidence > 0.5) and position.is_flat
    with pytest.raises(TypeError, match="compare it"):
        _ = not signal.confidence
    with pytest.raises(TypeError, match="instead of"):
        _ = 0.5 < signal.confidence < 0.9
    with pytest.raises(LanguageError, match="not compared with True"):
        _ = (position.is_flat == True) & position.is_long  # noqa: E712
    with pytest.raises(LanguageError, match="not compared with True"):
        rule("r", on="Bar", when=position.is_flat == True, then=())  # noqa: E712
    with pytest.raises(LanguageError, match="in brackets"):
        _ = position.is_flat & signal.confidence  # type: ignore[operator]


def test_joining_makes_flat_trees_and_keeps_the_order() -> None:
    parts = (position.is_flat, session.is_open, context.is_open)
    assert all_of(all_of(*parts[:2]), parts[2]) == all_of(parts[0], all_of(*parts[1:]))
    assert any_of(*parts).as_dict()["any"][0] == {"holds": {"field": "position.is_flat"}}
    assert hash(all_of(*parts)) == hash(parts[0] & parts[1] & parts[2])


@pytest.mark.parametrize(
    ("form", "path", "message"),
    [
        ({"al": []}, (), "did you mean `all`?"),
        ({"all": []}, ("all",), "a list of conditions"),
        ({"all": [{"field": "signal.sid", "==": "BUY"}]}, ("all", 0, "field"), "`signal.side`"),
        ({"any": [True, {"not": 5}]}, ("any", 1, "not"), "found `5`"),
        ({"field": "signal.confidence", ">>": 1}, (">>",), "unknown test `>>`"),
        ({"field": "signal.confidence"}, (), "compared with nothing"),
        ({"field": "signal.confidence", "between": [1]}, ("between",), "a list of 2"),
        ({"field": "signal.side", "one_of": ["BUYY"]}, ("one_of",), "did you mean `BUY`?"),
        ({"field": "position.is_flat", "==": True}, ("==",), "stands alone"),
        ({"field": "bar.close", "reading": "x", ">": 1}, (), "found both"),
        ({"time": {"betwen": []}}, ("time",), "`between` and `weekdays`"),
        ({"time": {"weekdays": ["mun"]}}, ("time",), "found `mun`"),
        ({"time": {"weekdays": ["monk"]}}, ("time",), "found `monk`"),
        ({"ask": 5}, ("ask",), "its name in quotes"),
        ({"all": ["position.is_flat and bar.opn > 1"]}, ("all", 0), "`bar.open`"),
    ],
)
def test_a_mistake_in_the_structure_is_told_with_the_way_to_it(
    form: object, path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(LanguageError) as refusal:
        parse_structured(form)
    assert message in str(refusal.value)
    assert refusal.value.path == path


def test_structure_nested_without_end_is_refused() -> None:
    form: object = "True"
    for _ in range(10_000):
        form = {"not": form}
    with pytest.raises(LanguageError, match="nested too deeply"):
        parse_structured(form)


def test_flags_know_their_operand() -> None:
    assert isinstance(position.is_flat.operand, FlagField)

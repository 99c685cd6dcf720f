"""Every action and level, from YAML and from Python, is the same description."""

from __future__ import annotations

import pytest

from orderloom import actions
from orderloom._core import Engine
from orderloom.action_forms import ALONE, WITH_ARGUMENTS, WITH_ONE, keys_of, parse_action
from orderloom.actions import (
    ACTIONS_DEPTH_MAX,
    Action,
    adjust_stop,
    adjust_target,
    amount,
    cancel,
    close_all,
    close_everything,
    conditional,
    custom,
    double_down,
    enter,
    log,
    notify,
    oco,
    order,
    percent,
    price,
    scale_in,
    sequence,
    trail_amount,
    trail_percent,
)
from orderloom.conditions import atr, market, position
from orderloom.config import Settings
from orderloom.errors import LanguageError
from orderloom.levels import as_level
from orderloom.rules import rule

FORMS: dict[str, tuple[Action, object, object]] = {
    "enter": (
        enter("BUY", notional=10_000, stop=[2 * atr(14), percent(3)], target=percent(8)),
        {
            "enter": {
                "side": "BUY",
                "notional": "10_000",
                "stop": [{"atr": 2}, {"percent": 3}],
                "target": "8%",
            }
        },
        {
            "enter": {
                "side": "BUY",
                "size": {"notional": "10000"},
                "stop": [
                    {
                        "distance": {
                            "multiple": 2.0,
                            "of": {"indicator": {"name": "atr", "parameters": [14.0]}},
                        }
                    },
                    {"percent": 3.0},
                ],
                "target": [{"percent": 8.0}],
                "limit_offset": None,
                "limit": None,
                "expires_after": None,
                "exit_tif": "GTC",
                "opposite": "ignore",
                "reprice": "average",
                "outside_rth": False,
                "unprotected": False,
            }
        },
    ),
    "enter with everything": (
        enter(
            "SELL",
            risk_percent="0.5",
            stop=trail_amount("1.50"),
            limit=market.ask + 0.01,
            expires_after="30s",
            exit_tif="DAY",
            opposite="reverse",
            reprice="fill",
            outside_rth=True,
        ),
        {
            "enter": {
                "side": "sell",
                "risk_percent": 0.5,
                "stop": {"trail_amount": 1.5},
                "limit": "market.ask + 0.01",
                "expires_after": "30s",
                "exit_tif": "DAY",
                "opposite": "reverse",
                "reprice": "fill",
                "outside_rth": True,
            }
        },
        {
            "enter": {
                "side": "SELL",
                "size": {"risk_bp": 50},
                "stop": [{"trail_amount": "1.5"}],
                "target": [],
                "limit_offset": None,
                "limit": {"add": [{"field": "market.ask"}, {"number": 0.01}]},
                "expires_after": 30_000_000_000,
                "exit_tif": "DAY",
                "opposite": "reverse",
                "reprice": "fill",
                "outside_rth": True,
                "unprotected": False,
            }
        },
    ),
    "scale in": (
        scale_in(shares=50, side="BUY", limit_offset="0.02"),
        {"scale_in": {"shares": 50, "side": "BUY", "limit_offset": 0.02}},
        {"scale_in": {"size": {"shares": "50"}, "side": "BUY", "limit_offset": "0.02"}},
    ),
    "double down": (
        double_down(fraction=0.25, size=2),
        {"double_down": {"fraction": 0.25, "size": 2}},
        {"double_down": {"fraction_bp": 2500, "size_bp": 20000}},
    ),
    "close all": (close_all(), "close_all", {"close_all": {}}),
    "close everything": (
        close_everything(),
        {"close_everything": {}},
        {"close_everything": {}},
    ),
    "cancel": (cancel(), {"cancel": None}, {"cancel": {}}),
    "adjust stop": (
        adjust_stop([trail_percent(2), price("140.5")]),
        {"adjust_stop": [{"trail_percent": 2}, "price(140.5)"]},
        {"adjust_stop": [{"trail_percent": 2.0}, {"price": "140.5"}]},
    ),
    "adjust target": (
        adjust_target(amount(3)),
        {"adjust_target": {"amount": 3}},
        {"adjust_target": [{"amount": "3"}]},
    ),
    "order": (
        order("SELL", shares=10, stop=140, limit=139.5, tif="IOC"),
        {"order": {"side": "SELL", "shares": 10, "stop": 140, "limit": "139.5", "tif": "IOC"}},
        {
            "order": {
                "side": "SELL",
                "size": {"shares": "10"},
                "limit": {"number": 139.5},
                "stop": {"number": 140.0},
                "tif": "IOC",
            }
        },
    ),
    "oco": (
        oco([order("SELL", shares=1, limit=160), order("SELL", shares=1, stop=140)], "reduce"),
        {
            "oco": {
                "orders": [
                    {"side": "SELL", "shares": 1, "limit": 160},
                    {"side": "SELL", "shares": 1, "stop": 140},
                ],
                "kind": "reduce",
            }
        },
        {
            "oco_group": {
                "orders": [
                    {
                        "side": "SELL",
                        "size": {"shares": "1"},
                        "limit": limit,
                        "stop": stop,
                        "tif": "GTC",
                    }
                    for limit, stop in (({"number": 160.0}, None), (None, {"number": 140.0}))
                ],
                "kind": "reduce",
            }
        },
    ),
    "log": (log("a"), {"log": "a"}, {"log": {"text": "a"}}),
    "notify": (notify("b"), {"notify": "b"}, {"notify": {"text": "b"}}),
    "custom": (custom("mine"), {"custom": "mine"}, {"custom": {"name": "mine"}}),
    "sequence": (
        sequence(cancel(), close_all()),
        {"sequence": ["cancel", "close_all"]},
        {"sequence": [{"cancel": {}}, {"close_all": {}}]},
    ),
    "conditional": (
        conditional(position.is_long, close_all(), [log("no")]),
        {"when": "position.is_long", "then": "close_all", "else": [{"log": "no"}]},
        {
            "when": {
                "condition": {"holds": {"field": "position.is_long"}},
                "then": [{"close_all": {}}],
                "otherwise": [{"log": {"text": "no"}}],
            }
        },
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_yaml_and_python_give_the_same_native_form(form: tuple[Action, object, object]) -> None:
    python, yaml, native = form
    assert python.as_dict() == native
    assert parse_action(yaml).as_dict() == native


def test_the_engine_takes_every_form() -> None:
    made = rule("r", on="Bar", symbols="AAPL", then=[form[0] for form in FORMS.values()])
    assert Engine(Settings(rules=(made,)).engine_config("run-1"))


def test_every_action_is_covered_above() -> None:
    kinds = {type(form[0]).__name__ for form in FORMS.values()}
    assert kinds == {kind.__name__ for kind in Action.__subclasses__()}
    named = {
        next(iter(form[1])) if isinstance(form[1], dict) else form[1] for form in FORMS.values()
    }
    assert {*WITH_ARGUMENTS, *WITH_ONE, *ALONE} <= named


@pytest.mark.parametrize(
    ("level", "native"),
    [
        ("4%", {"percent": 4.0}),
        ("percent(4)", {"percent": 4.0}),
        ("trail_percent(1.5)", {"trail_percent": 1.5}),
        ({"amount": "0.10"}, {"amount": "0.1"}),
        ("price(150.25)", {"price": "150.25"}),
        (
            {"atr": 2, "period": 20},
            {
                "distance": {
                    "multiple": 2.0,
                    "of": {"indicator": {"name": "atr", "parameters": [20.0]}},
                }
            },
        ),
        (
            {"distance": "atr_sma(5) * 1.5"},
            {
                "distance": {
                    "multiple": 1.5,
                    "of": {"indicator": {"name": "atr_sma", "parameters": [5.0]}},
                }
            },
        ),
        (
            'reading("gap")',
            {"distance": {"multiple": 1.0, "of": {"reading": "gap"}}},
        ),
    ],
)
def test_levels_have_short_and_long_forms(level: object, native: object) -> None:
    assert as_level(level).as_dict() == native


REFUSED: dict[str, tuple[object, tuple[str | int, ...], str]] = {
    "no stop": ({"enter": {"side": "BUY", "shares": 1}}, ("enter",), "without a stop"),
    "stop and unprotected": (
        {"enter": {"side": "BUY", "shares": 1, "stop": "4%", "unprotected": True}},
        ("enter",),
        "one of them",
    ),
    "negative percent": (
        {"enter": {"side": "BUY", "shares": 1, "stop": [{"atr": 2}, {"percent": -3}]}},
        ("enter", "stop", 1, "percent"),
        "above 0",
    ),
    "stop below zero": (
        {"enter": {"side": "BUY", "shares": 1, "stop": "100%"}},
        ("enter", "stop", 0),
        "below zero",
    ),
    "stop above target": (
        {"enter": {"side": "BUY", "shares": 1, "stop": "price(160)", "target": "price(150)"}},
        ("enter", "stop"),
        "not below its target",
    ),
    "short target above stop": (
        {"enter": {"side": "SELL", "shares": 1, "stop": "price(150)", "target": "price(160)"}},
        ("enter", "stop"),
        "not below its stop",
    ),
    "trailing target": (
        {"enter": {"side": "BUY", "shares": 1, "stop": "4%", "target": "trail_percent(2)"}},
        ("enter", "target", 0),
        "trails",
    ),
    "bare number": (
        {"enter": {"side": "BUY", "shares": 1, "stop": 4}},
        ("enter", "stop"),
        "write `percent(4)`",
    ),
    "two sizes": (
        {"enter": {"side": "BUY", "shares": 1, "notional": 5, "stop": "4%"}},
        ("enter",),
        "found `shares` and `notional`",
    ),
    "no size": ({"scale_in": {}}, ("scale_in",), "found no size"),
    "size as a flag": ({"scale_in": {"shares": True}}, ("scale_in", "shares"), "`true`"),
    "nine places": (
        {"scale_in": {"shares": "1.123456789"}},
        ("scale_in", "shares"),
        "8 decimal places",
    ),
    "risk without a stop": (
        {"enter": {"side": "BUY", "risk_percent": 1, "unprotected": True}},
        ("enter",),
        "measure the risk",
    ),
    "short as a side": (
        {"enter": {"side": "SHORT", "shares": 1, "stop": "4%"}},
        ("enter", "side"),
        "`SELL` opens short",
    ),
    "typing error in a key": (
        {"enter": {"side": "BUY", "share": 1}},
        ("enter", "share"),
        "did you mean `shares`?",
    ),
    "typing error in an action": ({"entr": {}}, ("entr",), "did you mean `enter`?"),
    "lone order in a group": (
        {"oco": [{"side": "BUY", "shares": 1}]},
        ("oco",),
        "two or more orders",
    ),
    "when without then": ({"when": "True"}, (), "`then`"),
    "mistake under else": (
        {"when": "True", "then": "cancel", "else": ["cancel", "cancle"]},
        ("else", 1, "cancle"),
        "did you mean `cancel`?",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_with_the_way_to_it(
    case: tuple[object, tuple[str | int, ...], str],
) -> None:
    form, path, message = case
    with pytest.raises(LanguageError) as refusal:
        parse_action(form)
    assert message in str(refusal.value)
    assert refusal.value.path == path


def test_actions_nested_without_end_are_refused() -> None:
    form: object = "cancel"
    for _ in range(10_000):
        form = {"sequence": [form]}
    with pytest.raises(LanguageError, match="nested too deeply"):
        parse_action(form)
    action: Action = cancel()
    for _ in range(ACTIONS_DEPTH_MAX - 1):
        action = sequence(action)
    deepest = sequence(action)
    with pytest.raises(LanguageError, match="nested too deeply"):
        sequence(deepest)


def test_templates_take_what_enter_takes() -> None:
    from orderloom.templates import create_buy_rule

    assert set(keys_of(enter)) - {"side"} <= set(keys_of(create_buy_rule))
    assert actions.LinkedCreateOrderAction is actions.Enter

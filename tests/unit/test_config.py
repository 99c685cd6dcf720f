"""The strategy file: what it means, what overrides it, and how each mistake is told."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderloom._core import Engine
from orderloom.actions import log
from orderloom.app import load_script
from orderloom.conditions import parse_condition
from orderloom.config import (
    ConfigError,
    Settings,
    check_settings,
    check_text,
    load_settings,
    parse_settings,
)
from orderloom.errors import LanguageError
from orderloom.rules import rule
from orderloom.templates import TEMPLATES, StrategyBuilder, create_buy_rule, create_short_rule
from orderloom.units import Span

if TYPE_CHECKING:
    from pathlib import Path

STRATEGY = """\
broker: {mode: sim, port: 7497}
market: {calendar: XNYS, bars: 1 min}
signals: {url: https://example.org/api/v1, poll: 60s, max_age: 2m}
limits: {max_position_value: 50_000, max_daily_loss: 1_000}
end_of_day: {close: 1m}
rules:
  - name: long-on-buy
    on: PredictionSignal
    symbols: [AAPL, MSFT]
    when: signal.side == "BUY" and signal.confidence >= 0.80 and position.is_flat
    priority: 100
    cooldown: 5m
    window: ["09:45", "15:30"]
    do:
      - enter: {side: BUY, notional: 10_000, stop: [{atr: 2}, {percent: 3}], target: {atr: 4}}
templates:
  - buy: {symbols: [TSLA], shares: 25, confidence: 0.9, stop_percent: 4, cooldown: 15m}
"""

RULE = "rules:\n  - name: r\n    on: PredictionSignal\n    symbols: [AAPL]\n"
ENTER = "    do: {enter: {side: BUY, shares: 1, stop_percent: 3}}\n"


def test_a_strategy_becomes_what_the_engine_reads() -> None:
    settings = parse_settings(STRATEGY, environment={})
    config = json.loads(settings.engine_config("run-1"))
    assert [record["symbol"] for record in config["instruments"]] == ["AAPL", "MSFT", "TSLA"]
    assert config["limits"]["max_position_value"] == "50000"
    assert config["signals"] == {"max_age": 120_000_000_000, "max_future": 5_000_000_000}
    assert config["end_of_day"] == 60_000_000_000
    first, second = config["rules"]
    assert first["cooldown"] == 300_000_000_000
    assert first["window"] == {"from_second": 35_100, "to_second": 55_800}
    assert (
        first["when"]
        == parse_condition(
            'signal.side == "BUY" and signal.confidence >= 0.8 and position.is_flat'
        ).as_dict()
    )
    assert (
        second
        == create_buy_rule(
            ["TSLA"], shares=25, confidence=0.9, stop_percent=4, cooldown="15m"
        ).as_dict()
    )
    assert Engine(settings.engine_config("run-1"))


def test_the_engine_takes_every_template() -> None:
    builder = (
        StrategyBuilder()
        .buy("AAPL", shares=1, stop_atr=2, stop_percent=3)
        .sell("AAPL")
        .short("AAPL", risk_money=100, stop_percent=3, opposite="close")
        .scale_in("AAPL", shares=1)
        .eod_close("AAPL")
    )
    assert len(builder.rules) == len(TEMPLATES)
    assert Engine(Settings(rules=builder.rules).engine_config("run-1"))


def test_templates_that_act_on_the_other_side_are_judged_while_it_is_held() -> None:
    plain = create_short_rule("A", shares=1, stop_percent=3)
    reverse = create_short_rule("A", shares=1, stop_percent=3, opposite="reverse")
    assert "position.is_flat" in str(plain.when)
    assert str(reverse.when).endswith("not (position.is_short)")


BROKEN: dict[str, tuple[str, int, str, str, str]] = {
    # name: text, line, where, what and expected, hint
    "unknown section": ("brokr: {}\n", 1, "brokr", "one of `broker`", "did you mean `broker`?"),
    "unknown key": (
        "broker:\n  prot: 1\n", 2, "broker.prot", "unknown key `prot`, expected one of `mode`",
        "did you mean `port`?",
    ),
    "no number": ("broker:\n  port: abc\n", 2, "broker.port", "a whole number", ""),
    "no such mode": (
        "broker:\n  mode: papr\n", 2, "broker.mode", "`sim`, `paper` or `live`", "`paper`?"
    ),
    "live without an account": (
        "broker:\n  port: 7496\n  mode: live\n", 3, "broker.mode", "expected `account`", ""
    ),
    "duplicate key": (
        "broker:\n  port: 1\n  port: 2\n", 3, "broker.port", "first in line 2", ""
    ),
    "no YAML": ("broker: {port: 1\nrules: 2\n", 2, "the file", "not YAML", "needs quotes"),
    "a tag": (
        "broker: !!python/object/apply:os.system [true]\n", 1, "broker", "expected plain values", ""
    ),
    "a secret in the file": (
        "signals:\n  api_key: abcdefgh\n", 2, "signals.api_key", "outside the file",
        "ORDERLOOM_SIGNALS__API_KEY",
    ),
    "a key over http": (
        "signals:\n  url: http://example.org\n", 2, "signals.url", "expected `https://…`", ""
    ),
    "a port that is none": (
        "signals:\n  url: https://example.org:99999/\n", 2, "signals.url", "0-65535", ""
    ),
    "a query in the address": (
        "signals:\n  url: https://example.org/?key=1\n", 2, "signals.url", "a `?` or `#`", ""
    ),
    "no host": ("broker:\n  host: ''\n", 2, "broker.host", "a name or an address", ""),
    "a currency in small letters": (
        "market:\n  instruments:\n    A: {currency: usd}\n",
        3, "market.instruments.A.currency", "an ISO currency such as `USD`", "",
    ),
    "a symbol in small letters": (
        "limits:\n  no_short: [aapl]\n", 2, "limits.no_short[0]", "a symbol", "in capitals"
    ),
    "half an entry of the keyring": (
        "signals:\n  api_key_keyring: ab\n", 2, "signals.api_key_keyring", "`service/user`", ""
    ),
    "time without a unit": (
        "signals:\n  poll: 60\n", 2, "signals.poll", "with its unit", "write `60s`"
    ),
    "negative money": (
        "limits:\n  max_daily_loss: -5\n", 2, "limits.max_daily_loss", "a number above 0", ""
    ),
    "a flag as a number": (
        "limits:\n  max_open_contexts: true\n", 2, "limits.max_open_contexts", "whole number", ""
    ),
    "unknown calendar": (
        "market:\n  calendar: XNYZ\n", 2, "market.calendar", "expected an exchange calendar", ""
    ),
    "unknown name in a folded expression": (
        RULE + "    when: >-\n      position.is_flat\n      and signal.sid == \"BUY\"\n" + ENTER,
        7, "rule r: when", "unknown name `signal.sid`", "did you mean `signal.side`?",
    ),
    "unknown name in the structured form": (
        RULE + "    when:\n      all:\n        - position.is_flat\n"
        "        - {field: signal.confidence, \">=\": bar.hgh}\n" + ENTER,
        8, "rule r: when.all[1].>=", "unknown name `bar.hgh`", "`bar.high`?",
    ),
    "entry without a stop": (
        RULE + "    do:\n      - log: x\n      - enter: {side: BUY, shares: 1}\n",
        7, "rule r: do[1].enter", "without a stop, expected `stop`", "unprotected: true",
    ),
    "entry without a side": (
        RULE + "    do:\n      - enter: {shares: 1, stop_percent: 3}\n",
        6, "rule r: do[0].enter", "`side` is missing", "",
    ),
    "stop of a negative percentage": (
        RULE + "    do:\n      - enter:\n          side: BUY\n          shares: 1\n"
        "          stop:\n            - percent: -3\n",
        10, "rule r: do[0].enter.stop[0].percent", "a number above 0", "",
    ),
    "stop above every price": (
        RULE + "    when: market.price < 100\n"
        "    do: {enter: {side: BUY, shares: 1, stop: {price: 120}}}\n",
        6, "rule r: do", "wrong side of every price", "",
    ),
    "confidence in percent": (
        RULE + "    when: signal.confidence > 80\n" + ENTER,
        5, "rule r: when", "can never hold", "write 0.8 for 80 percent",
    ),
    "conditions that exclude each other": (
        RULE + "    when: position.is_long and position.is_flat\n" + ENTER,
        5, "rule r: when", "not both flat and long", "",
    ),
    "two rules of one name": (
        "rules:\n  - {name: r, on: Bar, symbols: [A], do: cancel}\n"
        "  - {name: r, on: Bar, symbols: [A], do: cancel}\n",
        3, "rule r: name", "first in line 2", "",
    ),
    "nothing to do": (
        "rules:\n  - {name: r, on: Bar, symbols: [A]}\n", 2, "rule r", "`do` is missing", ""
    ),
    "no symbol": ("rules:\n  - {name: r, on: Bar, do: cancel}\n", 1, "rules", "no symbol", ""),
    "an empty list of symbols": (
        "market: {symbols: [A]}\nrules:\n  - name: r\n    on: Bar\n"
        "    symbols: []\n    do: cancel\n",
        5, "rule r: symbols", "found an empty list, expected at least one symbol",
        "leave `symbols` out for every symbol, or name some",
    ),
    "an empty list of symbols in a template": (
        "market: {symbols: [A]}\ntemplates:\n  - sell: {symbols: []}\n",
        3, "templates[0]: sell.symbols", "found an empty list", "for every symbol",
    ),
    "unknown template": (
        "templates:\n  - by: {}\n", 2, "templates[0]: by", "unknown template", "`buy`?"
    ),
    "key of a template": (
        "templates:\n  - buy:\n      symbols: [A]\n      stop_percnt: 3\n",
        4, "templates[0]: buy.stop_percnt", "unknown key", "`stop_percent`?",
    ),
    "an alias of itself": ("broker: &a\n  x: *a\n", 1, "the file", "nested too deeply", ""),
    "an exploding alias": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in ("ab", "bc", "cd", "de")),
        1, "the file", "too many values", "",
    ),
    "endless nesting": ("[" * 5000, 1, "the file", "nested too deeply", ""),
}  # fmt: skip


def test_a_key_comes_from_the_keyring_or_it_is_told_why_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Stands in for the system's keyring, which a test machine does not have.
    class KeyringError(Exception):
        pass

    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise KeyringError("the collection is locked")
        return {("desk", "api"): "a-secret-key"}.get((service, user))

    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    monkeypatch.setattr(errors, "KeyringError", KeyringError, raising=False)
    monkeypatch.setattr(keyring, "errors", errors, raising=False)
    monkeypatch.setattr(keyring, "get_password", get_password, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)

    checked = check_text("signals: {api_key_keyring: desk/api}", environment={})
    assert checked.settings is not None
    assert checked.settings.signals.api_key.get_secret_value() == "a-secret-key"
    (shown,) = (value for value in checked.resolved if value.key == "signals.api_key")
    assert (shown.value, shown.origin) == ("********", "keyring desk/api")
    for entry, said in (
        ("desk/other", "no entry `desk/other` in the keyring"),
        ("locked/api", "the keyring cannot be read (the collection is locked)"),
    ):
        checked = check_text(f"signals: {{api_key_keyring: {entry}}}", environment={})
        assert said in str(checked.errors[0])


def test_a_hint_that_does_not_help_is_not_given() -> None:
    for text in ("signals: {poll: .nan}", "signals: {poll: -5}", "market: {symbols: ['aa!']}"):
        (problem,) = check_text(text, environment={}).problems
        assert problem.hint is None, str(problem)


def test_a_file_without_an_end_is_left_after_what_a_file_may_have() -> None:
    (problem,) = check_settings("/dev/zero").problems
    assert str(problem) == "/dev/zero:1: the file: too many bytes, expected up to 1000000"


@pytest.mark.parametrize("name", BROKEN)
def test_each_mistake_is_told_with_file_line_expectation_and_hint(
    name: str, tmp_path: Path
) -> None:
    text, line, where, message, hint = BROKEN[name]
    file = tmp_path / "strategy.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_settings(file, environment={})
    told = str(refusal.value).splitlines()
    assert refusal.value.exit_code == 2
    assert len(told) == 1, told
    assert told[0].startswith(f"{file}:{line}: {where}: ")
    assert message in told[0]
    assert ", expected " in told[0]
    assert hint in told[0].partition("hint: ")[2]


@pytest.mark.parametrize(
    ("style", "line", "column"),
    [
        ("when: 'not \"x\" == signal.sid'", 1, 19),
        ('when: "not \\"x\\" == signal.sid"', 1, 21),
        ("when: not 'x' == signal.sid", 1, 18),
        ("when: |\n      not 'x'\n      == signal.sid", 3, 10),
        ("when: >\n      not 'x'\n      == signal.sid", 3, 10),
        ("when:\n      not 'x'\n      == signal.sid", 3, 10),
    ],
)
def test_the_place_in_an_expression_is_found_in_every_style(
    style: str, line: int, column: int
) -> None:
    checked = check_text(RULE + "    " + style + "\n" + ENTER, environment={})
    (problem,) = checked.problems
    start = RULE.count("\n")
    indent = 4 if line == 1 else 0
    assert (problem.line, problem.column) == (start + line, column + indent)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "broker: {prot: 1}\nsignals: {poll: 5}\n" + RULE + "    when: x\n    do: y\n"
    checked = check_text(text, environment={})
    assert [problem.line for problem in checked.problems] == [1, 2, 7, 8]
    assert checked.settings is None


WARNINGS: dict[str, tuple[str, str]] = {
    "is shadowed": (
        "templates:\n  - buy: {name: a, symbols: [A], shares: 1, stop_percent: 3}\n"
        "  - buy: {name: b, symbols: [A], shares: 1, stop_percent: 3, confidence: 0.9}\n",
        "`a` holds and enters first",
    ),
    "opposes": (
        "rules:\n"
        "  - {name: a, on: Bar, symbols: [A], when: rsi(14) > 60, "
        "do: {enter: {side: BUY, shares: 1, stop_percent: 3}}}\n"
        "  - {name: b, on: Bar, symbols: [A], when: bar.close > 5, "
        "do: {enter: {side: SELL, shares: 1, stop_percent: 3}}}\n",
        "opposite side of `a`",
    ),
    "cooldown": (
        "rules: [{name: a, on: Bar, symbols: [A], cooldown: 7h, do: cancel}]\n",
        "longer than a session of 6h30m",
    ),
    "never warm": (
        "rules: [{name: a, on: Bar, symbols: [A], when: sma(5000) > 1, do: cancel}]\n",
        "needs 5000 bars and can have 2340",
    ),
    "unused symbol": (
        "market: {symbols: [B]}\nrules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "no rule is for `B`",
    ),
    "wrong trigger": (
        "rules: [{name: a, on: Bar, symbols: [A], when: signal.confidence > 0.5, do: cancel}]\n",
        "known on `PredictionSignal` only",
    ),
    "bars that TWS does not keep up to date": (
        "market: {bars: 1s}\nrules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "TWS has no bars of 1s: they can be back-tested alone",
    ),
    "restart within the session": (
        "broker: {restarts: [{at: '23:45'}, {at: '16:03'}]}\n"
        "rules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "the restart at 16:03 lies within the trading session",
    ),
    "restart within another exchange's session": (
        "broker: {restarts: [{at: '23:45'}]}\nmarket: {calendar: XTKS}\n"
        "rules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "the restart at 23:45 lies within the trading session",
    ),
    "remote host": (
        "broker: {host: 10.0.0.1}\nrules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "without encryption",
    ),
    "an end of day longer than the session": (
        "end_of_day: {close: 26h}\nrules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
        "end_of_day.close: warning: trades are closed from 1d2h before the close on, and a session "
        "has 6h30m: nothing is ever entered",
    ),
    "a notional above a limit": (
        "limits: {max_position_value: 5_000}\n"
        + RULE
        + "    do: {enter: {side: BUY, notional: 10_000, stop_percent: 3}}\n",
        "enters a notional of 10000, above `limits.max_position_value` of 5000: refused unless",
    ),
    "a notional above a limit of what is not signed": (
        "limits: {max_order_value: 20_000, unsigned: {max_order_value: 500}}\n"
        + RULE
        + "    do: {enter: {side: BUY, notional: 10_000, stop_percent: 3}}\n",
        "above `limits.unsigned.max_order_value` of 500",
    ),
    "shares above a limit": (
        "limits: {max_order_shares: 50}\n"
        + RULE
        + "    do: {enter: {side: BUY, shares: 100, stop_percent: 3}}\n",
        "enters 100 shares, above `limits.max_order_shares` of 50: always refused",
    ),
    "shares above a limit in money": (
        "limits: {max_position_value: 250}\n"
        + RULE
        + "    do: {enter: {side: BUY, shares: 1000, stop_percent: 3}}\n",
        "enters 1000 shares, above `limits.max_position_value` of 250: refused at any price above "
        "0.25",
    ),
    "no rule": ("rules: []\n", "nothing will be traded"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_suspicious_is_a_warning_and_no_reason_to_refuse(name: str) -> None:
    text, message = WARNINGS[name]
    checked = check_text(text, environment={})
    assert [problem.severity for problem in checked.problems] == ["warning"], checked.problems
    assert message in str(checked.problems[0])
    assert checked.settings is not None


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        ("rules: [{name: a, on: Bar, do: cancel}]\n", {}, "the rules cover none"),
        (
            "rules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n",
            {"ORDERLOOM_SIGNALS__API_KEY": "k1"},
            "a key of 2 characters, too short",
        ),
    ],
)
def test_what_a_run_would_refuse_is_refused_by_the_check(
    text: str, variables: dict[str, str], message: str
) -> None:
    checked = check_text(text, environment=variables)
    assert [problem.severity for problem in checked.problems] == ["error"]
    assert message in str(checked.problems[0])
    assert "k1" not in str(checked.problems[0])


def test_a_script_is_checked_together_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from orderloom.cli import main

    file, script = tmp_path / "strategy.yaml", tmp_path / "strategy.py"
    file.write_text("templates: [buy: {symbols: [A], shares: 1, stop_percent: 3}]\n")
    script.write_text(
        "from orderloom import App, enter, signal\n"
        "app = App()\n"
        "app.rule('other', on='PredictionSignal', symbols=['A'], when=signal.confidence > 0.5,\n"
        "         then=enter('SELL', shares=1, stop_percent=3))\n"
        "app.rule('percent', on='PredictionSignal', symbols=['A'], when=signal.confidence > 50,\n"
        "         then=enter('BUY', shares=1, stop_percent=3))\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["check", str(file), "--script", str(script)])
    assert ended.value.code == 2
    told = capsys.readouterr().out
    assert "strategy.py: rule other: when: warning: can enter the opposite side of `buy-A`" in told
    assert "strategy.py: rule percent: when: the condition can never hold" in told
    with pytest.raises(LanguageError, match="rule `percent`: the condition can never hold"):
        load_script(script).settings(file)


def test_a_rule_without_symbols_is_shown_with_every_one() -> None:
    text = "market: {symbols: [B]}\nrules:\n  - {name: r, on: Bar, do: cancel}\n"
    text += "  - {name: s, on: Bar, symbols: [A], do: cancel}\n"
    resolved = {each.key: each.value for each in check_text(text, environment={}).resolved}
    assert (resolved["rules.r.symbols"], resolved["rules.s.symbols"]) == ("every: A, B", "A")


def test_sizes_that_a_limit_lets_pass_are_no_reason_to_warn() -> None:
    text = "limits: {max_position_value: 10_000, max_order_shares: 100}\n"
    text += "end_of_day: {close: 6h29m}\ntemplates:\n"
    text += "  - buy: {symbols: [A], notional: 10_000, stop_percent: 3}\n"
    text += "  - buy: {symbols: [B], shares: 100, stop_percent: 3}\n"
    assert check_text(text, environment={}).problems == []


def test_rules_that_exclude_each_other_are_no_reason_to_warn() -> None:
    text = (
        "templates:\n  - buy: {symbols: [A], shares: 1, stop_percent: 3}\n"
        "  - short: {symbols: [A], shares: 1, stop_percent: 3}\n"
        "  - buy: {symbols: [B], shares: 1, stop_percent: 3}\n"
        "  - sell: {symbols: [A]}\n"
    )
    assert check_text(text, environment={}).problems == []


def test_the_environment_overrides_the_file_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text(STRATEGY)
    dotenv = tmp_path / ".env"
    dotenv.write_text("ORDERLOOM_BROKER__PORT=4002\nORDERLOOM_SIGNALS__MAX_AGE=30s\n")
    checked = check_settings(
        file,
        environment={
            "ORDERLOOM_BROKER__PORT": "4001",
            "ORDERLOOM_LIMITS__MAX_ORDER_VALUE": "5_000",
            "ORDERLOOM_SIGNALS__API_KEY": "canary",
        },
    )
    settings = checked.settings
    assert settings is not None
    assert settings.broker.port == 4001
    assert settings.signals.max_age == Span.parse("30s")
    assert settings.limits.max_order_value == 5000
    assert settings.signals.api_key.get_secret_value() == "canary"
    resolved = {value.key: value for value in checked.resolved}
    assert resolved["broker.port"].origin == "environment ORDERLOOM_BROKER__PORT"
    assert resolved["signals.max_age"].origin == f"{dotenv} ORDERLOOM_SIGNALS__MAX_AGE"
    assert resolved["broker.mode"].origin == f"{file}:1"
    assert resolved["execution.asks_max"].origin == "default"
    assert resolved["signals.api_key"].value == "********"
    shown = repr(settings) + repr(checked) + settings.engine_config("r")
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ORDERLOOM_BROKER__PROT", "1", "did you mean `port`?"),
        ("ORDERLOOM_BROKR__PORT", "1", "did you mean `broker`?"),
        ("ORDERLOOM_BROKER__PORT", "x", "a whole number"),
        ("ORDERLOOM_RULES", "[{", "not JSON"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(name: str, value: str, message: str) -> None:
    (problem,) = check_text("", environment={name: value}).problems
    assert str(problem).startswith(f"environment {name}: ")
    assert message in str(problem)


def test_a_short_key_is_told_with_the_line_of_its_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("k1")
    rules = "rules: [{name: a, on: Bar, symbols: [A], do: cancel}]\n"
    text = f"{rules}signals:\n  poll: 5s\n  api_key_file: {key}\n"
    (problem,) = check_text(text, environment={}).problems
    assert str(problem) == (
        "configuration:4: signals.api_key_file: a key of 2 characters, too short to be kept secret "
        f"(file {key}), expected at least 6"
    )


def test_a_secret_file_must_be_private(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("canary\n")
    key.chmod(0o644)
    text = f"signals:\n  api_key_file: {key}\n"
    (problem,) = check_text(text, environment={}).problems
    assert "expected mode 0600" in str(problem)
    assert problem.line == 2
    key.chmod(0o600)
    settings = parse_settings(text, environment={})
    assert settings.signals.api_key.get_secret_value() == "canary"

    strategy, dotenv = tmp_path / "strategy.yaml", tmp_path / ".env"
    strategy.write_text("")
    dotenv.write_text("ORDERLOOM_SIGNALS__API_KEY=canary\n")
    dotenv.chmod(0o640)
    (problem,) = check_settings(strategy, environment={}).problems
    assert "chmod 600" in str(problem)
    assert "canary" not in str(problem)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*Settings.model_fields, "name", "on", "when", "do", "enter", "stop", "buy",
                         "all", "field", "symbols", "port", "poll"]), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_data_ends_in_anything_but_settings_or_problems(data: Any) -> None:
    checked = check_text(json.dumps(data), environment={})
    assert (checked.settings is None) == bool(checked.errors)
    for problem in checked.problems:
        assert problem.line == 1
        assert problem.expected


@given(st.text(max_size=80))
def test_no_text_ends_in_anything_but_settings_or_problems(text: str) -> None:
    checked = check_text(text, environment={})
    assert (checked.settings is None) == bool(checked.errors)


def test_a_rule_in_python_takes_the_same_words() -> None:
    class FillEvent: ...

    made = rule("r", on=[FillEvent, "Bar"], when="position.is_flat", then=log("x"))
    assert made.on == ("Fill", "Bar")


def orderloom(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = f"from orderloom.cli import main; main({list(arguments)!r})"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_check_ends_with_2_and_no_traceback_for_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "strategy.yaml").write_text(BROKEN["unknown key"][0])
    people = orderloom("check", "strategy.yaml", cwd=tmp_path)
    assert people.returncode == 2
    assert people.stdout.startswith("strategy.yaml:2: broker.prot: unknown key `prot`")
    assert "Traceback" not in people.stdout + people.stderr
    machine = orderloom("check", "strategy.yaml", "--json", cwd=tmp_path)
    assert machine.returncode == 2
    (problem,) = json.loads(machine.stdout)["problems"]
    assert (problem["line"], problem["where"]) == (2, "broker.prot")


def test_init_writes_a_strategy_that_the_engine_takes_and_never_overwrites(tmp_path: Path) -> None:
    first = orderloom("init", "new", "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    written = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert set(written) == {"strategy.yaml", ".env.example", "strategy.py"}
    assert ast.parse(written["strategy.py"]).body
    checked = check_settings(tmp_path / "new" / "strategy.yaml", environment={})
    assert checked.problems == []
    assert checked.settings is not None
    assert Engine(checked.settings.engine_config("run-1"))

    (tmp_path / "new" / "strategy.yaml").write_text("mine")
    again = orderloom("init", "new", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (tmp_path / "new" / "strategy.yaml").read_text() == "mine"


def test_schema_knows_every_key(tmp_path: Path) -> None:
    answer = orderloom("schema", "--json", cwd=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    schema = json.loads(answer.stdout)
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert "api_key" not in schema["$defs"]["SignalSettings"]["properties"]
    assert schema["additionalProperties"] is False


def test_an_unknown_command_ends_with_2(tmp_path: Path) -> None:
    answer = orderloom("chek", cwd=tmp_path)
    assert answer.returncode == 2
    assert "check" in answer.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limits: {max_daily_loss: .inf}", "found `inf`, expected a finite number above 0"),
        ("limits: {price_collar_percent: .inf}", "found `inf`, expected 100 or less"),
        ("broker: {port: 99999}", "found `99999`, expected 65535 or less"),
        ("broker: {host: 5}", "found `5`, expected text, hint: put it in quotes"),
        ("broker: 5", "found `5`, expected a mapping such as `{key: value}`"),
        ("broker: {mode: papr}", "expected `sim`, `paper` or `live`, hint: did you mean `paper`?"),
        ("limits: {check_buying_power: maybe}", "found `maybe`, expected `true` or `false`"),
        ("journal: {keep_days: -1}", "found `-1`, expected 0 or more"),
    ],
)
def test_what_a_value_has_to_be_is_told_in_our_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_settings(text, environment={})
    (problem,) = refused.value.problems
    assert said in str(problem)


def test_a_file_that_is_no_text_is_told_with_byte_and_line(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_bytes(b"broker: {mode: sim}\n# caf\xe9\n")
    with pytest.raises(ConfigError) as refused:
        load_settings(file)
    assert str(refused.value) == (
        f"{file}:2: the file: the byte 0xe9 in line 2 is not UTF-8, expected YAML in UTF-8, "
        "hint: save it with that encoding"
    )

"""Sweeps: each row is what a back-test alone would say, wherever it ran, and data is not copied."""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import tracemalloc
from array import array
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import atr, backtest, bar, context, enter, sweep
from orderloom.cli import main
from orderloom.config import ConfigError, load_settings
from orderloom.errors import LanguageError
from orderloom.rules import Rule, rule
from orderloom.sweeping import MEASURES

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = 60_000_000_000
START = 1_773_153_000_000_000_000
FILE = """
market: {calendar: always}
limits: {max_open_contexts: 3}
rules:
  - name: dip
    on: Bar
    symbols: [A]
    when: bar.index % 7 == 0 and bar.close < 101.5 and not context.is_open
    do:
      - enter: {side: BUY, shares: 100, stop: [{percent: 1}], target: [{percent: 2}]}
"""


def table(length: int = 2_000) -> dict[str, Any]:
    rng, price = random.Random(4), 100.0
    rows = []
    for _ in range(length):
        path = [price := round(max(price + rng.gauss(0, 0.2), 5), 2) for _ in range(4)]
        rows.append((path[0], max(path), min(path), path[-1]))
    names = ("open", "high", "low", "close")
    columns = {name: array("d", column) for name, column in zip(names, zip(*rows, strict=True),
                                                                strict=True)}  # fmt: skip
    return {"ts_utc": array("q", range(START, START + length * MINUTE, MINUTE)), **columns}


def strategy(stop: float, every: int = 10) -> Rule:
    return rule("in", on="Bar", when=(bar.index % every == 0) & ~context.is_open,
                then=enter("BUY", shares=100, stop=stop * atr(14), target=3 * atr(14)))  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "strategy.yaml"
    path.write_text(FILE)
    return path


def market(file: Path) -> str:
    """A file of two bars beside the strategy's."""
    path = file.with_name("bars.csv")
    bars = "2026-03-10T14:30:00Z,A,1,1,1,1,1\n2026-03-10T14:31:00Z,A,1,1,1,1,1\n"
    path.write_text(f"ts_utc,symbol,open,high,low,close,volume\n{bars}")
    return str(path)


GRID: dict[str, Any] = {"stop": [1.0, 2.0, 4.0], "every": [10, 25]}


def test_each_row_is_what_one_back_test_says_and_the_best_is_first() -> None:
    data = {"A": table(), "B": table(1_500)}
    found = sweep(strategy, GRID, data, workers=2)
    assert {(row["stop"], row["every"]) for row in found.rows} == {
        (stop, every) for stop in GRID["stop"] for every in GRID["every"]
    }
    for row in found.rows:
        alone = backtest(strategy(row["stop"], row["every"]), data).summary()
        assert row["trades"] == alone["trades"] > 20
        assert row["won"] == alone["won"]
        for name in ("profit", "pnl", "commission"):
            assert row[name] == pytest.approx(alone[name], abs=1e-6), name
        assert row.keys() == {"stop", "every", *MEASURES}
    profits = [row["profit"] for row in found.rows]
    assert profits == sorted(profits, reverse=True)
    assert profits[0] > profits[-1]
    assert found.best == {name: found.rows[0][name] for name in GRID}


def test_measures_are_those_of_the_equity_and_the_trades() -> None:
    data = table()
    (row,) = sweep(strategy, [{"stop": 2}], data).rows
    result = backtest(strategy(2), data)
    top = worst = 0.0
    for value in [each - 1_000_000 for each in result.equity["equity"]]:
        top = max(top, value)
        worst = max(worst, top - value)
    assert row["drawdown"] == pytest.approx(worst)
    pnl = result.native.trades()["pnl"]
    lost = -sum(value for value in pnl if value < 0)
    assert row["profit_factor"] == pytest.approx(sum(v for v in pnl if v > 0) / lost)
    assert row["sharpe"] is not None


def test_processes_say_the_same_as_threads() -> None:
    data = table(400)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as executor:
        elsewhere = sweep(strategy, GRID, data, executor=executor, workers=2)
    assert elsewhere.rows == sweep(strategy, GRID, data).rows


def test_low_is_good_for_a_drawdown_and_a_row_without_a_measure_is_last() -> None:
    def rules(index: int) -> Rule:
        return rule("in", on="Bar", when=bar.index == index,
                    then=enter("BUY", shares=100, stop_percent=2))  # fmt: skip

    falls = [row["drawdown"] for row in sweep(strategy, GRID, table(), by="drawdown").rows]
    assert falls == sorted(falls)
    rows = sweep(rules, {"index": [5, 10**6]}, table(), by="profit_factor").rows
    assert [row["index"] for row in rows] == [5, 10**6]
    assert rows[-1]["profit_factor"] is None


def test_memory_grows_with_results_and_not_with_the_data() -> None:
    data = table(20_000)
    size = sum(column.itemsize * len(column) for column in data.values())
    lists = {name: list(column) for name, column in data.items()}

    def held(sets: int) -> int:
        tracemalloc.start()
        found = sweep(strategy, [{"stop": 1 + n / 100} for n in range(sets)], lists, workers=1)
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found.rows) == sets
        return now

    assert held(12) - held(2) < size / 10


def test_a_file_is_tried_with_values_by_path(file: Path) -> None:
    data = {"A": table()}
    grid: dict[str, Any] = {
        "rules.dip.do[0].enter.stop[0].percent": [1, 2],
        "rules.dip.when.bar.close": [101.5, 99],
        "limits.max_open_contexts": [3],
    }
    found = sweep(file, grid, data)
    unchanged = next(
        row for row in found.rows
        if (row["rules.dip.do[0].enter.stop[0].percent"], row["rules.dip.when.bar.close"])
        == (1, 101.5)
    )  # fmt: skip
    alone = backtest(load_settings(file), data).summary()
    assert unchanged["profit"] == pytest.approx(alone["profit"])
    assert len({row["profit"] for row in found.rows}) == 4
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rules.dpi.cooldown", "no `dpi` there, expected one of `dip`, hint: did you mean `dip`"),
        ("rules.dip.coldown", "no `coldown` there, .* did you mean `cooldown`"),
        ("rules.dip.do[0].entr.shares", "no `entr` there, .* did you mean `enter`"),
        ("rules.dip.do[0].enter.share", "dip: do.*unknown key `share`.* did you mean `shares`"),
        ("rules.dip.do[1].enter.shares", "no `1` there, expected one of `0`"),
        ("rules.dip.when.bar.clos", "no `bar.clos` there, .* did you mean `bar.close`"),
        ("limits.max_open_contxts", "limits.*did you mean `max_open_contexts`"),
        ("limit.max_open_contexts", "no `limit` there, .* did you mean `limits`"),
    ],
)
def test_a_path_that_leads_nowhere_is_named_with_the_nearest(
    file: Path, path: str, said: str
) -> None:
    with pytest.raises((LanguageError, ConfigError), match=said):
        sweep(file, {path: [1]}, {"A": table(50)})


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            ["rules.dip.cooldown=1m,soon"],
            "--param rules.dip.cooldown: rule dip: cooldown: found `soon`",
        ),
        (["rules.dpi.cooldown=1m"], "--param `rules.dpi.cooldown`: no `dpi` there"),
        (
            ["limits.max_open_contexts=1,x"],
            "--param limits.max_open_contexts: its value: found `x`",
        ),
        (["limits=1"], "--param `limits`: a whole section, expected one of its values"),
        (["rules.dip.cooldown=1m", "rules.dip.priority=1:5:9,"], "--param rules.dip.priority: "),
        (
            ["rules.dip.priority=0:1:1e-12"],
            "--param: expected at most 100,000 values, found `rules.dip.priority=0:1:1e-12` with "
            "1,000,000,000,001, hint: take a larger step",
        ),
        (["rules.dip.priority=0:1:1e-99"], "--param: expected at most 100,000 values, found"),
        (
            ["rules.dip.priority=1:9999:1", "limits.max_open_contexts=1:9999:1"],
            "99,980,001 sets of parameters, expected at most 1,000,000",
        ),
        (
            ["rules.dip.priority=1", "rules.dip.priority=2"],
            "--param: expected `rules.dip.priority` once",
        ),
    ],
)
def test_a_mistake_in_a_parameter_is_told_as_one_and_not_as_one_of_the_file(
    file: Path, capsys: pytest.CaptureFixture[str], params: list[str], said: str
) -> None:
    given = [word for param in params for word in ("--param", param)]
    with pytest.raises(SystemExit) as ended:
        main(["sweep", str(file), "--market", market(file), *given])
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert told.startswith(said)
    assert file.name not in told


@pytest.mark.parametrize(
    ("text", "values"),
    [(".7:.9:.1", [0.7, 0.8, 0.9]), ("+1.:2:1", [1, 2]), ("1e-1:.3:1e-1", [0.1, 0.2, 0.3])],
)
def test_a_range_is_written_as_numbers_are(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, values: list[float]
) -> None:
    path = "rules.dip.do[0].enter.target[0].percent"
    with pytest.raises(SystemExit):
        main(["sweep", str(file), "--market", market(file), "--param", f"{path}={text}", "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert sorted(row[path] for row in rows) == values


def test_the_help_of_sweep_shows_how_a_range_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    told = capsys.readouterr().out
    assert "1:5:0.5" in told
    assert "rules.long.do[0].enter.stop_percent=1:5:0.5" in told
    assert "…" not in told.replace("trades, won …", "")


def test_a_parameter_that_the_function_does_not_take_is_named_with_the_nearest() -> None:
    with pytest.raises(LanguageError, match=r"`stp`.*did you mean `stop`"):
        sweep(strategy, {"stp": [1]}, table(50))
    with pytest.raises(LanguageError, match=r"`drawdwn`.*did you mean `drawdown`"):
        sweep(strategy, {"stop": [1]}, table(50), by="drawdwn")


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"stop": 5}, r"`grid`, `stop`: found `5`, expected a list of values.*as in `\[5\]`"),
        ({"stop": [1], "every": "10"}, r"`grid`, `every`: found `'10'`, expected a list"),
        ({"stop": None}, "`grid`, `stop`: found `None`, expected a list"),
        (5, "`grid`: found `5`, expected values by parameter"),
        ("stop", "`grid`: found `stop`, expected values by parameter"),
        ([{"stop": 1}, 5], "`grid`: found `5`, expected values by parameter"),
        ({"stop": range(10**6), "every": range(1, 3)}, "2,000,000 sets .* at most 1,000,000"),
        ({"stop": range(10**30)}, "at least 1,000,001 sets of parameters, expected at most"),
        ({"stop": count(1)}, "at least 1,000,001 sets of parameters, expected at most"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused_with_its_parameter(grid: Any, said: str) -> None:
    with pytest.raises(LanguageError, match=said):
        sweep(strategy, grid, table(50))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": None}, "`by`: found `None`, expected one of `profit`, `drawdown`"),
        ({"by": ["profit"]}, "`by`: found .*, expected one of `profit`"),
        ({"workers": float("nan")}, "`workers`: found `nan`, expected a whole number from 1"),
        ({"workers": -1}, "`workers`: found `-1`"),
        ({"executor": 4}, "`executor`: found `4`, expected one of `concurrent.futures`"),
        ({"progress": "no"}, "`progress`: found `no`, expected `True` or `False`"),
        ({"calendar": []}, r"`calendar`: found `\[\]`, expected an exchange's"),
        ({"detial": "bars"}, "found `detial`, expected one of `span`.*did you mean `detail`"),
        ({"listener": print}, "found `listener`, expected one of `span`"),
        ({"rules": lambda stop: stop}, "`rules`: found `1`, expected a configuration"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_by_its_name(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(LanguageError, match=said):
        sweep(**{"rules": strategy, "grid": {"stop": [1]}, "bars": table(50), **given})


def test_values_may_come_from_anything_that_can_be_walked() -> None:
    grid: dict[str, Any] = {"stop": (each for each in (1.0, 2.0)), "every": range(10, 20, 5)}
    rows = sweep(strategy, grid, table(50)).rows
    assert {(row["stop"], row["every"]) for row in rows} == {(1, 10), (1, 15), (2, 10), (2, 15)}


def test_without_data_nothing_is_run() -> None:
    for run in (lambda: sweep(strategy, {"stop": [1]}), lambda: backtest(strategy(1))):
        with pytest.raises(LanguageError, match="no data, expected `bars`, `quotes`, `prints`"):
            run()


def test_a_set_without_trades_has_plain_zeros() -> None:
    (row,) = sweep(strategy, {"stop": [1], "every": [10**6]}, table(50)).rows
    assert row["trades"] == 0
    zeros = [row[name] for name in ("pnl", "commission", "profit", "drawdown")]
    assert [str(value) for value in zeros] == ["0.0"] * 4


def test_a_value_that_cannot_be_is_told_with_its_set() -> None:
    with pytest.raises(LanguageError) as caught:
        sweep(strategy, {"stop": [1, -1]}, table(50))
    assert caught.value.__notes__ == ["with stop=-1"]


def test_the_command_ranks_and_writes_a_parquet(file: Path, tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    data = table(600)
    market = tmp_path / "market.parquet"
    times = pl.Series(data["ts_utc"]).cast(pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({**data, "ts_utc": times, "volume": [1_000.0] * 600})
    frame.with_columns(symbol=pl.lit("A")).write_parquet(market)
    out = tmp_path / "found" / "sweep.parquet"
    path = "rules.dip.do[0].enter.stop[0].percent"
    command = [sys.executable, "-m", "orderloom", "sweep", str(file), "--market", str(market),
               "--param", f"{path}=0.1:0.3:0.1", "--by", "drawdown"]  # fmt: skip
    shown = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=True
    ).stdout
    assert "3 back-tests" in shown
    said = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    assert sorted(row[path] for row in said["rows"]) == [0.1, 0.2, 0.3]
    written = pl.read_parquet(out).to_dicts()
    assert written == said["rows"]
    wrong = subprocess.run(
        [*command[:-4], "--param", "rules.dip.colldown=1m"], capture_output=True, check=False
    )
    assert (wrong.returncode, b"cooldown" in wrong.stderr) == (2, True)
    nowhere = subprocess.run(
        [*command, "--out", str(market / "x.parquet")], capture_output=True, check=False
    )
    assert (nowhere.returncode, b"--out: cannot write" in nowhere.stderr) == (2, True)

"""The report of a run: its figures against published ones, and what it says of a real journal."""

from __future__ import annotations

import csv
import gzip
import json
import stat
import sys
from array import array
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import backtest, bar, enter
from orderloom.cli import main
from orderloom.config import Settings
from orderloom.journal import Run
from orderloom.report import returns as measures
from orderloom.report.account import Account
from orderloom.report.performance import Fall, Performance, profit_drawdowns
from orderloom.report.trades import Trade, TradeFigures
from orderloom.rules import rule

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60_000_000_000
START = 1_773_153_000_000_000_000  # 2026-03-10 14:30 UTC, a Tuesday
PERIODS = {"daily": 252, "weekly": 52, "monthly": 12, "yearly": 1}


def total(returns: list[float], starting_value: float = 0) -> float | None:
    found = measures.total_return(returns)
    return starting_value * (1 + found) if found is not None and starting_value else found


def path(returns: list[float], starting_value: float = 0) -> list[float]:
    grown = accumulate((1 + each for each in returns), lambda a, b: a * b)
    return [starting_value * each if starting_value else each - 1 for each in grown]


def drawdown(returns: list[float]) -> float | None:
    """As a share; a run's path is its profit, so that of one dollar is taken."""
    found = Fall.of(list(enumerate(path(returns))), 1.0).share if returns else None
    return None if found is None else -found


FUNCTIONS: Any = {
    "cum_returns_final": total,
    "cum_returns": path,
    "max_drawdown": drawdown,
    "annual_return": measures.annual_return,
    "cagr": measures.annual_return,
    "annual_volatility": measures.annual_volatility,
    "sharpe_ratio": measures.sharpe_ratio,
}


@pytest.fixture
def reference(data: Callable[[str], Path]) -> Path:
    return data("reference/performance")


def test_returns_are_measured_as_the_field_measures_them(reference: Path) -> None:
    document = json.loads(gzip.decompress((reference / "empyrical_cases.json.gz").read_bytes()))
    compared = 0
    for case in document["cases"]:
        function = FUNCTIONS.get(case["function"])
        if function is None:
            continue
        series = document["series"][case["returns"]]
        options: dict[str, Any] = {}
        if "period" in case:
            options["periods"] = PERIODS[case["period"]]
        if "starting_value" in case:
            options["starting_value"] = case["starting_value"]
        if case.get("risk_free") in document["series"]:
            free = document["series"][case["risk_free"]]
            pairs = zip(series, free, strict=True)
            series = [None if a is None or b is None else a - b for a, b in pairs]
        # A day that has no return is left out of a deviation, and grows by nothing.
        if case["function"] in {"annual_volatility", "sharpe_ratio"}:
            series = [each for each in series if each is not None]
        series = [each or 0.0 for each in series]
        # What has no value, or an infinite one, is none here.
        expected = None if case["expected"] in ["nan", "inf"] else case["expected"]
        found = function(series, **options)
        if expected is None:
            assert found is None, case
        else:
            assert found == pytest.approx(expected, abs=10 ** -case["decimals"]), case
        compared += 1
    assert compared >= 35


def test_a_growth_that_no_number_holds_has_no_value() -> None:
    assert measures.annual_return([20.0]) is None
    assert measures.annual_return([1e200] * 2) is None
    assert measures.annual_return([1.0], periods=2) == 3.0


def test_one_day_has_no_ratio() -> None:
    for ratio in (measures.sharpe_ratio, measures.sortino_ratio):
        assert ratio([-0.01]) is None
    # Mean 0.01, root of the mean square below zero 0.01 * sqrt(1 / 2).
    assert measures.sortino_ratio([-0.01, 0.03], periods=1) == pytest.approx(2**0.5)


def test_the_sharpe_ratio_of_a_published_example(reference: Path) -> None:
    with gzip.open(reference / "sharpe-ratio-test-ige.csv.gz", "rt") as file:
        closes = [
            float(row["Adj Close"]) for row in csv.DictReader(file) if row["Date"] <= "2007-11-14"
        ]
    (first, *_) = json.loads((reference / "pyalgotrade_reference.json").read_text())["sharpe"]
    found = measures.sharpe_ratio(measures.changes(closes), first["risk_free_annual"] / 252)
    assert found == pytest.approx(first["expected_annualised"], abs=5e-4)


def test_drawdowns_follow_a_published_path(reference: Path) -> None:
    (case,) = json.loads((reference / "pyalgotrade_reference.json").read_text())["drawdown"]
    first, *_ = equity = case["equity"]
    profit = [(at, value - first) for at, value in enumerate(equity)]
    tops = accumulate(equity, max)
    found = [-below / top for below, top in zip(profit_drawdowns(profit), tops, strict=True)]
    assert found == pytest.approx(case["current_drawdown"])
    falls = [Fall.of(profit[: number + 1], first).share for number in range(len(profit))]
    assert [-(each or 0.0) for each in falls] == pytest.approx(case["max_drawdown"])


@pytest.mark.parametrize(
    ("profits", "money", "began", "deepest", "recovered"),
    [
        ([0.0, 5.0, 5.0, 2.0, 5.0, 4.0], 3.0, 2, 3, 4),
        ([-1.0, -4.0, -2.0], 4.0, 0, 1, None),
        ([1.0, 0.0, 3.0, 1.0, 1.0, 2.0], 2.0, 2, 3, None),
        ([0.0, 1.0, 2.0], 0.0, None, None, None),
        ([], 0.0, None, None, None),
    ],
)
def test_a_fall_has_its_times(
    profits: list[float], money: float, began: int, deepest: int, recovered: int | None
) -> None:
    found = Fall.of(list(enumerate(profits)), 100.0)
    assert (found.money, found.began, found.deepest, found.recovered) == (
        money, began, deepest, recovered,
    )  # fmt: skip
    assert found.share == pytest.approx(money / (100 + max([0.0, *profits[: deepest or 0]])))
    assert Fall.of(list(enumerate(profits)), None).share is None


def test_trades_are_counted_as_lean_counts_them(reference: Path) -> None:
    document = json.loads(
        gzip.decompress((reference / "lean_trade_statistics.json.gz").read_bytes())
    )
    assert document["cases"]
    for case in document["cases"].values():
        trades = [
            Trade(
                pnl=each["ProfitLoss"],
                commission=each["TotalFees"],
                opened_at=each["EntryTime"]["minutes_from_start"] * MINUTE,
                closed_at=each["ExitTime"]["minutes_from_start"] * MINUTE,
            )
            for each in case["trades"]
        ]
        found, expected = TradeFigures.of(trades), case["expected"]
        same = {
            "trades": "TotalNumberOfTrades", "won": "NumberOfWinningTrades",
            "lost": "NumberOfLosingTrades", "pnl": "TotalProfitLoss", "profit": "TotalProfit",
            "loss": "TotalLoss", "average": "AverageProfitLoss", "average_won": "AverageProfit",
            "largest_won": "LargestProfit", "largest_lost": "LargestLoss", "win_rate": "WinRate",
            "won_in_a_row": "MaxConsecutiveWinningTrades", "commission": "TotalFees",
            "lost_in_a_row": "MaxConsecutiveLosingTrades",
            "deviation": "ProfitLossStandardDeviation",
        }  # fmt: skip
        for ours, theirs in same.items():
            assert getattr(found, ours) == pytest.approx(expected[theirs]), ours
        assert found.average_seconds == expected["AverageTradeDuration"]["seconds"]
        if found.lost:
            assert found.profit_factor == expected["ProfitFactor"]
            assert found.average_lost == expected["AverageLoss"]
        else:
            assert found.profit_factor is None, "nothing was lost: no number says how good that is"


def two_days(tmp_path: Path) -> Path:
    """100 shares bought at 100 on the first day; 102 at its end, 101 on the next one, held."""
    day = 24 * 60
    prices = [(0, 100.0), (1, 100.0), (2, 100.0), (3, 102.0), (day, 101.5), (day + 1, 101.0)]
    table: dict[str, Any] = {
        "ts_utc": array("q", (START + n * MINUTE for n, _ in prices)),
        **{
            name: array("d", (price for _, price in prices))
            for name in ("open", "high", "low", "close")
        },
    }
    buy = rule("buy", on="Bar", symbols=["A"], when=bar.index == 1,
               then=enter("BUY", shares=100, stop_percent=50))  # fmt: skip
    settings = Settings.model_validate({"rules": [buy], "market": {"calendar": "XNYS"}})
    journal = tmp_path / "run" / "journal.db"
    backtest(settings, table, span="1m", cash=100_000, journal=journal)
    return journal.parent


def test_an_account_is_told_day_by_day_with_what_is_held(tmp_path: Path) -> None:
    run = two_days(tmp_path)
    with Run.open(run) as days:
        found = Performance.of(Account.of(days))
    document = found.as_dict()
    # A dollar of commission; bars are told at their ends.
    assert document["days"] == {"2026-03-10": 199.0, "2026-03-11": -100.0}
    assert (document["profit"], document["start_value"]) == (99.0, 100_000)
    assert document["held"] == {"A": 100}
    assert found.returns == pytest.approx([199 / 100_000, -100 / 100_199], abs=1e-12)
    fall = document["drawdown"]
    assert (fall["money"], fall["recovered"]) == (100.0, None)
    assert fall["share"] == pytest.approx(100 / 100_199)
    assert fall["began"] == "2026-03-10T14:34:00Z"
    assert document["trades"]["trades"] == 0
    assert document["trades"]["win_rate"] is None


def test_a_journal_of_rules_without_a_configuration_is_reported_too(tmp_path: Path) -> None:
    prices = array("d", [100.0, 100.0, 101.0])
    table: dict[str, Any] = {"ts_utc": [START + n * MINUTE for n in range(3)]}
    table |= dict.fromkeys(("open", "high", "low", "close"), prices)
    buy = rule("buy", on="Bar", symbols="A", when=bar.index == 0,
               then=enter("BUY", shares=100, stop_percent=50))  # fmt: skip
    path = tmp_path / "journal.db"
    backtest(buy, table, commission="none", journal=path)
    with Run.open(path) as run:
        document = Performance.of(Account.of(run)).as_dict()
    assert (document["held"], document["profit"]) == ({"A": 100}, 100.0)


def test_a_report_is_one_page_that_needs_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    out, html = tmp_path / "run", tmp_path / "pages" / "report.html"
    strategy = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
    ended = []
    for arguments in (
        ["backtest", str(strategy), "--out", str(out), "--json"],
        ["report", str(out), "--json"],
        ["report", str(out), "--html", str(html)],
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
        ended.append(capsys.readouterr().out)
    summary, report = json.loads(ended[0]), json.loads(ended[1])
    assert len(report["round_trips"]) == summary["trades"] > 3
    assert report["trades"]["pnl"] == pytest.approx(summary["pnl"])
    assert report["profit"] == pytest.approx(summary["profit"])
    assert report["trades"]["commission"] == pytest.approx(summary["commission"])
    assert sum(each["pnl"] for each in report["by"]["rule"].values()) == pytest.approx(
        summary["pnl"]
    )
    assert "profit factor" in ended[2]
    assert stat.S_IMODE(html.stat().st_mode) == 0o600
    text = html.read_text(encoding="utf-8")
    assert "long-on-buy" in text
    assert "plotly" in text
    assert "<script src=" not in text, "it would need the network"
    assert "http-equiv" not in text


def test_a_page_without_plotly_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = two_days(tmp_path)
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run), "--html", str(tmp_path / "report.html")])
    assert ended.value.code == 2
    assert "pip install 'orderloom[report]'" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()

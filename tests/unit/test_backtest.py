"""Back-tests from Python: data of every library, fills along a bar's path, questions to scripts."""

from __future__ import annotations

import subprocess
import sys
from array import array
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orderloom import backtest, bar, close_all, context, enter, position, signal
from orderloom.actions import log
from orderloom.conditions import ask
from orderloom.config import Settings
from orderloom.errors import LanguageError
from orderloom.journal import Journal
from orderloom.rules import Rule, rule

MINUTE = 60_000_000_000
START = 1_773_153_000_000_000_000  # 2026-03-10 14:30 UTC
FREE: Any = {"commission": "none"}


def bars(*rows: tuple[float, float, float, float]) -> dict[str, Any]:
    opens, highs, lows, closes = zip(*rows, strict=True)
    return {
        "ts_utc": array("q", (START + n * MINUTE for n in range(len(rows)))),
        "open": array("d", opens),
        "high": array("d", highs),
        "low": array("d", lows),
        "close": array("d", closes),
    }


def quiet(price: float) -> tuple[float, float, float, float]:
    return (price, price + 0.1, price - 0.1, price)


def buy_on(index: int, symbols: tuple[str, ...] = ("A",), **exits: Any) -> Rule:
    return rule(
        "buy", on="Bar", symbols=symbols, when=bar.index == index,
        then=enter("BUY", shares=100, **(exits or {"stop_percent": 2, "target_percent": 4})),
    )  # fmt: skip


def test_an_entry_on_a_bar_fills_at_the_next_open_and_a_stop_at_its_own_price() -> None:
    table = bars(quiet(100), quiet(100), (101, 101.2, 100.8, 101), (101, 101.1, 98, 98.5))
    result = backtest(buy_on(1), table, **FREE)
    (trade,) = result.rows("trades")
    assert (trade["entry_price"], trade["exit_price"], trade["exit_reason"]) == (101, 98.98, "STOP")
    # Known only once the bar is complete: nothing was sent before its end.
    orders = result.rows("orders")
    assert {order["sent_at"] for order in orders} == {START + 2 * MINUTE}
    assert [order["phase"] for order in orders] == ["filled", "cancelled", "filled"]
    assert result.summary()["live_orders"] == 0


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    table = bars(quiet(100), quiet(100), quiet(100), (95, 95.5, 94, 95))
    (trade,) = backtest(buy_on(1), table, **FREE).rows("trades")
    assert trade["exit_price"] == 95


def test_a_bar_that_holds_both_exits_takes_the_one_that_its_path_meets_first() -> None:
    falling = bars(quiet(100), quiet(100), quiet(100), (100, 105, 97, 99))
    rising = bars(quiet(100), quiet(100), quiet(100), (100, 105, 97, 101))
    reasons = [backtest(buy_on(1), table, **FREE).rows("trades")[0]["exit_reason"]
               for table in (falling, rising)]  # fmt: skip
    assert reasons == ["TARGET", "STOP"]


def test_commissions_and_slippage_cost_what_they_say() -> None:
    table = bars(quiet(100), quiet(100), quiet(100), (100, 105, 99.5, 104))
    plain, costly = (
        backtest(buy_on(1), table, commission=plan, slippage_ticks=ticks)  # type: ignore[arg-type]
        for plan, ticks in (("none", 0), ("fixed", 2))
    )
    assert plain.native.profit == 400
    (trade,) = costly.rows("trades")
    assert (trade["entry_price"], trade["commission"]) == (100.02, 2)
    assert costly.native.profit == trade["pnl"] - 2
    assert costly.equity["equity"][-1] == 1_000_000 + costly.native.profit


def test_slippage_stays_when_the_venue_is_told_more_of_its_fills() -> None:
    table = bars(quiet(100), quiet(100), quiet(100), quiet(100))
    for fill, price in (
        ({"limit_needs_through": True}, 100.02),
        ({"slippage_ticks": 1}, 100.01),
        ({}, 100.02),
    ):
        found = backtest(buy_on(1), table, slippage_ticks=2, venue={"fill": fill}, **FREE)
        assert found.rows("fills")[0]["price"] == price


@pytest.mark.parametrize("cash", [1000, 1000.0, "1000", Decimal("1e3")])
def test_cash_of_the_venue_may_be_any_number_and_equity_begins_with_it(cash: object) -> None:
    result = backtest(buy_on(9), bars(quiet(100), quiet(100)), venue={"cash": cash}, **FREE)
    assert list(result.equity["equity"]) == [1000.0, 1000.0]


def test_volume_limits_fills_only_when_asked() -> None:
    table = bars(quiet(100), quiet(100), quiet(100), quiet(100))
    table["volume"] = array("d", [200.0] * 4)
    entries = [
        [fill["quantity"] for fill in backtest(buy_on(1), table, volume_limits=is_limited, **FREE)
         .rows("fills") if fill["side"] == "BUY"]
        for is_limited in (False, True)
    ]  # fmt: skip
    assert entries[0] == [100]
    assert entries[1][0] == 50


def test_every_library_gives_the_same_result() -> None:
    np = pytest.importorskip("numpy")
    pl = pytest.importorskip("polars")
    table = bars(quiet(100), quiet(100), quiet(100), (100, 105, 99.5, 104))
    frame = pl.DataFrame(table).with_columns(
        pl.col("ts_utc").cast(pl.Datetime("ns", "UTC")).dt.cast_time_unit("us")
    )
    both = pl.concat([frame.with_columns(symbol=pl.lit(name)) for name in ("A", "B")])
    arrays = {name: np.asarray(column) for name, column in table.items()}
    arrays["ts_utc"] = arrays["ts_utc"].view("datetime64[ns]")
    lists = {name: list(column) for name, column in table.items()}
    given: list[Any] = [table, frame, both, arrays, lists, {"A": frame}]
    given += [each.rename(str.title) for each in (frame, both)]  # as some sources name columns
    for library, convert in (("pandas", "to_pandas"), ("pyarrow", "to_arrow")):
        try:
            __import__(library)
        except ImportError:
            continue
        given += [getattr(frame, convert)(), getattr(both, convert)()]
    expected = backtest(buy_on(1), table, **FREE).rows("trades")
    assert expected
    for each in given:
        assert backtest(buy_on(1), each, **FREE).rows("trades") == expected


@pytest.mark.parametrize(
    ("column", "row", "value", "said"),
    [
        ("low", 2, 101.0, "A, row 2: `low` must be at most open and close"),
        ("close", 1, float("nan"), "A, row 1: `close` must be a price above 0"),
        ("ts_utc", 2, START, "A, row 2: a time after the row before was expected"),
        ("ts_utc", 1, START + 1_000, "two closer than a second"),
    ],
)
def test_a_row_that_cannot_be_is_named(column: str, row: int, value: float, said: str) -> None:
    table = bars(quiet(100), quiet(100), quiet(100))
    table[column][row] = value
    with pytest.raises(ValueError, match=said):
        backtest(buy_on(1), table, **FREE)


NO_BARS: dict[str, Any] = {name: [] for name in bars(quiet(1))}
PREDICTED: Any = {"ticker": "A", "signal": "BUY"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": START + MINUTE, "end": START}, "`start` is 2026-03-10T14:31:00Z, `end` is"),
        ({"start": START, "end": START}, "expected an end after the start"),
        ({"start": 2**70}, "start: found `1180591620717411303424`, expected a time from 1678 to"),
        ({"end": date(1, 1, 1)}, r"end: found `datetime.date\(1, 1, 1\)`, expected a time from"),
        ({"end": np.zeros(3)}, r"end: found `array\(.*, expected a time: UTC nanoseconds"),
        ({"signals": [{**PREDICTED, "at": 2**70}]}, "signals: found .*, expected a time from"),
        ({"start": START // 10**9}, "start: 1773153000, which looks like seconds"),
        ({"end": START // 10**6}, "end: 1773153000000, which looks like milli.* by 1,000,000$"),
        ({"end": 20260310}, "end: the time 1970-01-01T.*, expected one of the prices' years in"),
        ({"signals": [{**PREDICTED, "at": START // 10**9}]}, "signals: 17.* looks like seconds"),
        ({"cash": -1}, "`cash`: found `-1`, expected an amount of 0 to"),
        ({"cash": float("nan")}, "`cash`: found `nan`"),
        ({"cash": "much"}, "`cash`: found `much`"),
        ({"slippage_ticks": "2"}, "`slippage_ticks`: found `'2'`, expected a whole number, 0 to"),
        ({"slippage_ticks": "two"}, "`slippage_ticks`: found `two`, expected a whole number, 0 to"),
        ({"slippage_ticks": -1}, "`slippage_ticks`: found `-1`, expected a whole number, 0 to"),
        ({"slippage_ticks": np.int64(1)}, "`slippage_ticks`: found .*, expected a value that JSON"),
        ({"commission": "fix"}, "`commission`: found `fix`, expected one of `fixed`, `tiered`"),
        ({"commission": 5}, "`commission`: found `5`, expected one of `fixed`, `tiered`, `none`"),
        ({"venue": 5}, "`venue`: found `5`, expected a mapping"),
        ({"venue": {"fil": {"a": 1}}}, "`venue`: unknown key `fil`, .* did you mean `fill`"),
        ({"venue": {"fill": 5}}, "`venue.fill`: found `5`, expected a mapping"),
        ({"venue": {"fill": [0.5]}}, r"`venue.fill`: found `\[0.5\]`, expected a mapping"),
        ({"venue": {"fill": {"slip": 1}}}, "`venue.fill`: unknown key `slip`, expected one of"),
        (
            {"venue": {"fill": {"max_fraction_of_volume": 2}}},
            "`venue.fill.max_fraction_of_volume`: found `2`, expected a fraction above 0 and at",
        ),
        ({"venue": {"seed": -1}}, "`venue.seed`: found `-1`, expected a whole number, 0 to"),
        ({"venue": {"cash": True}}, "`venue.cash`: found `true`, expected a number"),
        ({"venue": {"cash": 1e30}}, r"`venue.cash`: found `1e\+30`, expected a decimal number"),
        ({"venue": {"cash": "much"}}, "`venue.cash`: found `much`, expected a decimal number"),
        ({"venue": {"starts_open": "no"}}, "`venue.starts_open`: found `no`, expected `true` or"),
        ({"venue": {"latency": {"order_ns": 1.5}}}, "`venue.latency.order_ns`: found `1.5`, exp"),
        ({"venue": {"currency": float("nan")}}, "`venue.currency`: found `nan`, expected a value"),
        ({"span": "0s"}, "`span`: found `0s`, expected some time"),
        ({"span": 10**5000}, "`span`: found `int of too many digits`"),
        ({"detail": 5}, "`detail`: found `5`, expected one of `bars`, `prints`, `quotes`$"),
        ({"detail": "quote"}, "`detail`: found `quote`, .* did you mean `quotes`"),
        ({"volume_limits": "x"}, "`volume_limits`: found `x`, expected `True` or `False`"),
        ({"calendar": 5}, "`calendar`: found `5`, expected an exchange's"),
        ({"conditions": 5}, "`conditions`: found `5`, expected functions by name"),
        ({"actions": {"go": 5}}, "`int`: 5 is not a callable object, expected a function of"),
        ({"signals": [{**PREDICTED, "at": START, "ticker": 5}]}, "a row with the ticker `5`, exp"),
        ({"signals": [{**PREDICTED, "at": START, "price": True}]}, "a row with the price `true`"),
        ({"signals": [5]}, "signals: found `5`, expected a file, a table or a list of rows"),
        ({"signals": np.array(5)}, "signals: found .*, expected a table or a list of rows"),
        ({"signals": [{**PREDICTED, "at": START, "price": 10**400}]}, "a row with the price `1000"),
        ({"journal": 5}, "`journal`: found `5`, expected a path"),
        ({"rules": None}, "`rules`: found `None`, expected a configuration, a rule or a list of"),
        ({"rules": "strategy.yaml"}, "`rules`: found `strategy.yaml`, expected a configuration"),
        ({"poll": "0s"}, "poll: found `0s`, expected some time"),
        ({"bars": {"B": bars(quiet(1))}}, "prices of B, expected those of A"),
        ({"bars": NO_BARS}, "^bars: no rows, expected at least one$"),
        ({"bars": {"A": NO_BARS}, "signals": []}, "^bars, signals: no rows"),
        ({"bars": {**NO_BARS, "symbol": []}}, "^bars: no rows"),
        ({"start": START + 3 * MINUTE}, "`start`: no rows from `start` to `end`, expected a time"),
        ({"end": START}, "`end`: no rows from `start` to `end`, .* which goes from 2"),
        ({"bars": {**bars(quiet(1)), "close": 1.0}}, "bars: `close`: found `1.0`"),
        ({"bars": {"A": {**bars(quiet(1)), "close": []}}}, "bars, A: `close` has 0 rows"),
        ({"journal": "/dev/null/journal.db"}, "`journal`: /dev/null/journal.db cannot be written"),
        ({"journal": __file__}, r"cannot be written \(it is there already\)"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(given: dict[str, Any], said: str) -> None:
    table = bars(quiet(100), quiet(100), quiet(100))
    with pytest.raises(LanguageError, match=said):
        backtest(**{"rules": buy_on(1), "bars": table, **FREE, **given})


def test_no_message_tells_a_place_in_a_text_that_nobody_wrote() -> None:
    table = bars(quiet(100), quiet(100))
    wrong: list[Any] = [{"slippage_ticks": 0.5}, {"venue": {"fill": 5}}, {"venue": {"seed": None}}]
    for given in wrong:
        with pytest.raises(LanguageError) as caught:
            backtest(buy_on(1), table, **{**FREE, **given})
        assert "column" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {}, {"span": "1m"}, {"start": START}, {"span": "1m", "start": START + 2 * MINUTE},
        {"span": "1m", "end": START + 2 * MINUTE},
    ],
)  # fmt: skip
def test_rows_in_reverse_are_told_with_the_row(given: dict[str, Any]) -> None:
    table = {name: values[::-1] for name, values in bars(*[quiet(100)] * 3).items()}
    quotes = {"ts_utc": table["ts_utc"], "bid": table["low"], "ask": table["high"]}
    said = "A, row 1: a time after the row before was expected, times go back by 60 s, hint: sort"
    histories: list[dict[str, Any]] = [{"bars": table}, {"quotes": quotes}]
    for data in histories:
        with pytest.raises(ValueError, match=said):
            backtest(buy_on(1), **data, **FREE, **given)


def test_ticks_of_one_moment_may_be_cut() -> None:
    ticks = {"ts_utc": [START, START, START + MINUTE], "price": [100.0, 100.0, 101.0]}
    begins = START + MINUTE
    heard = [backtest(buy_on(1), prints=ticks, start=start).summary()["events"]
             for start in (None, begins)]  # fmt: skip
    assert heard[0] > heard[1]


def test_prices_of_others_are_let_be_unless_those_of_the_rules_are_missing() -> None:
    table = bars(quiet(100), quiet(100), quiet(100))
    assert backtest(buy_on(1), {"A": table, "B": table}, **FREE).summary()["fired"] == 1
    with pytest.warns(UserWarning, match="no prices of C, .* and those of B, .* are not played"):
        backtest(buy_on(1, ("A", "C")), {"A": table, "B": table}, **FREE)


def test_a_back_test_that_cannot_begin_leaves_no_journal(tmp_path: Path) -> None:
    table = bars(quiet(100), quiet(-1))
    with pytest.raises(ValueError, match="row 1: `open` must be a price above 0"):
        backtest(buy_on(1), table, journal=tmp_path / "journal.db", **FREE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_column_is_named_with_the_nearest() -> None:
    table = bars(quiet(100), quiet(100))
    table["hihg"] = table.pop("high")
    with pytest.raises(LanguageError, match="no column `high`"):
        backtest(buy_on(1), table)


def test_a_prediction_is_acted_on_once_and_only_while_it_is_young() -> None:
    table = bars(*(quiet(100) for _ in range(8)))
    on_buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
                  then=enter("BUY", shares=10, stop_percent=5))  # fmt: skip
    at = START + 2 * MINUTE
    said = [{"ticker": "A", "signal": "BUY", "timestamp": at, "id": "one"}] * 2
    result = backtest(
        on_buy, table, [*said, {"ticker": "X", "signal": "BUY", "ts_utc": at + 1}], **FREE
    )
    summary = result.summary()
    assert (summary["signals"], summary["fired"]) == (3, 1)
    assert summary["refused"] == {"DUPLICATE": 1, "UNKNOWN_SYMBOL": 1}
    (order, _) = result.rows("orders")
    assert (order["sent_at"], order["average_price"]) == (at, 100)


def test_the_day_ends_flat_before_the_close() -> None:
    settings = Settings.model_validate(
        {"rules": [buy_on(1)], "end_of_day": {"close": "1m"}, "market": {"calendar": "XNYS"}}
    )
    # 19:50 to 20:00 UTC: the last ten minutes of the session.
    table = bars(*(quiet(100) for _ in range(10)))
    shift = 19 * 3_600 + 50 * 60 - (14 * 3_600 + 30 * 60)
    table["ts_utc"] = array("q", (at + shift * 1_000_000_000 for at in table["ts_utc"]))
    (trade,) = backtest(settings, table, **FREE).rows("trades")
    assert trade["exit_reason"] == "END_OF_DAY"
    close = START + shift * 1_000_000_000 + 10 * MINUTE
    assert close - MINUTE <= trade["closed_at"] < close


@pytest.mark.parametrize("detail", ["bars", "prints", "quotes"])
def test_a_cut_ends_prices_and_predictions_and_leaves_open_what_is_open(detail: Any) -> None:
    on_buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
                  then=enter("BUY", shares=10, stop_percent=5))  # fmt: skip
    settings = Settings.model_validate(
        {"rules": [on_buy], "end_of_day": {"close": "1m"}, "market": {"calendar": "XNYS"}}
    )
    table = bars(*(quiet(100 + n) for n in range(60)))
    said = [
        {
            "ticker": "A",
            "signal": "BUY",
            "timestamp": START + n * MINUTE + MINUTE // 2,
            "id": str(n),
        }
        for n in (2, 10, 70, 1_500)
    ]
    end = START + 30 * MINUTE
    result = backtest(
        settings, table, said, start=START + 5 * MINUTE, end=end, detail=detail, **FREE
    )
    assert result.native.signals == 1, "one before the cut, two after it"
    (entry, stop) = result.rows("orders")
    assert START + 10 * MINUTE < entry["sent_at"] < START + 12 * MINUTE
    assert (stop["role"], stop["phase"], stop["done_at"]) == ("stop", "working", None)
    assert (result.native.positions(), result.rows("trades")) == ({"A": 10}, [])
    # The last price is the one before the cut, and the account was not looked at after it.
    assert result.native.profit == pytest.approx(10 * (129 - entry["average_price"]), abs=0.2)
    assert result.native.equity()[0][-1] <= end
    # Prices that end by themselves end it as well, whatever is predicted later.
    whole = backtest(settings, table, said, detail=detail, **FREE)
    assert (whole.native.signals, whole.native.positions()) == (2, {"A": 10})
    assert [order["phase"] for order in whole.rows("orders")] == ["filled", "working"]
    assert whole.rows("incidents") == []


def test_trades_alternate_by_their_number_and_bars_by_theirs() -> None:
    table = bars(*(quiet(100) for _ in range(40)))
    flat = ~context.is_open & (bar.index % 5 == 0)
    exits: Any = {"shares": 10, "stop_percent": 5}
    rules = [
        rule("long", on="Bar", symbols=["A"], when=flat & (context.count % 2 == 0),
             then=enter("BUY", **exits)),
        rule("short", on="Bar", symbols=["A"], when=flat & (context.count % 2 == 1),
             then=enter("SELL", **exits)),
        rule("out", on="Bar", symbols=["A"], when=bar.index % 5 == 3, then=close_all()),
    ]  # fmt: skip
    trades = backtest(rules, table, **FREE).rows("trades")
    assert [trade["side"] for trade in trades] == ["LONG", "SHORT"] * 4
    assert len({trade["opened_at"] for trade in trades}) == 8


def test_a_script_is_asked_and_sees_what_rules_see() -> None:
    table = bars(*(quiet(100 + n) for n in range(6)))
    seen: list[Any] = []

    def calm(view: Any) -> bool:
        seen.append((view.symbol, view.rule, view.bar.close, view.position.is_flat))
        return bool(view.bar.close >= 103)

    asked = rule("asked", on="Bar", symbols=["A"], when=position.is_flat & ask("calm"),
                 then=enter("BUY", shares=10, stop_percent=5))  # fmt: skip
    result = backtest(asked, table, conditions={"calm": calm}, **FREE)
    assert seen[:4] == [("A", "asked", 100.0 + n, True) for n in range(4)]
    assert result.rows("orders")[0]["sent_at"] == START + 4 * MINUTE
    # Without the function the question stays unknown, and nothing is sent.
    assert backtest(asked, table, **FREE).rows("orders") == []


def test_a_journal_holds_every_event_and_command(tmp_path: Path) -> None:
    table = bars(quiet(100), quiet(100), quiet(100), (100, 105, 99.5, 104))
    path = tmp_path / "journal.db"
    result = backtest(buy_on(1), table, journal=path, **FREE)
    with Journal.open(path) as recording:
        assert recording.verify() is None
        assert sum(1 for _ in recording.events()) == result.native.events
        kinds = [command.kind for command in recording.commands()]
    assert kinds.count("place") == 3
    assert backtest(buy_on(1), table, **FREE).rows("orders") == result.rows("orders")


@pytest.mark.parametrize(
    ("name", "value"),
    [("confidence", 2), ("confidence", -0.1), ("confidence", "high"), ("price", 0), ("price", -5)],
)
def test_a_prediction_that_cannot_be_meant_is_refused(name: str, value: object) -> None:
    on_buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
                  then=enter("BUY", shares=10, stop_percent=5))  # fmt: skip
    said = [{"ticker": "A", "signal": "BUY", "ts_utc": START, name: value}]
    with pytest.raises(LanguageError, match=f"a row with the {name}"):
        backtest(on_buy, bars(quiet(100), quiet(100)), said, **FREE)


def test_predictions_may_be_rows_of_any_library_with_values_missing() -> None:
    np = pytest.importorskip("numpy")
    pl = pytest.importorskip("polars")
    then = enter("BUY", shares=10, stop_percent=5)
    when = ~(signal.confidence < 0.8)
    sure = rule("in", on="PredictionSignal", symbols=["A"], when=when, then=then)
    table = bars(*(quiet(100) for _ in range(8)))
    kinds = [("ticker", "U4"), ("signal", "U8"), ("timestamp", "i8"), ("confidence", "f8")]
    for confidence, fired in ((0.9, 1), (0.7, 0), (float("nan"), 0)):
        rows = np.array([("A", "BUY", START + MINUTE, confidence)], dtype=kinds)
        for said in (rows, pl.DataFrame(rows), [dict(zip(rows.dtype.names, rows[0], strict=True))]):
            result = backtest(sure, table, said, **FREE)
            assert (result.native.signals, result.native.fired) == (1, fired), confidence
    with pytest.raises(LanguageError, match="expected one of BUY, SELL, SHORT, NEUTRAL"):
        backtest(sure, table, [{"ticker": "A", "signal": "buy", "timestamp": START}])


@pytest.mark.parametrize("kind", ["float64", "str", "object"])
def test_predictions_whose_id_is_missing_are_told_apart(kind: str) -> None:
    pd = pytest.importorskip("pandas")
    on_buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
                  then=enter("BUY", shares=10, stop_percent=5))  # fmt: skip
    times = [START + MINUTE, START + 2 * MINUTE]
    said = pd.DataFrame({"ticker": "A", "signal": "SELL", "timestamp": times})
    said["id"] = pd.Series([None, None], dtype=kind)
    summary = backtest(on_buy, bars(*(quiet(100) for _ in range(5))), said, **FREE).summary()
    assert (summary["signals"], summary["refused"]) == (2, {})


def test_predictions_may_be_named_as_spreadsheets_do_and_need_a_ticker() -> None:
    heard = rule("in", on="PredictionSignal", symbols=["A"], then=log("heard"))
    table = bars(*(quiet(100) for _ in range(8)))
    row = {"Ticker": "A", "Signal": "BUY", "Timestamp": START + MINUTE}
    assert backtest(heard, table, [row], **FREE).native.fired == 1
    with pytest.raises(LanguageError, match="expected `ticker`, `signal` and a time in every row"):
        backtest(heard, table, [{**row, "Ticker": float("nan")}], **FREE)


def test_quotes_fill_at_the_far_side() -> None:
    times = array("q", (START + n * 1_000_000 for n in range(6)))
    bids = array("d", [100.0, 100.0, 100.0, 100.0, 97.0, 97.0])
    table = {"ts_utc": times, "bid": bids, "ask": array("d", (bid + 0.05 for bid in bids))}
    on_buy = rule("in", on="PredictionSignal", symbols=["A"], when=signal.side == "BUY",
                  then=enter("BUY", shares=10, stop_percent=2))  # fmt: skip
    said = [{"ticker": "A", "signal": "BUY", "timestamp": times[2]}]
    result = backtest(on_buy, signals=said, quotes=table, **FREE)
    (order, _) = result.rows("orders")
    assert (order["average_price"], order["phase"]) == (100.05, "filled")


# Run in a process of its own, which alone has a peak; prints the size of the data and that peak.
YEAR_OF_MINUTES = """
from array import array
from random import Random
from orderloom import atr, backtest, bar, context, enter
from orderloom.rules import rule

count, draw = 97_500, Random(1)
table = {name: array("d") for name in ("open", "high", "low", "close", "volume")}
last = 100.0
for _ in range(count):
    price = max(round(last + draw.gauss(0.0, 0.05), 2), 5.0)
    row = (last, max(last, price) + 0.01, min(last, price) - 0.01, price, 1_000.0)
    for name, value in zip(table, row):
        table[name].append(value)
    last = price
table["ts_utc"] = array("q", (60_000_000_000 * n for n in range(count)))
trade = rule("in", on="Bar", symbols=["A"], when=~context.is_open & (bar.index % 30 == 29),
             then=enter("BUY", shares=100, stop=2 * atr(14), target=3 * atr(14)))
result = backtest(trade, table, commission="none")
assert len(result.native.trades()["pnl"]) > 2_500
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(sum(len(column) * 8 for column in table.values()), 1024 * int(peak.split()[1]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a peak is read from /proc")
def test_a_year_of_minutes_fits_in_little_more_than_its_data() -> None:
    command = [sys.executable, "-c", YEAR_OF_MINUTES]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    data, peak = map(int, said.stdout.split())
    assert peak <= 1.5 * data + 60_000_000

"""`orderloom report`: what a run came to, in tables, as JSON, or as a page to look at."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderloom.cli.journals import journal_of
from orderloom.cli.run import UsageError
from orderloom.cli.screen import round_trips
from orderloom.journal import Run
from orderloom.report.account import Account
from orderloom.report.performance import Performance

if TYPE_CHECKING:
    from orderloom.report.trades import TradeFigures


def report(
    run: Annotated[Path, typer.Argument(help="The directory of a run, or its journal.")],
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write one page with charts and tables there.", dir_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell what a run or a back-test with `--out` came to.

    Everything is read from the journal, so the run may have ended in any way, or still go on. Of a
    run of several days it is told from the first; a day's file ends it with that day.
    Profits are told at the closes of bars; days are the exchange's.
    """
    with Run.whole(journal_of(run)) as days:
        days.verify()  # A journal that was changed proves nothing.
        performance = Performance.of(Account.of(days))
        is_closed, missing = days.is_closed, days.missing
    if html is not None:
        _write(html, performance, str(run))
    if as_json:
        document = {
            "exit_code": 0,
            "is_closed": is_closed,
            "missing": missing,
            **performance.as_dict(),
        }
        typer.echo(json.dumps(document))
        return
    _show(performance)
    if missing is not None:
        typer.echo(
            f"note      the run goes on in {missing}, which is gone: what came then is missing"
        )
    elif not is_closed:
        typer.echo("note      the run goes on, or did not end in order: what came later is missing")
    if html is not None:
        typer.echo(f"written   {html}")


def _write(html: Path, performance: Performance, title: str) -> None:
    from orderloom.report.page import page  # noqa: PLC0415 - loads plotly

    text = page(performance, title, _lines(performance))
    try:
        html.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # As the journal that it tells of: for its owner alone, from its first byte.
        with open(html, "w", encoding="utf-8", opener=_private) as page_file:
            page_file.write(text)
    except OSError as error:
        raise UsageError(f"--html: cannot write {html}: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _show(performance: Performance) -> None:
    from rich.console import Console  # noqa: PLC0415 - only for people

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    document = performance.as_dict()
    if performance.account.trips:
        console.print(round_trips(document["round_trips"]))
        for name in performance.groups:
            if len(performance.groups[name]) > 1:
                console.print()
                console.print(_groups(name, performance.groups[name]))
        console.print()
    for name, value in _lines(performance):
        console.print(f"{name:15} {value}", markup=False)


def _lines(performance: Performance) -> list[tuple[str, str]]:
    """The figures by name, as people read them."""
    document, trades = performance.as_dict(), performance.trades
    fall = document["drawdown"]
    held = ", ".join(f"{name} {held:g}" for name, held in performance.account.held.items())
    return [
        ("profit", f"{_money(performance.profit)}{_of_start(performance)}"),
        (
            "trades",
            f"{trades.trades}: {trades.won} won, {trades.lost} lost{_share(trades.win_rate)}; "
            f"{_money(trades.pnl)} before {_money(trades.commission)} commissions",
        ),
        ("profit factor", _number(trades.profit_factor)),
        (
            "average trade",
            f"{_money(trades.average)}, won {_money(trades.average_won)}, "
            f"lost {_money(trades.average_lost)}; lasted {_length(trades.average_seconds)}",
        ),
        ("largest", f"won {_money(trades.largest_won)}, lost {_money(trades.largest_lost)}"),
        ("in a row", f"{trades.won_in_a_row} won, {trades.lost_in_a_row} lost"),
        (
            "drawdown",
            f"{_money(fall['money'])}{_share(fall['share'], digits=2)}"
            + (f", {_minute(fall['began'])} to {_minute(fall['deepest'])}" if fall["began"] else "")
            + (f", recovered {_minute(fall['recovered'])}" if fall["recovered"] else ""),
        ),
        (
            "daily returns",
            f"{len(performance.returns)} days: in a year {_percent(document['annual_return'])}"
            f", volatility {_percent(document['annual_volatility'])}, "
            f"Sharpe {_number(document['sharpe'])}, Sortino {_number(document['sortino'])}",
        ),
        ("held", held or "nothing"),
    ]


def _groups(name: str, groups: dict[str, TradeFigures]) -> Any:
    from rich.markup import escape  # noqa: PLC0415 - loaded by now
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    table.add_column(name, no_wrap=True)
    for column in ("trades", "won", "P&L", "fees", "average", "factor"):
        table.add_column(column, justify="right", no_wrap=True)
    for key, figures in groups.items():
        table.add_row(
            escape(key),
            str(figures.trades),
            str(figures.won),
            _money(figures.pnl),
            _money(figures.commission),
            _money(figures.average),
            _number(figures.profit_factor),
        )
    return table


def _of_start(performance: Performance) -> str:
    start = performance.account.start
    return f" on {_money(start)}{_share(performance.profit / start, digits=3)}" if start else ""


def _money(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:,.2f} %"


def _share(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f" ({100 * value:.{digits}f} %)"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m"


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")

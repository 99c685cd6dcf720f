"""`orderloom backtest`: a strategy file on history, without sockets."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderloom.cli.run import UsageError, cut
from orderloom.config import load_settings
from orderloom.errors import OrderloomError
from orderloom.feeds.history import read_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderloom.backtesting import Backtest

_TABLES = ("trades", "orders", "fills", "equity", "reasons", "incidents")


def backtest(
    file: Annotated[Path, typer.Argument(help="The strategy file.")] = Path("strategy.yaml"),
    *,
    market: Annotated[
        list[Path] | None, typer.Option("--market", help="Market data: Parquet, CSV or JSON lines.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option("--signals", help="Predictions: JSON lines, Parquet or CSV.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Play from here on: a date of the exchange, or ISO 8601 with offset."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", help="End here: as for --from; of a date its last moment."),
    ] = None,
    detail: Annotated[
        str | None,
        typer.Option(
            "--detail", help="What the engine hears: `bars`, `prints`, or `quotes` as `run` does."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write journal, summary and tables there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a strategy file on history: the same rules and linked orders, no sockets."""
    from orderloom import samples  # noqa: PLC0415 - only without data of one's own
    from orderloom.backtesting import backtest as run_on_history  # noqa: PLC0415 - loads the native side

    settings = load_settings(file)
    if signals is None and not market:
        signals = samples.predictions()
    paths = list(market or [samples.market()])
    check_inputs([*paths, *([signals] if signals else [])], detail)
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out: expected a new or empty directory, found `{out}`")
    begins, ends = cut(start, end, settings.market.calendar)
    began = time.perf_counter()
    tables = read_history(paths, symbols=settings.symbols, start=begins, end=ends)
    reading = time.perf_counter() - began
    with playing(paths):
        result = run_on_history(
            settings,
            signals=signals,
            start=begins,
            end=ends,
            detail=detail,  # type: ignore[arg-type]  # one of its words, as just checked
            journal=None if out is None else out / "journal.db",
            **tables,  # type: ignore[arg-type]  # named as its arguments are
        )
    summary = {
        "exit_code": 0,
        "mode": "backtest",
        **result.summary(),
        "reading_seconds": round(reading, 6),
        "round_trips": result.rows("trades"),
    }
    if out is not None:
        _write(result, summary, out)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _show(summary, out)


@contextmanager
def playing(paths: Sequence[Path]) -> Iterator[None]:
    """Tells a row that cannot be played as a mistake in these files."""
    try:
        yield
    except OrderloomError:
        raise  # it has a place of its own
    except ValueError as error:
        raise UsageError(f"{', '.join(map(str, paths))}: {error}") from None


def check_inputs(paths: Sequence[Path], detail: str | None) -> None:
    """Refuse files that are not there and a detail that is none.

    Raises:
        UsageError: One of them.
    """
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path}: expected a file, found none")
    if detail not in {None, "bars", "prints", "quotes"}:
        raise UsageError(f"--detail: expected `bars`, `prints` or `quotes`, found `{detail}`")


def _write(result: Backtest, summary: dict[str, Any], out: Path) -> None:
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for name in _TABLES:
        table = getattr(result, name)
        if hasattr(table, "write_parquet"):
            table.write_parquet(out / f"{name}.parquet")


def _show(summary: dict[str, Any], out: Path | None) -> None:
    held = ", ".join(f"{name} {held:g}" for name, held in summary["final_positions"].items())
    refused = ", ".join(f"{count} {reason}" for reason, count in summary["refused"].items())
    typer.echo(f"trades    {summary['trades']}, {summary['won']} won")
    typer.echo(
        f"profit    {summary['profit']:,.2f}: {summary['pnl']:,.2f} of trades that are over, "
        f"{summary['commission']:,.2f} commissions"
    )
    typer.echo(f"signals   {summary['signals']}, rules fired {summary['fired']}")
    typer.echo(f"refused   {refused or 'none'}")
    typer.echo(f"end       position: {held or 'flat'}, {summary['live_orders']} orders alive")
    rate = summary["events"] / summary["seconds"] if summary["seconds"] else 0.0
    typer.echo(
        f"took      {summary['seconds']:.3f} s for {summary['events']:,} events "
        f"({rate:,.0f}/s), {summary['reading_seconds']:.3f} s to read"
    )
    if summary["incidents"]:
        typer.echo(f"incidents {summary['incidents']}")
    if out is not None:
        typer.echo(f"written   {out}")

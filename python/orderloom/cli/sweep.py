"""`orderloom sweep`: a strategy file on history with many sets of parameters, on every core."""

from __future__ import annotations

import json
import re
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from orderloom.cli.backtest import check_inputs, playing
from orderloom.cli.run import UsageError, cut
from orderloom.config import Document, load_settings
from orderloom.errors import ConfigError, shown
from orderloom.feeds.history import read_history

_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_RANGE: Final = re.compile(rf"({_NUMBER}):({_NUMBER}):({_NUMBER})")
_VALUES_MAX: Final = 100_000
_READABLE: Final = 10**15
"""Counts beyond are told in powers of ten."""


def sweep(
    file: Annotated[Path, typer.Argument(help="The strategy file.")],
    *,
    param: Annotated[
        list[str],
        typer.Option(
            "--param",
            metavar="PATH=VALUES",
            help="A value of the file by its path, and what to try: `1,2,5`, or `1:5:0.5` for "
            "first, last and step. Every combination is run.",
        ),
    ],
    market: Annotated[
        list[Path] | None, typer.Option("--market", help="Market data: Parquet, CSV or JSON lines.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option("--signals", help="Predictions: JSON lines, Parquet or CSV.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Cut the market data: a date of the exchange, or ISO 8601 with offset."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", help="Cut the market data: a date of the exchange, or ISO 8601 with offset."
        ),
    ] = None,
    detail: Annotated[
        str | None,
        typer.Option(
            "--detail", help="What the engine hears: `bars`, `prints`, or `quotes` as `run` does."
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="Sort by this: profit, drawdown, sharpe, trades, won …")
    ] = "profit",
    top: Annotated[int, typer.Option("--top", min=1, help="How many rows to show.")] = 20,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="How many at once; as many as cores.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", dir_okay=False, writable=True, help="Write all rows there, as Parquet."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as JSON.")] = False,
) -> None:
    """Try many sets of parameters of a strategy file on history, and rank them.

    Parameters are such as `rules.long.cooldown=1m,5m`, the number that a condition compares with,
    `rules.long.when.signal.confidence=0.7:0.9:0.1`, or
    `rules.long.do[0].enter.stop_percent=1:5:0.5`.
    """
    from orderloom import samples  # noqa: PLC0415 - only without data of one's own
    from orderloom.config.variants import Variants  # noqa: PLC0415 - slow to load
    from orderloom.sweeping import sweep as run_sets  # noqa: PLC0415 - as above

    grid = _grid(param)
    settings = load_settings(file)
    if signals is None and not market:
        signals = samples.predictions()
    paths = list(market or [samples.market()])
    check_inputs([*paths, *([signals] if signals else [])], detail)
    begins, ends = cut(start, end, settings.market.calendar)
    if out is not None:
        _check_writable(out)
    tables = read_history(paths, symbols=settings.symbols, start=begins, end=ends)
    began = time.perf_counter()
    with playing(paths):
        result = run_sets(
            Variants.read(file, "--param"),
            grid,
            signals=signals,
            start=begins,
            end=ends,
            by=by,
            workers=workers,
            detail=detail,  # type: ignore[arg-type]  # one of its words, as just checked
            progress=not as_json and sys.stderr.isatty(),
            **tables,  # type: ignore[arg-type]  # named as its arguments are
        )
    seconds = time.perf_counter() - began
    if out is not None:
        result.write(out)
    if as_json:
        document = {"exit_code": 0, "by": by, "seconds": round(seconds, 6), "rows": result.rows}
        typer.echo(json.dumps(document))
        return
    _show(result, top)
    rate = len(result.rows) / seconds
    typer.echo(f"took      {seconds:.3f} s for {len(result.rows)} back-tests ({rate:,.1f}/s)")
    if out is not None:
        typer.echo(f"written   {out}")


def _check_writable(out: Path) -> None:
    """Refuse a file that cannot be written, before the work and not after it."""
    is_new = not out.exists()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("ab").close()
    except OSError as error:
        raise UsageError(f"--out: cannot write {out}: {error.strerror}") from None
    if is_new:
        out.unlink()


def _grid(texts: list[str]) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {}
    for text in texts:
        path, values = _parameter(text)
        if path in grid:
            raise UsageError(f"--param: expected {shown(path)} once, with all its values")
        grid[path] = values
    return grid


def _parameter(text: str) -> tuple[str, list[Any]]:
    """A path and the values to try."""
    path, equals, values = text.partition("=")
    if not equals or not path.strip() or not values.strip():
        raise UsageError(f"--param: expected `path=values`, found {shown(text)}")
    if match := _RANGE.fullmatch(values.strip()):
        return path.strip(), _range(text, *map(Decimal, match.groups()))
    try:
        return path.strip(), Document.parse(f"values: [{values}]", "--param").data["values"]
    except ConfigError:
        raise UsageError(
            f"--param: expected values such as `1,2,5` or `1:10:0.5`, found {shown(text)}, "
            "hint: quote a value that holds a comma, a colon or a bracket"
        ) from None


def _range(text: str, first: Decimal, last: Decimal, step: Decimal) -> list[int | float]:
    """From the first to the last included."""
    if step == 0 or (last - first) / step < 0:
        raise UsageError(
            f"--param: expected a step that leads from first to last, found {shown(text)}"
        )
    count = int((last - first) / step) + 1
    if count > _VALUES_MAX:
        told = f"{count:,}" if count < _READABLE else f"{Decimal(count):.2e}"
        raise UsageError(
            f"--param: expected at most {_VALUES_MAX:,} values, found {shown(text)} with {told}, "
            "hint: take a larger step"
        )
    values = [first + step * number for number in range(count)]
    is_whole = all(part == part.to_integral_value() for part in (first, step))
    return [int(value) if is_whole else float(value) for value in values]


def _show(result: Any, top: int) -> None:
    from rich.console import Console  # noqa: PLC0415 - only for people
    from rich.table import Table  # noqa: PLC0415 - as above

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=None, pad_edge=False)
    names = list(result.rows[0])
    for name in names:
        # A path is told by its end; the measures are short.
        short = ".".join(name.rsplit(".", 2)[-2:]) if name in result.parameters else name
        style = "bold" if name == result.by else None
        table.add_column(short.replace("[", "\\["), justify="right", style=style)
    for row in result.rows[:top]:
        table.add_row(*(_text(row[name], name in result.parameters) for name in names))
    console.print(table)
    if len(result.rows) > top:
        console.print(f"… and {len(result.rows) - top} more")


def _text(value: object, is_given: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:g}" if is_given else f"{value:,.2f}"
    return str(value).replace("[", "\\[")

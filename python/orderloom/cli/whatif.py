"""`orderloom whatif`: other rules over the same events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orderloom.cli.journals import journal_of
from orderloom.config import load_settings
from orderloom.errors import ComparisonDiffers
from orderloom.whatif import Change, Compared
from orderloom.whatif import whatif as compare


def whatif(
    journal: Annotated[Path, typer.Argument(help="A journal, or the directory of a run.")],
    file: Annotated[Path, typer.Argument(help="The strategy file with the other rules.")],
    *,
    expect_same: Annotated[
        bool, typer.Option("--expect-same", help="End with 5 when any decision differs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Judge the events of a run by other rules and show which decisions would differ.

    What the broker did is the old run's: a symbol's first difference is certain, later ones are
    judged against trades that the other rules might not have had. `backtest` plays those out.
    """
    compared = compare(journal_of(journal), load_settings(file))
    code = ComparisonDiffers.exit_code if expect_same and compared.changes else 0
    if as_json:
        typer.echo(json.dumps({"exit_code": code, **compared.as_dict()}))
    else:
        _table(compared)
    raise typer.Exit(code)


def _table(compared: Compared) -> None:
    for reason in compared.skipped:
        typer.echo(f"not judged: {reason}")
    for change in compared.changes:
        mark = " " if change.is_certain else "~"
        typer.echo(
            f"{mark} {change.at} {change.symbol} {change.what} (event {change.seq}): "
            f"{change.was or 'nothing'} -> {change.would_be or 'nothing'}{_again(change)}"
        )
    was, would_be = compared.entries
    differing = sum(change.times for change in compared.changes)
    typer.echo(
        f"{differing} of {compared.decisions} decisions differ over "
        f"{compared.events:,} events; entries: {was} -> {would_be}"
    )
    if any(not change.is_certain for change in compared.changes):
        typer.echo("~ after the symbol's first difference: the broker's facts are the old run's")
    if compared.unheard:
        typer.echo(f"no events of {', '.join(compared.unheard)} in this journal")


def _again(change: Change) -> str:
    return "" if change.until is None else f", {change.times} times in a row until {change.until}"

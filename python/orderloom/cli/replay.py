"""`orderloom replay`: does the engine still say what the journal has?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orderloom.cli.journals import journal_of
from orderloom.errors import ComparisonDiffers
from orderloom.replay import replay as replay_journal


def replay(
    journal: Annotated[Path, typer.Argument(help="A journal, or the directory of a run.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run the engine again over a journal and compare every command and notice.

    The directory of a run stands for the files of all its days, a file for its day alone.
    Ends with 5 at the first difference, and when the run did not end in order: the last entries of
    its journal may be missing.
    """
    replayed = replay_journal(journal_of(journal))
    is_whole = replayed.difference is None and replayed.is_closed
    if as_json:
        code = 0 if is_whole else ComparisonDiffers.exit_code
        typer.echo(json.dumps({"exit_code": code, **replayed.as_dict()}))
        raise typer.Exit(code)
    if replayed.difference is not None:
        raise ComparisonDiffers(str(replayed.difference))
    for reason in replayed.skipped:
        typer.echo(f"not run: {reason}")
    rate = f"{replayed.events / replayed.seconds:,.0f}" if replayed.seconds else "-"
    typer.echo(
        f"identical: {replayed.events:,} events, {replayed.outcomes:,} commands and notices, "
        f"{rate} events/s"
    )
    if replayed.missing is not None:
        raise ComparisonDiffers(
            f"the run goes on in another file: expected {replayed.missing}, found none"
        )
    if not is_whole:
        raise ComparisonDiffers(
            "the run did not end in order, or its end is cut off: expected a closing row, found "
            "none; what came after the last row is not known here, the broker knows"
        )

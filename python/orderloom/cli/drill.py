"""`orderloom drill`: a strategy file under injected faults, and the worst that each left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from orderloom.cli.run import UsageError
from orderloom.config import load_settings


def drill(
    file: Annotated[Path, typer.Argument(help="The strategy file.")] = Path("strategy.yaml"),
    *,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Only this one; several may be given.")
    ] = None,
    market: Annotated[
        list[Path] | None, typer.Option("--market", help="Market data: Parquet, CSV or JSON lines.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option("--signals", help="Predictions: JSON lines, Parquet or CSV.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the runs are written.", show_default="runs/…"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run a strategy file under one fault after the other, and tell the worst exposure.

    Ends with 4 when a run's books differ from the exchange's, or shares stay without a stop.
    """
    from orderloom.drill import DRILLS  # noqa: PLC0415 - loads the simulated TWS
    from orderloom.drill import drill as run_drills  # noqa: PLC0415
    from orderloom.sessions import RunOptions  # noqa: PLC0415

    for name in fault or ():
        if name not in DRILLS:
            raise UsageError(f"--fault: expected one of {', '.join(DRILLS)}, found `{name}`")
    for path in [*(market or ()), *([signals] if signals else [])]:
        if not path.is_file():
            raise UsageError(f"{path}: expected a file, found none")
    options = RunOptions(market=tuple(market or ()), signals=signals)
    directory = out or Path("runs") / f"drill-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    results = asyncio.run(
        run_drills(load_settings(file), options, directory, lambda _: None, fault or tuple(DRILLS))
    )
    code = 0 if all(each.is_sound for each in results) else 4
    if as_json:
        document = {"exit_code": code, "drills": [asdict(each) for each in results]}
        typer.echo(json.dumps(document))
        raise typer.Exit(code)
    typer.echo(f"{'fault':<20} {'trades':>6} {'uncovered':>9} {'for ms':>8}  told")
    for each in results:
        refused = (f"{role} refused" for role in each.refused)
        told = ", ".join([*each.incidents, *refused]) or "-"
        verdict = "" if each.has_struck else "  DID NOT STRIKE"
        verdict += "" if each.is_sound else "  NOT SOUND"
        typer.echo(
            f"{each.fault:<20} {each.round_trips:>6} {each.shares:>9g} {each.milliseconds:>8}"
            f"  {told}{verdict}"
        )
    worst = max(results, key=lambda each: each.shares * each.milliseconds)
    typer.echo(f"worst: {worst.shares:g} shares for {worst.milliseconds} ms, {worst.fault}")
    typer.echo(f"written: {directory}")
    raise typer.Exit(code)

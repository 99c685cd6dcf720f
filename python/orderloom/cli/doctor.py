"""`orderloom doctor`: what a run needs, and what to do about what is missing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orderloom.config import load_settings

_MARKS = {"ok": "ok ", "warning": "?  ", "failed": "!  "}


def doctor(
    file: Annotated[Path, typer.Argument(help="The strategy file.")] = Path("strategy.yaml"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at host, configuration, broker and predictions, and tell what to do about each.

    Ends with 3 when the broker cannot be reached, with 1 when something else fails.
    """
    from orderloom.doctor import (  # noqa: PLC0415 - loads the broker's client
        Finding,
        examine_broker,
        examine_host,
        examine_signals,
    )

    settings = load_settings(file)
    rules = f"{file}: {len(settings.rules)} rules for {', '.join(settings.symbols) or 'no symbol'}"
    findings = [Finding("configuration", "ok", rules), *examine_host(settings, Path("runs"))]
    if settings.symbols:
        findings += asyncio.run(examine_broker(settings))
        findings.append(asyncio.run(examine_signals(settings)))
    failed = {each.what for each in findings if each.state == "failed"}
    code = 3 if "connection" in failed else int(bool(failed))
    if as_json:
        document = {"exit_code": code, "findings": [asdict(each) for each in findings]}
        typer.echo(json.dumps(document))
    else:
        for each in findings:
            typer.echo(f"{_MARKS[each.state]}{each.what:<14} {each.detail}")
            if each.hint:
                typer.echo(f"   {'':<14} {each.hint}")
    raise typer.Exit(code)

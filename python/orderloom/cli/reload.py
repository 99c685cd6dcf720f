"""`orderloom reload`: have the running instance read its strategy file again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from orderloom.cli.operator import AsJson, OneRun
from orderloom.control import find_only


def reload(
    *,
    run: OneRun = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Have the running instance take up its strategy file as it is now, between two events.

    Rules, limits and patience may change; open trades keep the policy that they were opened with.
    A file that cannot be used, or that changes what is fixed by the start, changes nothing.
    """
    answer = find_only(run).ask("reload", dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, **answer}))
    else:
        _table(answer)


def _table(answer: dict[str, Any]) -> None:
    typer.echo(f"run: {answer['run']}")
    for name in answer["added"]:
        typer.echo(f"+ rule {name}")
    for name in answer["removed"]:
        typer.echo(f"- rule {name}")
    for name, keys in answer["changed"].items():
        typer.echo(f"~ rule {name}: {', '.join(keys)}")
    if answer["is_reordered"]:
        typer.echo("~ the order of the rules")
    for key, value in answer["settings"].items():
        typer.echo(f"~ {key}: {value['was']} -> {value['is']}")
    if answer["cold"]:
        typer.echo(f"without a value until enough bars are complete: {', '.join(answer['cold'])}")
    if answer["is_applied"] and answer["keeping"]:
        typer.echo(f"open trades keep their exits: {', '.join(answer['keeping'])}")
    if answer["is_applied"]:
        typer.echo("taken up")
    else:
        typer.echo("nothing was changed" if answer["is_dry_run"] else "nothing to change")

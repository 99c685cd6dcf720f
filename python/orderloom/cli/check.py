"""`orderloom check`: is a strategy file usable, and does it mean what it says?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderloom.app import load_script
from orderloom.config import NO_RULE, Checked, ConfigProblem, check_settings

if TYPE_CHECKING:
    from collections.abc import Sized


def check(
    file: Annotated[Path, typer.Argument(help="The strategy file.")] = Path("strategy.yaml"),
    *,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print each value and where it comes from.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors, too.")] = False,
    script: Annotated[
        Path | None, typer.Option("--script", help="A Python strategy that runs with the file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Validate and lint a strategy file; every message names its line, what, and a hint.

    With a script, the rules of both are looked at together, as `orderloom run` would have them.
    """
    checked = check_settings(file) if script is None else _with_script(file, script)
    failed = bool(checked.problems if strict else checked.errors)
    if as_json:
        typer.echo(json.dumps(_document(checked, failed=failed, resolved=resolved)))
    else:
        _table(checked, file, resolved=resolved)
    if failed:
        raise typer.Exit(2)


def _with_script(file: Path, script: Path) -> Checked:
    app = load_script(script)
    checked = check_settings(file, custom=app.conditions)
    if checked.settings is None:
        return checked
    told = {problem.what for problem in checked.problems}
    problems = [it for it in checked.problems if not (it.what == NO_RULE and app.rules)]
    for finding in app.findings(file):
        if finding.what not in told:
            rule = "" if finding.rule is None else f"rule {finding.rule}: "
            problems.append(
                ConfigProblem(
                    file=str(script),
                    where=rule + ".".join(map(str, finding.path)),
                    what=finding.what,
                    expected=finding.expected,
                    hint=finding.hint,
                    severity=finding.severity,
                )
            )
    settings = checked.settings
    joined = settings.model_copy(update={"rules": (*settings.rules, *app.rules)})
    is_usable = all(problem.severity != "error" for problem in problems)
    return Checked(joined if is_usable else None, problems, checked.resolved)


def _table(checked: Checked, file: Path, *, resolved: bool) -> None:
    for problem in checked.problems:
        typer.echo(str(problem))
    if resolved:
        width = max((len(value.key) for value in checked.resolved), default=0)
        for value in checked.resolved:
            typer.echo(f"{value.key:{width}}  {value.value}  ({value.origin})")
    found = [
        _counted(some, name)
        for name, some in (("error", checked.errors), ("warning", checked.warnings))
        if some
    ]
    summary = ", ".join(found) or "no problems"
    if checked.settings is not None:
        settings = checked.settings
        counts = (_counted(settings.rules, "rule"), _counted(settings.symbols, "symbol"))
        summary = f"{', '.join(counts)}, {summary}"
    typer.echo(f"{file}: {summary}")


def _counted(some: Sized, name: str) -> str:
    return f"{len(some)} {name}{'' if len(some) == 1 else 's'}"


def _document(checked: Checked, *, failed: bool, resolved: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "exit_code": 2 if failed else 0,
        "problems": [problem.as_dict() for problem in checked.problems],
    }
    if resolved:
        document["resolved"] = {
            value.key: {"value": value.value, "origin": value.origin} for value in checked.resolved
        }
    return document

"""`orderloom init`: a first strategy to start from."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from orderloom.errors import ConfigError, ConfigProblem

STARTERS = {
    "strategy.yaml": "strategy.yaml",
    ".env.example": "env.example",
    "strategy.py": "strategy.py.txt",
}
"""Files that are written, each from its packaged text."""


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write; made if missing.")] = Path(),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a commented strategy.yaml, .env.example and strategy.py; never over existing files."""
    targets = {directory / name: source for name, source in STARTERS.items()}
    taken = [path for path in targets if path.exists() or path.is_symlink()]
    if taken:
        raise ConfigError([_taken(path) for path in taken])
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, source in targets.items():
            text = files("orderloom.cli").joinpath("starter", source).read_text(encoding="utf-8")
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigError([_unwritable(directory, error)]) from None
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, "written": [str(path) for path in targets]}))
        return
    for path in targets:
        typer.echo(f"wrote {path}")
    typer.echo(f"next: orderloom check {directory / 'strategy.yaml'}")


def _taken(path: Path) -> ConfigProblem:
    return ConfigProblem(
        file=str(path),
        where="init",
        what="exists already",
        expected="nothing in its place",
        hint="name another directory, or move the file away",
    )


def _unwritable(directory: Path, error: OSError) -> ConfigProblem:
    return ConfigProblem(
        file=str(directory),
        where="init",
        what=f"cannot be written ({error.strerror})",
        expected="a directory that can",
    )

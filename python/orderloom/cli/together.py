"""What `orderloom` takes before the name of a command."""

from __future__ import annotations

from typing import Annotated

import typer


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from orderloom.version import __version__  # noqa: PLC0415 - looks through what is installed

        typer.echo(f"orderloom {__version__}")
        raise typer.Exit


def together(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Prediction signals become positions that are always protected."""

"""`orderloom schema`: what editors need to complete and check a strategy file."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from orderloom.config import settings_schema


def schema(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="On one line; the output is JSON in any case.")
    ] = False,
) -> None:
    """Print the JSON Schema of the configuration.

    For the YAML plugin of most editors, write it to a file and start the strategy with
    `# yaml-language-server: $schema=./orderloom.schema.json`.
    """
    typer.echo(json.dumps(settings_schema(), indent=None if as_json else 2))

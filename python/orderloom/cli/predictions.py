"""`orderloom predictions`: serve recorded or generated predictions over HTTP."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from orderloom.cli.listening import check_port, listening
from orderloom.cli.run import UsageError
from orderloom.cli.waiting import hear_the_end, wait_for
from orderloom.instant import NS_PER_SECOND

DEFAULT_KEY = "local-prediction-api"
"""No word that messages have: a key is redacted wherever it stands."""
_DAY_NS = 86_400 * NS_PER_SECOND


def predictions(
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines, Parquet or CSV; generated if left out.")
    ] = None,
    *,
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 8765,
    tickers: Annotated[
        str, typer.Option("--tickers", help="For generated predictions, with commas.")
    ] = "AAPL,MSFT,TSLA",
    every: Annotated[
        int, typer.Option("--every", help="Seconds between generated predictions.")
    ] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Of generated predictions.")] = 1,
    api_key: Annotated[
        str,
        typer.Option(
            "--api-key", help="Asked of every request.", envvar="ORDERLOOM_SIGNALS__API_KEY"
        ),
    ] = DEFAULT_KEY,
    hmac_key: Annotated[
        str,
        typer.Option(
            "--hmac-key", help="Signs every answer.", envvar="ORDERLOOM_SIGNALS__HMAC_KEY"
        ),
    ] = "",
    shift: Annotated[
        bool, typer.Option("--shift", help="Move the file's times so that it begins now.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it listens as one line of JSON.")
    ] = False,
) -> None:
    """Serve predictions with the documented schema on the loopback address until interrupted."""
    from pydantic import SecretStr  # noqa: PLC0415 - only this command needs it

    from orderloom.signals import (  # noqa: PLC0415 - loads pydantic models
        PredictionBook,
        PredictionServer,
        generate_records,
        read_records,
    )

    if every <= 0:
        raise UsageError(f"--every: expected seconds above 0, found `{every}`")
    check_port("--port", port)
    now = time.time_ns()
    if file is None:
        names = [name.strip() for name in tickers.split(",") if name.strip()]
        if not names:
            raise UsageError(f"--tickers: expected names with commas, found `{tickers}`")
        records = list(
            generate_records(
                names, start=now, end=now + _DAY_NS, every=every * NS_PER_SECOND, seed=seed
            )
        )
    elif not file.is_file():
        raise UsageError(f"{file}: expected a file, found none")
    else:
        records = list(read_records(file))
        names = list(dict.fromkeys(record.prediction.ticker for record in records))
    begins = min((record.prediction.predicted_at for record in records), default=now)
    ahead = begins - now if shift else 0
    with listening("--port", port):
        server = PredictionServer(
            PredictionBook(records),
            clock=lambda: time.time_ns() + ahead,
            api_key=SecretStr(api_key),
            hmac_key=SecretStr(hmac_key),
            tickers=tuple(names),
            port=port,
        )
    with server:
        ended = hear_the_end()  # Whoever reads where it listens may end it at once.
        if as_json:
            told = {"url": server.url, "predictions": len(records), "tickers": names}
            typer.echo(json.dumps(told))
        else:
            typer.echo(f"{len(records)} predictions of {', '.join(names)} at {server.url}")
            key = f"`{api_key}`" if api_key == DEFAULT_KEY else "the key that was given"
            typer.echo(f"each request needs the header `X-API-Key` with {key}")
        wait_for(ended)

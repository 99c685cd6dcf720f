"""`orderloom run`: trade a strategy file, in a simulated world unless told otherwise."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import Annotated, Any

import typer

from orderloom.app import load_script
from orderloom.config import Settings, load_settings
from orderloom.errors import OrderloomError
from orderloom.hours import zone_of
from orderloom.instant import iso_to_ns, ns_to_iso
from orderloom.loop import run as run_loop
from orderloom.sessions import RunOptions, Session


def run(
    file: Annotated[Path, typer.Argument(help="The strategy file.")] = Path("strategy.yaml"),
    *,
    sim: Annotated[bool, typer.Option("--sim", help="The simulated TWS (default).")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="A paper account at TWS.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Real money; `broker.account` too.")] = False,
    market: Annotated[
        list[Path] | None,
        typer.Option("--market", help="Market data of the venue: Parquet, CSV or JSON lines."),
    ] = None,
    signals: Annotated[
        Path | None,
        typer.Option("--signals", help="Predictions to serve: JSON lines, Parquet or CSV."),
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--script", help="A Python strategy to run with the file.")
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", help="Simulated seconds per second, or `max`.")
    ] = "60",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**64 - 1, help="Seed of the simulated venue.")
    ] = 1,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Cut the market data: a date of the exchange, or ISO 8601 with offset."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", help="Cut the market data: a date of the exchange, or ISO 8601 with offset."
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", help="End after so many seconds.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="End at this time: ISO 8601 with offset.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the run is written.", show_default="runs/…")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on where the last run of the account ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Trade a strategy file."""
    app = None if script is None else load_script(script)

    def load() -> Settings:
        return load_settings(file) if app is None else app.settings(file)

    settings = load()
    begins, ends = cut(start, end, settings.market.calendar)
    mode = _mode(settings, sim=sim, paper=paper, live=live)
    options = RunOptions(
        mode=mode,
        market=tuple(market or ()),
        signals=signals,
        speed=_speed(speed),
        seed=seed,
        out=_fresh(out),
        start=begins,
        end=ends,
        duration=_duration(duration),
        until=_still_to_come(moment("--until", until), mode),
        script=app,
        fresh=fresh,
        load=load,
    )
    for path in [*(market or ()), *([signals] if signals else [])]:
        if not path.is_file():
            raise UsageError(f"{path}: expected a file, found none")
    summary = run_loop(_trade(settings, options, is_quiet=as_json))
    if as_json:
        _print(json.dumps(summary))
    raise typer.Exit(summary["exit_code"])


def _print(text: str) -> None:
    """Print, unless nobody reads any more: the run has its end and its code all the same."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        # What is left in the buffer is flushed at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class UsageError(OrderloomError):
    """An option that cannot be meant."""

    exit_code = 2


async def _trade(settings: Settings, options: RunOptions, *, is_quiet: bool) -> dict[str, Any]:
    from orderloom.cli.screen import Screen  # noqa: PLC0415 - loads rich

    screen = Screen(sys.stderr if is_quiet else sys.stdout, is_quiet=is_quiet)
    session = Session(settings, options, screen.problem)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, _stop, session)
    with screen.live(session):
        summary = await session.run()
    screen.result(summary, session.directory)
    return summary


def _stop(session: Session) -> None:
    """End in order at the first signal; at the second one let the process go."""
    session.stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def _mode(settings: Settings, *, sim: bool, paper: bool, live: bool) -> Any:
    words = [name for name, said in (("sim", sim), ("paper", paper), ("live", live)) if said]
    if len(words) > 1:
        raise UsageError(f"expected one of --sim, --paper and --live, found --{' --'.join(words)}")
    mode = words[0] if words else settings.broker.mode
    if mode == "live" and not (live and settings.broker.account):
        raise UsageError(
            "live trading needs two words: --live here and the account's number as "
            "`broker.account` in the file"
        )
    return mode


def _duration(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < float("inf"):
        raise UsageError(f"--duration: expected seconds above 0, found `{seconds:g}`")
    return seconds


def _still_to_come(until: int | None, mode: str) -> int | None:
    if until is not None and mode != "sim" and until <= time.time_ns():
        raise UsageError(f"--until: expected a time to come, found `{ns_to_iso(until)}`")
    return until


def _speed(text: str) -> float:
    if text == "max":
        return float("inf")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed: expected a number above 0 or `max`, found `{text}`")
    return speed


def cut(start: str | None, end: str | None, calendar: str) -> tuple[int | None, int | None]:
    """The moments of `--from` and `--to`, UTC ns.

    Raises:
        UsageError: One that is none, or the second is not after the first.
    """
    begins, ends = moment("--from", start, calendar), moment("--to", end, calendar, is_end=True)
    if begins is not None and ends is not None and begins >= ends:
        raise UsageError(f"--to: expected a time after --from `{start}`, found `{end}`")
    return begins, ends


def moment(
    option: str, text: str | None, calendar: str = "", *, is_end: bool = False
) -> int | None:
    """The moment that an option gives, UTC ns.

    A date is the exchange's: with `calendar` its first moment, or its last with `is_end`.

    Raises:
        UsageError: Neither, or a time without an offset.
    """
    if text is None:
        return None
    try:
        if calendar and len(text) == len("2026-03-10"):
            day = date.fromisoformat(text) + timedelta(days=is_end)
            midnight = datetime.combine(day, clock.min, zone_of(calendar))
            return iso_to_ns(midnight.isoformat()) - is_end
        return iso_to_ns(text)
    except (ValueError, OverflowError):
        a_date = "a date, or " if calendar else ""
        raise UsageError(
            f"{option}: expected {a_date}ISO 8601 with an offset such as "
            f"`2026-03-10T09:30:00-04:00`, found `{text}`"
        ) from None


def _fresh(out: Path | None) -> Path | None:
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: expected an empty or new directory, found a used one")
    return out

"""`orderloom sim`: the simulated TWS alone, for any TWS client."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from orderloom.cli.listening import check_port, listening
from orderloom.cli.run import UsageError
from orderloom.errors import not_utf8

if TYPE_CHECKING:
    from orderloom.world.live import LiveStage


def sim(
    *,
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 7497,
    market: Annotated[
        list[Path] | None,
        typer.Option(
            "--market", help="Parquet, CSV or JSON lines; the packaged sample day if left out."
        ),
    ] = None,
    symbols: Annotated[
        str, typer.Option("--symbols", help="What to list, with commas; default: all there are.")
    ] = "",
    calendar: Annotated[
        str, typer.Option("--calendar", help="Trading hours: an exchange calendar or `always`.")
    ] = "always",
    speed: Annotated[float, typer.Option("--speed", help="Simulated seconds per second.")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**64 - 1, help="Of the venue.")] = 1,
    as_recorded: Annotated[
        bool, typer.Option("--as-recorded", help="Keep the data's dates instead of today's.")
    ] = False,
    faults: Annotated[
        Path | None, typer.Option("--faults", help="YAML of faults to inject; see the simulator.")
    ] = None,
    fault_port: Annotated[
        int | None,
        typer.Option("--fault-port", help="Take faults live on this loopback port; 0: a free one."),
    ] = None,
    venue: Annotated[
        Path | None,
        typer.Option("--venue", help="JSON of what the exchange does; keys as in its README."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", help="Write every session here as JSON lines, account masked."),
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Write the port here once listening.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it listens as one line of JSON.")
    ] = False,
) -> None:
    """Serve the TWS protocol on the loopback address until interrupted.

    The market's times are moved so that it begins now, unless they are kept as recorded; when it
    ends, the last prices stand and orders live on.
    """
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed: expected a number above 0, found `{speed}`")
    check_port("--port", port)
    check_port("--fault-port", fault_port)
    for path in [*(market or ()), *([faults] if faults else [])]:
        if not path.is_file():
            found = "a directory" if path.is_dir() else "none"
            raise UsageError(f"{path}: expected a file, found {found}")
    from orderloom import samples  # noqa: PLC0415 - only this command needs it
    from orderloom.world.live import LiveStage  # noqa: PLC0415 - loads the simulator

    stage = LiveStage(
        market or [samples.market()],
        [name.strip() for name in symbols.split(",") if name.strip()],
        calendar=calendar,
        speed=speed,
        seed=seed,
        starts_at=None if as_recorded else time.time_ns(),
        venue=_exchange(venue),
    )
    if faults is not None:
        stage.load_faults(faults)
    with ExitStack() as files:
        if record is not None:
            try:
                lines = files.enter_context(record.open("w", encoding="utf-8", buffering=1))
            except OSError as error:
                raise UsageError(f"--record: cannot write {record}: {error.strerror}") from None
            stage.record(lines)
        asyncio.run(_serve(stage, port, seed, ready_file, fault_port, as_json=as_json))


def _exchange(file: Path | None) -> dict[str, Any]:
    """Read what the exchange is to do, and let a venue of no consequence judge it."""
    if file is None:
        return {}
    from orderloom.venue import check_venue  # noqa: PLC0415 - loads the engine

    try:
        said = json.loads(file.read_text(encoding="utf-8-sig"))
        check_venue(said, "")
        if "account" in said:
            raise ValueError("`account`: the account of `orderloom sim` is always the same")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: {not_utf8(error)}, expected JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        raise UsageError(f"{place}: not JSON ({error.msg}), expected an object") from None
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from None
    return cast("dict[str, Any]", said)


def _say_ready(file: Path, port: int) -> None:
    file.write_text(json.dumps({"port": port}), encoding="utf-8")


def _say(stage: LiveStage, seed: int, faults_at: int | None, *, as_json: bool) -> None:
    if as_json:
        where = {"port": stage.port, "fault_port": faults_at, "account": stage.account}
        typer.echo(json.dumps({**where, "seed": seed, "symbols": list(stage.symbols)}))
        return
    typer.echo(
        f"simulated TWS at 127.0.0.1:{stage.port}, account {stage.account}, seed {seed}, "
        f"{', '.join(stage.symbols)}"
    )
    if faults_at is not None:
        typer.echo(f"faults are taken at 127.0.0.1:{faults_at}")


async def _serve(
    stage: LiveStage,
    port: int,
    seed: int,
    ready_file: Path | None,
    fault_port: int | None,
    *,
    as_json: bool,
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    with listening("--port", port):
        await stage.start(port)
    try:
        faults_at = None
        if fault_port is not None:
            with listening("--fault-port", fault_port):
                faults_at = await stage.take_faults(fault_port)
        _say(stage, seed, faults_at, as_json=as_json)
        if ready_file is not None:
            _say_ready(ready_file, stage.port)
        playing = asyncio.create_task(stage.play())
        stopping = asyncio.create_task(ended.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, stopping):
            task.cancel()
        await asyncio.gather(playing, stopping, return_exceptions=True)
        if playing.done() and not playing.cancelled() and (error := playing.exception()):
            raise error
    finally:
        await stage.stop()

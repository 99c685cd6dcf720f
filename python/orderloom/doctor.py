"""What a run needs, looked at before it: each finding says what to do.

Nothing is sent that changes anything, at the broker or here.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from orderloom.errors import OrderloomError
from orderloom.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orderloom._core import Event
    from orderloom.config import Settings
    from orderloom.ports import ContractSpec

State = Literal["ok", "warning", "failed"]
_FREE_MIN: Final = 1_000_000_000
_PYTHON_MIN: Final = (3, 11)
_QUOTE_SECONDS: Final = 5.0
_OFFSET_MAX_NS: Final = 1_000_000_000
_DAYS_AHEAD: Final = 14
_HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `hint` says what to do unless it is well."""

    what: str
    state: State
    detail: str
    hint: str = ""


def _found(what: str, *, good: bool, detail: str, hint: str, else_: State = "failed") -> Finding:
    return Finding(what, "ok" if good else else_, detail, "" if good else hint)


def examine_host(settings: Settings, runs: Path) -> list[Finding]:
    """Look at Python, time zones, calendar, disk and the journal of the last run."""
    return [_python(), _zones(settings), _disk(runs), _journal(settings)]


def _python() -> Finding:
    return _found(
        "environment",
        good=sys.version_info[:2] >= _PYTHON_MIN,
        detail=f"orderloom {__version__}, Python {platform.python_version()}, {sys.platform}",
        hint="use Python 3.11 or later",
    )


def _zones(settings: Settings) -> Finding:
    from orderloom.hours import Hours, known_until  # noqa: PLC0415 - slow to load

    calendar = settings.market.calendar
    now = time.time_ns()
    today = datetime.fromtimestamp(now // 1_000_000_000, tz=UTC).date()
    days = _DAYS_AHEAD
    try:
        last = known_until(calendar)
        if last is not None:
            # Without tomorrow's there is nothing to look at.
            days = max(min(days, (last - today).days), 1)
        hours = Hours(calendar, now, now + days * 24 * _HOUR_NS)
    except (OrderloomError, ValueError, KeyError) as error:
        text = str(error).replace("\nhint: ", ", hint: ")
        return Finding("calendar", "failed", text, "pip install -U tzdata exchange_calendars")
    name = f"{calendar} in {hours.time_zone}"
    if days < _DAYS_AHEAD:
        return Finding(
            "calendar",
            "warning",
            f"{name}, sessions known until {last} only: days after it are neither simulated nor "
            "played",
            "pip install -U exchange_calendars, which is to know the holidays after that day",
        )
    opens = any(hours.is_open(now + hour * _HOUR_NS) for hour in range(days * 24))
    return _found(
        "calendar",
        good=opens,
        detail=f"{name}, sessions known for {days} days",
        hint="pip install -U exchange_calendars",
    )


def _disk(runs: Path) -> Finding:
    place = next(each for each in (runs, *runs.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    return _found(
        "disk",
        good=free >= _FREE_MIN,
        detail=f"{free / 1e9:.1f} GB free where runs are written",
        hint="make room: a full disk stops entries",
        else_="warning",
    )


def _journal(settings: Settings) -> Finding:
    from orderloom.journal import JournalBroken, Run  # noqa: PLC0415
    from orderloom.recovery import (  # noqa: PLC0415
        OtherVersionError,
        Seat,
        recover,
        seat_name,
        state_directory,
    )

    name = seat_name(settings, settings.broker.mode)
    last = Seat(state_directory() / name, -1).last
    if last is None:
        return Finding("journal", "ok", "no run before this one")
    hint = "look at what the broker holds, then start with `run --fresh`"
    try:
        recovered = recover(last)
    except OtherVersionError as error:
        return Finding("journal", "failed", error.reason, error.hint)
    except (JournalBroken, OSError) as error:
        return Finding("journal", "failed", str(error), hint)
    try:
        with Run.whole(recovered.path) as run:
            run.verify()
            events, files = run.count()[0], len(run.files)
    except JournalBroken as error:
        hint = "the run is taken up from its last file; put this one back from a copy"
        return Finding("journal", "failed", str(error), hint)
    return _found(
        "journal",
        good=recovered.doubt is None,
        detail=recovered.doubt
        or f"{recovered.path}: {events} events in {files} files, the chain holds, "
        "the run can be taken up",
        hint="look at what the broker holds, then start the run, which sends exits only, and "
        "`orderloom resume`",
        else_="warning",
    )


async def examine_broker(settings: Settings) -> list[Finding]:
    """Log in at TWS, or at an embedded simulated one in mode `sim`, and look around."""
    if settings.broker.mode != "sim":
        return await _at(settings, settings.broker.host, settings.broker.port)
    from orderloom import samples  # noqa: PLC0415 - only simulations need them
    from orderloom.clock import ManualClock  # noqa: PLC0415
    from orderloom.world import Stage  # noqa: PLC0415
    from orderloom.world.stage import Listed  # noqa: PLC0415

    listed = [
        Listed(each["symbol"], str(each["tick"]), str(each["multiplier"]), each["currency"])
        for each in settings.instruments()
    ]
    clock = ManualClock()
    clock.advance_to(time.time_ns())
    stage = Stage(listed, [samples.market()], calendar="always", clock=clock, shift_to=clock.now())
    await stage.tws.start()
    try:
        play = asyncio.create_task(_play(stage))
        findings = await _at(settings, "127.0.0.1", stage.tws.port)
        play.cancel()
    finally:
        await stage.tws.stop()
    return findings


async def _play(stage: object) -> None:
    from orderloom.world import Stage  # noqa: PLC0415

    assert isinstance(stage, Stage)  # noqa: S101 - its only caller gives one
    for moment in stage.moments():
        stage.clock.advance_to(max(time.time_ns(), stage.clock.now()))
        stage.play(moment)
        await asyncio.sleep(0.05)


async def _at(settings: Settings, host: str, port: int) -> list[Finding]:
    from orderloom.clock import SystemClock  # noqa: PLC0415
    from orderloom.ports import ContractSpec, MarketSubscription  # noqa: PLC0415
    from orderloom.tws import TWSConnection, TWSError, TWSSettings  # noqa: PLC0415 - loads ib_async

    broker, mode = settings.broker, settings.broker.mode
    problems: list[str] = []
    heard: list[Event] = []
    specs: list[ContractSpec] = [_spec(settings, ContractSpec, each) for each in settings.symbols]
    line = TWSConnection(
        TWSSettings(
            host=host,
            port=port,
            client_id=broker.client_id,
            mode=mode,
            account="" if mode == "sim" else broker.account,
            data=settings.market.data,
        ),
        specs,
        clock=SystemClock(),
        sink=heard.append,
        on_problem=problems.append,
    )
    try:
        await line.connect()
    except TWSError as error:
        return [
            Finding(
                "connection",
                "failed",
                str(error).replace("\n", ", "),
                "start TWS or the Gateway, enable its API and check host, port and account",
            )
        ]
    try:
        is_told = await line.reconcile()
        await line.barrier()
        offset, account = line.server_offset or 0, line.account
        await line.start_market([MarketSubscription(symbol=n) for n in range(len(specs))])
        await _until(lambda: any(each.kind == "quote" for each in heard))
    except TWSError as error:
        return [Finding("connection", "failed", str(error).replace("\n", ", "), "look at TWS")]
    finally:
        await line.disconnect()
    return [
        Finding("connection", "ok", f"{host}:{port}, client {broker.client_id}"),
        Finding("account", "ok", f"{account}, {mode}"),
        _found(
            "clock",
            good=abs(offset) <= _OFFSET_MAX_NS,
            detail=f"the broker's differs by {offset / 1e9:.1f} s",
            hint="synchronise this host's clock: no entry is sent otherwise",
        ),
        _found(
            "permissions",
            good=is_told,
            detail="orders, executions, positions and account were told"
            if is_told
            else "; ".join(problems) or "no complete snapshot",
            hint="untick `Read-Only API` in TWS",
        ),
        _found(
            "market data",
            good=any(each.kind == "quote" for each in heard),
            detail=f"{settings.market.data}, " + ("; ".join(problems) or "no complaint of TWS"),
            hint="is the market open? otherwise check the account's market data subscriptions, "
            "or set `market.data: delayed`",
            else_="warning",
        ),
    ]


def _spec(settings: Settings, kind: type[ContractSpec], symbol: str) -> ContractSpec:
    given = settings.market.instruments.get(symbol)
    if given is None:
        return kind(symbol=symbol)
    return kind(
        symbol=symbol,
        sec_type=given.sec_type,
        exchange=given.exchange,
        primary_exchange=given.primary_exchange,
        currency=given.currency,
    )


async def _until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + _QUOTE_SECONDS
    while not reached() and time.monotonic() < ends:  # noqa: ASYNC110 - TWS has no event to set
        await asyncio.sleep(0.05)


async def examine_signals(settings: Settings) -> Finding:
    """Ask the prediction API once, if there is one."""
    source = settings.signals.source()
    if source is None:
        return Finding("predictions", "ok", "no `signals.url`: from a file or a script")
    from stamina import instrumentation  # noqa: PLC0415

    from orderloom.signals import PredictionClient  # noqa: PLC0415

    # What comes of the attempts is told once, as a finding.
    instrumentation.set_on_retry_hooks(())
    told: list[str] = []
    client = PredictionClient(
        source,
        on_prediction=lambda prediction: told.append(f"ok {prediction.ticker}"),
        on_rejected=lambda _source, reason, detail: told.append(f"{reason}: {detail}"),
        on_alarm=told.append,
        now=time.time_ns,
    )
    try:
        symbol = settings.symbols[0]
        renamed = {ours: ticker for ticker, ours in settings.signals.tickers.items()}
        await client.poll_once([renamed.get(symbol, symbol)])
    finally:
        await client.aclose()
    last = told[-1] if told else "no answer"
    return _found(
        "predictions",
        good=last.startswith("ok"),
        detail=last.removeprefix("ok "),
        hint="check `signals.url` and ORDERLOOM_SIGNALS__API_KEY",
    )

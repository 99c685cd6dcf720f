"""A run that cannot begin leaves nothing: no journal that says nothing, no directory in the way."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from orderloom.cli import main
from orderloom.config import load_settings
from orderloom.errors import BrokerUnavailable
from orderloom.recovery import Seat, recover, seat_name, state_directory
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from pathlib import Path

STRATEGY = """\
broker: {{mode: paper, port: {port}}}
market: {{calendar: always}}
rules:
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY"
    do:
      - enter: {{side: BUY, shares: 1, stop: [{{percent: 2}}]}}
"""


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_without_a_broker_nothing_half_done_remains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strategy, out = tmp_path / "strategy.yaml", tmp_path / "run"
    strategy.write_text(STRATEGY.format(port=closed_port()))
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["run", str(strategy), "--paper", "--out", str(out)])
        assert ended.value.code == 3
        assert "Traceback" not in capsys.readouterr().err
        assert not out.exists()
    settings = load_settings(strategy)
    seat = Seat.take(state_directory() / seat_name(settings, "paper"), out)
    assert seat.last is None, "the next run does not look for a journal that never was"
    seat.release()


async def test_a_stop_is_heard_while_the_broker_says_nothing(tmp_path: Path) -> None:
    strategy, out = tmp_path / "strategy.yaml", tmp_path / "run"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        strategy.write_text(STRATEGY.format(port=silent.getsockname()[1]))
        options = RunOptions(mode="paper", out=out)
        session = Session(load_settings(strategy), options, lambda _text: None)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(5):  # TWS would be given ten
            while not (out / "journal.db").exists():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.01)
            session.stop()
            with pytest.raises(BrokerUnavailable, match="stopped before the broker had answered"):
                await running
    assert not out.exists()


def test_a_directory_of_another_run_is_left_alone(quickstart: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in quickstart.iterdir()}
    with pytest.raises(SystemExit) as ended:
        main(["run", "--sim", "--out", str(quickstart)])
    assert ended.value.code == 2
    assert {path: path.stat().st_mtime_ns for path in quickstart.iterdir()} == before
    assert recover(quickstart / "journal.db").doubt is None

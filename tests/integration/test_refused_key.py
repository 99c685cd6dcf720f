"""A prediction API that refuses the key ends its own asking, and nothing else of a run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import SecretStr

from orderloom.config import load_settings
from orderloom.control import find
from orderloom.sessions import RunOptions, Session
from orderloom.signals import PredictionBook, PredictionServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

STRATEGY = """\
broker: {{mode: paper, port: {tws}}}
market: {{calendar: always}}
signals: {{url: "{api}", poll: 1s}}
rules:
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY"
    do:
      - enter: {{side: BUY, shares: 1, stop: [{{percent: 2}}]}}
"""
PATIENCE = 20.0


async def test_a_run_goes_on_without_predictions_until_a_person_stops_it(
    tmp_path: Path, start_sim: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy, shown = tmp_path / "strategy.yaml", list[str]()
    monkeypatch.setenv("ORDERLOOM_SIGNALS__API_KEY", "yesterday's")
    with PredictionServer(PredictionBook(()), api_key=SecretStr("today's")) as api:
        strategy.write_text(STRATEGY.format(tws=start_sim(), api=api.url))
        options = RunOptions(mode="paper", out=tmp_path / "run", state=tmp_path / "state")
        session = Session(load_settings(strategy), options, shown.append)
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(PATIENCE):
            while not any("the API key was refused (401)" in text for text in shown):
                assert not running.done(), running.result()
                await asyncio.sleep(0.02)
        ended, _ = await asyncio.wait([running], timeout=2.0)
        assert not ended, "positions would be left alone"
        operator = find(tmp_path / "run")
        status = await asyncio.to_thread(operator.ask, "status")
        assert status["mode"] == "Active"
        assert "refused the key" in status["predictions"]
        answer = await asyncio.to_thread(operator.ask, "resume")
        assert answer["predictions"] == "asked for again"
        async with asyncio.timeout(PATIENCE):
            while sum("401" in text for text in shown) < 2:  # noqa: ASYNC110 - a plain list
                await asyncio.sleep(0.02)
        session.stop()
        async with asyncio.timeout(PATIENCE):
            summary = await running
    assert summary["exit_code"] == 0

"""Canaries as keys: whatever goes wrong, they are in nothing that a run writes or shows."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from pydantic import SecretStr

from orderloom import samples
from orderloom._core import Event
from orderloom.clock import ManualClock
from orderloom.config import load_settings
from orderloom.sessions import RunOptions, Session
from orderloom.signals.signing import HEADER, signature
from orderloom.world import Stage
from orderloom.world.stage import Listed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CANARY = "canary-7f3a9c51e0d24b68"
SIGNING = "signing-canary-55d0c3b1a97e"
FORGED = f"an answer that is signed with no signature, but {SIGNING}"
STRATEGY = """\
broker: {{mode: paper, port: {tws}}}
market: {{calendar: always}}
signals: {{url: "http://127.0.0.1:{api}", poll: 1s}}
rules:
  - name: long
    on: PredictionSignal
    symbols: [AAPL]
    when: signal.side == "BUY" and position.is_flat
    do:
      - enter: {{side: BUY, shares: 10, stop: [{{percent: 2}}], target: [{{percent: 8}}]}}
"""


class Parrot:
    """An API that repeats the key that it was asked with, in every way in which it can fail.

    It tells the key that it signs with, too, once in the place of a signature.
    """

    def __init__(self) -> None:
        self.heard = 0
        self._turn = count()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(
            line.split(": ", 1)[1]
            for line in request.splitlines()
            if line.lower().startswith("x-api-key")
        )
        self.heard += key == CANARY
        key = f"{key} {SIGNING}"
        prediction = {"ticker": "AAPL", "signal": f"BUY {key}", "timestamp": key}
        answers = [
            (200, json.dumps({"status": "success", "data": {"prediction": prediction}})),
            (200, FORGED),
            (200, f"not JSON: {key}"),
            (500, json.dumps({"status": "error", "error": key, "message": f"no {key}"})),
            (404, key),
            (401, json.dumps({"status": "error", "message": f"the key {key} is wrong"})),
        ]
        code, body = answers[next(self._turn) % len(answers)]
        signed = SIGNING if body == FORGED else signature(SecretStr(SIGNING), body.encode())
        head = (
            f"HTTP/1.1 {code} {key}\r\n{HEADER}: {signed}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        writer.write((head + body).encode())
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()


async def test_a_key_is_in_nothing_that_a_run_with_failures_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    clock.advance_to(time.time_ns())
    listed = [Listed("AAPL", "0.01", "1", "USD")]
    stage = Stage(listed, [samples.market()], calendar="always", clock=clock, shift_to=clock.now())
    await stage.tws.start()
    parrot = Parrot()
    api = await asyncio.start_server(parrot.serve, "127.0.0.1", 0)
    file = tmp_path / "strategy.yaml"
    port = api.sockets[0].getsockname()[1]
    file.write_text(STRATEGY.format(tws=stage.tws.port, api=port))
    monkeypatch.setenv("ORDERLOOM_SIGNALS__API_KEY", CANARY)
    monkeypatch.setenv("ORDERLOOM_SIGNALS__HMAC_KEY", SIGNING)
    settings = load_settings(file)
    shown: list[str] = [repr(settings), str(settings), repr(settings.signals)]
    run = tmp_path / "run"
    options = RunOptions(mode="paper", out=run, state=tmp_path / "state", duration=30.0)
    session = Session(settings, options, shown.append)
    tokens: set[bytes] = set()

    async def play() -> None:
        for moment in stage.moments():
            clock.advance_to(max(time.time_ns(), clock.now()))
            stage.play(moment)
            await asyncio.sleep(0.05)
            if (control := run / "control.json").exists():
                tokens.add(json.loads(control.read_bytes())["token"].encode())
            if parrot.heard >= 6:
                session.runner.post(
                    Event.operator("halt", reason=f"because of {CANARY} and {SIGNING}")
                )
                session.runner.on_time()
                stage.tws.disconnect_clients()
                await asyncio.sleep(0.5)
                session.stop()
                return

    playing = asyncio.create_task(play())
    try:
        summary = await session.run()
    finally:
        playing.cancel()
        api.close()
        await stage.tws.stop()
    shown += [json.dumps(summary), *capfd.readouterr()]

    assert parrot.heard >= 6, "each of its answers was given"
    assert tokens
    leaks = [text for text in shown if CANARY in text or SIGNING in text]
    assert leaks == []
    written = [path for path in run.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"journal.db", "log.jsonl", "summary.json"}
    for path in written:
        content = path.read_bytes()
        assert CANARY.encode() not in content, path
        assert SIGNING.encode() not in content, path
        assert not any(token in content for token in tokens), path

"""Signed predictions, and whoever would like to be believed without the key."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from orderloom.config import ConfigError, check_text, parse_settings
from orderloom.signals import (
    PollLimits,
    Prediction,
    PredictionBook,
    PredictionClient,
    PredictionPush,
    PredictionRecord,
    PredictionServer,
    PredictionSource,
    ServerSentEvents,
    Signal,
)
from orderloom.signals.signing import signature, wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

AT = 1_773_149_400_000_000_000
KEY = "a shared secret of 27 bytes"
QUICK = PollLimits(per_minute=None, attempts=1)
BUY = Prediction(ticker="AAPL", signal=Signal.BUY, confidence=0.9, predicted_at=AT, id="one")
BODY = json.dumps({"status": "success", "data": {"prediction": BUY.to_document()}}).encode()


def by_hand(body: bytes, key: str = KEY) -> str:
    return "sha256=" + hmac(key.encode(), body, sha256).hexdigest()


class Heard:
    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.codes: list[str] = []
        self.alarms: list[str] = []

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_prediction": self.predictions.append,
            "on_rejected": lambda _source, code, _detail: self.codes.append(code),
            "on_alarm": self.alarms.append,
        }


async def poll(url: str, *tickers: str, hmac_key: str = KEY, times: int = 1) -> Heard:
    heard = Heard()
    source = PredictionSource(url=url, hmac_key=SecretStr(hmac_key))
    async with PredictionClient(source, limits=QUICK, **heard.callbacks()) as client:
        for _ in range(times):
            await client.poll_once(tickers or ("AAPL",))
    return heard


@pytest.fixture
def forger() -> Iterator[Callable[[bytes, str | None], str]]:
    """A server that answers with whatever it is given, and a header of its own making."""
    servers: list[ThreadingHTTPServer] = []

    def serve(body: bytes, header: str | None) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                if header is not None:
                    self.send_header("X-Signature", header)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


async def test_what_the_server_signs_is_taken_under_the_same_key_alone() -> None:
    book = PredictionBook([PredictionRecord(BUY, AT)])
    with PredictionServer(book, clock=lambda: AT, hmac_key=KEY) as server:
        heard = await poll(server.url)
        assert heard.predictions == [BUY]
        assert heard.codes == heard.alarms == []
        stranger = await poll(server.url, hmac_key="another secret of 25 byte", times=3)
        assert stranger.predictions == []
        assert stranger.codes == ["BAD_SIGNATURE"] * 3
        assert len(stranger.alarms) == 1
        # Who demands none is served as well.
        assert (await poll(server.url, hmac_key="")).predictions == [BUY]
    with PredictionServer(book, clock=lambda: AT) as server:
        unsigned = await poll(server.url, times=2)
        assert unsigned.predictions == []
        assert unsigned.codes == ["UNSIGNED"] * 2
        assert len(unsigned.alarms) == 1
        assert KEY not in str(unsigned.alarms)


async def test_a_signature_made_by_hand_is_the_same(forger: Callable[..., str]) -> None:
    assert signature(SecretStr(KEY), BODY) == by_hand(BODY)
    assert (await poll(forger(BODY, by_hand(BODY).upper().replace("SHA", "sha")))).predictions == [
        BUY
    ]


FORGED_BODIES = {
    "another id": BODY.replace(b'"one"', b'"two"'),
    "another ticker": BODY.replace(b"AAPL", b"TSLA"),
    "another side": BODY.replace(b'"BUY"', b'"SHORT"'),
    "another time": BODY.replace(b"2026-03-10T13:30:00", b"2026-03-10T13:31:00"),
    "another confidence": BODY.replace(b"0.9", b"1.0"),
    "the side a second time": BODY.replace(b'"BUY"', b'"BUY", "signal": "SHORT"'),
    "a blank more": BODY + b" ",
    "cut short": BODY[:-1],
    "empty": b"",
}


@pytest.mark.parametrize("body", FORGED_BODIES.values(), ids=FORGED_BODIES)
async def test_a_changed_body_is_forged_whatever_was_changed(
    forger: Callable[..., str], body: bytes
) -> None:
    assert body != BODY
    heard = await poll(forger(body, by_hand(BODY)), "AAPL", "TSLA")
    assert heard.predictions == []
    assert heard.codes == ["BAD_SIGNATURE", "BAD_SIGNATURE"]


BAD_HEADERS: dict[str, tuple[str | None, str]] = {
    "none": (None, "UNSIGNED"),
    "empty": ("", "UNSIGNED"),
    "no prefix": (by_hand(BODY).removeprefix("sha256="), "BAD_SIGNATURE"),
    "half of it": (by_hand(BODY)[:39], "BAD_SIGNATURE"),
    "a digest without a key": ("sha256=" + sha256(BODY).hexdigest(), "BAD_SIGNATURE"),
    "of another key": (by_hand(BODY, "x" * 27), "BAD_SIGNATURE"),
    "of an empty key": (by_hand(BODY, ""), "BAD_SIGNATURE"),
    "not ASCII": ("sha256=\xe4\xf6", "BAD_SIGNATURE"),
    "long": ("sha256=" + "0" * 4000, "BAD_SIGNATURE"),
}


@pytest.mark.parametrize(("header", "code"), BAD_HEADERS.values(), ids=BAD_HEADERS)
async def test_a_wrong_signature_is_refused_whatever_is_wrong_with_it(
    forger: Callable[..., str], header: str | None, code: str
) -> None:
    heard = await poll(forger(BODY, header))
    assert heard.predictions == []
    assert heard.codes == [code]


async def test_pushed_messages_are_signed_as_well() -> None:
    book = PredictionBook([PredictionRecord(BUY, AT)])
    with PredictionServer(book, clock=lambda: AT, hmac_key=KEY) as server:
        events = ServerSentEvents(PredictionSource(url=server.url))
        heard = Heard()
        push = PredictionPush(events, hmac_key=KEY, **heard.callbacks())
        task = asyncio.create_task(push.run())
        async with asyncio.timeout(5):
            while not heard.predictions:  # noqa: ASYNC110 - the push has no event to set
                await asyncio.sleep(0.01)
        task.cancel()
    assert heard.predictions == [BUY]


class Said:
    """A transport that says given messages and ends."""

    def __init__(self, *said: str) -> None:
        self._said = said

    async def messages(self) -> AsyncIterator[str]:
        for message in self._said:
            yield message


async def test_a_pushed_message_that_is_not_signed_is_skipped_and_the_next_one_taken() -> None:
    good = wrapped(SecretStr(KEY), BODY.decode())
    said = [
        BODY.decode(),
        wrapped(SecretStr("another secret of 25 byte"), BODY.decode()),
        good.replace("AAPL", "TSLA"),
        '{"signed": 5, "signature": []}',
        "[" * 5000,
        "not JSON",
        good,
    ]
    heard = Heard()
    await PredictionPush(Said(*said), hmac_key=KEY, **heard.callbacks()).run()
    assert heard.predictions == [BUY]
    unsigned, forged = ["UNSIGNED"], ["BAD_SIGNATURE"]
    assert heard.codes == [*unsigned, *forged, *forged, *unsigned, *unsigned, *unsigned]
    assert len(heard.alarms) == 1


def test_the_key_comes_from_outside_the_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    text = f"signals:\n  url: https://example.org\n  hmac_key_file: {file}\n"
    checked = check_text(text, environment={})
    assert checked.settings is not None
    source = checked.settings.signals.source()
    assert source is not None
    assert source.hmac_key.get_secret_value() == KEY
    assert checked.settings.signals.is_signed
    assert KEY not in repr(checked) + repr(source) + checked.settings.engine_config("r")
    origin = {value.key: value.origin for value in checked.resolved}
    assert origin["signals.hmac_key"] == f"file {file}"

    file.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):  # and not: nothing is signed
        parse_settings(text, environment={})
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        parse_settings(text, environment={})
    with pytest.raises(ConfigError, match="no file"):
        parse_settings(text.replace(str(file), str(file) + "2"), environment={})
    with pytest.raises(ConfigError, match="a secret in the file"):
        parse_settings(f"signals: {{hmac_key: {KEY}}}", environment={})
    short = {"ORDERLOOM_SIGNALS__HMAC_KEY": "short"}
    with pytest.raises(ConfigError, match="a key of 5 characters"):
        parse_settings("", environment=short)


def test_while_predictions_are_not_signed_the_lower_limits_count() -> None:
    text = """\
limits:
  max_order_value: 1_000
  max_open_contexts: 5
  no_short: [TSLA]
  unsigned: {max_order_value: 5_000, max_open_contexts: 1, max_daily_loss: 50, no_short: [AAPL]}
"""
    environment = {"ORDERLOOM_SIGNALS__HMAC_KEY": KEY}
    unsigned = json.loads(parse_settings(text, environment={}).engine_config("r"))["limits"]
    signed = json.loads(parse_settings(text, environment=environment).engine_config("r"))["limits"]
    assert unsigned.keys() == signed.keys()
    assert "unsigned" not in unsigned
    changed = {
        name: (signed[name], unsigned[name]) for name in signed if signed[name] != unsigned[name]
    }
    assert changed == {
        "max_open_contexts": (5, 1),
        "max_daily_loss": (None, "50"),
        "no_short": (["TSLA"], ["TSLA", "AAPL"]),
    }


def test_live_trading_on_unsigned_predictions_is_warned_of() -> None:
    live = "broker: {mode: live, account: U1234567}\nsignals: {url: https://example.org}\n"
    keyed = {"ORDERLOOM_SIGNALS__HMAC_KEY": KEY}

    def warned(text: str, environment: dict[str, str]) -> bool:
        warnings = check_text(text, environment=environment).warnings
        return any("not signed" in str(problem) for problem in warnings)

    assert warned(live, {})
    assert not warned(live, keyed)
    assert not warned(live + "limits: {unsigned: {max_order_value: 100}}\n", {})
    assert not warned(live.replace("live", "paper"), {})

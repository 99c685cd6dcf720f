"""A prediction source is asked over verified TLS or not at all.

`tests/data/self-signed.pem` is the key and certificate of a server for `localhost` that nobody
vouches for. It is known to everybody and protects nothing.
"""

from __future__ import annotations

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from pydantic import SecretStr

from orderloom.signals import PollLimits, PredictionClient, PredictionSource
from orderloom.signals.source import open_http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEM = Path(__file__).parents[1] / "data" / "self-signed.pem"
KEY = "canary-7f3a9c51e0d2"


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[int, list[str]]]]:
    """Starts a TLS server; gives its port, and the API keys that it was told."""
    servers: list[ThreadingHTTPServer] = []

    def start(newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> tuple[int, list[str]]:
        told: list[str] = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.append(self.headers.get("X-API-Key", ""))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None: ...

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None: ...

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        if newest is not ssl.TLSVersion.MAXIMUM_SUPPORTED:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        server = Quiet(("localhost", 0), Answer)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.server_address[1], told

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


async def test_a_server_that_nobody_vouches_for_never_hears_the_key(
    serve: Callable[..., tuple[int, list[str]]],
) -> None:
    port, told = serve()
    codes: list[str] = []
    source = PredictionSource(url=f"https://localhost:{port}", api_key=SecretStr(KEY))
    client = PredictionClient(
        source,
        on_prediction=lambda _: pytest.fail("expected none"),
        on_rejected=lambda _source, code, _detail: codes.append(code),
        limits=PollLimits(per_minute=None, attempts=1),
    )
    async with client:
        await client.poll_once(["AAPL"])
    assert codes == ["CONNECTION"]
    assert told == []


async def test_a_certificate_counts_for_its_own_name_alone(
    serve: Callable[..., tuple[int, list[str]]],
) -> None:
    port, told = serve()
    trusting = ssl.create_default_context(cafile=PEM)
    right = PredictionSource(url=f"https://localhost:{port}", api_key=SecretStr(KEY))
    async with open_http(right, verify=trusting) as http:
        assert (await http.get(right.url)).status_code == 200
    assert told == [KEY]
    other = PredictionSource(url=f"https://127.0.0.1:{port}", api_key=SecretStr(KEY))
    async with open_http(other, verify=trusting) as http:
        with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate"):
            await http.get(other.url)
    assert told == [KEY]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_below_1_2_is_refused(serve: Callable[..., tuple[int, list[str]]]) -> None:
    port, told = serve(ssl.TLSVersion.TLSv1_1)
    trusting = ssl.create_default_context(cafile=PEM)
    source = PredictionSource(url=f"https://localhost:{port}", api_key=SecretStr(KEY))
    async with open_http(source, verify=trusting) as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(source.url)
    assert told == []


def test_verification_cannot_be_switched_off() -> None:
    source = PredictionSource(url="https://example.org")
    blind = ssl.create_default_context()
    blind.check_hostname = False
    nameless = ssl.create_default_context()
    nameless.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    for verify in (blind, nameless, False):
        with pytest.raises(ValueError, match="must check the server's certificate and name"):
            open_http(source, verify=verify)

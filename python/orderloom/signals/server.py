"""The embedded prediction API: the documented schema over real HTTP on this machine.

Serves recorded or generated predictions as of a clock that it is given, so that a simulation in
any tempo asks over the same wire as live trading does. It listens on the loopback address only.
"""

from __future__ import annotations

import hmac
import json
import math
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from orderloom.instant import ns_to_iso
from orderloom.signals.signing import HEADER, signature, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from orderloom.signals.book import PredictionBook
    from orderloom.signals.records import PredictionRecord

_NOT_OFFERED: Final = frozenset({"trades", "minute-data"})
_STREAM_EVERY_SECONDS: Final = 0.02
_HEARTBEAT_SECONDS: Final = 10.0


class ApiError(Exception):
    """An answer of the documented error envelope."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message


@dataclass
class RateWindow:
    """A fixed window of `seconds` with room for `limit` requests; None: no limit, no headers."""

    limit: int | None
    wall: Callable[[], float] = time.time
    seconds: float = 60.0
    _used: int = 0
    _resets_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> dict[str, str]:
        """The headers of this request's answer.

        Raises:
            ApiError: 429; the request was one too many.
        """
        if self.limit is None:
            return {}
        with self._lock:
            now = self.wall()
            if now >= self._resets_at:
                self._used, self._resets_at = 0, now + self.seconds
            self._used += 1
            if self._used > self.limit:
                raise ApiError(429, "Too Many Requests", f"over {self.limit} requests")
            return self.headers()

    def headers(self) -> dict[str, str]:
        """How much of the window is left, and when it ends (epoch seconds)."""
        if self.limit is None:
            return {}
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self._used)),
            "X-RateLimit-Reset": str(math.ceil(self._resets_at)),
        }


class PredictionServer:
    """Serves a `PredictionBook`; use it as a context manager, or `start` and `stop`.

    `clock` gives the moment (UTC ns) as of which every question is answered. `tickers` are those
    that the API knows, by default those of the book. An empty `api_key` asks for none; with an
    `hmac_key` every answer is signed.

    Example:
        >>> from orderloom.signals import PredictionBook, PredictionServer
        >>> with PredictionServer(PredictionBook([]), clock=lambda: 0) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(
        self,
        book: PredictionBook,
        *,
        clock: Callable[[], int] = time.time_ns,
        api_key: SecretStr | str = "",
        hmac_key: SecretStr | str = "",
        tickers: tuple[str, ...] | None = None,
        base_path: str = "/api/v1",
        port: int = 0,
        requests_per_minute: int | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.book = book
        self.clock = clock
        self.tickers = book.tickers if tickers is None else tickers
        self.base_path = "/" + base_path.strip("/")
        self.rate = RateWindow(requests_per_minute, wall)
        self.wall = wall
        self.closing = threading.Event()
        self._api_key = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
        self._hmac_key = hmac_key if isinstance(hmac_key, SecretStr) else SecretStr(hmac_key)
        self._http = _Server(("127.0.0.1", port), _Exchange)
        self._http.app = self
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base URL, as a client's configuration takes it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{self.base_path}"

    def start(self) -> Self:
        """Serve on a thread of its own."""
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="prediction-api", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """End open streams and stop serving."""
        self.closing.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers that sign an answer; none without a key."""
        is_keyed = bool(self._hmac_key.get_secret_value())
        return {HEADER: signature(self._hmac_key, body)} if is_keyed else {}

    def admit(self, key: str | None) -> None:
        """Check the API key in constant time.

        Raises:
            ApiError: 401.
        """
        expected = self._api_key.get_secret_value()
        if expected and not hmac.compare_digest((key or "").encode(), expected.encode()):
            raise ApiError(401, "Unauthorized", "X-API-Key is missing or wrong")

    def answer(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """The `data` of one question.

        Raises:
            ApiError: what is asked for does not exist or is not offered.
        """
        now = self.clock()
        if path == "prediction/latest":
            return self._latest(query, now)
        if path == "predictions":
            return self._history(query, now)
        if path == "tickers":
            return {"tickers": list(self.tickers), "count": len(self.tickers)}
        if path == "status":
            return {"status": "ok", "time": ns_to_iso(now), "predictions": self.book.count(now)}
        if path in _NOT_OFFERED:
            raise ApiError(501, "Not Implemented", f"`{path}` is not offered by this server")
        raise ApiError(404, "Not Found", f"no endpoint `{path}`")

    def _latest(self, query: dict[str, str], now: int) -> dict[str, Any]:
        ticker = self.ticker_of(query)
        default_only = query.get("use_default_only", "false")
        if default_only not in ("true", "false"):
            raise ApiError(400, "Bad Request", "`use_default_only` must be true or false")
        record = self.book.latest(ticker, now)
        if record is None:
            raise ApiError(404, "Not Found", f"no prediction for `{ticker}` yet")
        return envelope_data(record, default_only=default_only == "true")

    def _history(self, query: dict[str, str], now: int) -> dict[str, Any]:
        limit = query.get("limit", "100")
        if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= 1_000):
            raise ApiError(400, "Bad Request", "`limit` must be from 1 to 1000")
        ticker = self.ticker_of(query) if "ticker" in query else None
        records = self.book.history(ticker, now, int(limit))
        return {
            "predictions": [record.prediction.to_document() for record in records],
            "count": len(records),
        }

    def ticker_of(self, query: dict[str, str]) -> str:
        """The ticker of a question, in upper case.

        Raises:
            ApiError: 400 when there is none, 404 when it is unknown.
        """
        ticker = query.get("ticker", "").strip().upper()
        if not ticker:
            raise ApiError(400, "Bad Request", "`ticker` is missing")
        if ticker not in self.tickers:
            raise ApiError(404, "Not Found", f"unknown ticker `{ticker[:21]}`")
        return ticker

    def stream(self, tickers: frozenset[str], last_id: str | None) -> Iterator[bytes]:
        """Server-sent events: first what is served now, or all since `last_id`; then news."""
        position = self.book.count(self.clock())
        if last_id is not None:
            position = min(position, int(last_id) + 1)
        else:
            for ticker in sorted(tickers):
                record = self.book.latest(ticker, self.clock())
                if record is not None:
                    yield self._event(None, record)
        quiet_since = time.monotonic()
        while not self.closing.wait(_STREAM_EVERY_SECONDS):
            until = self.book.count(self.clock())
            for number, record in enumerate(self.book.between(position, until), start=position):
                if record.prediction.ticker in tickers:
                    yield self._event(number, record)
                    quiet_since = time.monotonic()
            position = max(position, until)
            if time.monotonic() - quiet_since > _HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                quiet_since = time.monotonic()

    def _event(self, number: int | None, record: PredictionRecord) -> bytes:
        data = json.dumps({"status": "success", "data": envelope_data(record)})
        if self._hmac_key.get_secret_value():
            data = wrapped(self._hmac_key, data)
        head = "" if number is None else f"id: {number}\n"
        return f"{head}event: prediction\ndata: {data}\n\n".encode()


def envelope_data(record: PredictionRecord, *, default_only: bool = False) -> dict[str, Any]:
    """The `data` of a success envelope around one prediction."""
    return {
        "ticker": record.prediction.ticker,
        "prediction": record.prediction.to_document(),
        "model_info": {
            "model_path": "recorded",
            "is_ticker_specific": not default_only,
            "using_default_only": default_only,
        },
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    app: PredictionServer


class _Exchange(BaseHTTPRequestHandler):
    """One connection: reads questions, writes answers, decides nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        app = self.server.app
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        headers: dict[str, str] = {}
        document: dict[str, Any]
        try:
            app.admit(self.headers.get("X-API-Key"))
            headers = app.rate.take()
            base, _, path = parts.path.partition(app.base_path + "/")
            if base or not path:
                raise ApiError(404, "Not Found", f"the API is under {app.base_path}")
            if path == "stream":
                self._stream(query)
                return
            status, document = 200, {"status": "success", "data": app.answer(path, query)}
        except ApiError as error:
            status = error.status
            document = {
                "status": "error",
                "error": error.error,
                "code": error.status,
                "message": error.message,
            }
            headers = headers or app.rate.headers()
        self._send(status, headers, json.dumps(document).encode())

    def _stream(self, query: dict[str, str]) -> None:
        app = self.server.app
        named = query.get("ticker")
        wanted = named.split(",") if named else app.tickers
        tickers = frozenset(app.ticker_of({"ticker": ticker}) for ticker in wanted)
        last_id = self.headers.get("Last-Event-ID")
        if last_id is not None and not (last_id.isascii() and last_id.isdecimal()):
            raise ApiError(400, "Bad Request", "`Last-Event-ID` is not one of this server's")
        self.close_connection = True
        self._head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        try:
            for event in app.stream(tickers, last_id):
                self.wfile.write(event)
        except OSError:
            pass  # The reader has left; nothing is owed to anybody.

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        head = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        self._head(status, {**head, **self.server.app.signed(body)}, body)

    def _head(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        """Head and body leave in one write, since two would wait for an acknowledgement."""
        date = formatdate(self.server.app.wall(), usegmt=True)
        lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}", f"Date: {date}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: a request line is no event of ours."""

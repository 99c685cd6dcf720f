"""The client against the embedded API over real HTTP, and against what no real server does."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from pydantic import SecretStr
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request, TextMessage

from orderloom.signals import (
    JsonLines,
    OptionsFlowMonitor,
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
    WebSocket,
    generate_records,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orderloom.signals import Transport

AT = 1_773_149_400_000_000_000
SECOND = 1_000_000_000
KEY = "canary-7f3a"


class Heard:
    """What the three callbacks received."""

    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.rejected: list[tuple[str, str, str]] = []
        self.alarms: list[str] = []

    @property
    def codes(self) -> list[str]:
        return [code for _, code, _ in self.rejected]

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_prediction": self.predictions.append,
            "on_rejected": lambda *answer: self.rejected.append(answer),
            "on_alarm": self.alarms.append,
        }


class Time:
    """One time for client and server that passes only in sleep."""

    def __init__(self) -> None:
        self.now = AT
        self.slept: list[float] = []

    def ns(self) -> int:
        return self.now

    def seconds(self) -> float:
        return self.now / SECOND

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * SECOND)
        await asyncio.sleep(0)


def record(
    ticker: str, signal: Signal, seconds: int, served: int | None = None
) -> PredictionRecord:
    at = AT + seconds * SECOND
    served_at = at if served is None else AT + served * SECOND
    return PredictionRecord(
        Prediction(ticker=ticker, signal=signal, confidence=0.9, predicted_at=at), served_at
    )


BOOK = PredictionBook(
    [
        record("AAPL", Signal.BUY, 0),
        record("MSFT", Signal.SHORT, 0),
        record("AAPL", Signal.SELL, 60),
        record("AAPL", Signal.BUY, 0, served=120),
    ]
)
QUICK = PollLimits(
    per_minute=None, attempts=2, backoff_initial=0.001, backoff_max=0.002, backoff_jitter=0.0
)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def server(time: Time) -> Iterator[PredictionServer]:
    with PredictionServer(BOOK, clock=time.ns, api_key=KEY, wall=time.seconds) as serving:
        yield serving


def source(server: PredictionServer, key: str = KEY) -> PredictionSource:
    return PredictionSource(url=server.url, api_key=SecretStr(key))


def answering(handler: Callable[[httpx2.Request], Any], heard: Heard) -> PredictionClient:
    return PredictionClient(
        PredictionSource(url="https://api.example.org/v1", api_key=SecretStr(KEY)),
        limits=QUICK,
        transport=httpx2.MockTransport(handler),
        **heard.callbacks(),
    )


async def test_all_tickers_are_asked_and_reported_in_order_with_the_time_of_arrival(
    server: PredictionServer, time: Time
) -> None:
    heard = Heard()
    async with PredictionClient(source(server), now=time.ns, **heard.callbacks()) as client:
        await client.poll_once(["MSFT", "AAPL"], in_order=True)

    assert [(p.ticker, p.signal) for p in heard.predictions] == [("MSFT", "SHORT"), ("AAPL", "BUY")]
    assert {p.received_at for p in heard.predictions} == {AT}
    assert all(p.received_monotonic_ns is not None for p in heard.predictions)
    assert (heard.rejected, heard.alarms) == ([], [])


async def test_a_prediction_served_again_is_reported_again_under_the_same_key(
    server: PredictionServer, time: Time
) -> None:
    heard = Heard()
    async with PredictionClient(source(server), **heard.callbacks()) as client:
        for _ in range(4):
            await client.poll_once(["AAPL"])
            time.now += 40 * SECOND

    keys = [p.key for p in heard.predictions]
    assert [p.signal for p in heard.predictions] == ["BUY", "BUY", "SELL", "BUY"]
    assert keys[0] == keys[1] == keys[3] != keys[2]


async def test_unknown_tickers_and_unserved_predictions_are_refused_without_retry(
    server: PredictionServer, time: Time
) -> None:
    time.now = AT - SECOND
    heard = Heard()
    async with PredictionClient(source(server), **heard.callbacks()) as client:
        await client.poll_once(["AAPL", "NVDA"], in_order=True)
        await client.poll_once([""])

    assert heard.codes == ["NOT_FOUND", "NOT_FOUND", "BAD_REQUEST"]
    assert heard.predictions == []


async def test_a_refused_key_stops_the_source_with_one_alarm_until_it_is_resumed(
    server: PredictionServer,
) -> None:
    heard = Heard()
    async with PredictionClient(
        source(server, "not-the-key"), limits=QUICK, **heard.callbacks()
    ) as client:
        running = asyncio.create_task(client.run(["AAPL"], 0.01))
        async with asyncio.timeout(5):
            while not client.is_stopped:  # noqa: ASYNC110 - the alarm is a plain call
                await asyncio.sleep(0.01)
        await client.poll_once(["AAPL", "MSFT"])
        await asyncio.sleep(0.1)
        assert not running.done()
        assert heard.codes == ["UNAUTHORIZED"]
        assert len(heard.alarms) == 1
        client.resume()
        async with asyncio.timeout(5):
            while len(heard.alarms) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        running.cancel()

    assert set(heard.codes) == {"UNAUTHORIZED"}
    assert "not-the-key" not in repr(heard.rejected) + repr(heard.alarms) + repr(client.source)


async def test_a_rate_limit_is_waited_for_until_its_reset_and_then_asked_again(time: Time) -> None:
    heard = Heard()
    with PredictionServer(BOOK, clock=time.ns, wall=time.seconds, requests_per_minute=2) as limited:
        for client_number in range(2):
            # The second client comes from elsewhere and cannot know that the window is full.
            async with PredictionClient(
                source(limited),
                limits=QUICK,
                now=time.ns,
                monotonic_ns=time.ns,
                sleep=time.sleep,
                **heard.callbacks(),
            ) as client:
                await client.poll_once(["AAPL"])
                await client.poll_once(["MSFT"] if client_number == 0 else [])

    assert heard.codes == ["RATE_LIMITED"]
    assert len(heard.predictions) == 3
    assert time.slept == [60.0]


async def test_an_announced_empty_window_is_not_run_into(time: Time) -> None:
    heard = Heard()
    with PredictionServer(BOOK, clock=time.ns, wall=time.seconds, requests_per_minute=1) as limited:
        async with PredictionClient(
            source(limited),
            now=time.ns,
            monotonic_ns=time.ns,
            sleep=time.sleep,
            **heard.callbacks(),
        ) as client:
            await client.poll_once(["AAPL"])
            await client.poll_once(["MSFT"])

    assert (len(heard.predictions), heard.codes, time.slept) == (2, [], [60.0])


async def test_our_own_rate_is_kept(server: PredictionServer, time: Time) -> None:
    heard = Heard()
    async with PredictionClient(
        source(server),
        limits=PollLimits(per_minute=2),
        monotonic_ns=time.ns,
        sleep=time.sleep,
        **heard.callbacks(),
    ) as client:
        await client.poll_once(["AAPL", "MSFT", "AAPL"])

    assert len(heard.predictions) == 3
    assert time.slept == [60.0]


async def test_one_run_polls_each_ticker_at_its_pace_and_survives_a_failing_callback(
    server: PredictionServer, time: Time
) -> None:
    heard = Heard()
    waited: list[float] = []

    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) >= 6:
            enough.set()
            await asyncio.sleep(60)

    def on_prediction(prediction: Prediction) -> None:
        heard.predictions.append(prediction)
        raise LookupError("a user's mistake")

    callbacks = heard.callbacks() | {"on_prediction": on_prediction}
    limits = PollLimits(per_minute=None)
    async with PredictionClient(
        source(server), limits=limits, monotonic_ns=time.ns, **callbacks
    ) as client:
        running = asyncio.create_task(client.run(["AAPL", "MSFT"], 60.0, sleep))
        await asyncio.wait_for(enough.wait(), timeout=5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert len(heard.predictions) >= 4
    assert {p.ticker for p in heard.predictions} == {"AAPL", "MSFT"}
    assert set(waited) == {60.0}
    assert len(heard.alarms) == len(heard.predictions)
    assert "a user's mistake" in heard.alarms[0]


def success(**changes: Any) -> dict[str, Any]:
    prediction = {"ticker": "AAPL", "signal": "BUY", "confidence": 0.9, "timestamp": AT // 10**6}
    return {"status": "success", "data": {"prediction": prediction | changes}}


FAULTS: list[tuple[str, Callable[[], httpx2.Response], int]] = [
    ("SERVER_ERROR", lambda: httpx2.Response(503, text="down"), 2),
    ("HTTP_STATUS", lambda: httpx2.Response(501, text="no"), 1),
    ("REDIRECT", lambda: httpx2.Response(302, headers={"Location": "https://evil.test/"}), 1),
    ("TOO_LARGE", lambda: httpx2.Response(200, content=b" " * 300_000), 1),
    ("ENCODING", lambda: httpx2.Response(200, headers={"Content-Encoding": "br"}), 1),
    ("MALFORMED_JSON", lambda: httpx2.Response(200, text='{"confidence": NaN}'), 1),
    ("MALFORMED_JSON", lambda: httpx2.Response(200), 1),
    ("BAD_FIELD", lambda: httpx2.Response(200, json=success(confidence=-1)), 1),
    ("WRONG_TICKER", lambda: httpx2.Response(200, json=success(ticker="TSLA")), 1),
    ("API_ERROR", lambda: httpx2.Response(200, json={"status": "error", "code": "X"}), 1),
    ("SERVER_ERROR", lambda: httpx2.Response(200, json={"status": "error", "code": 500}), 2),
]


@pytest.mark.parametrize(("code", "answer", "requests"), FAULTS)
async def test_a_bad_answer_is_reported_and_the_next_poll_works(
    code: str, answer: Callable[[], httpx2.Response], requests: int
) -> None:
    asked: list[httpx2.Request] = []
    healed = False

    def handler(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        made = httpx2.Response(200, json=success()) if healed else answer()
        # Unread, as from a socket.
        stream = httpx2.ByteStream(made.content)
        return httpx2.Response(made.status_code, headers=made.headers, stream=stream)

    heard = Heard()
    async with answering(handler, heard) as client:
        await client.poll_once(["AAPL"])
        assert (heard.codes, heard.predictions) == ([code] * requests, [])
        assert len(asked) == requests
        healed = True
        await client.poll_once(["AAPL"])

    assert [p.ticker for p in heard.predictions] == ["AAPL"]
    assert heard.alarms == []
    assert {request.url.host for request in asked} == {"api.example.org"}
    assert {request.headers["X-API-Key"] for request in asked} == {KEY}
    assert KEY not in repr(heard.rejected)


async def test_an_endless_answer_is_cut_by_size_and_a_silent_one_by_time() -> None:
    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" " * 65_536

    async def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["ticker"] == "AAPL":
            return httpx2.Response(200, stream=Endless())
        await asyncio.sleep(60)
        raise AssertionError

    heard = Heard()
    limits = PollLimits(seconds=0.05, attempts=1)
    async with PredictionClient(
        PredictionSource(url="https://api.example.org"),
        limits=limits,
        transport=httpx2.MockTransport(handler),
        **heard.callbacks(),
    ) as client:
        await asyncio.wait_for(client.poll_once(["AAPL", "SLOW"], in_order=True), timeout=5)

    assert heard.codes == ["TOO_LARGE", "TIMEOUT"]


async def test_nobody_listening_is_a_lost_connection_and_not_the_end() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        heard = Heard()
        async with PredictionClient(
            PredictionSource(url=url), limits=QUICK, **heard.callbacks()
        ) as client:
            await client.poll_once(["AAPL"])

    assert heard.codes == ["CONNECTION", "CONNECTION"]


async def test_the_monitor_counts_what_it_hands_over(server: PredictionServer) -> None:
    seen: list[Prediction] = []
    async with OptionsFlowMonitor(
        ["AAPL", "NVDA"], server.url, seen.append, api_key=KEY
    ) as monitor:
        await monitor.poll_once()

    assert [p.ticker for p in seen] == ["AAPL"]
    assert (monitor.received, dict(monitor.rejected)) == (1, {"NOT_FOUND": 1})


async def test_the_server_answers_its_other_endpoints_as_documented(
    server: PredictionServer, time: Time
) -> None:
    time.now += 90 * SECOND
    async with httpx2.AsyncClient(headers={"X-API-Key": KEY}, trust_env=False) as http:

        async def ask(path: str) -> tuple[int, Any]:
            response = await http.get(f"{server.url}/{path}")
            return response.status_code, response.json()

        assert (await ask("tickers"))[1]["data"]["tickers"] == ["AAPL", "MSFT"]
        assert (await ask("status"))[1]["data"]["predictions"] == 3
        history = (await ask("predictions?ticker=aapl&limit=5"))[1]["data"]["predictions"]
        assert [each["signal"] for each in history] == ["SELL", "BUY"]
        statuses = {
            path: await ask(path)
            for path in (
                "trades",
                "nothing",
                "prediction/latest",
                "predictions?limit=0",
                "prediction/latest?ticker=AAPL&use_default_only=maybe",
            )
        }
    assert [status for status, _ in statuses.values()] == [501, 404, 400, 400, 400]
    assert all(set(body) == {"status", "error", "code", "message"} for _, body in statuses.values())


def test_generated_predictions_come_from_the_seed_alone() -> None:
    def made(seed: int) -> list[PredictionRecord]:
        return generate_records(["A", "B"], start=AT, end=AT + 60, every=10, seed=seed)

    assert made(1) == made(1) != made(2)
    assert len(made(1)) == 12


async def received(
    transport: Transport, heard: Heard, count: int, then: Callable[[], None] = lambda: None
) -> None:
    """Run a push until `count` predictions were heard; `then` happens after the first."""
    enough, first = asyncio.Event(), asyncio.Event()

    def on_prediction(prediction: Prediction) -> None:
        heard.predictions.append(prediction)
        first.set()
        if len(heard.predictions) >= count:
            enough.set()

    push = PredictionPush(
        transport,
        backoff_initial=0.01,
        backoff_max=0.02,
        **heard.callbacks() | {"on_prediction": on_prediction},
    )
    running = asyncio.create_task(push.run())
    try:
        await asyncio.wait_for(first.wait(), timeout=5)
        then()
        await asyncio.wait_for(enough.wait(), timeout=5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_server_sent_events_bring_what_is_served_and_then_the_news(
    server: PredictionServer, time: Time
) -> None:
    def later() -> None:
        time.now += 120 * SECOND

    heard = Heard()
    await received(ServerSentEvents(source(server), ["AAPL"]), heard, 3, later)

    assert [p.signal for p in heard.predictions] == ["BUY", "SELL", "BUY"]
    assert heard.predictions[0].key == heard.predictions[2].key
    assert heard.rejected == []


async def test_a_stream_that_refuses_the_key_ends_with_an_alarm(server: PredictionServer) -> None:
    heard = Heard()
    push = PredictionPush(ServerSentEvents(source(server, "not-the-key")), **heard.callbacks())
    await asyncio.wait_for(push.run(), timeout=5)

    assert (heard.codes, len(heard.alarms)) == (["UNAUTHORIZED"], 1)


def websocket_server(listening: socket.socket, sessions: list[list[str]]) -> None:
    """Serve one WebSocket session after the other, each sending its messages, then closing."""
    for messages in sessions:
        peer, _ = listening.accept()
        with peer:
            connection = WSConnection(ConnectionType.SERVER)
            subscribed = False
            while not subscribed:
                connection.receive_data(peer.recv(65_536))
                for event in connection.events():
                    if isinstance(event, Request):
                        peer.sendall(connection.send(AcceptConnection()))
                    elif isinstance(event, TextMessage):
                        subscribed = event.data == "subscribe"
                    elif isinstance(event, Ping):
                        peer.sendall(connection.send(event.response()))
            for message in messages:
                peer.sendall(connection.send(TextMessage(data=message)))
            peer.sendall(connection.send(CloseConnection(code=1000)))


async def test_a_websocket_is_opened_again_and_a_bad_message_is_skipped() -> None:
    buy, sell = json.dumps(success()), json.dumps(success(signal="SELL"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sessions = [[buy, "not json"], [sell]]
        serving = threading.Thread(target=websocket_server, args=(listening, sessions))
        serving.start()
        heard = Heard()
        url = f"ws://127.0.0.1:{listening.getsockname()[1]}/feed"
        await received(WebSocket(PredictionSource(url=url), ["subscribe"]), heard, 2)
        serving.join(timeout=5)

    assert [p.signal for p in heard.predictions] == ["BUY", "SELL"]
    assert heard.codes[:2] == ["MALFORMED_JSON", "CONNECTION"]
    assert heard.alarms == []


async def test_a_growing_file_is_followed_line_by_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "signals.jsonl"
    line = json.dumps(success(signal="SELL"))
    path.write_text(json.dumps(success()) + "\n" + line[:20])

    def rest() -> None:
        with path.open("a") as file:
            file.write(line[20:] + "\n")

    heard = Heard()
    await received(JsonLines(path, follow=True, every_seconds=0.01), heard, 2, rest)

    assert [p.signal for p in heard.predictions] == ["BUY", "SELL"]
    assert heard.rejected == []

"""The polling client of the prediction API.

Asks per ticker and concurrently, takes what reads as documented and reports the rest. It removes
no duplicates: the engine does, whose memory is journaled. No answer ends the polling but a
refused key, which no repetition can mend.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Self

from orderloom.instant import NS_PER_SECOND
from orderloom.redaction import MASK
from orderloom.signals.pace import Pace
from orderloom.signals.parse import decode, parse_answer
from orderloom.signals.prediction import Prediction
from orderloom.signals.refusal import MalformedPrediction, Reason, Refused, shown, status_reason
from orderloom.signals.signing import FORGED, check
from orderloom.signals.source import PredictionSource, open_http

if TYPE_CHECKING:
    from types import TracebackType

    import httpx2

_log: Final = logging.getLogger(__name__)

# Epoch seconds of 2001; no wait is that long.
_MOMENT_MIN: Final = 1e9

# Python 3.11 has no `type` statement.
OnPrediction = Callable[[Prediction], object]
OnRejected = Callable[[str, str, str], object]
OnAlarm = Callable[[str], object]
Sleep = Callable[[float], Awaitable[None]]
Outcome = Prediction | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class PollLimits:
    """Bounds of one source. Times are seconds.

    `seconds` covers one request from connecting to the last byte. `attempts` counts the first
    one; retries back off exponentially from `backoff_initial` to `backoff_max` with jitter.
    """

    concurrency: int = 8
    per_minute: int | None = 30
    seconds: float = 10.0
    body_bytes_max: int = 256 * 1024
    attempts: int = 3
    backoff_initial: float = 0.25
    backoff_max: float = 5.0
    backoff_jitter: float = 0.5
    pause_max: float = 120.0


class PredictionClient:
    """Polls one source; use it as an async context manager.

    Callbacks: `on_prediction(prediction)` for every prediction received, `on_rejected(source,
    reason code, detail)` for every other answer, `on_alarm(text)` for what a person must mend.
    One that raises is reported and does not disturb the polling.

    `now` gives UTC nanoseconds for `received_at`; `monotonic_ns` times latency and pauses.
    """

    def __init__(
        self,
        source: PredictionSource,
        *,
        on_prediction: OnPrediction,
        on_rejected: OnRejected = lambda source, code, detail: None,
        on_alarm: OnAlarm = _log.error,
        limits: PollLimits = PollLimits(),
        now: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Sleep = asyncio.sleep,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.source = source
        self.limits = limits
        self._on_prediction = on_prediction
        self._on_rejected = on_rejected
        self._on_alarm = on_alarm
        self._now = now
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self._transport = transport
        self._pace = Pace(limits.per_minute, monotonic_ns, sleep)
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._http: httpx2.AsyncClient | None = None
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._is_forged_told = False

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; a later poll opens new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    @property
    def is_stopped(self) -> bool:
        """The key was refused: nothing more is asked until `resume`."""
        return not self._may_ask.is_set()

    def resume(self) -> None:
        """Ask again, after a person has mended what the alarm told."""
        self._may_ask.set()

    async def poll_once(self, tickers: Sequence[str], *, in_order: bool = False) -> None:
        """Ask once for every ticker, all at the same time, and return when all have answered.

        Answers are reported as they arrive, or with `in_order` after the last one and in the
        order of `tickers`, so that a driver in lock-step sees the same order in every run.
        """
        outcomes: list[list[Outcome]] = [[] for _ in tickers]
        async with asyncio.TaskGroup() as group:
            for ticker, mine in zip(tickers, outcomes, strict=True):
                group.create_task(self._poll(ticker, mine.append if in_order else self._deliver))
        for outcome in (outcome for mine in outcomes for outcome in mine):
            if in_order:
                self._deliver(outcome)

    async def run(
        self, tickers: Sequence[str], every_seconds: float, sleep: Sleep | None = None
    ) -> None:
        """Poll every ticker at its own pace until cancelled.

        A slow ticker delays no other. A key that is refused stops all of them until `resume`.
        `sleep` waits between the polls (default: the client's).
        """
        wanted = len(tickers) * 60 / every_seconds
        if self.limits.per_minute is not None and wanted > self.limits.per_minute:
            self._alarm(
                f"{self.source.name}: {len(tickers)} ticker(s) every {every_seconds:g} s need "
                f"{wanted:g} requests a minute, {self.limits.per_minute} are allowed; "
                "answers will be older"
            )
        async with asyncio.TaskGroup() as group:
            for ticker in tickers:
                group.create_task(self._run(ticker, every_seconds, sleep or self._sleep))

    async def _run(self, ticker: str, every_seconds: float, sleep: Sleep) -> None:
        while True:
            started = self._monotonic_ns()
            await self._poll(ticker, self._deliver)
            await self._may_ask.wait()
            spent = (self._monotonic_ns() - started) / NS_PER_SECOND
            await sleep(max(0.0, every_seconds - spent))

    async def _poll(self, ticker: str, deliver: Callable[[Outcome], None]) -> None:
        """One question with its retries; every answer goes to `deliver`, nothing is raised."""
        import stamina  # noqa: PLC0415

        limits = self.limits
        try:
            async for attempt in stamina.retry_context(
                on=self._is_worth_retrying,
                attempts=limits.attempts,
                timeout=None,
                wait_initial=limits.backoff_initial,
                wait_max=limits.backoff_max,
                wait_jitter=limits.backoff_jitter,
            ):
                with attempt:
                    if self.is_stopped:
                        return
                    try:
                        deliver(await self._ask(ticker))
                    except Refused as refused:
                        deliver(refused)
                        raise
        except Refused:
            pass
        except Exception as error:
            detail = f"{ticker}: {type(error).__name__}: {shown(str(error))}"
            deliver(Refused(Reason.INTERNAL, detail))

    def _is_worth_retrying(self, error: Exception) -> bool | float:
        if not isinstance(error, Refused) or not error.is_transient:
            return False
        # The pace already holds everybody back until the reset; no second wait on top.
        return 0.0 if error.reason is Reason.RATE_LIMITED else True

    async def _ask(self, ticker: str) -> Prediction:
        import httpx2  # noqa: PLC0415

        source = self.source
        url = f"{source.url}/{source.path}"
        params = {source.ticker_parameter: ticker, **source.parameters}
        async with self._slots:
            await self._pace.turn()
            try:
                async with (
                    asyncio.timeout(self.limits.seconds),
                    self._open().stream("GET", url, params=params) as response,
                ):
                    body = await self._read(response)
            except TimeoutError:
                raise Refused(Reason.TIMEOUT, f"{ticker}: over {self.limits.seconds:g} s") from None
            except httpx2.TimeoutException as error:
                raise Refused(Reason.TIMEOUT, f"{ticker}: {type(error).__name__}") from None
            except httpx2.HTTPError as error:
                detail = f"{ticker}: {type(error).__name__}: {shown(str(error))}"
                raise Refused(Reason.CONNECTION, detail) from None
        received_monotonic_ns, received_at = self._monotonic_ns(), self._now()
        try:
            if response.status_code != 200:
                said = shown(self._masked(body)[:200].decode(errors="replace"))
                raise Refused(
                    status_reason(response.status_code),
                    f"{ticker}: HTTP {response.status_code}: {said}",
                )
            if source.hmac_key.get_secret_value():
                check(source.hmac_key, body, response.headers.get(source.signature_header))
            prediction = parse_answer(
                decode(self._masked(body)),
                source.fields,
                source=source.name,
                received_at=received_at,
                received_monotonic_ns=received_monotonic_ns,
            )
        except Refused as refused:
            self._heed_rate(response, is_limited=refused.reason is Reason.RATE_LIMITED)
            raise
        self._heed_rate(response, is_limited=False)
        if prediction.ticker != ticker.strip().upper():
            raise MalformedPrediction(
                Reason.WRONG_TICKER,
                field=source.fields.path("ticker"),
                expected=ticker,
                found=prediction.ticker,
            )
        return prediction

    async def _read(self, response: httpx2.Response) -> bytes:
        most = self.limits.body_bytes_max
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise Refused(Reason.ENCODING, f"asked for no compression, got {shown(encoding)}")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > most:
                raise Refused(Reason.TOO_LARGE, f"an answer over {most} bytes")
        return bytes(body)

    def _masked(self, body: bytes) -> bytes:
        """A server may repeat what it was asked with; no message about its answer may."""
        for secret in (self.source.api_key, self.source.hmac_key):
            if key := secret.get_secret_value().encode():
                body = body.replace(key, MASK.encode())
        return body

    def _heed_rate(self, response: httpx2.Response, *, is_limited: bool) -> None:
        """Pause the source when it says that nothing is left until its reset."""
        if is_limited or response.headers.get("x-ratelimit-remaining") == "0":
            wait = seconds_to_reset(response.headers, self._now())
            if wait is None:
                wait = self.limits.backoff_max if is_limited else 0.0
            self._pace.close_for(min(wait, self.limits.pause_max))

    def _deliver(self, outcome: Outcome) -> None:
        if isinstance(outcome, Prediction):
            self._is_forged_told = False
            self._call(self._on_prediction, outcome)
            return
        self._call(self._on_rejected, self.source.name, str(outcome.reason), outcome.detail)
        if outcome.reason is Reason.UNAUTHORIZED and not self.is_stopped:
            self._may_ask.clear()
            self._alarm(
                f"{self.source.name}: the API key was refused (401): nothing more is asked there, "
                "everything else goes on; hint: mend it at the API, then `orderloom resume`; "
                "another key takes a restart"
            )
        if outcome.reason in FORGED and not self._is_forged_told:
            # Once, until it signs again: polling goes on, since the forger may go away.
            self._is_forged_told = True
            self._alarm(f"{self.source.name}: {outcome.detail}; none is taken without")

    def _alarm(self, text: str) -> None:
        self._call(self._on_alarm, text)

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception as error:
            _log.exception("a callback of %s failed", self.source.name)
            if callback is not self._on_alarm:
                kind = type(error).__name__
                self._alarm(f"{self.source.name}: a callback failed: {kind}: {error}")

    def _open(self) -> httpx2.AsyncClient:
        if self._http is None:
            options: dict[str, Any] = {"timeout": self.limits.seconds}
            if self._transport is not None:
                options["transport"] = self._transport
            self._http = open_http(self.source, **options)
        return self._http


def seconds_to_reset(headers: httpx2.Headers, now: int) -> float | None:
    """Seconds until the source answers again, by `X-RateLimit-Reset`, else `Retry-After`.

    The reset is a moment (epoch seconds) when large, else a wait. A moment is compared with the
    server's own `Date`, so that a wrong clock here does not matter; without one, with `now`.
    """
    try:
        reset = float(headers["x-ratelimit-reset"])
    except (KeyError, ValueError):
        try:
            return max(0.0, float(headers["retry-after"]))
        except (KeyError, ValueError):
            return None
    if math.isnan(reset):
        return None
    if reset < _MOMENT_MIN:
        return max(0.0, reset)
    try:
        there = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        there = now / NS_PER_SECOND
    return max(0.0, reset - there)

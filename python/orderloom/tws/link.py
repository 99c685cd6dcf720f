"""One connection to TWS, from TCP connect to its end.

A link is never reused: what a lost connection left behind cannot leak into the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from orderloom.tws.decoder import WireClient
from orderloom.tws.errors import (
    ClientIdInUseError,
    ConnectRefusedError,
    ConnectTimeoutError,
    HandshakeError,
    NotConnectedError,
    OrderIdsExhaustedError,
    RequestTimeoutError,
    TWSError,
)
from orderloom.tws.pacer import MESSAGES_MAX, Pacer, Urgency
from orderloom.tws.replies import REQUEST_ID_MIN, Key, Part
from orderloom.tws.words import zone
from orderloom.tws.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from orderloom.ports import Clock, EventSink, OnProblem
    from orderloom.tws.instruments import Instruments
    from orderloom.tws.settings import TWSSettings

_NS: Final = 1_000_000_000
_CLIENT_ID_IN_USE: Final = 326
_TURN_MAX: Final = 60.0
_GOODBYE_MAX: Final = 0.5
_TIME_CHECK_EVERY: Final = 60.0


class Link:
    """One connection: client, wrapper, replies, pacing, signs of life.

    `on_notice` takes the errors that name neither order nor request; `on_offset` how far TWS's
    clock is from ours, in ns, whenever it is measured; `on_ended` is called once, in the order of
    messages, when the connection ends for whatever reason.
    """

    def __init__(
        self,
        settings: TWSSettings,
        instruments: Instruments,
        clock: Clock,
        *,
        request_ids: Iterator[int],
        sink: EventSink,
        on_problem: OnProblem,
        on_notice: Callable[[Link, int, str], None],
        on_offset: Callable[[Link, int], None],
        on_ended: Callable[[Link, str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._clock = clock
        self._on_problem = on_problem
        self._on_notice = on_notice
        self._on_offset = on_offset
        self._on_ended = on_ended
        self._refusal: str | None = None
        self._end_reason = "TWS closed the connection"
        self._time_turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.server_offset: int | None = None
        self.was_live = False
        self.ended: asyncio.Future[str] = loop.create_future()
        self.wrapper = Wrapper(
            client_id=settings.client_id,
            request_ids=request_ids,
            instruments=instruments,
            sink=sink,
            on_problem=on_problem,
            on_notice=self._notice,
            on_closed=self._closed,
            on_overlong=lambda: self.kill("a message longer than any of TWS"),
        )
        self.replies = self.wrapper.replies
        unzoned = zone(settings.time_zone) if settings.time_zone else None
        # `ib_async`'s client has no annotations.
        self.client: Any = WireClient(self.wrapper, clock, unzoned, on_problem)
        self.wrapper.bytes_pending = self.client.bytes_pending
        self.pacer = Pacer(
            MESSAGES_MAX if settings.is_paced else None, time.monotonic, loop.call_later
        )

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return not self.ended.done() and self.client.isReady()

    async def open(self) -> None:
        """Connect, log in, and check account and order ids.

        Returns or raises within twice the connect timeout. Raises one of
        `ConnectRefusedError`, `ConnectTimeoutError`, `HandshakeError`, `ClientIdInUseError`,
        `OrderIdsExhaustedError`, `AccountError`, `WrongModeError`; the link is closed then.
        """
        try:
            await self._log_in()
            self.wrapper.account = self._settings.choose_account(self.client.getAccounts())
            if self.wrapper.next_order_id >= REQUEST_ID_MIN:
                raise OrderIdsExhaustedError(
                    f"next order id: expected less than {REQUEST_ID_MIN}, "
                    f"found {self.wrapper.next_order_id}"
                )
        except BaseException:
            await self.close("not logged in")
            raise

    async def _log_in(self) -> None:
        settings, timeout = self._settings, self._settings.timeouts.connect
        where = f"{settings.host}:{settings.port}"
        connecting = asyncio.ensure_future(
            self.client.connectAsync(settings.host, settings.port, settings.client_id, timeout)
        )
        try:
            # TWS may refuse by a message and a closed socket, which ib_async would wait out.
            await asyncio.wait(
                {connecting, self.ended}, timeout=2 * timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if connecting.done():
                await connecting
                return
        except TimeoutError:
            raise ConnectTimeoutError(f"{where}: no answer in {timeout} s") from None
        except OSError as error:
            raise ConnectRefusedError(f"{where}: {error}") from None
        finally:
            await _cancelled(connecting)
        if self._refusal is not None:
            raise ClientIdInUseError(f"{where}: {self._refusal}")
        if self.ended.done():
            raise HandshakeError(f"{where}: closed before the log-in was complete")
        raise ConnectTimeoutError(f"{where}: no answer in {2 * timeout} s")

    def go_live(self) -> None:
        """Say that the line is up, and from now on watch over it."""
        self.was_live = True
        self.wrapper.release()
        self.run(self._watch())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something for as long as the connection lasts; a failure is reported."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, NotConnectedError):
                return
            self._on_problem(f"TWS adapter: {error!r}")

    # -- requests ----------------------------------------------------------------------------

    async def ask(
        self,
        key: Key,
        send: Callable[[], None],
        *,
        within: float | None = None,
        urgency: Urgency = Urgency.DATA,
    ) -> list[Any]:
        """Send a request and return its whole answer.

        Waits at most a minute for its turn to leave and `within` seconds for the answer. Raises
        `RequestTimeoutError`, `RequestRefusedError` or `NotConnectedError`.
        """
        loop = asyncio.get_running_loop()
        left: asyncio.Future[asyncio.Future[list[Any]]] = loop.create_future()

        def leave() -> None:
            if left.done():
                return
            try:
                reply = self.replies.expect(key)
                send()
            except (ConnectionError, NotConnectedError) as error:
                left.set_exception(NotConnectedError(f"request of {key}: {error}"))
            else:
                left.set_result(reply)

        self.pacer.submit(urgency, leave)
        either: list[asyncio.Future[Any]] = [left, self.ended]
        await asyncio.wait(either, timeout=_TURN_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not left.done():
            left.cancel()
            if self.ended.done():
                raise NotConnectedError(f"request of {key}: {self.ended.result()}")
            raise RequestTimeoutError(f"request of {key}: waited {_TURN_MAX} s for its turn")
        bound = self._settings.timeouts.request if within is None else within
        try:
            async with asyncio.timeout(bound):
                return await left.result()
        except TimeoutError:
            raise RequestTimeoutError(f"request of {key}: no answer in {bound} s") from None
        finally:
            self.replies.forget(key)

    async def ask_by_id(
        self,
        send: Callable[[int], None],
        *,
        within: float | None = None,
        urgency: Urgency = Urgency.DATA,
    ) -> list[Any]:
        """Send a request that carries an id, and return its whole answer; raises as `ask`."""
        request_id = self.replies.new_id()
        return await self.ask(request_id, lambda: send(request_id), within=within, urgency=urgency)

    async def check_time(self, within: float) -> None:
        """Ask TWS for its time, and note how far ours is off; raises as `ask`.

        TWS answers in whole seconds and in order: everything sent and received before has been
        processed by then. The offset is what is proven: 0 while both clocks can be right.
        """
        async with self._time_turn:
            asked_at = self._clock.now()
            (epoch,) = await self.ask(Part.TIME, self.client.reqCurrentTime, within=within)
            answered_at = self._clock.now()
        ahead = epoch * _NS - answered_at
        behind = (epoch + 1) * _NS - asked_at
        self.server_offset = max(ahead, min(behind, 0))
        self._on_offset(self, self.server_offset)

    # -- life and end ------------------------------------------------------------------------

    async def _watch(self) -> None:
        silence = self._settings.timeouts.silence
        checked_at = time.monotonic() - _TIME_CHECK_EVERY
        while True:
            now = time.monotonic()
            heard_at = self.wrapper.heard_at
            if now - heard_at >= silence or now - checked_at >= _TIME_CHECK_EVERY:
                checked_at = now
                try:
                    # Bounded once more, because a barrier may have asked already and be waiting.
                    async with asyncio.timeout(silence):
                        await self.check_time(silence)
                except (TimeoutError, RequestTimeoutError):
                    if self.wrapper.heard_at == heard_at:
                        self.kill(f"no sign of life for {time.monotonic() - heard_at:.1f} s")
            await asyncio.sleep(silence / 2)

    def kill(self, reason: str) -> None:
        """End the connection at once, as a dead peer will not."""
        self._end_reason = reason
        transport = self.client.conn.transport
        if transport is not None:
            transport.abort()

    async def close(self, reason: str) -> None:
        """End the connection, with what was handed to the socket still on its way."""
        self._end_reason = reason
        if self.client.conn.transport is not None:
            with contextlib.suppress(OSError):
                self.client.disconnect()
            await asyncio.wait({self.ended}, timeout=_GOODBYE_MAX)
        if self.client.conn.transport is not None:
            self.client.conn.transport.abort()
            await asyncio.wait({self.ended}, timeout=_GOODBYE_MAX)
        self._closed()

    def _closed(self) -> None:
        if self.ended.done():
            return
        self.ended.set_result(self._end_reason)
        if unsent := self.pacer.clear():
            self._on_problem(f"{unsent} messages waited for their turn and were not sent")
        self.replies.close(self._end_reason)
        for task in self._tasks:
            task.cancel()
        self._on_ended(self, self._end_reason)

    def _notice(self, code: int, text: str) -> None:
        if code == _CLIENT_ID_IN_USE:
            self._refusal = f"error {code}: {text}"
        self._on_notice(self, code, text)


def describe(error: TWSError) -> str:
    """Return an error on one line."""
    return str(error).replace("\n", ", ")


async def _cancelled(task: asyncio.Future[None]) -> None:
    """Cancel until it is seen: `wait_for` of Python 3.11 drops one that meets its result.

    Source: <https://github.com/python/cpython/issues/86296>.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
    if not task.cancelled():
        task.exception()  # whoever waited for it has told it

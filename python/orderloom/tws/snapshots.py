"""Full snapshots of what the broker knows, on one connection.

A snapshot has ended only when every part of it has *ended* after it began, on the same
connection; a part that times out proves nothing and is asked for again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ib_async.objects import ExecutionFilter

from orderloom._core import Event
from orderloom.tws.errors import NotConnectedError, TWSError
from orderloom.tws.link import describe
from orderloom.tws.pacer import Urgency
from orderloom.tws.replies import Part

if TYPE_CHECKING:
    from orderloom.ports import OnProblem
    from orderloom.tws.link import Link

_ATTEMPTS_MAX: Final = 3
_PAUSE: Final = 1.0


class Snapshots:
    """Takes snapshots one at a time: requests without id must not overlap.

    All that is asked for while one is being taken is served by one more after it.
    """

    def __init__(self, link: Link, on_problem: OnProblem) -> None:
        self._link = link
        self._on_problem = on_problem
        self._waiting: list[asyncio.Future[bool]] = []
        self._is_wanted = asyncio.Event()
        self._has_account = False
        self.has_succeeded = False

    def request(self) -> asyncio.Future[bool]:
        """Ask for a snapshot that begins after now; the result says whether it ended."""
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._link.ended.done():
            taken.set_result(False)
            return taken
        self._waiting.append(taken)
        self._is_wanted.set()
        return taken

    async def serve(self) -> None:
        """Take the snapshots that are asked for, as long as the connection lasts.

        When one fails in all attempts, markers are lost on this connection: it is ended, and
        the next one starts afresh.
        """
        served: list[asyncio.Future[bool]] = []
        try:
            while True:
                await self._is_wanted.wait()
                self._is_wanted.clear()
                served, self._waiting = self._waiting, []
                is_taken = await self._take()
                _answer(served, is_taken)
                if not is_taken:
                    self._link.kill(f"no snapshot in {_ATTEMPTS_MAX} attempts")
        finally:
            _answer(served, False)
            _answer(self._waiting, False)

    async def _take(self) -> bool:
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            try:
                await self._take_once()
            except NotConnectedError:
                return False
            except TWSError as error:
                self._on_problem(
                    f"snapshot, attempt {attempt} of {_ATTEMPTS_MAX}: {describe(error)}"
                )
                await asyncio.sleep(_PAUSE * attempt)
            else:
                self.has_succeeded = True
                return True
        return False

    async def _take_once(self) -> None:
        # In the order of tws-order-semantics, "connection events". Everybody's open orders hold
        # ours, with their ids, and those of others in our symbols; reqOpenOrders would add
        # nothing but a second request that ends with the same marker.
        link = self._link
        client, urgency = link.client, Urgency.ENTRY
        link.wrapper.post(Event.snapshot("began"))
        await link.ask(Part.OPEN_ORDERS, client.reqAllOpenOrders, urgency=urgency)
        await link.ask(
            Part.COMPLETED_ORDERS, lambda: client.reqCompletedOrders(False), urgency=urgency
        )
        await link.ask_by_id(
            lambda request_id: client.reqExecutions(request_id, ExecutionFilter()),
            urgency=urgency,
        )
        await link.ask(Part.POSITIONS, client.reqPositions, urgency=urgency)
        await link.ask(Part.ACCOUNT, self._ask_account, urgency=urgency)
        link.wrapper.post(Event.snapshot("ended"))

    def _ask_account(self) -> None:
        # A second subscription is no request for another download: end the first one.
        client, account = self._link.client, self._link.wrapper.account
        if self._has_account:
            client.reqAccountUpdates(False, account)
        self._has_account = True
        client.reqAccountUpdates(True, account)


def _answer(waiting: list[asyncio.Future[bool]], is_taken: bool) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(is_taken)

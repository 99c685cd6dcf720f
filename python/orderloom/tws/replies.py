"""Answers that somebody waits for, by request.

TWS ends an answer with an *End* marker. Only a received marker proves that everything was said;
a timeout proves nothing.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from orderloom.tws.errors import NotConnectedError, RequestRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_ID_MIN: Final = 1_000_000_000
"""Request ids count from here and order ids stay below, so an error tells which it means."""


class Part(StrEnum):
    """Requests without id: what their answers are known by."""

    OPEN_ORDERS = "open orders"
    COMPLETED_ORDERS = "completed orders"
    POSITIONS = "positions"
    ACCOUNT = "account values"
    TIME = "server time"


Key = int | Part


class Replies:
    """Who waits for what on one connection.

    Requests without id share their marker, so an answer counts only when as many markers came as
    requests left: the late end of a request that timed out must not end the next one early.
    """

    def __init__(self, request_ids: Iterator[int]) -> None:
        self._request_ids = request_ids
        self._items: dict[int, list[Any]] = {}
        self._waiting: dict[Key, asyncio.Future[list[Any]]] = {}
        self._markers_due: dict[Key, int] = {}
        self._is_closed = False

    def new_id(self) -> int:
        """Return a request id that was never used before, on no connection of ours."""
        return next(self._request_ids)

    def expect(self, key: Key) -> asyncio.Future[list[Any]]:
        """Return the future of an answer; to be called just before its request leaves.

        Raises `NotConnectedError` once the connection has ended.
        """
        if self._is_closed:
            raise NotConnectedError(f"request of {key}: the connection has ended")
        reply: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[key] = reply
        if isinstance(key, Part):
            self._markers_due[key] = self._markers_due.get(key, 0) + 1
        else:
            self._items[key] = []
        return reply

    def forget(self, key: Key) -> None:
        """Stop waiting; a late answer is dropped."""
        self._waiting.pop(key, None)
        if isinstance(key, int):
            self._items.pop(key, None)

    def add(self, key: int, item: Any) -> None:
        """Collect a part of an answer."""
        if key in self._items:
            self._items[key].append(item)

    def end(self, key: Key, item: Any = None) -> None:
        """Note an *End* marker, `item` being an answer that consists of nothing else."""
        if isinstance(key, Part):
            due = self._markers_due[key] = max(0, self._markers_due.get(key, 0) - 1)
            if due:
                return
            items = [] if item is None else [item]
        else:
            items = self._items.pop(key, [])
        reply = self._waiting.pop(key, None)
        if reply is not None and not reply.done():
            reply.set_result(items)

    def refuse(self, key: int, code: int, text: str) -> bool:
        """Fail a request with the error that TWS gave; false when nobody waits for it."""
        self._items.pop(key, None)
        reply = self._waiting.pop(key, None)
        if reply is None:
            return False
        if not reply.done():
            reply.set_exception(RequestRefusedError(code, text))
        return True

    def close(self, reason: str) -> None:
        """Fail everything that is waited for: the connection has ended."""
        self._is_closed = True
        waiting, self._waiting = self._waiting, {}
        for key, reply in waiting.items():
            if not reply.done():
                reply.set_exception(NotConnectedError(f"request of {key}: {reason}"))
                reply.exception()  # retrieved: nobody may be listening any more

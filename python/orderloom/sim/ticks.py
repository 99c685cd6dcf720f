"""Level-one ticks and tick-by-tick data: their types, bytes and subscriptions.

A tick is prepared once and written to every subscriber under its own request id.
"""

from __future__ import annotations

from typing import Protocol

from .times import SECOND
from .wire import message, number_text

BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, HIGH, LOW, VOLUME, CLOSE, OPEN = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14,
)  # fmt: skip
MARK, LAST_TIME, SHORTABLE, RT_VOLUME, HALTED = 37, 45, 46, 48, 49
_DELAYED = {
    BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71,
    HIGH: 72, LOW: 73, VOLUME: 74, CLOSE: 75, OPEN: 76, LAST_TIME: 88,
}  # fmt: skip

TICK_BY_TICK_KINDS = {"Last": "1", "AllLast": "2", "BidAsk": "3", "MidPoint": "4"}

_PRICE, _SIZE, _GENERIC, _STRING = b"1\x006\x00", b"2\x006\x00", b"45\x006\x00", b"46\x006\x00"

Tick = tuple[bytes, int, bytes]
"""A tick without its request id: the message's head, the tick type, and the rest."""


class Receiver(Protocol):
    """One client's session, as far as market data needs it."""

    def send(self, frame: bytes) -> None:
        """Queue one frame."""


def price_tick(kind: int, price: float, size: float) -> Tick:
    """Prepare a price with its size."""
    return raw_price_tick(kind, number_text(price), size)


def raw_price_tick(kind: int, price: str, size: float) -> Tick:
    """Prepare a price as it is spelled, sane or not."""
    return _PRICE, kind, f"{price}\0{number_text(size)}\x000\0".encode()


def size_tick(kind: int, size: float) -> Tick:
    """Prepare a size."""
    return _SIZE, kind, f"{number_text(size)}\0".encode()


def generic_tick(kind: int, value: float) -> Tick:
    """Prepare a number."""
    return _GENERIC, kind, f"{number_text(value)}\0".encode()


def string_tick(kind: int, text: str) -> Tick:
    """Prepare a text."""
    return _STRING, kind, f"{text}\0".encode()


class TickStream:
    """One reqMktData subscription."""

    __slots__ = ("_id", "is_delayed", "receiver", "request_id", "wanted")

    def __init__(
        self, receiver: Receiver, request_id: int, generic: frozenset[str], *, is_delayed: bool
    ) -> None:
        self.receiver = receiver
        self.request_id = request_id
        self._id = str(request_id).encode() + b"\0"
        self.is_delayed = is_delayed
        self.wanted = {
            *({MARK} if generic & {"221", "232"} else ()),
            *({SHORTABLE} if "236" in generic else ()),
            *({RT_VOLUME} if "233" in generic else ()),
        }

    def send(self, ticks: list[Tick]) -> None:
        """Write ticks, those of delayed data under their own types."""
        send = self.receiver.send
        for head, kind, rest in ticks:
            if kind in (MARK, SHORTABLE, RT_VOLUME) and kind not in self.wanted:
                continue
            shown = _DELAYED.get(kind, kind) if self.is_delayed else kind
            payload = b"%b%b%d\0%b" % (head, self._id, shown, rest)
            send(len(payload).to_bytes(4, "big") + payload)


class TickByTick:
    """One reqTickByTickData subscription."""

    __slots__ = ("_exchange", "_head", "_kind", "_receiver")

    def __init__(self, receiver: Receiver, request_id: int, kind: str, exchange: str) -> None:
        self._receiver = receiver
        self._kind = kind
        self._exchange = exchange
        self._head = ("99", str(request_id), TICK_BY_TICK_KINDS[kind])

    def trade(self, at: int, price: float, size: float) -> None:
        """Write a print, if prints were asked for."""
        if self._kind in ("Last", "AllLast"):
            self._write(at, number_text(price), number_text(size), "0", self._exchange, "")

    def quote(
        self, at: int, bid: float | None, ask: float | None, bid_size: float, ask_size: float
    ) -> None:
        """Write a quote or its middle, if they were asked for; a missing side is 0."""
        if self._kind == "BidAsk":
            prices = (number_text(bid or 0.0), number_text(ask or 0.0))
            self._write(at, *prices, number_text(bid_size), number_text(ask_size), "0")
        elif self._kind == "MidPoint" and bid is not None and ask is not None:
            self._write(at, number_text((bid + ask) / 2))

    def _write(self, at: int, *fields: str) -> None:
        self._receiver.send(message(*self._head, str(at // SECOND), *fields))


def quote_tick(kind: int, price: float | None, size: float) -> Tick:
    """Prepare one side of the quote; TWS tells of a side without quote by price -1 and size 0."""
    return price_tick(kind, -1.0, 0.0) if price is None else price_tick(kind, price, size)

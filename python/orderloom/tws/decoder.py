"""`ib_async`'s transport and codec with its silences removed.

`ib_async` logs and drops a message that it cannot decode or whose handling raises, reads a time
without zone as the host's, and queues what exceeds its rate in order of arrival. Here every
failure is reported, times are made unambiguous before they are read, and pacing is the `Pacer`'s.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ib_async.client import Client
from ib_async.contract import Contract
from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from orderloom.tws.words import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from orderloom.ports import Clock, OnProblem

_TICKS: Final = frozenset({"1", "2"})
_ORDER_STATUS: Final = 3
_SHOWN_MAX: Final = 300
_NS: Final = 1_000_000_000

_log = logging.getLogger("orderloom.tws")


@cache
def _typed(kind: type) -> tuple[tuple[str, Callable[[Any], Any], Any], ...]:
    """The fields of a dataclass that are no text: name, reader and default."""
    return tuple(
        (each.name, _PARSED[type(each.default)], each.default)
        for each in dataclasses.fields(kind)
        if type(each.default) in _PARSED
    )


class StrictDecoder(Decoder):
    """Decodes messages; one that fails is reported with its text and costs only itself."""

    wrapper: Any

    def __init__(
        self, wrapper: Any, clock: Clock, time_zone: tzinfo | None, on_problem: OnProblem
    ) -> None:
        super().__init__(wrapper, 0)
        self._clock = clock
        self._time_zone = time_zone
        self._on_problem = on_problem
        self._has_told_unzoned = False
        # What stands there reads all fields, most of which nobody wants.
        self.handlers[_ORDER_STATUS] = self.orderStatus
        # Ticks are most of what comes: they go from their text to whole quotes in one call.
        self._take_tick = wrapper.ticks.message

    def wrap(
        self,
        methodName: str,  # noqa: N803 - overridden name
        types: list[type],
        skip: int = 2,
    ) -> Callable[[list[str]], None]:
        """Return a handler that lets failures through to `interpret`."""
        readers = [_READERS[each] for each in types]
        method = getattr(self.wrapper, methodName, None)

        def handler(fields: list[str]) -> None:
            if method is not None:
                method(*[read(text) for read, text in zip(readers, fields[skip:], strict=False)])

        return handler

    def interpret(self, fields: list[str]) -> None:
        """Decode one message and hand it on. A whole message is a sign of life; bytes are not."""
        self.wrapper.heard_at = time.monotonic()
        try:
            kind = fields[0]
            if kind in _TICKS:
                for found in self._take_tick(fields):
                    self.wrapper.ticked(found)
            else:
                self.handlers[int(kind)](fields)
        except Exception as error:
            self.tell(error, "|".join(fields))

    def tell(self, error: Exception, message: str) -> None:
        """Report what came of a message that could not be decoded or handled."""
        shown = message[:_SHOWN_MAX]
        _log.exception("message not understood: %s", shown)
        self._on_problem(f"TWS message not understood: {error!r} in `{shown}`")

    def parse(self, obj: Any) -> None:
        """Read an object's fields by the types of their defaults, as `Decoder.parse` does.

        What those are is found once for each class.
        """
        given = vars(obj)
        for name, read, default in _typed(obj.__class__):
            text = given[name]
            given[name] = read(text) if text else default

    # Of the broker's word on orders only what is wanted is decoded, without `ib_async`'s objects
    # for all of it, which are most of what a fill takes. Where which field stands is the same in
    # versions 157 to 178.

    def orderStatus(self, fields: list[str]) -> None:  # noqa: N802 - as `ib_async` has it
        """Decode an order's status."""
        _, order_id, status, filled, remaining, _, perm_id, _, _, client_id, why_held, *_ = fields
        self.wrapper.order_status(
            int(order_id or 0), status, float(filled or 0), float(remaining or 0),
            int(perm_id or 0), int(client_id or 0), why_held,
        )  # fmt: skip

    def commissionReport(self, fields: list[str]) -> None:  # noqa: N802 - overridden name
        """Decode the cost of a fill."""
        _, _, exec_id, amount, currency, *_ = fields
        self.wrapper.commission(exec_id, float(amount or 0), currency)

    def execDetails(self, fields: list[str]) -> None:  # noqa: N802 - overridden name
        """Decode a fill.

        It counts whatever its time looks like; one that cannot be read is taken as now.
        """
        _, _, order_id, con_id, symbol, kind, _, _, _, _, _, currency, _, _, *execution = fields
        exec_id, at, account, _, side, shares, price, perm_id, client_id, _, _, _, *rest = execution
        self.wrapper.executed(
            int(con_id or 0), (symbol, kind, currency), exec_id, self._epoch_seconds(at), account,
            side, float(shares or 0), float(price or 0), int(order_id or 0), int(perm_id or 0),
            int(client_id or 0), rest[0],
        )  # fmt: skip

    def _epoch_seconds(self, text: str) -> int:
        if self._time_zone is None and len(text.split()) == 2 and not self._has_told_unzoned:
            self._has_told_unzoned = True
            self._on_problem(
                f"execution time `{text}` names no zone and was read as UTC, expected "
                "`time_zone` to be set to the zone of TWS's log-in"
            )
        try:
            return moment(text, self._time_zone or UTC)
        except ValueError as error:
            self._on_problem(f"execution time taken as now: {error}")
            return self._clock.now() // _NS


_PARSED: Final[dict[type, Callable[[Any], Any]]] = {
    int: int,
    float: float,
    bool: lambda value: bool(int(value)),
}
_READERS: Final[dict[type, Callable[[str], Any]]] = {
    str: str,
    int: lambda text: int(text or 0),
    float: lambda text: float(text or 0),
    bool: lambda text: bool(int(text or 0)),
}


def _contract(contract: Contract) -> str:
    return "\0".join(
        map(
            str,
            (
                contract.conId,
                contract.symbol,
                contract.secType,
                contract.lastTradeDateOrContractMonth,
                contract.strike,
                contract.right,
                contract.multiplier,
                contract.exchange,
                contract.primaryExchange,
                contract.currency,
                contract.localSymbol,
                contract.tradingClass,
            ),
        )
    )


class _Writers(dict[type, "Callable[[Any], str]"]):
    """How a field of each type is written."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        self[kind] = writer = _contract if issubclass(kind, Contract) else str
        return writer


def _writers(*, is_unset_empty: bool) -> _Writers:
    unset = UNSET_DOUBLE if is_unset_empty else None
    unset_integer = UNSET_INTEGER if is_unset_empty else None
    return _Writers(
        {
            float: lambda value: (
                "" if value == unset else "Infinite" if value == math.inf else str(value)
            ),
            int: lambda value: "" if value == unset_integer else str(value),
            bool: lambda value: "1" if value else "0",
            type(None): lambda _: "",
            list: lambda tags: "".join([f"{each.tag}={each.value};" for each in tags]),
        }
    )


_WRITERS: Final = _writers(is_unset_empty=True)
_WRITERS_OF_ALL: Final = _writers(is_unset_empty=False)


class WireClient(Client):
    """The socket, framing and encoding of `ib_async`, for one connection."""

    decoder: StrictDecoder

    # Rate limiting is the `Pacer`'s: here a stop would wait behind whatever came before it.
    MaxRequests = 0

    def __init__(
        self, wrapper: Any, clock: Clock, time_zone: tzinfo | None, on_problem: OnProblem
    ) -> None:
        super().__init__(wrapper)  # type: ignore[no-untyped-call]
        self.decoder = StrictDecoder(wrapper, clock, time_zone, on_problem)
        self._take = wrapper.ticks.take

    def send(self, *fields: Any, makeEmpty: bool = True) -> None:  # noqa: N803 - overridden name
        """Write the fields of a message as `Client.send` does.

        It makes its table of types anew for each message and goes through a text buffer, which is
        most of what encoding an order's 110 fields takes.
        """
        if not self.isConnected():  # type: ignore[no-untyped-call]
            raise ConnectionError("Not connected")
        writers = _WRITERS if makeEmpty else _WRITERS_OF_ALL
        words = [writers[type(field)](field) for field in fields]
        words.append("")
        self.sendMsg("\0".join(words))

    def _onSocketHasData(self, data: bytes) -> None:  # noqa: N802 - overridden name
        """Take what the socket gave, ticks without a Python object for each message.

        Until the greeting is over, and where messages are logged, it is `ib_async` that reads.
        """
        if not self._apiReady or self._logger.isEnabledFor(logging.DEBUG):
            super()._onSocketHasData(data)  # type: ignore[no-untyped-call]
            return
        self._numBytesRecv += len(data)
        if self._data:
            data, self._data = self._data + data, b""
        wrapper, at, is_over = self.wrapper, 0, False
        while not is_over:
            at, found, fields, is_over = self._take(data, at)
            if at:
                wrapper.heard_at = time.monotonic()
            for each in found:
                try:
                    wrapper.ticked(each)
                except Exception as error:
                    self.decoder.tell(error, f"a tick that led to {each!r}")
                if not self._apiReady:
                    return  # the connection ended with it
            if fields is not None:
                self.decoder.interpret(fields)
                if not self._apiReady:
                    return
        if at < len(data):
            self._data = data[at:]
            wrapper.tcpDataProcessed()

    def bytes_pending(self) -> int:
        """Return how many of the bytes received belong to a message that is not complete."""
        return len(self._data)

"""`ib_async`'s transport and codec with its silences removed.

`ib_async` logs and drops a message that it cannot decode or whose handling raises, reads a time
without zone as the host's, and queues what exceeds its rate in order of arrival. Here every
failure is reported, times are made unambiguous before they are read, and pacing is the `Pacer`'s.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from ib_async.client import Client
from ib_async.decoder import Decoder

from orderloom.tws.words import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from orderloom.ports import Clock, OnProblem

_EXECUTED_AT: Final = 15
_TICKS: Final = frozenset({"1", "2"})
_SHOWN_MAX: Final = 300
_NS: Final = 1_000_000_000

_log = logging.getLogger("orderloom.tws")


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
                found = self._take_tick(fields)
                if found is not None:
                    self.wrapper.ticked(found)
            else:
                self.handlers[int(kind)](fields)
        except Exception as error:
            shown = "|".join(fields)[:_SHOWN_MAX]
            _log.exception("message not understood: %s", shown)
            self._on_problem(f"TWS message not understood: {error!r} in `{shown}`")

    def execDetails(self, fields: list[str]) -> None:  # noqa: N802 - overridden name
        """Decode a fill, its time first turned into epoch seconds, which have one reading.

        A fill counts whatever its time looks like; one that cannot be read is taken as now.
        """
        text = fields[_EXECUTED_AT]
        fields[_EXECUTED_AT] = str(self._epoch_seconds(text))
        super().execDetails(fields)  # type: ignore[no-untyped-call]

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


_READERS: Final[dict[type, Callable[[str], Any]]] = {
    str: str,
    int: lambda text: int(text or 0),
    float: lambda text: float(text or 0),
    bool: lambda text: bool(int(text or 0)),
}


class WireClient(Client):
    """The socket, framing and encoding of `ib_async`, for one connection."""

    # Rate limiting is the `Pacer`'s: here a stop would wait behind whatever came before it.
    MaxRequests = 0

    def __init__(
        self, wrapper: Any, clock: Clock, time_zone: tzinfo | None, on_problem: OnProblem
    ) -> None:
        super().__init__(wrapper)  # type: ignore[no-untyped-call]
        self.decoder = StrictDecoder(wrapper, clock, time_zone, on_problem)

    def bytes_pending(self) -> int:
        """Return how many of the bytes received belong to a message that is not complete."""
        return len(self._data)

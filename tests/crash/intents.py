"""I7: no byte that changes an order leaves before what it says is durable.

The journal is read as another process would read it after a crash, through a connection of its own:
it shows what is committed, and nothing that is still on its way to the disk.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# TWS message ids, and the commands that they carry.
_PLACE, _CANCEL = "3", "4"
_COMMANDS: Final = {_PLACE: ("place", "modify"), _CANCEL: ("cancel",)}
# Where an order's number stands in each, and side, quantity and limit in the first.
_NUMBER: Final = {_PLACE: 1, _CANCEL: 2}
_SIDE, _QUANTITY, _LIMIT = 16, 17, 19
_QUERY: Final = """
    select json_extract(body, '$.ticket.order_ref'), json_extract(body, '$.ticket.side'),
      json_extract(body, '$.ticket.quantity'),
      json_extract(body, '$.ticket.order_type.limit_price')
    from entry
    where type = 'command' and id > ? and kind in (?, ?)
      and coalesce(json_extract(body, '$.ticket.order_id'), json_extract(body, '$.order_id')) = ?
"""


class Intents:
    """What one life has sent, against what it has written before.

    `journals` are its files, a day each; `before` is the last row of earlier lives in the first.
    """

    def __init__(self, journals: Sequence[Path], before: int) -> None:
        self._journals = journals
        self._before = before
        self._sent: Counter[tuple[str, int]] = Counter()

    def missing(self, message: bytes) -> str | None:
        """Return what is not durable of a message that is about to leave."""
        fields = message[4:].decode().split("\0")
        kind = fields[0]
        if kind not in _COMMANDS:
            return None
        order_id = int(fields[_NUMBER[kind]])
        self._sent[kind, order_id] += 1
        sent, written = self._sent[kind, order_id], self._written(kind, order_id)
        name = "/".join(_COMMANDS[kind])
        if len(written) < sent:
            return f"I7: {name} {sent} of order {order_id} leaves, {len(written)} are durable"
        if kind == _PLACE and not any(_is_of(fields, intent) for intent in written[sent - 1 :]):
            return f"I7: order {order_id} leaves as {fields}, durable is {written}"
        return None

    def _written(self, kind: str, order_id: int) -> list[Any]:
        first, *more = _COMMANDS[kind]
        found: list[Any] = []
        for place, path in enumerate(self._journals):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as reader:
                before = 0 if place else self._before
                wanted = (before, first, *(more or [first]), order_id)
                found += reader.execute(_QUERY, wanted).fetchall()
        return found


def _is_of(fields: list[str], intent: Sequence[str | None]) -> bool:
    reference, side, quantity, limit = intent
    return (
        reference in fields
        and side == fields[_SIDE]
        and Decimal(quantity or 0) == Decimal(fields[_QUANTITY])
        and (limit is None or Decimal(limit) == Decimal(fields[_LIMIT]))
    )

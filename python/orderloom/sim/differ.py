"""Compares what two recorded sessions were told: real against simulated, or two of one kind.

Names are aligned first, as a text differ aligns lines; aligned messages are compared field by
field. What differs between any two sessions is normalised before: permanent and execution ids
become their ordinal, times become one word.

Run it as ``python -m orderloom.sim.differ real.jsonl simulated.jsonl``; it ends with 5 where they
differ.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from .recording import GREETING, Message, read_recording, replies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_IDS = {
    "orderStatus": {6: "perm"},
    "openOrder": {25: "perm"},
    "execDetails": {14: "exec", 21: "perm"},
    "commissionReport": {2: "exec"},
}
_EPOCHS = {"currentTime": 2, "realtimeBar": 3, "tickByTick": 3}
_TIME = re.compile(r"\d{8}[ -]+\d{2}:\d{2}:\d{2}.*|\d{2}:\d{2}", re.ASCII)
_EXIT_DIFFERENT = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; `field` is `None` where a whole message is missing on one side."""

    name: str
    field: int | None
    left: str | None
    right: str | None

    def __str__(self) -> str:
        if self.field is None:
            side = "left" if self.right is None else "right"
            return f"{self.name}: only {side}"
        return f"{self.name} field {self.field}: `{self.left}` | `{self.right}`"


def differences(
    left: Iterable[Message], right: Iterable[Message], *, has_values: bool = True
) -> Iterator[Difference]:
    """Yield what differs between the replies of two sessions.

    Without `has_values`, only names, their order and the number of fields are compared.
    """
    ours, theirs = _normalised(left), _normalised(right)
    matcher = SequenceMatcher(
        a=[name for name, _ in ours], b=[name for name, _ in theirs], autojunk=False
    )
    for tag, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if tag == "equal":
            for a, b in zip(ours[a_from:a_to], theirs[b_from:b_to], strict=True):
                yield from _of_fields(a, b, has_values=has_values)
            continue
        for name, _ in ours[a_from:a_to]:
            yield Difference(name, None, name, None)
        for name, _ in theirs[b_from:b_to]:
            yield Difference(name, None, None, name)


_Plain = tuple[str, list[str]]


def _of_fields(a: _Plain, b: _Plain, *, has_values: bool) -> Iterator[Difference]:
    name, ours = a
    theirs = b[1]
    if len(ours) != len(theirs):
        yield Difference(name, len(ours), f"{len(ours)} fields", f"{len(theirs)} fields")
    elif has_values:
        for index, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            if left != right and not _is_same_number(left, right):
                yield Difference(name, index, left, right)


def _normalised(messages: Iterable[Message]) -> list[_Plain]:
    ordinals: dict[str, str] = {}
    plain: list[_Plain] = []
    for message in messages:
        if message.name == GREETING:
            continue
        fields = list(message.fields)
        for index, kind in _IDS.get(message.name, {}).items():
            if index < len(fields) and fields[index] not in ("", "0"):
                ordinals.setdefault(fields[index], f"<{kind} {len(ordinals) + 1}>")
        epoch = _EPOCHS.get(message.name)
        if epoch is not None and epoch < len(fields):
            fields[epoch] = "<time>"
        plain.append((message.name, [_plain_field(field, ordinals) for field in fields]))
    return plain


def _plain_field(field: str, ordinals: dict[str, str]) -> str:
    if _TIME.fullmatch(field):
        return "<time>"
    head, dot, rest = field.partition(".0/")  # a share allocation begins with the permanent id
    return ordinals.get(field) or (ordinals.get(head, head) + dot + rest)


def _is_same_number(left: str, right: str) -> bool:
    try:
        return float(left) == float(right)
    except ValueError:
        return False


def main(given: Sequence[str] | None = None) -> None:
    """Print what differs and end with 5, or end with 0."""
    parser = argparse.ArgumentParser(description="Compare two recorded TWS sessions.")
    parser.add_argument("left", type=Path)
    parser.add_argument("right", type=Path)
    parser.add_argument("--connection", type=int, default=1, help="counted from 1 in each file")
    parser.add_argument("--shape", action="store_true", help="names and field counts only")
    arguments = parser.parse_args(given)
    sides = [
        replies(read_recording(path), arguments.connection)
        for path in (arguments.left, arguments.right)
    ]
    found = list(differences(*sides, has_values=not arguments.shape))
    for difference in found:
        print(difference)
    sys.exit(_EXIT_DIFFERENT if found else 0)


if __name__ == "__main__":
    main()

"""Frames, fields and value encodings of the TWS socket protocol.

Owns the bytes: a frame is a 4-byte big-endian length and a payload of fields, each ended by NUL.
Knows no message; `requests` reads and `replies` writes them.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNSET_FLOAT = "1.7976931348623157E308"
"""What TWS writes for a float without value where the receiver does not accept an empty field."""
UNSET_INTEGER = "2147483647"
"""What TWS writes for an integer (or size) without value."""

FRAME_BYTES_MAX = 0x00FF_FFFF
"""Longest payload that TWS clients accept or send; a longer one means a lost frame boundary."""

_UNSET_FLOAT_FROM = Decimal("1.79E308")
_INTEGER_END = 2**63
_UNSET_QUANTITY = Decimal(2**127 - 1)
_HELLO = re.compile(r"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: .*)?", re.ASCII | re.DOTALL)


class MalformedMessageError(ValueError):
    """A message that does not follow its layout; the text says which field and what was found."""


class Frames:
    """Cuts a byte stream into payloads, however the bytes are split on arrival."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def push(self, chunk: bytes) -> None:
        """Add bytes in the order received."""
        self._buffer += chunk

    def take(self, count: int) -> bytes | None:
        """Remove exactly `count` raw bytes, or `None` while fewer have arrived."""
        if len(self._buffer) < count:
            return None
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def payloads(self) -> Iterator[bytes]:
        """Yield every complete payload; the rest waits for more bytes.

        Raises `MalformedMessageError` for a length above `FRAME_BYTES_MAX`.
        """
        buffer = self._buffer
        start = 0
        try:
            while len(buffer) - start >= 4:
                length = int.from_bytes(buffer[start : start + 4], "big")
                if length > FRAME_BYTES_MAX:
                    raise MalformedMessageError(
                        f"frame length: expected at most {FRAME_BYTES_MAX}, found {length}"
                    )
                end = start + 4 + length
                if len(buffer) < end:
                    return
                payload = bytes(buffer[start + 4 : end])
                start = end
                yield payload
        finally:
            del buffer[:start]


class Reader:
    """The fields of one message, read in order."""

    __slots__ = ("_at", "_fields")

    def __init__(self, payload: bytes) -> None:
        fields = payload.decode("utf-8", "backslashreplace").split("\0")
        if fields.pop() != "":
            raise MalformedMessageError("message does not end with NUL")
        self._fields = fields
        self._at = 0

    def text(self) -> str:
        """Return the next field as it stands."""
        at = self._at
        if at >= len(self._fields):
            raise MalformedMessageError(f"field {at}: expected a value, found the message's end")
        self._at = at + 1
        return self._fields[at]

    def integer(self) -> int:
        """Return the next field as an integer; empty counts as 0, as TWS reads it."""
        text = self.text()
        return parse_integer(text) if text else 0

    def flag(self) -> bool:
        """Return the next field as a boolean; empty counts as false."""
        return parse_flag(self.text())

    def count(self) -> int:
        """Return the next field as the length of a list that follows."""
        value = self.integer()
        if not 0 <= value <= len(self._fields) - self._at:
            raise MalformedMessageError(f"field {self._at - 1}: a list cannot hold {value} items")
        return value

    def record(self, length: int) -> tuple[str, ...]:
        """Return the next `length` fields."""
        at = self._at
        taken = tuple(self._fields[at : at + length])
        if len(taken) != length:
            raise MalformedMessageError(
                f"field {at}: expected {length} more fields, found {len(taken)}"
            )
        self._at = at + length
        return taken

    def named(self, names: Sequence[str], into: dict[str, str]) -> None:
        """Read one field per name into a mapping."""
        into.update(zip(names, self.record(len(names)), strict=True))

    def skip_rest(self) -> None:
        """Accept trailing fields that this server has no use for."""
        self._at = len(self._fields)

    def end(self) -> None:
        """Assert that every field was read: a surplus means that we misread the layout."""
        if self._at != len(self._fields):
            surplus = len(self._fields) - self._at
            raise MalformedMessageError(
                f"expected the message to end after {self._at} fields, found {surplus} more"
            )


def parse_hello(payload: bytes) -> tuple[int, int] | None:
    """Return the lowest and highest version of a greeting like ``v157..178 +PACEAPI``."""
    match = _HELLO.fullmatch(payload.decode("ascii", "replace"))
    if match is None:
        return None
    low = int(match[1])
    return low, int(match[2] or low)


def parse_integer(text: str) -> int:
    """Return an integer of 64 bits; old and new clients may write it as ``5`` or ``5.0``."""
    try:
        number = int(text)
    except ValueError:
        value = parse_number(text)
        if value is None or abs(value) >= _INTEGER_END or value != value.to_integral_value():
            raise MalformedMessageError(f"expected an integer, found `{text}`") from None
        number = int(value)
    if not -_INTEGER_END <= number < _INTEGER_END:
        raise MalformedMessageError(f"expected an integer of 64 bits, found `{text}`")
    return number


def parse_flag(text: str) -> bool:
    """Return a boolean from ``1``, ``0`` or empty."""
    if text == "1":
        return True
    if text in ("0", ""):
        return False
    raise MalformedMessageError(f"expected `1` or `0`, found `{text}`")


def parse_number(text: str) -> Decimal | None:
    """Return a decimal, or `None` for an unset one (empty, or the largest double)."""
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise MalformedMessageError(f"expected a number, found `{text}`") from None
    if not value.is_finite():
        raise MalformedMessageError(f"expected a finite number, found `{text}`")
    return None if value >= _UNSET_FLOAT_FROM else value


def parse_quantity(text: str) -> Decimal | None:
    """Return a quantity, or `None` for an unset one (here also the largest 128-bit integer)."""
    value = parse_number(text)
    return None if value == _UNSET_QUANTITY else value


def decimal_text(value: Decimal) -> str:
    """Write a decimal plainly: no exponent, no trailing zeros, ``100`` rather than ``100.0``.

    Clients older than version 163 read sizes as integers.
    """
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(text: str) -> str:
    """Drop the trailing zeros of a decimal string."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_text(value: float) -> str:
    """Write a float in its shortest exact form, integral values without ``.0``.

    Raises `ValueError` or `OverflowError` for what is not finite.
    """
    whole = int(value)
    # A subclass of float, such as NumPy's, may have a repr of its own.
    return str(whole) if whole == value else float.__repr__(value)


def escaped(text: str) -> str:
    """Write free text that receivers unicode-unescape: printable ASCII, backslash doubled."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(
        character
        if " " <= character <= "~" and character != "\\"
        else "\\\\"
        if character == "\\"
        else "".join(
            f"\\u{unit:04x}"
            for unit in memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H")
        )
        for character in text
    )


def message(*fields: str) -> bytes:
    """Return the frame of one message."""
    payload = ("\0".join(fields) + "\0").encode("ascii", "backslashreplace")
    return len(payload).to_bytes(4, "big") + payload

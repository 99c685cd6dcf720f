"""Why an answer of a prediction source was not taken, by stable reason code.

A refusal is counted and reported, never acted on: the next poll is made as if nothing happened.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_SHOWN_MAX: Final = 120


class Reason(StrEnum):
    """Stable codes; `detail` of the refusal says the rest."""

    CONNECTION = "CONNECTION"
    TIMEOUT = "TIMEOUT"
    TOO_LARGE = "TOO_LARGE"
    ENCODING = "ENCODING"
    REDIRECT = "REDIRECT"
    BAD_REQUEST = "BAD_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    SERVER_ERROR = "SERVER_ERROR"
    HTTP_STATUS = "HTTP_STATUS"
    API_ERROR = "API_ERROR"
    MALFORMED_JSON = "MALFORMED_JSON"
    MISSING_FIELD = "MISSING_FIELD"
    BAD_FIELD = "BAD_FIELD"
    WRONG_TICKER = "WRONG_TICKER"
    UNSIGNED = "UNSIGNED"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    INTERNAL = "INTERNAL"


_TRANSIENT: Final = frozenset(
    {Reason.CONNECTION, Reason.TIMEOUT, Reason.RATE_LIMITED, Reason.SERVER_ERROR}
)


class Refused(Exception):  # noqa: N818
    """An answer that is not a prediction.

    `is_transient` tells whether the same question may be worth asking again at once.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def is_transient(self) -> bool:
        """Whether asking again soon may bring something else."""
        return self.reason in _TRANSIENT


class MalformedPrediction(Refused, ValueError):  # noqa: N818
    """A prediction that does not read as documented: where, what was expected, what was found."""

    def __init__(self, reason: Reason, *, field: str, expected: str, found: str) -> None:
        super().__init__(reason, f"`{field}`: expected {expected}, found: {found}")
        self.field = field
        self.expected = expected
        self.found = found


def status_reason(status: int) -> Reason:
    """The reason code of an HTTP status, or of the same number inside an error envelope."""
    known = {
        400: Reason.BAD_REQUEST,
        401: Reason.UNAUTHORIZED,
        404: Reason.NOT_FOUND,
        429: Reason.RATE_LIMITED,
        501: Reason.HTTP_STATUS,  # not offered by this server: asking again cannot help
    }
    if status in known:
        return known[status]
    if 300 <= status < 400:
        return Reason.REDIRECT
    return Reason.SERVER_ERROR if 500 <= status < 600 else Reason.HTTP_STATUS


def shown(value: object) -> str:
    """`value` for a message: escaped and cut, since it came from outside and may be hostile."""
    text = value if isinstance(value, str) and value else repr(value)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: _SHOWN_MAX + 1])
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"

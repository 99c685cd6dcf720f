"""Signatures of answers: who does not know the key can say nothing that is believed.

A signature is the HMAC-SHA256 of an answer's bytes as they are sent, so of everything in it: id,
ticker, signal and time too. It says who spoke, not when: an old answer has an old time, and one
that is repeated has an id that is remembered.
"""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from orderloom.signals.refusal import Reason, Refused, shown

if TYPE_CHECKING:
    from pydantic import SecretStr

HEADER: Final = "X-Signature"
"""The answer's header by default: `sha256=` and 64 hexadecimal digits."""

FORGED: Final = frozenset({Reason.UNSIGNED, Reason.BAD_SIGNATURE})
"""Refusals that a person should look into."""

_PREFIX: Final = "sha256="


def signature(key: SecretStr, body: bytes) -> str:
    """The signature of `body`, as the header carries it.

    Example:
        >>> from pydantic import SecretStr
        >>> signature(SecretStr("a shared secret"), b"{}")[:15]
        'sha256=11ed4cbe'
    """
    return _PREFIX + hmac.new(key.get_secret_value().encode(), body, sha256).hexdigest()


def check(key: SecretStr, body: bytes, given: str | None) -> None:
    """Refuse a body that is not signed with `key`; in constant time.

    Raises:
        Refused: `UNSIGNED` without a signature, `BAD_SIGNATURE` with one that is not of this body.
    """
    if not given:
        raise Refused(Reason.UNSIGNED, "an answer without a signature, although one is demanded")
    if not hmac.compare_digest(signature(key, body).encode(), given.strip().lower().encode()):
        raise Refused(Reason.BAD_SIGNATURE, "the signature is not of this answer under our key")


def wrapped(key: SecretStr, text: str) -> str:
    """`text` with its signature in one message, for transports without headers."""
    return json.dumps({"signature": signature(key, text.encode()), "signed": text})


def unwrapped(key: SecretStr, message: str) -> str:
    """The text in a message of `wrapped`.

    Raises:
        Refused: as `check`; a message of another form is unsigned.
    """
    try:
        document = json.loads(message)
        text, given = document["signed"], document["signature"]
        if not (isinstance(text, str) and isinstance(given, str)):
            raise TypeError
    except (ValueError, TypeError, KeyError, RecursionError):
        expected = '`{"signature": …, "signed": …}`'
        raise Refused(Reason.UNSIGNED, f"expected {expected}, found: {shown(message)}") from None
    check(key, text.encode(), given)
    return text

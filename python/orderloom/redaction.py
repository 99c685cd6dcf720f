"""Secrets, kept out of everything that is written.

Knows nothing of where text goes: the journal and the log sink both pass their text through here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from orderloom.errors import OrderloomError

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "[redacted]"
LENGTH_MIN = 6
"""A shorter secret would blank out ordinary words and numbers."""

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class ShortSecretError(OrderloomError, ValueError):
    """A secret so short that taking it out would tear up ordinary text."""

    exit_code = 2


class Redactor:
    """Replaces the given secrets wherever they occur.

    Raises:
        ValueError: a secret is shorter than `LENGTH_MIN` characters.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if len(secret) < LENGTH_MIN:
                # The secret itself must not stand in the message.
                raise ShortSecretError(
                    f"a secret must have at least {LENGTH_MIN} characters to be redacted, "
                    f"one has {len(secret)}"
                )
            spellings |= {secret, json.dumps(secret)[1:-1]}
            spellings.add(json.dumps(secret, ensure_ascii=False)[1:-1])
        # Longest first: a secret that contains another one goes as a whole.
        self.spellings = tuple(sorted(spellings, key=len, reverse=True))
        """What is replaced: a text that has none of it stays as it is."""

    def text(self, text: str) -> str:
        """Return `text` without the secrets."""
        for spelling in self.spellings:
            text = text.replace(spelling, MASK)
        return text

    def json(self, document: str) -> str:
        """Return a JSON document whose strings hold no secret.

        Numbers stay: a secret of digits must not break the document around it.
        """
        if not any(spelling in document for spelling in self.spellings):
            return document
        return _JSON_STRING.sub(lambda found: self.text(found.group()), document)


def masked_account(account: str) -> str:
    """Return an account number of which only the first and last two characters can be read.

    Masking twice changes nothing more.
    """
    if len(account) <= 4:
        return "*" * len(account)
    return account[:2] + "*" * (len(account) - 4) + account[-2:]

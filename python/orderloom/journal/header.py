"""What a journal says about its run, once, before the first event."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Self

from orderloom.redaction import Redactor, masked_account


@dataclass(frozen=True, slots=True)
class Previous:
    """The file before this one in its run, and where its chain ended."""

    name: str
    """In the same directory."""
    seq: int
    at: int
    hash: str

    @classmethod
    def read(cls, document: str | None) -> Self | None:
        """Read what `json` wrote; `None` for a run's first file."""
        return None if document is None else cls(**json.loads(document))

    def json(self) -> str:
        """Return it as the `run` row has it."""
        return json.dumps({"name": self.name, "seq": self.seq, "at": self.at, "hash": self.hash})


@dataclass(frozen=True, slots=True)
class Header:
    """The run that a journal belongs to; enough to build the same engine again."""

    orderloom: str
    """Version that writes the journal."""
    config: str
    """The engine's configuration, JSON, exactly as `Engine` got it."""
    symbols: tuple[str, ...]
    """Names in the order of the configuration's instruments: a symbol index counts from here."""
    account: str
    """The broker's account; written masked."""
    started_at: int
    """UTC nanoseconds."""
    previous: Previous | None = None
    """The run's file before this one; `None`: this is its first."""
    day: int | None = None
    """The exchange's day that it was begun for, YYYYMMDD; `None` in a run's first file."""

    def redacted(self, redactor: Redactor) -> Header:
        """Return the header as it may be written."""
        return replace(
            self, account=masked_account(self.account), config=redactor.json(self.config)
        )

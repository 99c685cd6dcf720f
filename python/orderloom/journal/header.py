"""What a journal says about its run, once, before the first event."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orderloom.redaction import Redactor, masked_account


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

    def redacted(self, redactor: Redactor) -> Header:
        """Return the header as it may be written."""
        return replace(
            self, account=masked_account(self.account), config=redactor.json(self.config)
        )

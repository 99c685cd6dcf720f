"""Sample data: one generated session of three symbols, and predictions for it.

Every price is invented; `examples/quickstart` holds the generator and the story.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def market() -> Path:
    """Minute bars of 2026-03-10, AAPL, MSFT and TSLA, as CSV."""
    return _HERE / "market.csv"


def predictions() -> Path:
    """The predictions of that day as JSON lines."""
    return _HERE / "predictions.jsonl"

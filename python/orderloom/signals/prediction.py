"""One prediction, as every source hands it over.

Knows nothing of where it came from on the wire (see `parse`) nor whether it was seen before:
the engine, which journals its answer, decides that by `Prediction.key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orderloom.instant import NS_PER_MS, ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping


class Signal(StrEnum):
    """What a prediction calls for; which of them a rule acts on is the rule's affair."""

    BUY = "BUY"
    SELL = "SELL"
    SHORT = "SHORT"
    NEUTRAL = "NEUTRAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A signal for one ticker with its confidence and the time it was made.

    Times are UTC nanoseconds, prices dollars, `confidence` and `probabilities` between 0 and 1.
    Two predictions are equal when their content is, however and whenever they were received.

    Example:
        >>> p = Prediction(ticker="SLV", signal=Signal.BUY, confidence=0.9, predicted_at=5)
        >>> p.key
        'SLV|5|BUY'
    """

    ticker: str
    signal: Signal
    confidence: float
    predicted_at: int
    numeric: int | None = None
    probabilities: tuple[float, ...] = ()
    stock_price: float | None = None
    features: Mapping[str, float] = field(default_factory=dict, hash=False)
    id: str | None = None
    source: str | None = field(default=None, compare=False)
    received_at: int | None = field(default=None, compare=False)
    # Monotonic nanoseconds at which the answer had been read whole: the start of every
    # signal-to-order latency. Comparable only inside one process.
    received_monotonic_ns: int | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """Identity: one prediction is one event however often it is served."""
        return self.id or f"{self.ticker}|{self.predicted_at}|{self.signal}"

    def to_document(self) -> dict[str, Any]:
        """The `prediction` object of the documented schema; absent values are left out."""
        moment = ns_to_iso(self.predicted_at)
        document: dict[str, Any] = {
            "id": self.id,
            "ticker": self.ticker,
            "signal": str(self.signal),
            "numeric": self.numeric,
            "confidence": self.confidence,
            "probabilities": list(self.probabilities) or None,
            "timestamp": self.predicted_at // NS_PER_MS,
            "datetime": moment,
            "datetime_of_data": moment,
            "prediction_time": moment,
            "stock_price": self.stock_price,
            "feature_values": dict(self.features) or None,
        }
        return {name: value for name, value in document.items() if value is not None}

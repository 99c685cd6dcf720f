"""Where the values of a prediction stand in a vendor's JSON.

The defaults are the documented schema. Another vendor needs configuration, not code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from orderloom.signals.prediction import Signal  # noqa: TC001

MISSING: Final = object()

_NS_PER_UNIT: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class FieldMapping(BaseModel):
    """Dotted paths into a vendor's answer; a number in a path indexes a list.

    `status`, `code` and `message` start at the top of the answer; the others start at the object
    that `prediction` names (`""`: the answer itself).

    Example:
        >>> vendor = FieldMapping(prediction="result.0", status=None, signal="direction",
        ...                       confidence="score", confidence_max=100,
        ...                       words={"bullish": "BUY", "bearish": "SHORT"})
        >>> vendor.lookup({"result": [{"score": 91}]}, vendor.path("confidence"))
        91
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prediction: str = "data.prediction"
    status: str | None = Field(
        default="status", description="None: the vendor's answers carry no status"
    )
    success: str = "success"
    code: str = "code"
    message: str = "message"

    id: str = "id"
    ticker: str = "ticker"
    signal: str = "signal"
    numeric: str = "numeric"
    confidence: str = "confidence"
    probabilities: str = "probabilities"
    prediction_time: str = "prediction_time"
    timestamp: str = "timestamp"
    stock_price: str = "stock_price"
    features: str = "feature_values"

    timestamp_unit: Literal["s", "ms", "us", "ns"] = "ms"
    confidence_max: float = Field(
        default=1.0, gt=0, description="the vendor's figure for certainty"
    )
    words: Mapping[str, Signal] = Field(
        default_factory=dict, description="the vendor's words for our signals, in any case"
    )

    def path(self, name: str) -> str:
        """The whole path of one of our fields, also used in messages."""
        return ".".join(part for part in (self.prediction, getattr(self, name)) if part)

    def signal_of(self, word: object) -> object:
        """The signal that `word` stands for; a word that is not mapped must be one of ours."""
        if not isinstance(word, str):
            return word
        mapped = {vendor.upper(): signal for vendor, signal in self.words.items()}
        return mapped.get(word.strip().upper(), word.strip().upper())

    @property
    def ns_per_timestamp(self) -> int:
        """Nanoseconds in one unit of `timestamp`."""
        return _NS_PER_UNIT[self.timestamp_unit]

    @staticmethod
    def lookup(document: Any, path: str) -> Any:
        """The value at `path`, or `MISSING`."""
        value = document
        for part in path.split(".") if path else ():
            if isinstance(value, Mapping):
                value = value.get(part, MISSING)
            elif isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal():
                value = value[int(part)] if int(part) < len(value) else MISSING
            else:
                return MISSING
        return value

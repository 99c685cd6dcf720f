"""Recorded or generated predictions, answered as of a moment."""

from __future__ import annotations

import random
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from orderloom.signals.prediction import Prediction, Signal
from orderloom.signals.records import PredictionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NUMERIC: Final = {Signal.SHORT: -2, Signal.SELL: -1, Signal.NEUTRAL: 0, Signal.BUY: 1}


class PredictionBook:
    """Records by the moment from which they are served; equal moments keep their order."""

    def __init__(self, records: Iterable[PredictionRecord]) -> None:
        self._records = sorted(records, key=lambda record: record.served_at)
        self._moments = [record.served_at for record in self._records]
        self._by_ticker: dict[str, list[PredictionRecord]] = {}
        for record in self._records:
            self._by_ticker.setdefault(record.prediction.ticker, []).append(record)

    @property
    def tickers(self) -> tuple[str, ...]:
        """All tickers that have a record, sorted."""
        return tuple(sorted(self._by_ticker))

    def latest(self, ticker: str, now: int) -> PredictionRecord | None:
        """What is served for `ticker` at `now` (UTC ns); None before its first record."""
        records = self._by_ticker.get(ticker, [])
        count = bisect_right(records, now, key=lambda record: record.served_at)
        return records[count - 1] if count else None

    def count(self, now: int) -> int:
        """How many records, over all tickers, are served by `now`."""
        return bisect_right(self._moments, now)

    def between(self, first: int, last: int) -> Sequence[PredictionRecord]:
        """The records number `first` (counted from 0) up to, but without, `last`."""
        return self._records[first:last]

    def history(self, ticker: str | None, now: int, limit: int) -> list[PredictionRecord]:
        """The last `limit` records served by `now`, newest first."""
        records = self._by_ticker.get(ticker, []) if ticker else self._records
        served = records[: bisect_right(records, now, key=lambda record: record.served_at)]
        return served[::-1][:limit]


def generate_records(
    tickers: Sequence[str], *, start: int, end: int, every: int, seed: int
) -> list[PredictionRecord]:
    """Predictions for every ticker each `every` ns from `start` to before `end`, from `seed`.

    A third are NEUTRAL; confidences spread evenly from 0.5 to 1. They follow no market: they
    exercise the system, and say nothing about profit.
    """
    if every <= 0:
        raise ValueError(f"`every` must be greater than 0, was `{every}`")
    chance = random.Random(seed)  # noqa: S311
    words = (Signal.BUY, Signal.SELL, Signal.SHORT, Signal.NEUTRAL, Signal.NEUTRAL, Signal.BUY)
    records = []
    for at in range(start, end, every):
        for ticker in tickers:
            signal = words[int(chance.random() * len(words))]
            confidence = round(0.5 + chance.random() / 2, 4)
            prediction = Prediction(
                ticker=ticker,
                signal=signal,
                numeric=NUMERIC[signal],
                confidence=confidence,
                predicted_at=at,
                id=f"generated-{seed}-{ticker}-{at}",
            )
            records.append(PredictionRecord(prediction, at))
    return records

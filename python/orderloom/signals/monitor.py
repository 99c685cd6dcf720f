"""`OptionsFlowMonitor`: watch a prediction API for a list of tickers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from orderloom.signals.client import OnPrediction, PredictionClient
from orderloom.signals.source import PredictionSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from orderloom.signals.prediction import Prediction


class OptionsFlowMonitor:
    """Polls the predictions of `tickers` and hands each to `on_prediction`.

    `source` is a base URL or a whole `PredictionSource`; further options go to
    `PredictionClient`. A prediction is handed over as often as it is served; compare `key`.

    Example:
        >>> import asyncio
        >>> from orderloom.signals import (
        ...     OptionsFlowMonitor, Prediction, PredictionBook, PredictionRecord,
        ...     PredictionServer, Signal)
        >>> at = 1_700_000_000_000_000_000
        >>> buy = Prediction(ticker="SLV", signal=Signal.BUY, confidence=0.91, predicted_at=at)
        >>> book = PredictionBook([PredictionRecord(buy, at)])
        >>> async def watch(url):
        ...     seen = []
        ...     async with OptionsFlowMonitor(["SLV"], url, seen.append) as monitor:
        ...         await monitor.poll_once()
        ...     return seen
        >>> with PredictionServer(book, clock=lambda: at) as server:
        ...     for seen in asyncio.run(watch(server.url)):
        ...         print(seen.ticker, seen.signal, seen.confidence)
        SLV BUY 0.91
    """

    def __init__(
        self,
        tickers: Sequence[str],
        source: PredictionSource | str,
        on_prediction: OnPrediction,
        *,
        api_key: SecretStr | str = "",
        every_seconds: float = 60.0,
        on_rejected: Callable[[str, str, str], object] | None = None,
        **options: Any,
    ) -> None:
        if isinstance(source, str):
            key = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
            source = PredictionSource(url=source, api_key=key)
        self.tickers = tuple(tickers)
        self.every_seconds = every_seconds
        self.received = 0
        self.rejected: Counter[str] = Counter()
        self._on_prediction = on_prediction
        self._on_rejected = on_rejected
        self.client = PredictionClient(
            source, on_prediction=self._count, on_rejected=self._count_rejected, **options
        )

    async def run(self) -> None:
        """Watch until cancelled, or until the source refuses the key."""
        await self.client.run(self.tickers, self.every_seconds)

    async def poll_once(self, *, in_order: bool = False) -> None:
        """Ask once for every ticker; see `PredictionClient.poll_once`."""
        await self.client.poll_once(self.tickers, in_order=in_order)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.aclose()

    def _count(self, prediction: Prediction) -> None:
        self.received += 1
        self._on_prediction(prediction)

    def _count_rejected(self, source: str, code: str, detail: str) -> None:
        self.rejected[code] += 1
        if self._on_rejected is not None:
            self._on_rejected(source, code, detail)

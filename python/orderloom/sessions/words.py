"""What an operator may ask of a running session, and tell it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from orderloom._core import Event
from orderloom.control import RefusedWordError
from orderloom.instant import ns_to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orderloom.report import RunTally
    from orderloom.runner import Runner
    from orderloom.sessions.outside import Outside
    from orderloom.sessions.reload import Reloader
    from orderloom.sessions.standing import Standing
    from orderloom.signals import PredictionClient


_REFUSED = "the API refused the key: nothing more is asked; hint: `orderloom resume` asks again"


class Words:
    """Answers the words of `orderloom status` and its kind.

    What it tells the engine is an event like any other: journaled, and judged in its turn.
    """

    def __init__(
        self,
        runner: Runner,
        tally: RunTally,
        outside: Outside,
        standing: Standing,
        symbols: Sequence[str],
        now: Callable[[], int],
        reloader: Reloader,
        predictions: Callable[[], PredictionClient | None],
    ) -> None:
        self._runner = runner
        self._tally = tally
        self._outside = outside
        self._standing = standing
        self._symbols = symbols
        self._now = now
        self._reloader = reloader
        self._predictions = predictions

    async def answer(self, word: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer one word.

        Raises:
            RefusedWordError: an unknown word, symbol or argument.
            OrderloomError: what it asks for cannot be done.
        """
        if word == "reload":
            return await self._reload(is_dry_run=bool(arguments.get("dry_run")))
        questions: dict[str, Callable[[], dict[str, Any]]] = {
            "status": self._status,
            "positions": self._positions,
            "orders": self._orders,
            "signals": self._signals,
        }
        if word in questions:
            return questions[word]()
        if word == "halt":
            reason = str(arguments.get("reason") or "halted by an operator")
            self._runner.post(Event.operator("halt", reason=reason))
        elif word == "resume":
            if (failure := self._runner.journal.failure) is not None:
                raise RefusedWordError(
                    f"{failure}: no entry could be put into writing; hint: end this run, see that "
                    "its place is in order, and start it again"
                )
            rearmed = self._outside.quarantined
            self._runner.post(Event.operator("resume"))
            client = self._predictions()
            is_asked_again = client is not None and client.is_stopped
            if client is not None:
                client.resume()
            told = {"predictions": "asked for again"} if is_asked_again else {}
            return {"rearmed": rearmed, **self._status(), **told}
        elif word == "flatten":
            closing = self._flatten(self._symbol(arguments.get("symbol")))
            return {"closing": closing, **self._status()}
        else:
            raise RefusedWordError(f"unknown word `{word}`")
        return self._status()

    def _flatten(self, asked: int | None) -> list[dict[str, str]]:
        """Close trades; returns which those are, with their shares as they were."""
        trades = (
            (name, json.loads(self._runner.engine.context(place) or "null"))
            for place, name in enumerate(self._symbols)
            if asked in (None, place)
        )
        closing = [
            {"symbol": name, "side": trade["side"], "quantity": trade["quantity"]}
            for name, trade in trades
            if trade is not None
        ]
        self._runner.post(Event.operator("flatten", symbol=asked))
        engine = self._runner.engine
        left = [
            f"{name} {quantity}"
            for place, name in enumerate(self._symbols)
            if asked in (None, place)
            if float(quantity := engine.position(place)[0]) and engine.context(place) is None
        ]
        if left:
            # Whose they are nobody knows here: a person's, or an earlier run's that was lost.
            raise RefusedWordError(
                f"{', '.join(left)} held by no trade of this run: left as it is, whatever else was "
                "closed; look at its orders in TWS and close it there"
            )
        return closing

    async def _reload(self, *, is_dry_run: bool) -> dict[str, Any]:
        # Reading and checking a file takes its time: trading goes on meanwhile.
        settings = await asyncio.to_thread(self._reloader.load)
        difference = self._reloader.take(settings, is_dry_run=is_dry_run)
        return {
            "is_applied": not (is_dry_run or difference.is_none),
            "is_dry_run": is_dry_run,
            **difference.as_dict(),
        }

    def _symbol(self, name: object) -> int | None:
        if name is None:
            return None
        if name not in self._symbols:
            raise RefusedWordError(
                f"unknown symbol `{name}`, expected one of {', '.join(self._symbols)}"
            )
        return self._symbols.index(str(name))

    def _status(self) -> dict[str, Any]:
        engine = self._runner.engine
        client = self._predictions()
        is_refused = client is not None and client.is_stopped
        return {
            "at": ns_to_iso(self._now()),
            **self._standing.as_dict(can_resume=self._runner.journal.failure is None),
            "profit": engine.profit(),
            "open_trades": sum(
                engine.context(index) is not None for index in range(len(self._symbols))
            ),
            "live_orders": len(json.loads(engine.live_orders())),
            "unknown_orders": len(self._outside.orders),
            "round_trips": len(self._tally.round_trips),
            "quarantined": self._outside.quarantined,
            "incidents": self._tally.incidents[-5:],
            "signals": self._tally.signals(),
            "predictions": _REFUSED if is_refused else None,
        }

    def _positions(self) -> dict[str, Any]:
        engine, unclaimed = self._runner.engine, self._outside.shares
        rows = []
        for index, symbol in enumerate(self._symbols):
            quantity, average, realized, commission = engine.position(index)
            rows.append(
                {
                    "symbol": symbol,
                    "quantity": quantity,
                    "average_price": average,
                    "last": engine.mark(index),
                    "unrealized": engine.unrealized(index),
                    "realized": realized,
                    "commission": commission,
                    "trade": self._trade(index),
                    "unclaimed": unclaimed.get(symbol),
                }
            )
        return {"positions": rows}

    def _trade(self, index: int) -> dict[str, Any] | None:
        text = self._runner.engine.context(index)
        if text is None:
            return None
        trade: dict[str, Any] = json.loads(text)
        opener = self._tally.opener(trade["context"], trade["rule"])
        return {**trade, "rule": None if opener == "-" else opener}

    def _orders(self) -> dict[str, Any]:
        orders = json.loads(self._runner.engine.live_orders())
        return {
            "orders": [{**each, "symbol": self._symbols[each["symbol"]]} for each in orders],
            "unknown_orders": [each._asdict() for each in self._outside.orders],
        }

    def _signals(self) -> dict[str, Any]:
        return {"signals": self._tally.signals(), "recent": list(self._tally.recent)}

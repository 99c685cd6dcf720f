"""A run's account as its journal tells it: trades, profit at each moment, and what is still held.

The profit is all that was earned since the start: realised and, at the last price known, not yet
realised, commissions paid. Prices are the closes of bars; without bars, prints or the middle of
quotes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from orderloom.journal import rule_name
from orderloom.report.summary import RoundTrip
from orderloom.report.trades import Trade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orderloom.journal import Run

_DAY: Final = 86_400_000_000_000
_EPOCH: Final = date(1970, 1, 1)
_TOLD: Final = frozenset(
    {"context_opened", "context_concluded", "position_changed", "commission_paid"}
)
# By preference: the first kind that a journal has tells its prices.
_PRICED: Final = ("bar", "trade", "quote")


@dataclass(slots=True)
class _Held:
    """One symbol's position, and what it is worth at its last price."""

    multiplier: float
    quantity: float = 0.0
    average: float = 0.0
    realized: float = 0.0
    mark: float | None = None

    @property
    def profit(self) -> float:
        mark = self.average if self.mark is None else self.mark
        return self.realized + self.quantity * (mark - self.average) * self.multiplier


@dataclass(slots=True)
class Account:
    """What a journal tells of the account; times in UTC nanoseconds, money as floats."""

    trips: list[RoundTrip] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    """As `trips`, for figures."""
    profit: list[tuple[int, float]] = field(default_factory=list)
    """After each moment at which a price or a position changed it could be told anew."""
    start: float | None = None
    """The account's value when the run began, where the broker told it."""
    offsets: list[tuple[int, int]] = field(default_factory=list)
    """From when on the exchange's clock was how far from UTC."""
    held: dict[str, float] = field(default_factory=dict)
    commission: float = 0.0

    @classmethod
    def of(cls, run: Run) -> Account:
        """Read a run from its first row to its last."""
        account = cls()
        _Reader(account, run).read()
        return account

    def days(self) -> dict[str, float]:
        """The profit at the end of each of the exchange's days."""
        found: dict[str, float] = {}
        place, offset = 0, 0
        for at, profit in self.profit:
            while place < len(self.offsets) and self.offsets[place][0] <= at:
                offset = self.offsets[place][1]
                place += 1
            # What is told at midnight belongs to the day that ends there.
            day = _EPOCH + timedelta(days=(at - 1 + offset) // _DAY)
            found[day.isoformat()] = profit
        return found


class _Reader:
    def __init__(self, account: Account, run: Run) -> None:
        self._account = account
        self._run = run
        self._configs = [(seq, json.loads(text)) for seq, text in run.configs()]
        # A restart may have added some after those that were there.
        listed = self._configs[-1][1]["instruments"]
        self._symbols: Sequence[str] = [each["symbol"] for each in listed]
        # Of rules alone no configuration says it.
        self._held = [_Held(float(each.get("multiplier", 1))) for each in listed]
        self._openers: dict[int, str] = {}

    def read(self) -> None:
        account = self._account
        values = self._run.events("account_value")
        told = (json.loads(body) for _, _, body in values)
        account.start = next(
            (float(each["value"]) for each in told if each["tag"] == "NetLiquidation"), None
        )
        offset = None
        for _, at, body in self._run.events("session"):
            if offset != (offset := json.loads(body)["session"]["utc_offset"]):
                account.offsets.append((at, offset))
        marks, notices = self._marks(), self._notices()
        mark = next(marks, None)
        for seq, at, kind, notice in notices:
            while mark is not None and mark[0] <= seq:
                self._price(*mark)
                mark = next(marks, None)
            getattr(self, f"_{kind}")(seq, at, notice)
        while mark is not None:
            self._price(*mark)
            mark = next(marks, None)
        account.held = {
            name: held.quantity
            for name, held in zip(self._symbols, self._held, strict=True)
            if held.quantity
        }

    def _marks(self) -> Iterator[tuple[int, int, int, float]]:
        """Every price: event, time, symbol, price; history from before the run is none."""
        for kind in _PRICED:
            is_any = False
            for seq, at, body in self._run.events(kind):
                event = json.loads(body)
                if (price := _price_of(kind, event)) is not None:
                    is_any = True
                    yield seq, at, event["symbol"], price
            if is_any:
                return

    def _notices(self) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
        for entry in self._run.notices():
            if entry.kind in _TOLD:
                yield entry.seq, entry.at, entry.kind, json.loads(entry.body)

    def _price(self, _seq: int, at: int, symbol: int, price: float) -> None:
        held = self._held[symbol]
        is_news = held.quantity != 0 and held.mark != price
        held.mark = price
        points = self._account.profit
        # A day without a trade is a day, too.
        if is_news or not points or at // _DAY != points[-1][0] // _DAY:
            self._tell(at)

    def _tell(self, at: int) -> None:
        points = self._account.profit
        profit = sum(held.profit for held in self._held) - self._account.commission
        if points and points[-1][0] == at:
            points.pop()
        points.append((at, round(profit, 8)))

    def _position_changed(self, _seq: int, at: int, notice: dict[str, Any]) -> None:
        held = self._held[notice["symbol"]]
        held.quantity = float(notice["quantity"])
        held.average = float(notice["average_price"] or 0)
        held.realized = float(notice["realized"])
        self._tell(at)

    def _commission_paid(self, _seq: int, at: int, notice: dict[str, Any]) -> None:
        self._account.commission = round(self._account.commission + float(notice["amount"]), 8)
        self._tell(at)

    def _context_opened(self, seq: int, _at: int, notice: dict[str, Any]) -> None:
        self._openers[notice["context"]] = self._rule(seq, notice["rule"])

    def _context_concluded(self, seq: int, _at: int, notice: dict[str, Any]) -> None:
        opener = self._openers.pop(notice["context"], None)
        if notice["exit_reason"] is None:
            return
        rule = opener or self._rule(seq, notice["rule"])
        trip = RoundTrip.of(notice, symbol=self._symbols[notice["symbol"]], rule=rule)
        self._account.trips.append(trip)
        self._account.trades.append(
            Trade(float(trip.pnl), float(trip.commission), notice["opened_at"], notice["closed_at"])
        )

    def _rule(self, seq: int, rule: int) -> str:
        return rule_name(self._configs, seq, rule) or "-"


def _price_of(kind: str, event: dict[str, Any]) -> float | None:
    if kind == "bar":
        return None if event.get("is_history") else float(event["close"])
    if kind == "trade":
        return float(event["price"])
    bid, ask = event["bid"], event["ask"]
    return None if bid is None or ask is None else (float(bid) + float(ask)) / 2

"""Trades that are over, in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Trade:
    """What the figures need to know of a trade; money as floats, for statistics."""

    pnl: float
    """Before commissions."""
    commission: float
    opened_at: int
    closed_at: int


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """The figures; a trade that earned nothing is neither won nor lost.

    Profit and loss are before commissions, as brokers and the field count them; `net` is after.
    """

    trades: int
    won: int
    lost: int
    win_rate: float | None
    pnl: float
    commission: float
    net: float
    profit: float
    """Of the trades that were won."""
    loss: float
    """Of the trades that were lost, 0 or below."""
    profit_factor: float | None
    """Profit by loss; none where nothing was lost."""
    average: float | None
    average_won: float | None
    average_lost: float | None
    largest_won: float
    largest_lost: float
    deviation: float | None
    """Standard deviation of the trades' profits."""
    won_in_a_row: int
    lost_in_a_row: int
    average_seconds: float | None
    """How long a trade lasted."""

    @classmethod
    def of(cls, trades: Sequence[Trade]) -> TradeFigures:
        """The figures of trades in the order of their ends."""
        pnl = [trade.pnl for trade in trades]
        won = [each for each in pnl if each > 0]
        lost = [each for each in pnl if each < 0]
        commission = sum(trade.commission for trade in trades)
        return cls(
            trades=len(pnl),
            won=len(won),
            lost=len(lost),
            win_rate=len(won) / len(pnl) if pnl else None,
            pnl=round(sum(pnl), 8),
            commission=round(commission, 8),
            net=round(sum(pnl) - commission, 8),
            profit=round(sum(won), 8),
            loss=round(sum(lost), 8),
            profit_factor=sum(won) / -sum(lost) if lost else None,
            average=_mean(pnl),
            average_won=_mean(won),
            average_lost=_mean(lost),
            largest_won=max(won, default=0.0),
            largest_lost=min(lost, default=0.0),
            deviation=stdev(pnl) if len(pnl) > 1 else None,
            won_in_a_row=_in_a_row(each > 0 for each in pnl),
            lost_in_a_row=_in_a_row(each < 0 for each in pnl),
            average_seconds=_mean([(each.closed_at - each.opened_at) / 1e9 for each in trades]),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _in_a_row(held: Iterable[bool]) -> int:
    return max((len(list(run)) for is_held, run in groupby(held) if is_held), default=0)

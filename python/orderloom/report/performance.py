"""What a run came to: the figures of its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from orderloom.instant import ns_to_iso
from orderloom.report.returns import (
    annual_return,
    annual_volatility,
    changes,
    drawdowns,
    sharpe_ratio,
    sortino_ratio,
)
from orderloom.report.trades import TradeFigures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderloom.report.account import Account

# A year's growth told from a few days is none.
_DAYS_MIN: Final = 20
_GROUPS: Final = {"rule": "rule", "symbol": "symbol", "side": "side", "exit": "exit_reason"}


def profit_drawdowns(path: Sequence[tuple[int, float]]) -> list[float]:
    """How far each moment's profit lies below the highest so far, or the start."""
    return drawdowns([0.0, *(profit for _, profit in path)])[1:]


@dataclass(frozen=True, slots=True)
class Fall:
    """The largest fall of the profit below its highest point so far (or the start)."""

    money: float
    share: float | None
    """Of the account's value at that point; none where the broker told no value."""
    began: int | None
    """When that point was reached, UTC ns; none where nothing fell."""
    deepest: int | None
    recovered: int | None
    """When it was reached again; none where it was not."""

    @classmethod
    def of(cls, path: Sequence[tuple[int, float]], start: float | None) -> Fall:
        """The fall of a profit over time that began at 0, `start` being the account's value."""
        below = profit_drawdowns(path)
        deepest = max(range(len(path)), key=below.__getitem__, default=0)
        if not path or not below[deepest]:
            return cls(0.0, 0.0 if start else None, None, None, None)
        top = max(0.0, *(profit for _, profit in path[: deepest + 1]))
        at_top = [at for at, profit in path[:deepest] if profit >= top]
        return cls(
            money=round(below[deepest], 8),
            share=below[deepest] / (start + top) if start and start + top > 0 else None,
            began=at_top[-1] if at_top else path[0][0],
            deepest=path[deepest][0],
            recovered=next((at for at, profit in path[deepest:] if profit >= top), None),
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        times = {name: getattr(self, name) for name in ("began", "deepest", "recovered")}
        return {
            "money": self.money,
            "share": self.share,
            **{name: None if at is None else ns_to_iso(at) for name, at in times.items()},
        }


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a run. Those of returns are `None` where there are too few days for them."""

    account: Account
    trades: TradeFigures
    groups: dict[str, dict[str, TradeFigures]]
    """The same by rule, symbol, side and reason of the exit."""
    days: dict[str, float]
    """What each of the exchange's days earned."""
    profit: float
    """All of it: trades that are over, what is held at its last price, commissions paid."""
    fall: Fall
    returns: list[float]
    """Of each day, as a share of the account's value before it."""

    @classmethod
    def of(cls, account: Account) -> Performance:
        """The figures of an account."""
        ends = account.days()
        before, days = 0.0, {}
        for day, profit in ends.items():
            days[day] = round(profit - before, 8)
            before = profit
        values = [] if account.start is None else [0.0, *ends.values()]
        equity = [(account.start or 0.0) + profit for profit in values]
        grouped: dict[str, dict[str, list[Any]]] = {name: {} for name in _GROUPS}
        for trip, trade in zip(account.trips, account.trades, strict=True):
            for name, attribute in _GROUPS.items():
                grouped[name].setdefault(getattr(trip, attribute), []).append(trade)
        return cls(
            account=account,
            trades=TradeFigures.of(account.trades),
            groups={
                name: {key: TradeFigures.of(trades) for key, trades in sorted(groups.items())}
                for name, groups in grouped.items()
            },
            days=days,
            profit=account.profit[-1][1] if account.profit else 0.0,
            fall=Fall.of(account.profit, account.start),
            returns=changes(equity) if equity and min(equity) > 0 else [],
        )

    def as_dict(self) -> dict[str, Any]:
        """As JSON values: the figures, without the path that led to them."""
        returns = self.returns
        return {
            "start_value": self.account.start,
            "profit": self.profit,
            "drawdown": self.fall.as_dict(),
            "annual_return": annual_return(returns) if len(returns) >= _DAYS_MIN else None,
            "annual_volatility": annual_volatility(returns),
            "sharpe": sharpe_ratio(returns),
            "sortino": sortino_ratio(returns),
            "trades": self.trades.as_dict(),
            "by": {
                name: {key: figures.as_dict() for key, figures in groups.items()}
                for name, groups in self.groups.items()
            },
            "days": self.days,
            "exit_reasons": dict(Counter(trip.exit_reason for trip in self.account.trips)),
            "held": self.account.held,
            "round_trips": [asdict(trip) for trip in self.account.trips],
        }

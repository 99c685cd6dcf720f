"""The script of a simulated market: everything that happens, moment by moment.

Bars become their path of prints, prints of a source without quotes get a quote around them, and
sessions open and close by the exchange's calendar. Prices of several symbols stay in time order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from orderloom.feeds import Bar, Item, Print, Quote, expand, quotes_around

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orderloom.hours import Hours


@dataclass(slots=True)
class Moment:
    """What happens at one time. Sessions come first, then quotes and prints in their order."""

    at: int
    sessions: list[bool] = field(default_factory=list)
    """The regular session opens (true) or closes (false)."""
    prices: list[Print | Quote] = field(default_factory=list)


def script(items: Iterable[Item], hours: Hours, ticks: Mapping[str, float]) -> Iterator[Moment]:
    """Yield the moments of `items`, which are in time order, with the sessions between them.

    `ticks` gives each symbol's smallest price step, for the quotes around prints.
    """
    sessions = sorted(
        [(day.open, True) for day in hours.days] + [(day.close, False) for day in hours.days]
    )
    place = 0
    moment: Moment | None = None
    for price in _prices(items, ticks):
        while place < len(sessions) and sessions[place][0] <= price.at:
            at, is_open = sessions[place]
            place += 1
            if moment is None or moment.at != at:
                if moment is not None:
                    yield moment
                moment = Moment(at)
            moment.sessions.append(is_open)
        if moment is None or moment.at != price.at:
            if moment is not None:
                yield moment
            moment = Moment(price.at)
        moment.prices.append(price)
    if moment is None:
        return
    yield moment
    for at, is_open in sessions[place:]:
        # The day that the data ends in is played to its close.
        if not is_open:
            yield Moment(at, sessions=[False])
        return


def _prices(items: Iterable[Item], ticks: Mapping[str, float]) -> Iterator[Print | Quote]:
    quoted: set[str] = set()
    waiting: list[tuple[int, int, Print | Quote]] = []
    order = count()

    def push(price: Print | Quote) -> None:
        heappush(waiting, (price.at, next(order), price))

    for item in items:
        while waiting and waiting[0][0] < item.at:
            yield heappop(waiting)[2]
        if isinstance(item, Quote):
            quoted.add(item.symbol)
            push(item)
            continue
        for price in expand(item) if isinstance(item, Bar) else (item,):
            if item.symbol not in quoted:
                push(quotes_around(price, ticks[item.symbol]))
            push(price)
    while waiting:
        yield heappop(waiting)[2]

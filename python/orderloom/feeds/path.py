"""The path of prices inside a bar, and a quote around a print, for a simulated venue.

A bar says where the price was, not in which order; these are one plain, fixed answer.
"""

from __future__ import annotations

from typing import Final

from orderloom.feeds.items import Bar, Print, Quote

_MS: Final = 1_000_000
_ROUND_LOT: Final = 100


def expand(bar: Bar) -> list[Print]:
    """Four prints: open, the two extremes, close.

    The low comes before the high when the bar closed at or above its open, otherwise after it.
    They stand at the start, after a quarter, after half of the span, and one millisecond before
    its end. Each takes a quarter of the volume, the last one also the rest, so that they sum to
    the bar's exactly; below four shares the first three have size 0.

    Example:
        >>> [p.price for p in expand(Bar(0, "A", 60_000_000_000, 10.0, 12.0, 9.0, 11.0, 10))]
        [10.0, 9.0, 12.0, 11.0]
    """
    first, second = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    quarter = bar.volume // 4
    return [
        Print(bar.start, bar.symbol, bar.open, quarter),
        Print(bar.start + bar.span // 4, bar.symbol, first, quarter),
        Print(bar.start + bar.span // 2, bar.symbol, second, quarter),
        Print(bar.end - _MS, bar.symbol, bar.close, bar.volume - 3 * quarter),
    ]


def quotes_around(trade: Print, tick: float) -> Quote:
    """The quote assumed at a print: one tick to either side of its price.

    Each side shows the size of the print, at least a round lot of 100. A bid that would not be
    above 0 is absent.
    """
    size = max(trade.size, _ROUND_LOT)
    # Eight decimals are the core's; they take away what binary fractions add.
    bid, ask = round(trade.price - tick, 8), round(trade.price + tick, 8)
    if bid <= 0:
        return Quote(trade.at, trade.symbol, None, ask, 0, size)
    return Quote(trade.at, trade.symbol, bid, ask, size, size)

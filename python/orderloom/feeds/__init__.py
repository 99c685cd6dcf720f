"""Market data from files, for the simulated venue and for history."""

from orderloom.feeds.items import Bar, FeedError, Item, Print, Quote
from orderloom.feeds.kind import Kind, MarketFile, detect
from orderloom.feeds.path import expand, quotes_around
from orderloom.feeds.reader import read_items, read_market

__all__ = [
    "Bar",
    "FeedError",
    "Item",
    "Kind",
    "MarketFile",
    "Print",
    "Quote",
    "detect",
    "expand",
    "quotes_around",
    "read_items",
    "read_market",
]

"""Bars: their sizes, how prints build them, and the past that clients may ask for.

Prices are floats, as on the wire; times are UTC nanoseconds. A bar is labelled by its start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from .times import DAY, SECOND, Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_UNITS = {"sec": 1, "min": 60, "hour": 3600, "day": 86_400}
_SIZES = frozenset(
    [
        "1 sec",
        "5 secs",
        "10 secs",
        "15 secs",
        "30 secs",
        "1 min",
        "2 mins",
        "3 mins",
        "5 mins",
        "10 mins",
        "15 mins",
        "20 mins",
        "30 mins",
        "1 hour",
        "2 hours",
        "3 hours",
        "4 hours",
        "8 hours",
        "1 day",
    ]
)
_MINUTE = 60 * SECOND
_CALENDAR_DAYS = {"D": 1, "W": 7, "M": 30, "Y": 365}


@dataclass(slots=True)
class Bar:
    """Prices and volume of one span; `average` is weighted by volume."""

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    average: float = 0.0
    count: int = 0

    @classmethod
    def flat(cls, start: int, price: float) -> Bar:
        """Return a bar in which nothing has traded yet."""
        return cls(start, price, price, price, price, 0.0, price, 0)

    def take(self, price: float, size: float) -> None:
        """Add one print. The first print of an empty bar sets the average."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        volume = self.volume + size
        if volume > 0.0:
            self.average += (price - self.average) * (size / volume)
        self.volume = volume
        self.count += 1

    def join(self, later: Bar) -> None:
        """Add a later bar of the same span."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        volume = self.volume + later.volume
        if volume > 0.0:
            self.average += (later.average - self.average) * (later.volume / volume)
        self.volume = volume
        self.count += later.count


@dataclass(frozen=True, slots=True)
class BarSize:
    """A bar size that TWS knows, as a span in nanoseconds. Spans start at local midnight."""

    span: int

    @classmethod
    def parse(cls, text: str) -> BarSize:
        """Read ``5 mins``; raise `ValueError` for a size that TWS does not serve."""
        words = text.strip().replace("1 secs", "1 sec")
        if words not in _SIZES:
            raise ValueError(f"bar size: `{text}` is not served")
        number, unit = words.split()
        return cls(int(number) * _UNITS[unit.rstrip("s")] * SECOND)

    @property
    def is_daily(self) -> bool:
        """Whether bars are labelled by date alone."""
        return self.span == DAY

    def start(self, at: int, zone: Zone) -> int:
        """Return the start of the span that holds a moment."""
        if self.is_daily:
            return zone.midnight(at)
        offset = zone.offset(at)
        return (at + offset) // self.span * self.span - offset

    def end(self, start: int, zone: Zone) -> int:
        """Return the end of the span that begins at `start`; days differ in length."""
        return zone.midnight(start + DAY + DAY // 2) if self.is_daily else start + self.span

    def label(self, at: int, zone: Zone, is_wanted: Callable[[int], bool]) -> int:
        """Return the time that a bar is labelled with whose first print is at a moment.

        A session that opens inside a span labels its first bar with the minute of the open.
        """
        start = self.start(at, zone)
        if self.is_daily or is_wanted(start):
            return start
        label = at - at % _MINUTE
        while label - _MINUTE >= start and is_wanted(label - _MINUTE):
            label -= _MINUTE
        return label


@dataclass(frozen=True, slots=True)
class Duration:
    """How far back a request reaches: seconds, or days that hold data, or calendar days."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``1800 S``, ``2 D``, ``1 W``, ``1 M`` or ``1 Y``; raise `ValueError` otherwise."""
        number, _, unit = text.strip().partition(" ")
        if not number.isdecimal() or unit not in ("S", "D", "W", "M", "Y") or int(number) < 1:
            raise ValueError(f"duration: expected a number and S, D, W, M or Y, found `{text}`")
        return cls(int(number), unit)

    @property
    def span(self) -> int:
        """The duration in nanoseconds, with calendar days, months of 30 and years of 365 days."""
        unit = SECOND if self.unit == "S" else _CALENDAR_DAYS[self.unit] * DAY
        return self.count * unit

    def window(self, newest_first: Iterable[Bar], zone: Zone) -> list[Bar]:
        """Return the bars within this duration of the newest one, oldest first."""
        chosen: list[Bar] = []
        days: set[int] = set()
        begin = 0
        for bar in newest_first:
            if not chosen:
                begin = self._begin(bar.start)
            if self.unit == "D":
                days.add(zone.day(bar.start))
                if len(days) > self.count:
                    break
            elif bar.start < begin:
                break
            chosen.append(bar)
        chosen.reverse()
        return chosen

    def _begin(self, newest: int) -> int:
        return newest - self.span + (SECOND if self.unit == "S" else 0)


class History:
    """The past of one instrument and one kind of price.

    Loaded bars serve the time before the first live print; live prints are kept as bars of one
    second. Loaded bars that end after the simulated now are never served: a whole file may be
    loaded at once.
    """

    __slots__ = ("_live", "_loaded")

    def __init__(self) -> None:
        self._loaded: dict[int, list[Bar]] = {}
        self._live: list[Bar] = []

    def load(self, bars: Iterable[Bar], span: int) -> None:
        """Add bars of one span in nanoseconds."""
        held = self._loaded.setdefault(span, [])
        held.extend(bars)
        held.sort(key=_start)

    def take(self, at: int, price: float, size: float) -> None:
        """Add one live print."""
        start = at - at % SECOND
        live = self._live
        if live and live[-1].start >= start:
            live[-1].take(price, size)
        else:
            live.append(Bar.flat(start, price))
            live[-1].take(price, size)

    def head(self, at: int, is_wanted: Callable[[int], bool]) -> int | None:
        """Return the start of the first bar that a moment knows; `is_wanted` as in `bars`."""
        heads = []
        for span, bars in ((0, self._live), *self._loaded.items()):
            start = next((bar.start for bar in bars if is_wanted(bar.start)), None)
            if start is not None and start + span <= at:
                heads.append(start)
        return min(heads, default=None)

    def bars(
        self,
        size: BarSize,
        duration: Duration,
        end: int,
        zone: Zone,
        is_wanted: Callable[[int], bool],
    ) -> list[Bar]:
        """Return the bars of a size that end by a moment, oldest first.

        The last one may still be forming. `is_wanted` chooses by start, for regular hours.
        """
        newest_first = (bar for bar in self._before(end, size.span) if is_wanted(bar.start))
        bars: list[Bar] = []
        current = -1
        for bar in duration.window(newest_first, zone):
            start = size.start(bar.start, zone)
            if start == current:
                bars[-1].join(bar)
            else:
                current = start
                bars.append(replace(bar, start=size.label(bar.start, zone, is_wanted)))
        return bars

    def _before(self, end: int, span: int) -> Iterator[Bar]:
        """Yield bars no longer than `span`, newest first, that ended by `end`."""
        live = self._live
        live_count = bisect_right(live, end, key=_start)
        loaded_end = min(end, live[0].start) if live else end
        spans = [each for each in self._loaded if each <= span]
        past: list[Bar] = []
        past_count = 0
        if spans:
            past = self._loaded[max(spans)]
            past_count = bisect_left(past, loaded_end - max(spans) + 1, key=_start)
        return chain(
            islice(reversed(live), len(live) - live_count, None),
            islice(reversed(past), len(past) - past_count, None),
        )


class BarBuilder:
    """Builds bars of one size from prints and the passing of time."""

    __slots__ = ("_end", "_is_wanted", "_size", "_zone", "current")

    def __init__(
        self,
        size: BarSize,
        zone: Zone,
        is_wanted: Callable[[int], bool],
        current: Bar | None = None,
    ) -> None:
        self._size = size
        self._zone = zone
        self._is_wanted = is_wanted
        self.current = current
        self._end = 0 if current is None else size.end(size.start(current.start, zone), zone)

    def take(self, at: int, price: float, size: float) -> Bar | None:
        """Add a print; return the bar that it closed, if it began a new one."""
        current = self.current
        if current is not None and at < self._end:
            current.take(price, size)
            return None
        self._open(at, price).take(price, size)
        return current

    def roll(self, at: int) -> Bar | None:
        """Let time pass: close a bar that has ended and open an empty one at its close.

        Return the closed bar, or `None` while the current one runs.
        """
        current = self.current
        if current is None or at < self._end:
            return None
        self._open(at, current.close)
        return current

    def clear(self) -> None:
        """Wait for the next print."""
        self.current = None

    def _open(self, at: int, price: float) -> Bar:
        size, zone = self._size, self._zone
        self._end = size.end(size.start(at, zone), zone)
        self.current = Bar.flat(size.label(at, zone, self._is_wanted), price)
        return self.current


def always(_at: int) -> bool:
    """Accept every moment."""
    return True


def _start(bar: Bar) -> int:
    return bar.start

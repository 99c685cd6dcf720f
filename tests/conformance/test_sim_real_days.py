"""Real days at the simulated exchange: every fill has its reason in what was quoted or printed.

The quotes and prints of BAC of two days, in full against the venue and for five minutes over a
socket. Orders of all kinds come at random. Left out are MOC, LOC and OPG, whose auctions no feed
shows. Without the data these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from orderloom._core import Venue
from orderloom.sim import SimInstrument, SimulatedTws
from orderloom.sim.wire import message

from .rig import Raw, hello, order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAYS = ("20131007", "20131008")
BAC = SimInstrument(265598, "AAPL", primary_exchange="NYSE")  # under the name that the rig trades
CONFIG = json.dumps({"cash": "1000000000000", "commission": "none"})
LIVE_MAX = 40
OPENS = 13 * 3600 + 30 * 60
"""09:30 in New York, as a second of the day in UTC."""

Quote = tuple[float, float, float, float]
Tick = tuple[int, Quote | None, tuple[float, float] | None]


def ticks(folder: Path, day: str) -> Iterator[Tick]:
    """Yield a day's quotes and prints in order of time; of one moment, quotes first."""
    import polars as pl

    stamp = pl.col("ts_utc").dt.timestamp("ns").alias("at")
    quotes = pl.read_parquet(folder / f"BAC_{day}_nbbo_lean.parquet").select(
        stamp, "bid", "ask", pl.col("bid_size", "ask_size").cast(pl.Float64)
    )
    prints = (
        pl.read_parquet(folder / f"BAC_{day}_trades_lean.parquet")
        .filter(~pl.col("suspicious"))
        .select(stamp, "price", pl.col("size").cast(pl.Float64))
    )
    both = pl.concat([quotes, prints], how="diagonal").sort("at", maintain_order=True)
    for at, bid, ask, bid_size, ask_size, price, size in both.iter_rows():
        if price is None:
            yield at, (bid, ask, bid_size, ask_size), None
        else:
            yield at, None, (price, size)


@dataclass
class Feed:
    """What was shown last, and how much of it is still there to explain fills."""

    quote: Quote = (0.0, 0.0, 0.0, 0.0)
    left: dict[str, float] = field(default_factory=dict)
    print: tuple[float, float] | None = None
    fills: int = 0
    passive: int = 0

    def show(self, tick: Tick) -> None:
        _, quote, self.print = tick
        if quote is not None:
            self.quote = quote
            self.left = {"SELL": quote[2], "BUY": quote[3]}
        if self.print is not None:
            self.left["print"] = self.print[1]

    def explain(self, fill: dict[str, Any]) -> None:
        side, price, quantity = fill["side"], float(fill["price"]), float(fill["quantity"])
        bid, ask = self.quote[:2]
        opposite = ask if side == "BUY" else bid
        self.fills += 1
        if bid <= ask:
            assert bid <= price <= ask, f"through {bid} x {ask}: {fill}"
        # In a locked market both may have it.
        source = side if price == opposite and self.left[side] >= quantity else "print"
        if source == "print":
            self.passive += 1
            assert self.print is not None, f"neither quoted nor printed: {fill}"
            meets = self.print[0] <= price if side == "BUY" else self.print[0] >= price
            assert meets, f"the print at {self.print} does not reach {fill}"
        self.left[source] -= quantity
        assert self.left[source] >= 0, f"more than was shown at {self.quote} {self.print}: {fill}"


def random_order(random_: random.Random, quote: Quote) -> dict[str, str]:
    """Return an order's wire fields around the quote."""
    bid, ask = round(quote[0] * 100), round(quote[1] * 100)
    action = random_.choice(("BUY", "SELL"))
    sign = 1 if action == "BUY" else -1
    near, far = (bid, ask) if action == "BUY" else (ask, bid)
    away = random_.randrange(0, 4)
    limit = f"{(near + sign * random_.randrange(-3, 2)) / 100:.2f}"
    kind, fields = random_.choice(
        (
            ("MKT", {}),
            ("LMT", {"lmtPrice": limit}),
            ("LMT", {"lmtPrice": limit, "tif": random_.choice(("IOC", "FOK", "DAY"))}),
            ("STP", {"auxPrice": f"{(far + sign * away) / 100:.2f}"}),
            (
                "STP LMT",
                {"auxPrice": f"{(far + sign * away) / 100:.2f}", "lmtPrice": f"{far / 100:.2f}"},
            ),
            ("TRAIL", {"auxPrice": f"{(1 + away) / 100:.2f}"}),
            ("MIT", {"auxPrice": f"{(near - sign * away) / 100:.2f}"}),
            ("LIT", {"auxPrice": f"{(near - sign * away) / 100:.2f}", "lmtPrice": limit}),
            ("MTL", {}),
            ("REL", {"auxPrice": "0.00"}),
            ("PEG MID", {}),
        )
    )
    quantity = str(random_.choice((1, 100, 700, 5_000, 60_000)))
    return {"action": action, "quantity": quantity, "kind": kind, **fields}


class Watched:
    """A venue whose every fill is explained by what was shown to it last."""

    def __init__(self) -> None:
        self.venue, self.feed = Venue(CONFIG), Feed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def quote(self, at: int, con_id: int, *quote: float) -> str | None:
        bid, ask, bid_size, ask_size = quote
        self.feed.show((at, (bid, ask, bid_size, ask_size), None))
        return self._explained(self.venue.quote(at, con_id, *quote))

    def trade(self, at: int, con_id: int, price: float, size: float) -> str | None:
        self.feed.show((at, None, (price, size)))
        return self._explained(self.venue.trade(at, con_id, price, size))

    def place(self, at: int, order: str) -> str | None:
        self.feed.print = None  # it is over: who comes now finds the quote alone
        return self._explained(self.venue.place(at, order))

    def _explained(self, events: str | None) -> str | None:
        for event in json.loads(events) if events else ():
            if event["kind"] == "execution":
                self.feed.explain(event)
        return events


WIRE_TO_VENUE = {"lmtPrice": "limit_price", "auxPrice": "stop_price", "tif": "tif"}


@pytest.mark.parametrize("day", DAYS)
def test_every_fill_of_a_day_is_explained_by_what_was_shown(
    data: Callable[[str], Path], day: str
) -> None:
    random_, venue = random.Random(int(day)), Watched()
    venue.add_instrument(json.dumps(BAC.venue_fields()))
    last_id = 0
    for number, (at, quote, printed) in enumerate(ticks(data("equity_tick"), day)):
        if quote is not None:
            venue.quote(at, BAC.con_id, *quote)
        elif printed is not None:
            venue.trade(at, BAC.con_id, *printed)
        if number % 29 or not venue.feed.quote[0]:
            continue
        last_id += 1
        wanted = random_order(random_, venue.feed.quote)
        prices = {ours: wanted[wire] for wire, ours in WIRE_TO_VENUE.items() if wire in wanted}
        placed = {
            "client_id": 1, "order_id": last_id, "con_id": BAC.con_id, "tif": "GTC",
            "action": wanted["action"], "quantity": wanted["quantity"],
            "order_type": wanted["kind"], **prices,
        }  # fmt: skip
        venue.place(at, json.dumps(placed))
        if last_id > LIVE_MAX:
            venue.cancel(at, 1, last_id - LIVE_MAX)
    assert number > 300_000
    assert venue.feed.fills > 5_000
    assert venue.feed.passive > 50
    held = sum(
        float(fill["quantity"]) * (1 if fill["side"] == "BUY" else -1)
        for fill in json.loads(venue.executions())
    )
    assert float(json.loads(venue.positions())[0]["quantity"]) == held


async def test_over_a_socket_a_client_is_told_just_these_fills(
    data: Callable[[str], Path],
) -> None:
    random_, venue = random.Random(7), Watched()
    now = 0
    watched: Any = venue  # passes on what it does not watch
    tws = SimulatedTws(watched, [BAC], clock=lambda: now)
    await tws.start()
    raw = Raw(tws.port)
    await raw.write(hello(b"v157..178"), message("71", "2", "9", ""))
    last_id = 0
    for number, (at, quote, printed) in enumerate(ticks(data("equity_tick"), DAYS[0])):
        second = at // 1_000_000_000 % 86_400
        if second < OPENS:
            continue
        if second >= OPENS + 300:
            break
        now = at
        if quote is not None:
            tws.publish_quote(at, BAC.con_id, *quote)
        elif printed is not None:
            tws.publish_trade(at, BAC.con_id, *printed)
        if number % 41 == 0 and venue.feed.quote[0]:
            last_id += 1
            wanted = random_order(random_, venue.feed.quote)
            what = wanted.pop("action"), wanted.pop("quantity"), wanted.pop("kind")
            served = tws.frames_in
            await raw.write(order(last_id, *what, **wanted))
            async with asyncio.timeout(5.0):
                while tws.frames_in == served:  # noqa: ASYNC110
                    await asyncio.sleep(0)
    await raw.write(message("49", "1"))
    told = []
    while (fields := await raw.read()) and fields[0] != "49":
        if fields[0] == "11":
            told.append((fields[14], fields[18], float(fields[19]), float(fields[20])))
    raw.close()
    await tws.stop()
    words = {"BUY": "BOT", "SELL": "SLD"}
    assert told == [
        (fill["exec_id"], words[fill["side"]], float(fill["quantity"]), float(fill["price"]))
        for fill in json.loads(venue.executions())
    ]
    assert len(told) == venue.feed.fills > 100

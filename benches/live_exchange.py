"""The simulated TWS in a process of its own, for `bench_live.py`.

Prints its port, waits until every instrument is subscribed to, and then lets one market open after
the other: the first quote of each is what a client is to answer with a bracket. With a second
argument, quotes of one instrument more, which nobody is to answer, come as often a second all the
while: a market is rarely still, and what does the work is then in the processor's caches.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from orderloom._core import Venue
from orderloom.sim import SimInstrument, SimulatedTws

PAUSE, PATIENCE = 0.01, 2.0
LOW = 50.0
"""An instrument below it is not to be traded."""
HOURS = "20200101:0000-20401231:2359"


async def babble(tws: SimulatedTws, con_id: int, per_second: int) -> None:
    """Quote one instrument on and on."""
    for number in range(sys.maxsize):
        price = LOW / 2 + number % 7 / 100
        tws.publish_quote(time.time_ns(), con_id, price, price + 0.01, 1_000.0, 1_000.0)
        await asyncio.sleep(1 / per_second)


async def serve(count: int, per_second: int) -> None:
    instruments = [
        SimInstrument(1_000 + number, f"S{number}", trading_hours=HOURS, liquid_hours=HOURS)
        for number in range(count + 1)
    ]
    venue = Venue("{}")
    tws = SimulatedTws(venue, instruments, clock=time.time_ns)
    await tws.start()
    sys.stdout.write(f"{tws.port}\n")
    sys.stdout.flush()
    line = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await line  # the client says that it listens
    *traded, talked_of = instruments
    if per_second:
        talk = asyncio.create_task(babble(tws, talked_of.con_id, per_second))
    for instrument in traded:
        # The next market opens when the last bracket has come, however slow the machine is.
        before = len(json.loads(venue.orders()))
        at = time.time_ns()
        tws.publish_quote(at, instrument.con_id, 100.0, 100.02, 1_000.0, 1_000.0)
        deadline = time.monotonic() + PATIENCE
        # The entry fills at once: two exits are left of each bracket.
        while len(json.loads(venue.orders())) < before + 2:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(PAUSE)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if per_second:
        talk.cancel()
    await tws.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))

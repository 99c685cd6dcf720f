"""The simulated TWS in a process of its own, for `bench_live.py`.

Prints its port, waits until every instrument is subscribed to, and then lets one market open after
the other: the first quote of each is what a client is to answer with a bracket.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from orderloom._core import Venue
from orderloom.sim import SimInstrument, SimulatedTws

PAUSE, PATIENCE = 0.01, 2.0
HOURS = "20200101:0000-20401231:2359"


async def serve(count: int) -> None:
    instruments = [
        SimInstrument(1_000 + number, f"S{number}", trading_hours=HOURS, liquid_hours=HOURS)
        for number in range(count)
    ]
    venue = Venue("{}")
    tws = SimulatedTws(venue, instruments, clock=time.time_ns)
    await tws.start()
    sys.stdout.write(f"{tws.port}\n")
    sys.stdout.flush()
    line = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await line  # the client says that it listens
    for instrument in instruments:
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
    await tws.stop()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

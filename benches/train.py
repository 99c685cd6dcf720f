"""What a shipped build is optimised for: `maturin … --pgo` runs this on a build that counts.

Each work that is measured beside peers, small, the sample day in the simulated TWS, and that day
with one bracket after the other. From how often each branch was taken the compiler lays out the
build that is shipped; what is hardly ever run it makes small instead of fast, so that the live path
has to be run a thousand times beside millions of bars. Needs nothing but the package, which is
installed alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUSY = """\
limits: {max_open_contexts: 10, max_orders_per_minute: 10_000}
rules:
  - name: always
    on: Quote
    symbols: [AAPL, MSFT, TSLA]
    when: position.is_flat and not context.is_open and market.bid > 0
    do: [enter: {side: BUY, shares: 10, stop: {percent: 0.03}, target: {percent: 0.03}}]
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        busy = Path(directory, "busy.yaml")
        busy.write_text(BUSY)
        for arguments in (
            ("benches.peers.ours", "--small", "--rounds", "1"),
            *(
                ("orderloom", "run", str(file), "--speed", "max", "--out", f"{directory}/{name}")
                for name, file in (("day", "examples/quickstart/strategy.yaml"), ("busy", busy))
            ),
        ):
            command = (sys.executable, "-m", *arguments)
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


main()

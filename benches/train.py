"""What a shipped build is optimised for: `maturin … --pgo` runs this on a build that counts.

Each work that is measured beside peers, small, and the sample day in the simulated TWS. From how
often each branch was taken the compiler lays out the build that is shipped. Needs nothing but the
package, since it is installed alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    orderloom = (sys.executable, "-m", "orderloom")
    with tempfile.TemporaryDirectory() as runs:
        for command in (
            (sys.executable, "-m", "benches.peers.ours", "--small", "--rounds", "1"),
            (*orderloom, "run", "examples/quickstart/strategy.yaml", "--speed", "max",
             "--out", f"{runs}/day"),
        ):  # fmt: skip
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


main()

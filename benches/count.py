"""Counts the core's instructions under valgrind and compares them with `counts.json`.

Wall time on a shared machine lies; counted instructions are the same on every run of one build.
`make count` runs it; `--write` takes the counts as the new base. Another compiler or processor may
count a little differently, which the tolerance allows for.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASE = ROOT / "benches" / "counts.json"
WORKS = ("dispatch", "rules", "idle", "linked", "atr")
ITEMS = 2_000
TOLERANCE = 0.10
"""As a part of the base; slower is an error, faster a reason to write a new base."""


def binary() -> str:
    """The bench's executable, built as it is shipped."""
    done = subprocess.run(
        ["cargo", "bench", "--locked", "--package", "orderloom-sim", "--bench", "count",
         "--no-run", "--message-format", "json"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return next(
        str(each["executable"])
        for each in found
        if each.get("executable") and each["target"]["name"] == "count"
    )


def instructions(program: str, work: str, items: int) -> int:
    """How many instructions the work takes for so many items, the start included."""
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, work,
             str(items)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    match = re.search(r"Collected : (\d+)", done.stderr)
    assert match is not None, done.stderr
    return int(match[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="take the counts as the new base")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.stdout.write("not counted: valgrind is not installed\n")
        return 0
    program = binary()
    counts = {
        work: round(
            (instructions(program, work, 2 * ITEMS) - instructions(program, work, ITEMS)) / ITEMS, 1
        )
        for work in WORKS
    }
    if given.write:
        BASE.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
    base = json.loads(BASE.read_text(encoding="utf-8"))
    slower = []
    for work, count in counts.items():
        ratio = count / base[work]
        if ratio > 1 + TOLERANCE:
            slower.append(work)
        sys.stdout.write(f"{work:10} {count:10,.1f} instructions each, {ratio:.3f} of the base\n")
    if slower:
        sys.stdout.write(
            f"more than {TOLERANCE:.0%} above the base: {', '.join(slower)}; if that is right, "
            "`python benches/count.py --write`\n"
        )
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())

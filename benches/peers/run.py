"""Installs every peer in an environment of its own, measures all in one run, writes the table.

`make bench-peers` runs it, in about ten minutes once the environments are made; `QUICK=1` runs a
twentieth of the size and leaves the table alone. Each peer and each work is a process of its own
with one thread; a peer that cannot be installed or measured is named in the table with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIVE = {"p50 us": "µs p50", "messages_per_s": "messages/s", "us_per_message": "µs a message"}
LONGEST = 240
"""Seconds after which a peer is given up at one work."""
README = ROOT / "benches" / "README.md"
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
OURS, PLAIN = "orderloom", "plain Python"
SINGLE = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)  # fmt: skip
TITLES = {
    "year": ("One symbol, a year of minutes, linked orders", "bars/s"),
    "fifty": ("Fifty symbols for twenty days, in time order", "bars/s"),
    "quotes": ("A million quotes, a bracket every ten thousand", "quotes/s"),
    "atr": ("ATR(14) over an array", "bars/s"),
    "atr-stream": ("ATR(14) bar by bar from Python, value included", "bars/s"),
    "bus-1": ("Bus, one handler in Python that does nothing", "events/s"),
    "bus-10": ("Bus, ten such handlers", "events/s"),
    "bus-100": ("Bus, a hundred such handlers", "events/s"),
    "rules-10": ("10 rules of three conditions over 50 symbols", "quotes/s"),
    "rules-100": ("100 such rules", "quotes/s"),
    "rules-1000": ("1,000 such rules", "quotes/s"),
}
BACKTESTS, BUSES = ("year", "fifty"), ("bus-1", "bus-10", "bus-100")
RULES = ("rules-10", "rules-100", "rules-1000")


@dataclass(frozen=True)
class Peer:
    """A script beside this one; `needs` is what pip installs, nothing for what we have anyway."""

    script: str
    works: tuple[str, ...]
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        # Peers with the same needs share an environment.
        return ROOT / ".venvs" / f"peer-{self.needs[0].partition('==')[0]}"

    @property
    def python(self) -> str:
        return str(self.directory / "bin" / "python") if self.needs else sys.executable


NAUTILUS, VECTORBT = (*BACKTESTS, "quotes"), ("vectorbt==1.2.0",)
PEERS = (
    Peer("ours", tuple(TITLES)),
    Peer("plain", (*BACKTESTS, "quotes", *BUSES, *RULES)),
    Peer("with_vectorbt", BACKTESTS, VECTORBT),
    Peer("with_numba", ("atr",), VECTORBT),
    Peer("with_backtesting", BACKTESTS, ("backtesting==0.6.6",)),
    Peer("with_nautilus", (*NAUTILUS, "atr-stream", *BUSES), ("nautilus_trader==1.221.0",)),
    Peer("with_nautilus", NAUTILUS, ("nautilus_trader==1.221.0",), {"NAUTILUS_OMS": "NETTING"}),
    Peer("with_backtrader", BACKTESTS, ("backtrader==1.9.78.123",)),
    Peer("with_hftbacktest", ("quotes",), ("hftbacktest==2.4.4",)),
    Peer("with_talib", ("atr", "atr-stream")),
    Peer("with_eventkit", BUSES, ("eventkit==1.0.3",)),
    Peer("with_zen", RULES, ("zen-engine==2.1.3",)),
    Peer("with_durable_rules", RULES, ("durable_rules==2.0.28",)),
)


def install(peer: Peer) -> str:
    """Make the peer's environment; what went wrong, or nothing."""
    if not peer.needs:
        return ""
    stamp = peer.directory / "installed"
    if stamp.is_file() and stamp.read_text() == " ".join(peer.needs):
        return ""
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(peer.directory)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if made.returncode == 0:
        made = subprocess.run(
            [peer.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             *peer.needs],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if made.returncode == 0:
        stamp.write_text(" ".join(peer.needs))
        return ""
    return last_line(made.stderr)


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no reason given"


def measure(peer: Peer, work: str, options: list[str]) -> dict[str, Any] | str:
    """One line of what the peer's script says, or what went wrong."""
    try:
        done = subprocess.run(
            [peer.python, "-m", f"benches.peers.{peer.script}", work, *options],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST,
            env={**os.environ, **SINGLE, **peer.environment},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done after {LONGEST} s"
    if done.returncode != 0:
        return last_line(done.stderr)
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return line


def table(work: str, lines: list[dict[str, Any]]) -> list[str]:
    """The fastest first, each with how many times faster we are."""
    title, unit = TITLES[work]
    rates = {line["peer"]: line["items"] / statistics.median(line["seconds"]) for line in lines}
    ours = rates.get(OURS)
    rows = [f"### {title}", "", f"| | version | {unit} | orderloom is |", "|---|---|---:|---:|"]
    for line in sorted(lines, key=lambda line: -rates[line["peer"]]):
        rate = rates[line["peer"]]
        times = "" if ours is None or line["peer"] == OURS else f"{ours / rate:,.2f} times as fast"
        name = f"**{line['peer']}**" if line["peer"] == OURS else line["peer"]
        rows.append(f"| {name} | {line['version']} | {shown(rate)} | {times} |")
    return [*rows, ""]


def shown(rate: float) -> str:
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{letter}"
    return f"{rate:.3g}"


def disagreements(work: str, lines: list[dict[str, Any]]) -> list[str]:
    """Who did something else: trades may differ where a bar holds both exits, nothing else may."""
    expected = next(line["count"] for line in lines if line["peer"] == OURS)
    room = 2 + expected // 25 if work in {*BACKTESTS, "quotes"} else 0
    return [
        f"{line['peer']}: counts {line['count']} in `{work}`, orderloom {expected}"
        for line in lines
        if abs(line["count"] - expected) > room
    ]


def live() -> tuple[list[str], str]:
    """What `bench_live.py` says of us and of the `IB` facade; its table, and what went wrong."""
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory) / "live.json"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "benches/bench_live.py", "--benchmark-enable",
             f"--benchmark-json={kept}"],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode != 0:
            return [], f"bench_live.py failed ({last_line(done.stdout)})"
        benches = json.loads(kept.read_text())["benchmarks"]
    said: dict[str, dict[str, float]] = {}
    for each in benches:
        for what, unit in LIVE.items():
            if what in each["extra_info"]:
                said.setdefault(f"{each['group']}, {unit}", {})[each["params"]["way"]] = float(
                    each["extra_info"][what]
                )
    rows = [
        "### A client of TWS, on the same bytes",
        "",
        "| | orderloom | `ib_async` | which of it | orderloom takes |",
        "|---|---:|---:|---|---:|",
    ]
    for name, ways in said.items():
        ours = ways.pop("orderloom")
        ((way, theirs),) = ways.items()
        part = theirs / ours if name.endswith("/s") else ours / theirs
        rows.append(f"| {name} | {ours:,.1f} | {theirs:,.1f} | {way} | {part:.2f} of its time |")
    steps = []
    for each in benches:
        spent = [
            f"{what.removeprefix('of which ')} {microseconds:,.0f}"
            for what, microseconds in each["extra_info"].items()
            if what.startswith("of which ")
        ]
        if spent and each["params"]["way"] == "orderloom":
            steps.append(f"of {each['group']}: {', '.join(spent)}")
    disk = [each["stats"]["median"] for each in benches if "disk" in each["name"]]
    rows += [
        "",
        f"Our microseconds {'; '.join(steps)}; the rest is reading and decoding. `fsync` is not in "
        f"them: {disk[0] * 1e6:,.0f} µs on this disk.",
        "",
    ]
    return rows, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="begin no round after this")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the size, no table")
    parser.add_argument("--work", choices=TITLES, action="append")
    given = parser.parse_args()
    options = ["--rounds", str(given.rounds), "--seconds", str(given.seconds),
               *(["--small"] if given.quick else [])]  # fmt: skip
    missing: dict[str, str] = {}
    for peer in PEERS:
        if reason := install(peer):
            missing[peer.script] = reason
    text: list[str] = []
    wrong: list[str] = []
    python = ""
    for work in given.work or TITLES:
        lines = []
        for peer in PEERS:
            if work not in peer.works or peer.script in missing:
                continue
            found = measure(peer, work, options)
            if isinstance(found, str):
                wrong.append(f"{peer.script}: `{work}` failed ({found})")
                continue
            lines.append(found)
            rate = found["items"] / statistics.median(found["seconds"])
            sys.stdout.write(
                f"{work:12} {found['peer']:26} {shown(rate):>8} {TITLES[work][1]:9}"
                f" {len(found['seconds'])} rounds, counts {found['count']}\n"
            )
            sys.stdout.flush()
            python = found["python"]
        if any(line["peer"] == OURS for line in lines):
            wrong += disagreements(work, lines)
        text += table(work, lines)
    if given.work is None:
        rows, failed = live()
        text += rows
        wrong += [failed] if failed else []
        sys.stdout.write("\n".join(rows) + "\n")
    text += [f"Not measured: {name} ({reason})." for name, reason in missing.items()]
    text += [f"Not as it should be: {each}." for each in wrong]
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, CPython {python}, medians of up to {given.rounds} rounds."
    )
    if not given.quick and given.work is None:
        before, rest = README.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        body = "\n".join([head, "", *text]).strip()
        README.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}", encoding="utf-8")
    sys.stdout.write("\n".join([head, *(f"! {each}" for each in [*wrong, *missing])]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

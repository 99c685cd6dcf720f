"""Disks that take no more, and disks that say so once: entries stop, exits go on, a person is told.

The disk is a real one: a small file system of its own, or `fsync` of the C library, failing once.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
FAILS_ONCE = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(void) {
  static int calls;
  return __sync_add_and_fetch(&calls, 1) == atoi(getenv("FAILING_SYNC"));
}
int fsync(int fd) {
  if (fails()) { errno = EIO; return -1; }
  return syscall(SYS_fsync, fd);
}
int fdatasync(int fd) {
  if (fails()) { errno = EIO; return -1; }
  return syscall(SYS_fdatasync, fd);
}
"""


@pytest.fixture
def failing_sync(tmp_path: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler, to let `fsync` fail")
    source, library = tmp_path / "sync.c", tmp_path / "sync.so"
    source.write_text(FAILS_ONCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def run(orderloom: Path, out: Path, **environment: str) -> tuple[int, dict[str, Any], str]:
    """Trade the sample day; returns exit code, summary and everything that a person sees."""
    done = subprocess.run(
        [orderloom, "run", QUICKSTART, "--sim", "--speed", "max", "--json", "--out", out],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    summary: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, summary, done.stdout + done.stderr


def assert_as_specified(summary: dict[str, Any], told: str, journal: Path) -> None:
    """Entries stopped, exits went on: what was open was closed, and each entry is on disk."""
    assert "no new entries, exits go on" in told
    assert summary["signals"]["refused"]["REDUCE_ONLY"] > 0
    assert summary["final_positions"] == {}
    assert summary["live_orders"] == summary["invariant_violations"] == 0
    assert summary["uncovered_max_ms"] == 0
    with Journal.open(journal) as recording:
        assert recording.verify() is None
        assert not recording.is_closed, "it does not claim to have everything"
    with closing(sqlite3.connect(journal)) as connection:
        entries = connection.execute("select count(*) from orders where role = 'entry'").fetchone()
    filled = sum(trip["tranches"] for trip in summary["round_trips"])
    # The entry that could not be made durable was not sent.
    assert entries[0] == filled
    assert summary["unfilled_entries"] <= 1


def test_on_a_full_disk_entries_stop_and_exits_go_on(orderloom: Path, small_disk: Path) -> None:
    code, summary, told = run(orderloom, small_disk / "run")
    assert (code, summary["exit_code"]) == (1, 1)
    assert_as_specified(summary, told, small_disk / "run" / "journal.db")
    assert "log.jsonl: expected to be written" in told
    assert not (small_disk / "run" / "summary.json").exists(), "all of it, or nothing"


def test_a_disk_that_is_full_from_the_start_is_told_in_a_sentence(
    orderloom: Path, small_disk: Path
) -> None:
    (small_disk / "ballast").write_bytes(bytes(360_000))
    code, _, told = run(orderloom, small_disk / "run")
    assert code == 1
    assert "journal.db: expected entries to be durable" in told
    assert not (small_disk / "run").exists()


@pytest.mark.parametrize("nth", [16, 24])
def test_a_sync_that_failed_once_is_never_trusted_again(
    orderloom: Path, tmp_path: Path, failing_sync: Path, nth: int
) -> None:
    out = tmp_path / "run"
    shim = {"LD_PRELOAD": str(failing_sync), "FAILING_SYNC": str(nth)}
    code, summary, told = run(orderloom, out, **shim)
    assert (code, summary["exit_code"]) == (1, 1)
    assert "disk I/O error" in told
    (out / "summary.json").unlink()  # its journal is no whole run, and need not replay
    assert_as_specified(summary, told, out / "journal.db")

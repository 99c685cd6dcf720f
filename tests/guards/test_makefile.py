"""What `make` needs and does not find is told in a sentence, with what it found."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(
    ("script", "found"),
    [("echo Debian LLVM version 14.0.6", "14"), ("exit 1", "none")],
)
def test_a_wheel_needs_the_profiler_of_rusts_own_llvm(
    tmp_path: Path, script: str, found: str
) -> None:
    for name, does in {"rustc": "echo LLVM version: 99.1", "llvm-profdata": script}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    # What a `make` that runs these tests tells its own is not meant for this one.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    # The environment that the wheel is built in is taken to be there.
    done = subprocess.run(
        ["make", "--no-print-directory", "--old-file=.venv/installed", "wheel"],
        cwd=ROOT,
        env={**environment, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout.startswith(
        f"expected llvm-profdata 99, of the LLVM in this rustc, found {found}; hint: rustup"
    )

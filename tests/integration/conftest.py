"""What several tests start from: the journal of a run of the quickstart, made once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orderloom.config import load_settings
from orderloom.instant import iso_to_ns
from orderloom.sessions import RunOptions, Session

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
# The first 80 minutes of the sample day hold each kind of answer.
UNTIL = iso_to_ns("2026-03-10T14:50:00Z")


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a run of the quickstart example; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "quickstart"
    options = RunOptions(out=out, until=UNTIL)
    summary = asyncio.run(Session(load_settings(QUICKSTART), options, pytest.fail).run())
    assert summary["exit_code"] == 0
    assert summary["events"] > 1_000
    return out

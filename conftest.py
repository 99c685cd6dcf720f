"""Fixtures that tests and benches share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DATA_VARIABLE = "TEST_DATA"  # With our prefix it would be an unknown section of a configuration.


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where market data, recordings of TWS and published figures are; they are no part of this.

    `TEST_DATA` names the folder, by default `../shared/data` beside the repository.
    """
    beside = Path(__file__).parent.parent / "shared" / "data"
    return Path(os.environ.get(DATA_VARIABLE) or beside)


@pytest.fixture(scope="session")
def data(data_folder: Path) -> Callable[[str], Path]:
    """The place of a file or folder in `data_folder`; who asks for one that is not there skips."""

    def place(name: str) -> Path:
        found = data_folder / name
        if not found.exists():
            pytest.skip(f"no {found}; {DATA_VARIABLE} names the folder that holds {name}")
        return found

    return place

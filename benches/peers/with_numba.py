"""numba: the recursion compiled, over arrays."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from benches.peers.compiled import wilder
from benches.peers.work import PERIOD, Task, main

if TYPE_CHECKING:
    from benches.series import Series


def atr(given: Series) -> Task:
    columns = [np.asarray(getattr(given, name)) for name in ("high", "low", "close")]
    return Task(
        len(given.open), lambda: None, lambda _: wilder(*columns, PERIOD),
        lambda values: round(values[-1] * 1e4),
    )  # fmt: skip


main("numba", version("numba"), {"atr": atr})

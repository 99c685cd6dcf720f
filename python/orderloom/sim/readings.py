"""Readings of TWS that concern what clients are told, not what happens to orders.

Those of orders are switches of the venue's configuration; `README.md` lists all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Readings:
    """Which variant the server follows where TWS's behaviour is not settled."""

    unfiltered_executions: Literal["everybody", "own"] = "everybody"
    """Whose executions a request without a client id in its filter lists."""
    stream_start: Literal["parameters_first", "type_first"] = "parameters_first"
    """Whether a stream begins with tickReqParams or with marketDataType."""
    read_only_id: Literal[-1, 2147483647] = -1
    """The id of error 321 for lists of orders while the API is read-only."""

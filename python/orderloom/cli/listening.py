"""Ports of serving commands: which can be asked for, and what is said when one cannot be had."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orderloom.cli.run import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT_MAX = 65535


def check_port(option: str, port: int | None) -> None:
    """Raise `UsageError` for a number that is no port; 0 asks for a free one."""
    if port is not None and not 0 <= port <= PORT_MAX:
        raise UsageError(f"{option}: expected a port from 0 to {PORT_MAX}, found `{port}`")


@contextmanager
def listening(option: str, port: int) -> Iterator[None]:
    """Tell that a port cannot be listened on as a `UsageError`."""
    try:
        yield
    except OSError as error:
        # asyncio wraps the reason in a sentence of its own and keeps the number.
        reason = "it is in use" if error.errno == errno.EADDRINUSE else str(error)
        raise UsageError(
            f"{option}: cannot listen on port {port}: {reason}, "
            f"hint: stop what listens there, or say `{option} 0` for a free one"
        ) from None

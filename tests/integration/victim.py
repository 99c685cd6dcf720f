"""`orderloom run` that ends by SIGKILL right before or right after its nth order is sent."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from orderloom.cli import main
from orderloom.tws import TWSConnection

if TYPE_CHECKING:
    from orderloom._core import Command

WHEN, LAST = sys.argv[1], int(sys.argv[2])
_send = TWSConnection.send
_sent = 0


def send(connection: TWSConnection, command: Command) -> None:
    global _sent  # noqa: PLW0603 - one process, one count
    _sent += command.kind == "place"
    is_last = _sent == LAST and command.kind == "place"
    if is_last and WHEN == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    _send(connection, command)
    if is_last:
        os.kill(os.getpid(), signal.SIGKILL)


TWSConnection.send = send  # type: ignore[method-assign]
main(sys.argv[3:])

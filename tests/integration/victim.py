"""`orderloom run` that ends by SIGKILL right before or right after its nth order is sent."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from orderloom import tws
from orderloom.cli import main

if TYPE_CHECKING:
    from orderloom._core import Command

WHEN, LAST = sys.argv[1], int(sys.argv[2])


class Victim(tws.TWSConnection):
    """The line to TWS, counting the orders that take it."""

    orders = 0

    def send(self, command: Command) -> None:
        self.orders += command.kind == "place"
        is_last = command.kind == "place" and self.orders == LAST
        if is_last and WHEN == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().send(command)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)


vars(tws)["TWSConnection"] = Victim
main(sys.argv[3:])

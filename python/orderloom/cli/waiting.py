"""Wait for Ctrl-C or SIGTERM, the way every serving command ends."""

from __future__ import annotations

import signal
import threading


def wait_for_end() -> None:
    """Block until the process is asked to end."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    # In slices: a signal is handled between two of them.
    while not ended.wait(0.5):
        pass

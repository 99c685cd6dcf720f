"""Wait for Ctrl-C or SIGTERM, the way every serving command ends."""

from __future__ import annotations

import signal
import threading


def hear_the_end() -> threading.Event:
    """Return what is set once the process is asked to end; to be called before anybody may ask."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def wait_for(ended: threading.Event) -> None:
    """Block until it is set, in slices: a signal is handled between two of them."""
    while not ended.wait(0.5):
        pass

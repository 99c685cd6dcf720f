"""One trading session from settings to summary."""

from orderloom.sessions.options import RunOptions
from orderloom.sessions.reload import CannotReloadError, Difference, Reloader
from orderloom.sessions.session import NothingToTradeError, Session

__all__ = [
    "CannotReloadError",
    "Difference",
    "NothingToTradeError",
    "Reloader",
    "RunOptions",
    "Session",
]

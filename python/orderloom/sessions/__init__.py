"""One trading session from settings to summary."""

from orderloom.sessions.options import RunOptions
from orderloom.sessions.session import NothingToTradeError, Session

__all__ = ["NothingToTradeError", "RunOptions", "Session"]

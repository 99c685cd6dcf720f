"""One trading session from settings to summary."""

from orderloom.session.options import RunOptions
from orderloom.session.session import NothingToTradeError, Session

__all__ = ["NothingToTradeError", "RunOptions", "Session"]

"""A simulated world for a run: market data on stage, a simulated TWS, an embedded prediction API."""

from orderloom.world.script import Moment, script
from orderloom.world.stage import Stage

__all__ = ["Moment", "Stage", "script"]

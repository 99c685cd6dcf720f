"""A simulated world for a run: market data, played to a simulated TWS."""

from orderloom.world.script import Moment, script
from orderloom.world.stage import Stage

__all__ = ["Moment", "Stage", "script"]

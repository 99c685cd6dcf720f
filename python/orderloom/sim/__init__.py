"""The simulated TWS: unmodified TWS clients connect, a venue trades, a driver owns time."""

from .bars import Bar
from .contracts import SimInstrument
from .ports import VenuePort
from .server import SimulatedTws

__all__ = ["Bar", "SimInstrument", "SimulatedTws", "VenuePort"]

"""The simulated TWS: unmodified TWS clients connect, a venue trades, a driver owns time."""

from .bars import Bar
from .contracts import Leg, SimInstrument
from .control import ControlPort
from .faults import FaultPlan, parse_plan
from .ports import VenuePort
from .readings import Readings
from .recording import Recorder
from .server import SimulatedTws

__all__ = [
    "Bar",
    "ControlPort",
    "FaultPlan",
    "Leg",
    "Readings",
    "Recorder",
    "SimInstrument",
    "SimulatedTws",
    "VenuePort",
    "parse_plan",
]

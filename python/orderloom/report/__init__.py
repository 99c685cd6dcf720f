"""What a run was: its summary, for people and for programs."""

from orderloom.report.latency import Latency
from orderloom.report.summary import RoundTrip, RunTally

__all__ = ["Latency", "RoundTrip", "RunTally"]

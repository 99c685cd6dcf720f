"""Prediction signals: the API client, push transports, recorded files and an embedded server."""

from orderloom.instant import iso_to_ns, ns_to_iso
from orderloom.signals.book import PredictionBook, generate_records
from orderloom.signals.client import PollLimits, PredictionClient
from orderloom.signals.fields import FieldMapping
from orderloom.signals.monitor import OptionsFlowMonitor
from orderloom.signals.parse import decode, parse_answer, parse_message
from orderloom.signals.prediction import Prediction, Signal
from orderloom.signals.push import PredictionPush
from orderloom.signals.records import (
    PredictionRecord,
    RecordError,
    read_records,
    record_of,
    write_records,
)
from orderloom.signals.refusal import MalformedPrediction, Reason, Refused
from orderloom.signals.server import PredictionServer
from orderloom.signals.source import PredictionSource
from orderloom.signals.transports import JsonLines, ServerSentEvents, Transport, WebSocket

__all__ = [
    "FieldMapping",
    "JsonLines",
    "MalformedPrediction",
    "OptionsFlowMonitor",
    "PollLimits",
    "Prediction",
    "PredictionBook",
    "PredictionClient",
    "PredictionPush",
    "PredictionRecord",
    "PredictionServer",
    "PredictionSource",
    "Reason",
    "RecordError",
    "Refused",
    "ServerSentEvents",
    "Signal",
    "Transport",
    "WebSocket",
    "decode",
    "generate_records",
    "iso_to_ns",
    "ns_to_iso",
    "parse_answer",
    "parse_message",
    "read_records",
    "record_of",
    "write_records",
]

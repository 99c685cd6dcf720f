"""The strategy file: read, checked with the place of every problem, and compiled for the engine."""

from orderloom.config.document import Document
from orderloom.config.lint import Finding, lint
from orderloom.config.load import (
    NO_RULE,
    Checked,
    ResolvedValue,
    check_settings,
    check_text,
    load_settings,
    parse_settings,
)
from orderloom.config.sections import (
    BrokerSettings,
    EndOfDaySettings,
    ExecutionSettings,
    InstrumentSettings,
    JournalSettings,
    LimitSettings,
    MarketSettings,
    SignalSettings,
)
from orderloom.config.settings import Settings, settings_schema
from orderloom.errors import ConfigError, ConfigProblem

__all__ = [
    "NO_RULE",
    "BrokerSettings",
    "Checked",
    "ConfigError",
    "ConfigProblem",
    "Document",
    "EndOfDaySettings",
    "ExecutionSettings",
    "Finding",
    "InstrumentSettings",
    "JournalSettings",
    "LimitSettings",
    "MarketSettings",
    "ResolvedValue",
    "Settings",
    "SignalSettings",
    "check_settings",
    "check_text",
    "lint",
    "load_settings",
    "parse_settings",
    "settings_schema",
]

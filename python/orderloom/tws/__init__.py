"""The connection to TWS or IB Gateway: `TWSConnection`, its settings and its errors."""

from orderloom.tws.connection import TWSConnection
from orderloom.tws.errors import (
    AccountError,
    AmbiguousContractError,
    ClientIdInUseError,
    ConnectRefusedError,
    ConnectTimeoutError,
    HandshakeError,
    NotConnectedError,
    OrderIdsExhaustedError,
    QueueFullError,
    RequestRefusedError,
    RequestTimeoutError,
    TWSError,
    UnknownContractError,
    WrongModeError,
)
from orderloom.tws.pacer import Pacer, Urgency
from orderloom.tws.settings import Timeouts, TWSSettings

__all__ = [
    "AccountError",
    "AmbiguousContractError",
    "ClientIdInUseError",
    "ConnectRefusedError",
    "ConnectTimeoutError",
    "HandshakeError",
    "NotConnectedError",
    "OrderIdsExhaustedError",
    "Pacer",
    "QueueFullError",
    "RequestRefusedError",
    "RequestTimeoutError",
    "TWSConnection",
    "TWSError",
    "TWSSettings",
    "Timeouts",
    "UnknownContractError",
    "Urgency",
    "WrongModeError",
]

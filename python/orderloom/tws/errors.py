"""Why TWS cannot be used, each with what to do about it.

All are for the operator before a run, or for the runner during one. A refused *order* is no
exception but an event.
"""

from __future__ import annotations

from typing import ClassVar

from orderloom.errors import BrokerUnavailable


class TWSError(BrokerUnavailable):
    """Base of everything that the adapter raises.

    `hint` says what to do; `str()` holds both lines.
    """

    hint: ClassVar[str] = ""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}\nhint: {self.hint}" if self.hint else text)
        self.text = text


class ConnectRefusedError(TWSError):
    """Nobody listens at the address (what TWS clients call error 502)."""

    hint = (
        "start TWS or IB Gateway, enable its API socket, and compare the port: "
        "TWS 7497 paper and 7496 live, Gateway 4002 paper and 4001 live"
    )


class ConnectTimeoutError(TWSError):
    """TCP connected, but the log-in was not answered in time."""

    hint = "look for a dialog that waits in TWS, such as one asking to accept the connection"


class HandshakeError(TWSError):
    """The peer closed the connection, or spoke something else, before it was ready."""

    hint = "add this machine to the trusted IPs of TWS, and check that the port is its API port"


class ClientIdInUseError(TWSError):
    """Error 326: another client, or our own lost session, holds the client id."""

    hint = "end the other client or choose another client_id; a lost session is freed in a minute"


class OrderIdsExhaustedError(TWSError):
    """The next order id lies in the range that is kept for requests."""

    hint = "reset the API order id sequence in the settings of TWS"


class AccountError(TWSError):
    """The account is not managed by this log-in, not allowed, or not the only one."""

    hint = "set `account` to one of the accounts that this log-in manages and that are allowed"


class WrongModeError(TWSError):
    """A live account in paper mode, or the reverse. Nothing was sent."""

    hint = "compare `mode` and the port with the log-in: paper accounts begin with DU or DF"


class UnknownContractError(TWSError):
    """No contract fits the description of a symbol."""

    hint = "check symbol, sec_type, exchange and currency of the instrument"


class AmbiguousContractError(TWSError):
    """Several contracts fit the description of a symbol."""

    hint = "give the instrument a primary_exchange, a currency or its con_id"


class NotConnectedError(TWSError):
    """There is no line to TWS; nothing was sent."""


class QueueFullError(TWSError):
    """Too many entries wait for their turn; this one was not sent."""

    hint = "TWS takes 50 messages a second; lower the order rate"


class RequestTimeoutError(TWSError):
    """TWS did not answer a request in time. Proves nothing about its content."""


class RequestRefusedError(TWSError):
    """TWS answered a request with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"error {code}: {text}")
        self.code = code

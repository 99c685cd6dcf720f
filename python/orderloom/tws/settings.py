"""Where TWS is and how long it is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from orderloom.tws.errors import AccountError, WrongModeError

Mode = Literal["sim", "paper", "live"]

# Prefixes of paper accounts: DU single, DF advisor.
_PAPER = ("DU", "DF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Bounds on everything that is awaited, in seconds of wall time.

    `silence` is how long TWS may say nothing before it is asked for a sign of life, which it
    has as long again to give: a dead line is known within twice this time.
    """

    connect: float = 10.0
    request: float = 10.0
    history: float = 30.0
    barrier: float = 30.0
    silence: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TWSSettings:
    """One connection to TWS or IB Gateway.

    `account` may be empty when the log-in manages a single one, except for live trading.
    `allowed_accounts`, when given, must hold the account. `time_zone` is the IANA zone of TWS's
    own log-in, used where TWS writes a time without zone. `is_paced` keeps us below the limit
    of 50 messages a second; only a simulated TWS that runs faster than time may go without.
    """

    host: str = "127.0.0.1"
    port: int = 7497
    client_id: int = 7
    mode: Mode = "paper"
    account: str = ""
    allowed_accounts: frozenset[str] = frozenset()
    data: Literal["live", "delayed"] = "live"
    time_zone: str | None = None
    is_paced: bool = True
    timeouts: Timeouts = field(default_factory=Timeouts)

    def choose_account(self, managed: list[str]) -> str:
        """Return the account to trade, out of those that the log-in manages.

        Raises `AccountError` or `WrongModeError`.
        """
        if self.mode == "live" and not self.account:
            raise AccountError("account: live trading names its account, found none")
        if not self.account and len(managed) != 1:
            raise AccountError(f"account: expected one of `{', '.join(managed)}`, found none")
        account = self.account or managed[0]
        if account not in managed:
            raise AccountError(f"account: `{account}` is none of `{', '.join(managed)}`")
        if self.allowed_accounts and account not in self.allowed_accounts:
            raise AccountError(f"account: `{account}` is not an allowed account")
        is_paper = account.startswith(_PAPER)
        if is_paper == (self.mode == "live"):
            found = "a paper" if is_paper else "a live"
            raise WrongModeError(f"mode: `{self.mode}`, but `{account}` is {found} account")
        return account

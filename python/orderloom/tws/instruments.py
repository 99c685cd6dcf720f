"""The symbols that we trade, and the one contract of TWS that each of them is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ib_async.contract import Contract

from orderloom.ports import ContractFacts, ContractSpec
from orderloom.tws.errors import (
    AmbiguousContractError,
    RequestRefusedError,
    UnknownContractError,
)
from orderloom.tws.sessions import TradingSession, sessions_of
from orderloom.tws.words import zone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from orderloom.tws.link import Link

_NO_DEFINITION: Final = 200


class Instruments:
    """Symbols by index, their contracts and sessions.

    Contracts are looked up once: a contract number never changes.
    """

    def __init__(self, specs: Sequence[ContractSpec]) -> None:
        self._specs = tuple(specs)
        self._contracts: list[Contract] = []
        self._facts: list[ContractFacts] = []
        self._zones: list[ZoneInfo] = []
        self._sessions: list[list[TradingSession]] = []
        self._by_con_id: dict[int, int] = {}
        self._by_words = {
            (spec.symbol, spec.sec_type, spec.currency): symbol
            for symbol, spec in enumerate(self._specs)
        }

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def is_resolved(self) -> bool:
        """Whether every symbol's contract is known."""
        return len(self._contracts) == len(self._specs)

    @property
    def facts(self) -> Sequence[ContractFacts]:
        """What TWS knows about each symbol; empty before `resolve`."""
        return self._facts

    def name(self, symbol: int) -> str:
        """Return the symbol's name as the user wrote it."""
        return self._specs[symbol].symbol

    def contract(self, symbol: int) -> Contract:
        """Return the contract that orders and subscriptions of a symbol name."""
        return self._contracts[symbol]

    def zone(self, symbol: int) -> ZoneInfo:
        """Return the time zone of the symbol's exchange."""
        return self._zones[symbol]

    def sessions(self, symbol: int) -> Sequence[TradingSession]:
        """Return the sessions that were known at the last look, earliest first."""
        return self._sessions[symbol]

    def symbol_of(self, contract: Contract) -> int | None:
        """Return which symbol a contract in a message is, or `None` for somebody else's."""
        words = (contract.symbol, contract.secType, contract.currency)
        return self.symbol_in(contract.conId, words)

    def symbol_in(self, con_id: int, words: tuple[str, str, str]) -> int | None:
        """Do so by conId, and by symbol, secType and currency.

        Before contracts are known, words must do: nothing may get lost in between.
        """
        return self._by_con_id.get(con_id) if self.is_resolved else self._by_words.get(words)

    async def resolve(self, link: Link) -> None:
        """Find every contract.

        Raises `UnknownContractError` or `AmbiguousContractError` naming the symbol, or what
        `Link.ask` raises.
        """
        found = await asyncio.gather(*(self._look_up(link, spec) for spec in self._specs))
        for details, spec in zip(found, self._specs, strict=True):
            try:
                where = zone(details.timeZoneId)
                self._sessions.append(sessions_of(details.liquidHours, where))
            except ValueError as error:
                raise UnknownContractError(f"{spec.symbol}: {error}") from None
            self._zones.append(where)
        self._facts = [_facts(details) for details in found]
        self._by_con_id = {details.contract.conId: symbol for symbol, details in enumerate(found)}
        self._contracts = [
            _tradable(details.contract, spec)
            for details, spec in zip(found, self._specs, strict=True)
        ]

    async def refresh_sessions(self, link: Link, symbol: int) -> None:
        """Ask again for the sessions of a symbol; TWS tells of a few days at a time."""
        known = replace(self._specs[symbol], con_id=self._facts[symbol].con_id)
        details = await self._look_up(link, known)
        self._sessions[symbol] = sessions_of(details.liquidHours, self._zones[symbol])

    async def _look_up(self, link: Link, spec: ContractSpec) -> Any:
        asked = Contract(
            secType=spec.sec_type,
            conId=spec.con_id,
            symbol=spec.symbol,
            lastTradeDateOrContractMonth=spec.last_trade_date,
            multiplier=spec.multiplier,
            exchange=spec.exchange,
            primaryExchange=spec.primary_exchange,
            currency=spec.currency,
        )
        try:
            answers = await link.ask_by_id(
                lambda request_id: link.client.reqContractDetails(request_id, asked)
            )
        except RequestRefusedError as error:
            if error.code != _NO_DEFINITION:
                raise
            raise UnknownContractError(f"{spec.symbol}: {error.text}") from None
        by_con_id = {details.contract.conId: details for details in answers}
        if not by_con_id:
            raise UnknownContractError(f"{spec.symbol}: TWS found no contract")
        if len(by_con_id) > 1:
            candidates = ", ".join(
                f"{con_id} on {details.contract.primaryExchange} in {details.contract.currency}"
                for con_id, details in by_con_id.items()
            )
            text = f"{spec.symbol}: expected one contract, found {candidates}"
            raise AmbiguousContractError(text)
        return next(iter(by_con_id.values()))


def _facts(details: Any) -> ContractFacts:
    contract = details.contract
    return ContractFacts(
        con_id=contract.conId,
        tick=Decimal(str(details.minTick)),
        multiplier=int(contract.multiplier or 1),
        currency=contract.currency,
        time_zone=zone(details.timeZoneId).key,
        long_name=details.longName,
    )


def _tradable(contract: Contract, spec: ContractSpec) -> Contract:
    # The answer may name the listing; orders go where the user routes them.
    contract.exchange = spec.exchange
    return contract

"""The account as clients see it: values, portfolio, positions, profit and loss.

Every request here is a subscription: a full list, an end marker, then changes until it is
cancelled. After a fill, changes are told at once; values that drift with the market follow
every three minutes, profit and loss every second, as TWS does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import replies
from .requests import Feed
from .times import SECOND, Zone
from .wire import UNSET_FLOAT, decimal_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contracts import Catalogue
    from .ports import VenuePort
    from .ticks import Receiver

DRIFT_INTERVAL = 180 * SECOND
PNL_INTERVAL = SECOND

Value = tuple[str, str, str]
"""Key, value and currency of an account value."""


@dataclass(slots=True)
class _Told:
    """What a subscriber has heard, so that only changes follow."""

    receiver: Receiver
    request_id: int = 0
    tags: tuple[str, ...] = ()
    model_code: str = ""
    con_id: int = 0
    heard: dict[Any, Any] = field(default_factory=dict)

    def is_news(self, key: object, value: object) -> bool:
        """Tell whether a value differs from what was heard, and remember it."""
        if self.heard.get(key) == value:
            return False
        self.heard[key] = value
        return True


class AccountDesk:
    """Answers and keeps the account subscriptions of all sessions."""

    def __init__(
        self, venue: VenuePort, catalogue: Catalogue, account: str, currency: str, zone: Zone
    ) -> None:
        self._venue = venue
        self._catalogue = catalogue
        self._account = account
        self._currency = currency
        self._zone = zone
        self._updates: list[_Told] = []
        self._positions: list[_Told] = []
        self._feeds: dict[Feed, list[_Told]] = {
            Feed.ACCOUNT_SUMMARY: [],
            Feed.ACCOUNT_UPDATES_MULTI: [],
            Feed.PNL: [],
            Feed.PNL_SINGLE: [],
        }
        self._drift_told_at = 0
        self._pnl_told_at = 0

    def subscribe_updates(self, receiver: Receiver, at: int) -> None:
        """Tell the values and the portfolio, and keep telling changes."""
        self.cancel_updates(receiver)
        told = _Told(receiver)
        self._updates.append(told)
        self._tell_updates(told, at)
        receiver.send(replies.account_download_end(self._account))

    def cancel_updates(self, receiver: Receiver) -> None:
        """Stop values and portfolio of a session."""
        self._updates = [told for told in self._updates if told.receiver is not receiver]

    def subscribe_positions(self, receiver: Receiver) -> None:
        """Tell all positions, and keep telling changes."""
        self.cancel_positions(receiver)
        told = _Told(receiver)
        self._positions.append(told)
        for holding in self._holdings():
            if Decimal(holding["quantity"]):
                self._tell_position(told, holding)
        receiver.send(replies.position_end())

    def cancel_positions(self, receiver: Receiver) -> None:
        """Stop the positions of a session."""
        self._positions = [told for told in self._positions if told.receiver is not receiver]

    def subscribe_summary(self, receiver: Receiver, request_id: int, tags: tuple[str, ...]) -> None:
        """Tell chosen values by request id, and keep telling changes."""
        told = self._follow(Feed.ACCOUNT_SUMMARY, _Told(receiver, request_id, tags))
        self._tell_summary(told)
        receiver.send(replies.account_summary_end(request_id))

    def subscribe_multi(self, receiver: Receiver, request_id: int, model_code: str) -> None:
        """Tell all values by request id, and keep telling changes."""
        told = self._follow(
            Feed.ACCOUNT_UPDATES_MULTI, _Told(receiver, request_id, model_code=model_code)
        )
        self._tell_multi(told)
        receiver.send(replies.account_update_multi_end(request_id))

    def subscribe_pnl(self, receiver: Receiver, request_id: int) -> None:
        """Tell the account's profit and loss, and keep telling changes."""
        self._tell_pnl(self._follow(Feed.PNL, _Told(receiver, request_id)))

    def subscribe_pnl_single(self, receiver: Receiver, request_id: int, con_id: int) -> None:
        """Tell one position's profit and loss, and keep telling changes."""
        self._tell_pnl_single(
            self._follow(Feed.PNL_SINGLE, _Told(receiver, request_id, con_id=con_id))
        )

    def cancel(self, receiver: Receiver, feed: Feed, request_id: int) -> bool:
        """End a subscription by request id; return whether there was one."""
        kept = [
            told
            for told in self._feeds[feed]
            if told.receiver is not receiver or told.request_id != request_id
        ]
        found = len(kept) < len(self._feeds[feed])
        self._feeds[feed] = kept
        return found

    def forget(self, receiver: Receiver) -> None:
        """End everything that a session subscribed to."""
        self.cancel_updates(receiver)
        self.cancel_positions(receiver)
        for feed, subscribers in self._feeds.items():
            self._feeds[feed] = [told for told in subscribers if told.receiver is not receiver]

    def position_changed(self, event: dict[str, Any]) -> None:
        """Tell a position event of the venue to those who follow positions."""
        for told in self._positions:
            self._tell_position(told, event)

    def filled(self, at: int) -> None:
        """Tell what a fill changed."""
        for told in self._updates:
            self._tell_updates(told, at)
        for told in self._feeds[Feed.ACCOUNT_SUMMARY]:
            self._tell_summary(told)
        for told in self._feeds[Feed.ACCOUNT_UPDATES_MULTI]:
            self._tell_multi(told)
        self._tell_all_pnl(at)

    def advance(self, at: int) -> None:
        """Let time pass: what drifts with the market is told at its intervals."""
        if at - self._drift_told_at >= DRIFT_INTERVAL:
            self._drift_told_at = at
            self.filled(at)
        elif at - self._pnl_told_at >= PNL_INTERVAL:
            self._tell_all_pnl(at)

    def _follow(self, feed: Feed, told: _Told) -> _Told:
        self.cancel(told.receiver, feed, told.request_id)
        self._feeds[feed].append(told)
        return told

    def _holdings(self) -> list[dict[str, Any]]:
        """Return every position; one without a known price is worth nothing yet."""
        holdings: list[dict[str, Any]] = json.loads(self._venue.positions())
        for holding in holdings:
            holding["market_price"] = holding["market_price"] or "0"
        return holdings

    def _values(self) -> Iterator[Value]:
        amounts: dict[str, str] = json.loads(self._venue.account())
        currency = self._currency
        yield "AccountCode", self._account, ""
        yield "AccountType", "INDIVIDUAL", ""
        yield "AccountReady", "true", ""
        yield "Currency", currency, currency
        for key, amount in amounts.items():
            yield key, amount, currency
        if "TotalCashValue" in amounts:
            for scope in (currency, "BASE"):
                yield "CashBalance", amounts["TotalCashValue"], scope
                yield "TotalCashBalance", amounts["TotalCashValue"], scope
        if "NetLiquidation" in amounts:
            yield "NetLiquidationByCurrency", amounts["NetLiquidation"], "BASE"

    def _tell_updates(self, told: _Told, at: int) -> None:
        send, account = told.receiver.send, self._account
        for key, value, currency in self._values():
            if told.is_news((key, currency), value):
                send(replies.account_value(key, value, currency, account))
        for holding in self._holdings():
            con_id = holding["con_id"]
            was_held = con_id in told.heard
            if (was_held or Decimal(holding["quantity"])) and told.is_news(con_id, holding):
                value = decimal_text(self._market_value(holding))
                send(replies.portfolio(account, self._catalogue[con_id], holding, value))
        if told.is_news("time", self._zone.minute(at)):
            send(replies.account_time(self._zone.minute(at)))

    def _tell_position(self, told: _Told, holding: dict[str, Any]) -> None:
        state = (holding["quantity"], holding["avg_cost"])
        if told.is_news(holding["con_id"], state):
            instrument = self._catalogue[holding["con_id"]]
            told.receiver.send(replies.position(self._account, instrument, *state))

    def _tell_summary(self, told: _Told) -> None:
        is_ledger = any(tag.startswith("$LEDGER") for tag in told.tags)
        # By name, as TWS was recorded, whatever order they were asked for in.
        for key, value, currency in sorted(self._values()):
            is_wanted = key in told.tags or "All" in told.tags or (is_ledger and currency)
            if is_wanted and told.is_news((key, currency), value):
                told.receiver.send(
                    replies.account_summary(told.request_id, self._account, key, value, currency)
                )

    def _tell_multi(self, told: _Told) -> None:
        for key, value, currency in self._values():
            if told.is_news((key, currency), value):
                told.receiver.send(
                    replies.account_update_multi(
                        told.request_id, self._account, told.model_code, key, value, currency
                    )
                )

    def _tell_all_pnl(self, at: int) -> None:
        self._pnl_told_at = at
        for told in self._feeds[Feed.PNL]:
            self._tell_pnl(told)
        for told in self._feeds[Feed.PNL_SINGLE]:
            self._tell_pnl_single(told)

    def _tell_pnl(self, told: _Told) -> None:
        holdings = self._holdings()
        unrealized = sum((Decimal(each["unrealized_pnl"]) for each in holdings), Decimal())
        realized = sum((Decimal(each["realized_pnl"]) for each in holdings), Decimal())
        state = tuple(
            decimal_text(value) for value in (unrealized + realized, unrealized, realized)
        )
        if told.is_news("pnl", state):
            told.receiver.send(replies.pnl(told.request_id, *state))

    def _tell_pnl_single(self, told: _Told) -> None:
        state = ("0", UNSET_FLOAT, UNSET_FLOAT, UNSET_FLOAT, UNSET_FLOAT)
        for holding in self._holdings():
            if holding["con_id"] == told.con_id:
                unrealized = Decimal(holding["unrealized_pnl"])
                realized = Decimal(holding["realized_pnl"])
                state = (
                    decimal_text(Decimal(holding["quantity"])),
                    decimal_text(unrealized + realized),
                    decimal_text(unrealized),
                    decimal_text(realized),
                    decimal_text(self._market_value(holding)),
                )
        if told.is_news("pnl", state):
            told.receiver.send(replies.pnl_single(told.request_id, *state))

    def _market_value(self, holding: dict[str, Any]) -> Decimal:
        multiplier = Decimal(self._catalogue[holding["con_id"]].multiplier or "1")
        return Decimal(holding["quantity"]) * Decimal(holding["market_price"]) * multiplier

"""The order desk: carries orders to the venue and the venue's events to clients.

Keeps each order as its client wrote it, because TWS echoes far more than the venue knows. The
venue decides everything else.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from . import replies
from .contracts import Catalogue, ContractQuery
from .market import NO_CONTRACT, Subscriber
from .order_reply import OrderRecord, Values, completed_overlay, open_overlay, what_if_overlay
from .place_order import PlaceOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .account import AccountDesk
    from .ports import VenueEvent, VenuePort
    from .readings import Readings
    from .requests import ReqExecutions
    from .times import Zone

_Key = tuple[int, int]

# Codes that refuse nothing.
_NOTICES = frozenset((202, 399, 404, 10349, *range(2100, 2200)))
_SIDE_WORDS = {"BUY": "BUY", "BOT": "BUY", "SELL": "SELL", "SLD": "SELL", "SSHORT": "SELL"}


class OrderClient(Subscriber, Protocol):
    """One client's session, as far as orders need it."""

    @property
    def client_id(self) -> int:
        """The number that the client gave itself."""

    @property
    def version(self) -> int:
        """The server version agreed on."""


class OrderDesk:
    """All orders of the account, whoever placed them."""

    def __init__(
        self,
        venue: VenuePort,
        catalogue: Catalogue,
        account_desk: AccountDesk,
        *,
        account: str,
        currency: str,
        zone: Zone,
        listeners: Callable[[int], Sequence[OrderClient]],
        write_time: Callable[[int], str],
        readings: Readings,
        on_fill: Callable[[int], None],
    ) -> None:
        self._venue = venue
        self._catalogue = catalogue
        self._account_desk = account_desk
        self._account = account
        self._currency = currency
        self._zone = zone
        self._listeners = listeners
        self._write_time = write_time
        self._on_fill = on_fill
        self._readings = readings
        self.binds_new = False
        """Whether client 0 wants orders placed by hand bound to it."""
        self._records: dict[_Key, OrderRecord] = {}
        self._asked: dict[_Key, OrderRecord] = {}
        self._untold: deque[Sequence[VenueEvent]] = deque()
        known = [*json.loads(venue.orders()), *json.loads(venue.completed())]
        self.next_order_id = max((event["order_id"] for event in known), default=0) + 1

    def is_live(self, client_id: int, order_id: int) -> bool:
        """Tell whether a client's order lives, so that placing it again is a change."""
        return any(
            (event["client_id"], event["order_id"]) == (client_id, order_id)
            for event in json.loads(self._venue.orders())
        )

    def place(
        self, client: OrderClient, request: PlaceOrder, at: int, *, is_forked: bool = False
    ) -> None:
        """Place a new order, modify a live one, or tell what an order would cost.

        A forked change becomes a second order under the same id, as TWS was seen to do when it
        was cut off from IB.
        """
        order_id = request.order_id
        self.next_order_id = max(self.next_order_id, order_id + 1)
        if not request.contract.exchange:
            cause = "Missing order exchange"
            client.error(order_id, 321, f"Error validating request: cause - {cause}")
            return
        instrument = self._catalogue.one(request.contract)
        if instrument is None:
            client.error(order_id, 200, NO_CONTRACT)
            return
        if request.fields["account"] not in ("", self._account):
            cause = f"Invalid account code '{request.fields['account']}'"
            client.error(order_id, 321, f"Error validating request: cause - {cause}")
            return
        try:
            order = request.venue_order(
                client.client_id, instrument.con_id, self._account, self._zone
            )
        except ValueError as error:
            client.error(order_id, 391, f"The time or time-zone entered is invalid: {error}")
            return
        record = OrderRecord(request, instrument)
        if request.is_what_if:
            self._tell_impact(client, record, order, at)
            return
        try:
            act = self._venue.fork if is_forked else self._venue.place
            events = act(at, json.dumps(order))
        except ValueError as error:
            client.error(order_id, 321, f"Error validating request: cause - {error}")
            return
        self._asked[client.client_id, order_id] = record
        self.deliver(events, at)

    def cancel(self, client: OrderClient, order_id: int, at: int) -> None:
        """Ask for the end of one of the client's own orders."""
        self.deliver(self._venue.cancel(at, client.client_id, order_id), at)

    def global_cancel(self, at: int) -> None:
        """Ask for the end of all orders of the account."""
        self.deliver(self._venue.global_cancel(at), at)

    def deliver(self, events: str | None, at: int) -> None:
        """Send the venue's events to everybody whom they concern, in their order.

        What a fault causes while events are being told comes after them.
        """
        if events:
            self._deliver(json.loads(events), at)

    def _deliver(self, events: Sequence[VenueEvent], at: int) -> None:
        self._untold.append(events)
        if len(self._untold) > 1:
            return
        try:
            while self._untold:
                self._tell(self._untold[0], at)
                self._untold.popleft()
        finally:
            self._untold.clear()

    def _tell(self, events: Sequence[VenueEvent], at: int) -> None:
        is_filled = False
        for event in events:
            match event["kind"]:
                case "open_order":
                    self._open_order(event)
                case "status":
                    self._send_all(event["client_id"], replies.order_status(event))
                case "execution":
                    is_filled = True
                    for client in self._listeners(event["client_id"]):
                        client.send(self._execution(client, -1, event))
                    self._on_fill(event["client_id"])
                case "commission":
                    self._send_all(event["client_id"], replies.commission(event))
                case "error":
                    self._error(event)
                case "position":
                    self._account_desk.position_changed(event)
                case kind:
                    raise ValueError(f"venue event: expected a known kind, found `{kind}`")
        if is_filled:
            self._account_desk.filled(at)

    def bind(self, clients: Sequence[OrderClient]) -> None:
        """Give orders placed by hand ids of client 0, negative ones, and tell its session."""
        self._bind(clients)

    def _bind(self, clients: Sequence[OrderClient]) -> list[tuple[int, int]]:
        bound = self._venue.bind()
        for perm_id, order_id in bound:
            for client in clients:
                client.send(replies.order_bound(perm_id, client.client_id, order_id))
        return bound

    def by_hand(self, events: str, clients: Sequence[OrderClient], at: int) -> None:
        """Tell what an order by hand caused: under its new id, if client 0 wants it bound."""
        told: list[VenueEvent] = json.loads(events)
        if self.binds_new and clients:
            ids = dict(self._bind(clients))
            for event in told:
                if event.get("perm_id") in ids:
                    event["order_id"] = ids[event["perm_id"]]
        self._deliver(told, at)

    def list_open(self, client: OrderClient, *, is_all: bool) -> None:
        """List the client's live orders, or everybody's, and the end marker."""
        self._tell_open(client, lambda event: is_all or event["client_id"] == client.client_id)
        client.send(replies.open_order_end())

    def list_completed(self, client: OrderClient) -> None:
        """List the ended orders and the end marker."""
        for event in json.loads(self._venue.completed()):
            ended = self._zone.stamp(event["completed_at"])
            overlay = completed_overlay(event, self._account, ended)
            client.send(self._record(event).completed_order(client.version, overlay))
        client.send(replies.completed_orders_end())

    def list_executions(self, client: OrderClient, request: ReqExecutions, at: int) -> None:
        """List executions since midnight that pass the filter, each with its commission."""
        request_id = request.request_id
        since = self._zone.midnight(at)
        if request.since:
            try:
                since = max(since, self._zone.parse(request.since))
            except ValueError as error:
                client.error(request_id, 321, f"Error validating request: cause - {error}")
                return
        for event in json.loads(self._venue.executions()):
            if event["at"] >= since and self._passes(client, request, event):
                client.send(self._execution(client, request_id, event))
                if event.get("commission") is not None:
                    client.send(replies.commission(_commission(event, self._currency)))
        client.send(replies.execution_end(request_id))

    def _tell_open(self, client: OrderClient, is_wanted: Callable[[VenueEvent], bool]) -> None:
        for event in filter(is_wanted, json.loads(self._venue.orders())):
            record, overlay = self._told(event)
            client.send(record.open_order(client.version, overlay))
            client.send(replies.order_status(event))

    def _tell_impact(
        self, client: OrderClient, record: OrderRecord, order: dict[str, Any], at: int
    ) -> None:
        """Tell margin and commission of an order, or why it could not be placed."""
        request = record.request
        try:
            impact = json.loads(self._venue.what_if(at, json.dumps(order)))
        except ValueError as error:
            client.error(request.order_id, 201, f"Order rejected - reason: {error}")
            return
        overlay = what_if_overlay(request, client.client_id, self._account, self._currency, impact)
        client.send(record.open_order(client.version, overlay))

    def _open_order(self, event: VenueEvent) -> None:
        key = event["client_id"], event["order_id"]
        if key in self._asked:
            self._records[key] = self._asked.pop(key)
        record, overlay = self._told(event)
        for client in self._listeners(event["client_id"]):
            client.send(record.open_order(client.version, overlay))

    def _error(self, event: VenueEvent) -> None:
        key = event["client_id"], event["order_id"]
        if event["code"] not in _NOTICES and key in self._records:
            self._asked.pop(key, None)  # a refused modification leaves the order as it was
        for client in self._listeners(event["client_id"]):
            client.error(event["order_id"], event["code"], event["text"])

    def _told(self, event: VenueEvent) -> tuple[OrderRecord, Values]:
        return self._record(event), open_overlay(event, self._account, self._currency)

    def _record(self, event: VenueEvent) -> OrderRecord:
        """Return an order as its client wrote it; one that the venue had before us, as it is."""
        record = self._records.get((event["client_id"], event["order_id"]))
        if record is None:
            instrument = self._catalogue[event["con_id"]]
            query = ContractQuery(instrument.con_id, *[""] * 11)
            record = OrderRecord(PlaceOrder(event["order_id"], query, {}), instrument)
        return record

    def _execution(self, client: OrderClient, request_id: int, event: VenueEvent) -> bytes:
        instrument = self._catalogue[event["con_id"]]
        time = self._write_time(event["at"])
        return replies.execution(client.version, request_id, event, instrument, time)

    def _passes(self, client: OrderClient, request: ReqExecutions, event: VenueEvent) -> bool:
        whose = request.client_id
        if not whose and self._readings.unfiltered_executions == "own":
            whose = client.client_id
        instrument = self._catalogue[event["con_id"]]
        side = request.side.upper()
        return (
            whose in (0, event["client_id"])
            and request.account in ("", event["account"])
            and request.symbol in ("", instrument.symbol)
            and request.sec_type in ("", instrument.sec_type)
            and request.exchange in ("", instrument.exchange, instrument.primary_exchange)
            and (not side or _SIDE_WORDS.get(side) == event["side"])
        )

    def _send_all(self, client_id: int, frame: bytes) -> None:
        for client in self._listeners(client_id):
            client.send(frame)


def _commission(event: VenueEvent, currency: str) -> dict[str, Any]:
    """Return the commission that is merged into an execution, as an event of its own."""
    return {
        "exec_id": event["exec_id"],
        "amount": event["commission"],
        "currency": event.get("currency") or currency,
        "realized_pnl": event.get("realized_pnl"),
    }

"""The simulated TWS: a server for unmodified clients, driven from outside.

Neither a clock nor a market of its own: the driver publishes quotes and prints and lets time pass,
the venue matches, and clients are told over the TWS socket protocol.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .account import AccountDesk
from .bands import PriceBands
from .connection import VERSION_MIN, Connection
from .contracts import Catalogue, SimInstrument
from .fault_desk import FaultDesk
from .market import MarketDesk, Permission
from .orders import OrderDesk
from .readings import Readings
from .session import Desks, Session
from .times import Zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .bars import Bar
    from .faults import FaultPlan
    from .ports import VenuePort
    from .recording import Recorder

VERSION_MAX = 178
"""Newest layout whose every client speaks plain text fields."""


class SimulatedTws:
    """Serves one account to any number of clients.

    `clock` returns the simulated time in UTC nanoseconds. `max_server_version` (157 to 178) makes
    newer clients speak an older layout. The master client is told of everybody's orders. With
    `has_zoned_times` false, fills carry local time without a zone, as some TWS versions write.
    `band_percent` computes limit up and limit down bands of that width for every instrument.

    Raises `ValueError` for a version out of range.
    """

    def __init__(
        self,
        venue: VenuePort,
        instruments: Iterable[SimInstrument],
        *,
        clock: Callable[[], int],
        account: str = "DU0000001",
        currency: str = "USD",
        time_zone: str = "US/Eastern",
        max_server_version: int = VERSION_MAX,
        is_read_only: bool = False,
        master_client_id: int | None = None,
        market_data: Permission = "live",
        has_zoned_times: bool = True,
        band_percent: float | None = None,
        readings: Readings | None = None,
        faults: FaultPlan | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        if not VERSION_MIN <= max_server_version <= VERSION_MAX:
            raise ValueError(
                f"max_server_version: expected {VERSION_MIN} to {VERSION_MAX}, "
                f"found {max_server_version}"
            )
        self.max_server_version = max_server_version
        self.recorder = recorder
        self._venue = venue
        self._clock = clock
        self.zone = Zone(time_zone)
        self._master_client_id = master_client_id
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._sessions: dict[int, Session] = {}
        self._waiting: list[Connection] = []
        self._bursts = 0
        self._past_frames_in = 0
        self._past_frames_out = 0
        catalogue = Catalogue(instruments)
        for instrument in catalogue:
            venue.add_instrument(json.dumps(instrument.venue_fields()))
        readings = readings or Readings()
        self._market = MarketDesk(catalogue, market_data, readings)
        self._account = AccountDesk(venue, catalogue, account, currency, self.zone)
        self._orders = OrderDesk(
            venue,
            catalogue,
            self._account,
            account=account,
            currency=currency,
            zone=self.zone,
            listeners=self._listeners,
            write_time=self._execution_time,
            readings=readings,
            on_fill=lambda client_id: self.faults.happened("fill", client_id),
        )
        self._catalogue = catalogue
        self._bands = {
            each.con_id: PriceBands(band_percent, float(each.tick))
            for each in catalogue
            if band_percent is not None
        }
        self._write_time = self.zone.stamp if has_zoned_times else self.zone.bare
        self.faults = FaultDesk(self, faults)
        self._desks = Desks(
            self._orders,
            self._market,
            self._account,
            catalogue,
            account,
            clock,
            self.faults,
            readings,
            is_read_only,
        )

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one, to be read from `port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, host, port)

    async def stop(self) -> None:
        """Disconnect everybody and stop listening. The venue keeps its state."""
        if self._server is None:
            return
        self._server.close()
        self.disconnect_clients()
        await self._server.wait_closed()
        self._server = None

    @property
    def port(self) -> int:
        """The port listened on; raises `RuntimeError` while stopped."""
        if self._server is None:
            raise RuntimeError("port: the simulated TWS is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The open connections, each with its counts of frames."""
        return tuple(self._connections)

    @property
    def client_ids(self) -> tuple[int, ...]:
        """The clients that have a session, in the order they came."""
        return tuple(self._sessions)

    @property
    def frames_in(self) -> int:
        """Frames served so far over all connections, closed ones included."""
        return self._past_frames_in + sum(each.frames_in for each in self._connections)

    @property
    def frames_out(self) -> int:
        """Frames written so far over all connections, closed ones included."""
        return self._past_frames_out + sum(each.frames_out for each in self._connections)

    def publish_quote(
        self,
        at: int,
        con_id: int,
        bid: float | None,
        ask: float | None,
        bid_size: float,
        ask_size: float,
    ) -> None:
        """Publish a best bid and ask; a side that is `None` has no quote."""
        self.faults.advance(at)
        if self._bands:
            self._bands[con_id].quote(at, bid, ask)
        self._market.tape(con_id).quote(at, bid, ask, bid_size, ask_size)
        self._orders.deliver(self._venue.quote(at, con_id, bid, ask, bid_size, ask_size), at)
        self.flush()

    def publish_trade(self, at: int, con_id: int, price: float, size: float) -> None:
        """Publish a print. Bars are told first, then ticks, then what it did to orders."""
        self.faults.advance(at)
        self._market.tape(con_id).trade(at, price, size)
        if self._bands:
            self._move_band(at, con_id, price)
        self._orders.deliver(self._venue.trade(at, con_id, price, size), at)
        self.flush()

    def advance(self, at: int) -> None:
        """Let time pass: bars end, orders expire, the account is told at its intervals."""
        self.faults.advance(at)
        self._pause_trading(at)
        self._orders.deliver(self._venue.advance(at), at)
        self._market.advance(at)
        self._account.advance(at)
        self.flush()

    def set_session(self, at: int, con_id: int, is_open: bool) -> None:
        """Open or close an instrument's regular session."""
        self._market.tape(con_id).is_open = is_open
        self._orders.deliver(self._venue.session(at, con_id, is_open), at)
        self.flush()

    def load_history(
        self, con_id: int, bars: Iterable[Bar], *, bar_seconds: int = 60, what: str = "TRADES"
    ) -> None:
        """Add past bars of one length; those after the simulated now are never served."""
        self._market.load_history(con_id, bars, bar_seconds, what)

    @contextmanager
    def burst(self) -> Iterator[None]:
        """Hold frames back until the block ends, then write one piece per connection.

        The block must not await: requests that come meanwhile would wait for their answers.
        """
        self._bursts += 1
        try:
            yield
        finally:
            self._bursts -= 1
            self.flush()

    def notice(self, code: int, text: str) -> None:
        """Tell every client a notice that concerns no request, such as 1100 or 2103."""
        for session in self._sessions.values():
            session.error(-1, code, text)
        self.flush()

    def disconnect_clients(self) -> None:
        """Close every connection, as a restart of TWS does. Orders stay."""
        for connection in tuple(self._connections):
            connection.close()

    def now(self) -> int:
        """Return the simulated time."""
        return self._clock()

    def sessions(self, client_id: int | None = None) -> list[Session]:
        """Return the sessions of everybody, or of one client."""
        return [each for each in self._sessions.values() if client_id in (None, each.client_id)]

    def time_text(self) -> str:
        """Return the time for the handshake, zoned."""
        return self.zone.stamp(self._clock() + self.faults.clock_offset)

    def open_session(self, connection: Connection, client_id: int) -> Session | None:
        """Start a session, or `None` if the client id is in use."""
        if client_id in self._sessions:
            return None
        session = Session(client_id, connection.version, self._desks, connection.send)
        self._sessions[client_id] = session
        self.faults.happened("connection", client_id)
        return session

    def wants_flush(self, connection: Connection) -> None:
        """Note that a connection has frames to write."""
        self._waiting.append(connection)

    def flush(self) -> None:
        """Write all queued frames, one write per connection; inside a burst, do nothing."""
        if self._bursts:
            return
        waiting, self._waiting = self._waiting, []
        for connection in waiting:
            connection.flush()

    def closed(self, connection: Connection) -> None:
        """Forget a connection and its subscriptions; keep its counts and orders."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._past_frames_in += connection.frames_in
        self._past_frames_out += connection.frames_out
        session = connection.session
        if session is not None:
            del self._sessions[session.client_id]
            session.close()

    def roll_back_ids(self, by: int) -> None:
        """Let nextValidId name ids that were used."""
        self._orders.next_order_id = max(1, self._orders.next_order_id - by)

    def delay_data(self, *, is_delayed: bool) -> None:
        """Turn all market data into delayed data, or back into live data."""
        self._market.delay(is_delayed=is_delayed)

    def freeze(self, symbols: Iterable[str], *, is_frozen: bool) -> None:
        """Let the feed of symbols stand still for clients, or go on; none named means all."""
        wanted = [self.con_id(symbol) for symbol in symbols]
        for con_id in wanted or [each.con_id for each in self._catalogue]:
            self._market.tape(con_id).is_frozen = is_frozen

    def false_tick(self, symbol: str, kind: str, price: float | str, size: float) -> None:
        """Show clients a price that the market does not have."""
        self._market.tape(self.con_id(symbol)).show(kind, price, size)

    def halt(self, symbol: str, *, is_halted: bool) -> None:
        """Halt trading in a symbol, or let it go on."""
        at, con_id = self.now(), self.con_id(symbol)
        self._market.tape(con_id).halt(is_halted=is_halted)
        self._orders.deliver(self._venue.halt(at, con_id, is_halted), at)
        self.flush()

    def locate(self, symbol: str, *, is_hard: bool) -> None:
        """Make shares of a symbol hard to borrow, or find them: waiting short sales set out."""
        at = self.now()
        self._orders.deliver(self._venue.locate(at, self.con_id(symbol), is_hard), at)
        self.flush()

    def manual_trade(
        self, symbol: str, side: str, quantity: float, price: float | None = None
    ) -> None:
        """Trade by hand, at the market without a price; raise `ValueError` while none is known."""
        at, con_id = self.now(), self.con_id(symbol)
        events = self._venue.manual_trade(at, con_id, side, quantity, price)
        self._orders.deliver(events, at)
        self.flush()

    def manual_order(self, symbol: str, **order: Any) -> None:
        """Place an order by hand, its fields as `VenuePort.place` names them.

        Raises `ValueError` for an order that no client could place.
        """
        at = self.now()
        fields = {"client_id": 0, "order_id": 0, "con_id": self.con_id(symbol), **order}
        events = self._venue.manual_order(at, json.dumps(fields))
        self._orders.by_hand(events, self.sessions(0), at)
        self.flush()

    def split(self, symbol: str, new: int, old: int = 1) -> None:
        """Split a stock; its GTC orders are cancelled. The next quotes are the driver's."""
        at = self.now()
        self._orders.deliver(self._venue.split(at, self.con_id(symbol), new, old), at)
        self.flush()

    def band(self, symbol: str, band: tuple[float, float] | None) -> None:
        """Let a symbol trade between two prices only, as between LULD bands, or anywhere."""
        at = self.now()
        self._orders.deliver(self._venue.band(at, self.con_id(symbol), band), at)
        self.flush()

    def dividend(self, symbol: str, amount: float) -> None:
        """Pay an amount for each share held; raise `ValueError` for one that is not positive."""
        at = self.now()
        self._orders.deliver(self._venue.dividend(at, self.con_id(symbol), amount), at)
        self._account.filled(at)
        self.flush()

    def overfill(self, more: float) -> None:
        """Fill the order of the latest execution by more than it asked for.

        Raises `ValueError` where nothing was executed yet.
        """
        at = self.now()
        self._orders.deliver(self._venue.overfill(at, more), at)
        self.flush()

    def bust_latest(self) -> None:
        """Take the latest execution back; raise `ValueError` where there is none."""
        at = self.now()
        self._orders.deliver(self._venue.bust_latest(at), at)
        self._account.filled(at)
        self.flush()

    def correct_latest(self, price: float) -> None:
        """Correct the price of the latest execution; raise `ValueError` where there is none."""
        at = self.now()
        self._orders.deliver(self._venue.correct_latest(at, price), at)
        self.flush()

    def forget_subscriptions(self) -> None:
        """End every market data subscription, as TWS does when it says 1101."""
        for session in self._sessions.values():
            self._market.forget(session)

    def con_id(self, symbol: str) -> int:
        """Return the first instrument of a symbol; raise `KeyError` for an unknown one."""
        for instrument in self._catalogue:
            if instrument.symbol == symbol:
                return instrument.con_id
        raise KeyError(f"symbol `{symbol}`: not listed")

    def _move_band(self, at: int, con_id: int, price: float) -> None:
        bands = self._bands[con_id]
        before = bands.band
        bands.trade(at, price)
        if bands.band != before:
            self._orders.deliver(self._venue.band(at, con_id, bands.band), at)

    def _pause_trading(self, at: int) -> None:
        for con_id, bands in self._bands.items():
            was_paused = bands.is_paused
            bands.advance(at)
            if bands.is_paused != was_paused:
                self._market.tape(con_id).halt(is_halted=bands.is_paused)
                # The halt first: without a band, what it kept from trading could trade.
                self._orders.deliver(self._venue.halt(at, con_id, bands.is_paused), at)
                self._orders.deliver(self._venue.band(at, con_id, bands.band), at)

    def _execution_time(self, at: int) -> str:
        return self._write_time(at + self.faults.clock_offset)

    def _accept(self) -> Connection:
        connection = Connection(self)
        self._connections.add(connection)
        return connection

    def _listeners(self, client_id: int) -> list[Session]:
        """Return the sessions told of a client's orders: its own and the master's."""
        ids = dict.fromkeys((client_id, self._master_client_id))
        return [self._sessions[each] for each in ids if each in self._sessions]

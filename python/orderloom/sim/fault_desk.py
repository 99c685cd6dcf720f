"""The fault desk: waits for each fault's moment, and bends what passes between clients and server.

While nothing is armed and nothing is bent, frames do not pass through here at all.
"""

from __future__ import annotations

import heapq
import logging
import random
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, assert_never

from . import faults
from .messages import MARKET_DATA, ORDER_NEWS, Stream, name_of
from .wire import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .connection import Connection
    from .faults import Fault, FaultPlan, When
    from .place_order import PlaceOrder
    from .server import SimulatedTws

log = logging.getLogger(__name__)

_LOST = ((1100, 2103, 2105, 2157), (2104, 2106, 2158))
"""Codes that tell of lost and of restored connections to IB and to its data farms."""
_NEVER = 1 << 62
_PATIENT = (
    faults.Hold,
    faults.Drop,
    faults.Duplicate,
    faults.Delay,
    faults.Reorder,
    faults.Refuse,
    faults.Fork,
)
"""Faults that change nothing before something comes by."""
_MALFORMED = {
    "unknown": ("7777", "1", "what"),
    "short": ("3", "1"),
}


@dataclass(slots=True)
class _Armed:
    fault: Fault
    when: When
    left: int
    due: int | None


@dataclass(eq=False, slots=True)
class _Bend:
    """What happens to matching messages of a stream while it is in force.

    `act` returns what goes on at once; what it keeps, it passes on later by `pass_on`.
    """

    fault: Fault
    names: frozenset[str]
    client: int | None
    left: int | None
    act: Callable[[_Lane, bytes], Iterable[bytes]]
    window: _Window | None = None

    @property
    def is_over(self) -> bool:
        is_spent = self.left is not None and self.left <= 0
        return is_spent and not (self.window and self.window.kept)

    def matches(self, lane: _Lane, name: str) -> bool:
        if self.window and lane in self.window.kept:
            return True  # whatever follows is shuffled with it
        if self.client not in (None, lane.connection.client_id) or name not in self.names:
            return False
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class _Lane:
    """One stream of one connection."""

    connection: Connection
    stream: Stream

    def pass_on(self, content: bytes) -> None:
        """Hand over a frame to be written, or a payload to be served."""
        if self.stream == "replies":
            self.connection.queue(content)
        else:
            self.connection.serve(content)


@dataclass(eq=False, slots=True)
class _Window:
    """Messages that wait to be shuffled, per lane."""

    size: int
    random: random.Random
    kept: dict[_Lane, list[bytes]] = field(default_factory=dict)

    def act(self, lane: _Lane, content: bytes) -> Iterable[bytes]:
        kept = self.kept.setdefault(lane, [])
        kept.append(content)
        if len(kept) < self.size:
            return ()
        del self.kept[lane]
        shuffled = list(kept)
        while shuffled == kept and len(set(kept)) > 1:
            self.random.shuffle(shuffled)
        return shuffled


class FaultDesk:
    """Carries out faults on one server.

    `inject` arms a fault (at once without a `when`), `clear` ends all of them.
    """

    def __init__(self, server: SimulatedTws, plan: FaultPlan | None = None) -> None:
        self._server = server
        self.seed = 1
        self.clock_offset = 0
        self.is_turning_away = False
        self.back_at: int | None = None
        """Until when clients are turned away, where that is known."""
        self.is_idle = True
        """Whether frames may go past this desk."""
        self._random = random.Random(self.seed)  # noqa: S311 - reproducible on purpose
        self._armed: list[_Armed] = []
        self._bends: list[_Bend] = []
        self._refusals: list[tuple[faults.Refuse, list[int]]] = []
        self._forks = 0
        self._unstruck: list[Fault] = []
        self._ends: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()
        self._began = server.now()
        self._order = (-1, -1)
        self._request_ids: dict[int, int] = {}
        if plan is not None:
            self.load(plan)

    def load(self, plan: FaultPlan) -> None:
        """Take a plan's seed and arm all of its faults; errors as of `inject`."""
        self.seed = plan.seed
        self._random.seed(plan.seed)
        for fault in plan.faults:
            self.inject(fault)

    def inject(self, fault: Fault) -> None:
        """Arm a fault for its moment, or let it strike at once.

        Raises `ValueError` for an `at` that is no moment, and `KeyError` for an unknown symbol of
        a fault that strikes at once.
        """
        when = fault.when
        self._unstruck.append(fault)
        if when is None:
            self._strike(fault)
        else:
            due = None if when.at is None else self._moment(when.at)
            self._armed.append(_Armed(fault, when, when.nth, due))
        self._settle()

    def clear(self) -> None:
        """End every fault: nothing is armed, and what was held goes on its way."""
        self._armed.clear()
        self._refusals.clear()
        self._unstruck.clear()
        self._forks = 0
        self.clock_offset = 0
        ends, self._ends = self._ends, []
        for _, _, end in sorted(ends, key=lambda each: each[:2]):
            end()
        self._bends.clear()
        self._settle()
        self._server.flush()

    @property
    def next_due(self) -> int | None:
        """When time alone makes a fault strike or end."""
        strikes = (each.due for each in self._armed if each.due is not None)
        return min((*strikes, *(at for at, _, _ in self._ends[:1])), default=None)

    @property
    def armed(self) -> int:
        """How many faults wait for their moment."""
        return len(self._armed)

    @property
    def unstruck(self) -> tuple[Fault, ...]:
        """Faults that changed nothing yet: their moment, or what they bend, never came."""
        return tuple(self._unstruck)

    def _note(self, struck: Fault) -> None:
        self._unstruck = [each for each in self._unstruck if each is not struck]

    def advance(self, at: int) -> None:
        """Let time pass: faults whose time has come strike, those that are over end."""
        for armed in [each for each in self._armed if each.due is not None and each.due <= at]:
            self._armed.remove(armed)
            self._strike(armed.fault)
        while self._ends and self._ends[0][0] <= at:
            heapq.heappop(self._ends)[2]()
        self._settle()

    def reply(self, connection: Connection, frame: bytes) -> None:
        """Pass a frame on its way to a client, bent as faults want it."""
        name = name_of("replies", frame[4:])
        for each in self._bent(_Lane(connection, "replies"), name, frame):
            connection.queue(each)
        self._settle()
        self.happened(name, connection.client_id)

    def request(self, connection: Connection, payload: bytes) -> None:
        """Pass a payload on its way from a client."""
        name = name_of("requests", payload)
        self.happened(name, connection.client_id)
        bent = self._bent(_Lane(connection, "requests"), name, payload)
        self._settle()
        for each in bent:
            connection.serve(each)

    def asked(self, client_id: int, request_id: int) -> None:
        """Note a client's latest request id."""
        self._request_ids[client_id] = request_id

    def refusal(
        self, client_id: int, order_id: int, what: faults.OrderWord, order: PlaceOrder | None = None
    ) -> tuple[int, str] | None:
        """Return code and text with which an order, change or cancel is to be refused."""
        self._order = (client_id, order_id)
        if self.is_idle:
            return None
        self.happened(what, client_id)
        for refusal, left in self._refusals:
            if refusal.what == what and _chooses(refusal, client_id, order):
                left[0] -= 1
                self._note(refusal)
                self._refusals = [each for each in self._refusals if each[1][0] > 0]
                self._settle()
                return refusal.code, refusal.text or _text(refusal.code)
        return None

    def takes_fork(self) -> bool:
        """Return whether the change at hand is to become a second order."""
        is_forked = self._forks > 0
        self._forks -= is_forked
        if is_forked:
            self._unstruck = [each for each in self._unstruck if not isinstance(each, faults.Fork)]
        self._settle()
        return is_forked

    def happened(self, what: str, client_id: int | None) -> None:
        """Count something; the faults that waited for it strike."""
        if not self._armed:
            return
        struck = []
        for armed in self._armed:
            when = armed.when
            if when.of == what and when.client in (None, client_id):
                armed.left -= 1
                if armed.left <= 0:
                    struck.append(armed)
        for armed in struck:
            self._armed.remove(armed)
            self._strike(armed.fault)
        self._settle()

    def _bent(self, lane: _Lane, name: str, content: bytes) -> list[bytes]:
        passing = [content]
        for bend in self._bends:
            if passing and bend.matches(lane, name):
                self._note(bend.fault)
                passing = [each for content in passing for each in bend.act(lane, content)]
        return passing

    def _settle(self) -> None:
        if self._bends:
            self._bends = [bend for bend in self._bends if not bend.is_over]
        self.is_idle = not (self._armed or self._bends or self._refusals or self._forks)

    def _moment(self, text: str) -> int:
        zone = self._server.zone
        if text.startswith("+"):
            return self._began + faults.parse_duration(text[1:])
        if len(text) == 8:
            text = f"{zone.date(self._began)} {text}"
        return zone.parse(text)

    def _later(self, duration: int | None, end: Callable[[], None]) -> None:
        """Call `end` when a fault is over; without a duration, when all are cleared."""
        at = _NEVER if duration is None else self._server.now() + duration
        heapq.heappush(self._ends, (at, next(self._number), end))

    def _strike(self, fault: Fault) -> None:
        log.info("fault: %s", fault.model_dump_json(exclude_defaults=True))
        server = self._server
        if not isinstance(fault, _PATIENT):
            self._note(fault)
        match fault:
            case faults.Cut():
                for connection in self._connections(fault.client):
                    connection.cut(fault.stream, fault.after_bytes)
            case faults.Mute() | faults.HalfOpen():
                self._mute(fault)
            case faults.Hold() | faults.Drop() | faults.Duplicate() | faults.Delay():
                self._bend(fault)
            case faults.Reorder():
                window = _Window(fault.window, self._random)
                bend = self._add(fault, window.act, window)
                self._later(fault.duration, partial(self._end_window, bend, window))
            case faults.Garbage():
                for connection in self._connections(fault.client):
                    for _ in range(fault.count):
                        connection.queue(self._garbage(fault.shape))
            case faults.Code():
                self._tell_code(fault)
            case faults.Refuse():
                self._refusals.append((fault, [fault.count]))
            case faults.Fork():
                self._forks += fault.count
            case faults.RollBackIds():
                server.roll_back_ids(fault.by)
            case faults.Restart():
                self._restart(fault.duration)
            case faults.Outage():
                self._outage(fault, repeats=1, farms=False)
            case faults.NightlyReset():
                outage = faults.Outage(duration=fault.duration, client=fault.client)
                self._outage(outage, repeats=3, farms=True)
            case faults.DelayedData():
                server.delay_data(is_delayed=True)
                self._later(fault.duration, partial(server.delay_data, is_delayed=False))
            case faults.Freeze():
                server.freeze(fault.symbols, is_frozen=True)
                self._later(fault.duration, partial(server.freeze, fault.symbols, is_frozen=False))
            case faults.FalseTick():
                server.false_tick(fault.symbol, fault.kind, fault.price, fault.size)
            case faults.ClockSkew():
                self.clock_offset += fault.by
            case faults.Halt():
                server.halt(fault.symbol, is_halted=True)
                self._later(fault.duration, partial(server.halt, fault.symbol, is_halted=False))
            case faults.Locate():
                server.locate(fault.symbol, is_hard=True)
                self._later(fault.duration, partial(server.locate, fault.symbol, is_hard=False))
            case faults.ManualTrade():
                server.manual_trade(fault.symbol, fault.side, fault.quantity, fault.price)
            case faults.Split():
                server.split(fault.symbol, fault.new, fault.old)
            case faults.Correct():
                server.correct_latest(fault.price)
            case faults.Bust():
                server.bust_latest()
            case faults.Overfill():
                server.overfill(fault.more)
            case faults.Band():
                server.band(fault.symbol, (fault.low, fault.high))
                self._later(fault.duration, partial(server.band, fault.symbol, None))
            case faults.Dividend():
                server.dividend(fault.symbol, fault.amount)
            case _:
                assert_never(fault)
        server.flush()

    def _connections(self, client: int | None) -> list[Connection]:
        everybody = self._server.connections
        return [each for each in everybody if client in (None, each.client_id)]

    def _mute(self, fault: faults.Mute | faults.HalfOpen) -> None:
        is_half_open = isinstance(fault, faults.HalfOpen)
        which: tuple[Stream, ...] = ("requests", "replies")
        if isinstance(fault, faults.Mute) and fault.stream != "both":
            which = (fault.stream,)
        muted = self._connections(fault.client)
        for connection in muted:
            connection.mute(which)

        def end() -> None:
            for connection in muted:
                if is_half_open:
                    connection.abort()
                else:
                    connection.unmute(which)

        self._later(fault.duration, end)

    def _add(
        self,
        fault: faults.Hold | faults.Drop | faults.Duplicate | faults.Delay | faults.Reorder,
        act: Callable[[_Lane, bytes], Iterable[bytes]],
        window: _Window | None = None,
    ) -> _Bend:
        bend = _Bend(fault, frozenset(fault.messages), fault.client, fault.count, act, window)
        self._bends.append(bend)
        return bend

    def _bend(self, fault: faults.Hold | faults.Drop | faults.Duplicate | faults.Delay) -> None:
        match fault:
            case faults.Hold():
                kept: list[tuple[_Lane, bytes]] = []

                def hold(lane: _Lane, content: bytes) -> Iterable[bytes]:
                    kept.append((lane, content))
                    return ()

                bend = self._add(fault, hold)
                self._later(fault.duration, partial(self._release, bend, kept))
            case faults.Delay():

                def delay(lane: _Lane, content: bytes) -> Iterable[bytes]:
                    self._later(fault.by, partial(_pass_on, [(lane, content)]))
                    return ()

                self._later(fault.duration, partial(self._remove, self._add(fault, delay)))
            case faults.Drop():
                bend = self._add(fault, lambda _lane, _content: ())
                self._later(fault.duration, partial(self._remove, bend))
            case faults.Duplicate():
                bend = self._add(fault, lambda _lane, content: (content, content))
                self._later(fault.duration, partial(self._remove, bend))

    def _remove(self, bend: _Bend) -> None:
        if bend in self._bends:
            self._bends.remove(bend)

    def _release(self, bend: _Bend, kept: list[tuple[_Lane, bytes]]) -> None:
        self._remove(bend)
        _pass_on(kept)

    def _end_window(self, bend: _Bend, window: _Window) -> None:
        self._remove(bend)
        _pass_on([(lane, content) for lane, kept in window.kept.items() for content in kept])

    def _garbage(self, shape: str) -> bytes:
        if shape == "oversized":
            return (0x7FFF_FFFF).to_bytes(4, "big")
        if shape == "noise":
            noise = self._random.randbytes(1 + self._random.randrange(64))
            return len(noise).to_bytes(4, "big") + noise
        return message(*_MALFORMED[shape])

    def _tell_code(self, fault: faults.Code) -> None:
        text = fault.text or _text(fault.code)
        owner, order_id = self._order
        for session in self._server.sessions(fault.client):
            if fault.to == "nobody":
                session.error(-1, fault.code, text)
            elif fault.to == "request":
                session.error(self._request_ids.get(session.client_id, -1), fault.code, text)
            elif session.client_id == owner:
                session.error(order_id, fault.code, text)

    def _restart(self, duration: int | None) -> None:
        self.is_turning_away = duration is not None
        self._server.disconnect_clients()
        if duration is not None:
            self.back_at = self._server.now() + duration
            self._later(duration, self._come_back)

    def _come_back(self) -> None:
        self.is_turning_away = False
        self.back_at = None

    def _outage(self, fault: faults.Outage, *, repeats: int, farms: bool) -> None:
        server = self._server
        for code in _LOST[0] if farms else (1100,):
            server.notice(code, _text(code))
        self._strike(faults.Drop(messages=list(MARKET_DATA), duration=fault.duration))
        if fault.order_news == "late":
            self._strike(faults.Hold(messages=list(ORDER_NEWS), duration=fault.duration))
        elif fault.order_news == "lost":
            self._strike(faults.Drop(messages=list(ORDER_NEWS), duration=fault.duration))
        for turn in range(1, repeats):
            if fault.duration is not None:
                again = partial(server.notice, 1100, _text(1100))
                self._later(fault.duration * turn // repeats, again)

        def end() -> None:
            if fault.has_lost_data:
                server.forget_subscriptions()
            codes = (*(_LOST[1] if farms else ()), 1101 if fault.has_lost_data else 1102)
            for code in codes:
                server.notice(code, _text(code))

        self._later(fault.duration, end)


def _pass_on(kept: list[tuple[_Lane, bytes]]) -> None:
    for lane, content in kept:
        lane.pass_on(content)
    kept.clear()


def _chooses(refusal: faults.Refuse, client_id: int, order: PlaceOrder | None) -> bool:
    if refusal.client not in (None, client_id):
        return False
    if order is None:
        return True
    is_child = order.fields["parentId"] not in ("", "0")
    return (not refusal.order_types or order.fields["orderType"] in refusal.order_types) and (
        refusal.is_child in (None, is_child)
    )


def _text(code: int) -> str:
    return faults.TEXTS.get(code, f"Injected error {code}")

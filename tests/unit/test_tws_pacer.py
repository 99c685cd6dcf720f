import pytest

from orderloom.tws.errors import QueueFullError
from orderloom.tws.pacer import MESSAGES_MAX, Pacer, Urgency


class Loop:
    """A loop's time and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, object]] = []

    def call_later(self, delay: float, callback: object) -> None:
        self.timers.append((self.now + delay, callback))

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(10_000):
            due = sorted((timer for timer in self.timers if timer[0] <= until), key=lambda t: t[0])
            if not due:
                break
            self.timers.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()  # type: ignore[operator]
        self.now = until


class Wire:
    """What left, and when."""

    def __init__(self, messages_max: int | None = MESSAGES_MAX) -> None:
        self.loop = Loop()
        self.sent: list[tuple[float, str]] = []
        self.pacer = Pacer(messages_max, lambda: self.loop.now, self.loop.call_later)

    def submit(
        self, urgency: Urgency, name: str, order_id: int | None = None, parent: int = 0
    ) -> None:
        self.pacer.submit(
            urgency,
            lambda: self.sent.append((self.loop.now, name)),
            order_id=order_id,
            parent_id=parent,
        )

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.sent]


def test_a_message_leaves_at_once_while_there_is_room() -> None:
    wire = Wire()
    wire.submit(Urgency.DATA, "quotes")
    wire.submit(Urgency.ENTRY, "buy", 1)
    assert wire.names == ["quotes", "buy"]
    assert not wire.loop.timers


def test_a_stop_never_waits_behind_a_storm_of_data_requests_or_entries() -> None:
    wire = Wire()
    for each in range(200):
        wire.submit(Urgency.DATA, f"data {each}")
    for each in range(100):
        wire.submit(Urgency.ENTRY, f"entry {each}", 1 + each)
    wire.submit(Urgency.EXIT, "stop", 500)
    assert wire.sent[-1] == (1000.0, "stop")


def test_no_second_holds_more_than_the_limit_and_everything_leaves_in_order() -> None:
    wire = Wire()
    for each in range(300):
        wire.submit(Urgency.DATA, f"data {each}")
    for each in range(150):
        wire.submit(Urgency.EXIT, f"exit {each}", 1 + each)
    wire.loop.advance(60)
    times = [at for at, _ in wire.sent]
    assert len(times) == 450
    for first, later in zip(times, times[MESSAGES_MAX:], strict=False):
        assert later - first >= 1.0
    for kind, count in (("data", 300), ("exit", 150)):
        assert [n for n in wire.names if n.startswith(kind)] == [
            f"{kind} {i}" for i in range(count)
        ]
    # 150 exits at 45 a second: none later than the fourth second, data or not.
    assert max(at for at, name in wire.sent if name.startswith("exit")) < 1004.0


def test_messages_about_one_order_never_overtake_each_other() -> None:
    wire = Wire()
    for each in range(60):
        wire.submit(Urgency.ENTRY, f"entry {each}", 1000 + each)
    wire.submit(Urgency.ENTRY, "parent", 1)
    wire.submit(Urgency.EXIT, "its stop", 2, parent=1)
    wire.submit(Urgency.EXIT, "stop moved", 2)
    wire.submit(Urgency.EXIT, "parent cancelled", 1)
    wire.submit(Urgency.EXIT, "another stop", 3)
    assert wire.names[-1] == "another stop"
    wire.loop.advance(10)
    family = [
        n for n in wire.names if n in {"parent", "its stop", "stop moved", "parent cancelled"}
    ]
    assert family == ["parent", "its stop", "stop moved", "parent cancelled"]


def test_overflow_refuses_a_new_entry_but_neither_a_child_nor_an_exit() -> None:
    wire = Wire()
    for each in range(400):
        try:
            wire.submit(Urgency.ENTRY, f"entry {each}", 1 + each)
        except QueueFullError:
            break
    accepted = each
    assert accepted < 400
    with pytest.raises(QueueFullError, match="order 900"):
        wire.submit(Urgency.ENTRY, "entry 900", 900)
    wire.submit(Urgency.ENTRY, "child", 901, parent=accepted)
    for stop in range(500):
        wire.submit(Urgency.EXIT, f"exit {stop}", 2000 + stop)
    wire.loop.advance(60)
    assert "entry 900" not in wire.names
    assert "child" in wire.names
    assert sum(name.startswith("exit") for name in wire.names) == 500


def test_what_waits_is_forgotten_with_the_connection() -> None:
    wire = Wire()
    for each in range(30):
        wire.submit(Urgency.DATA, f"data {each}")
    left = len(wire.sent)
    assert wire.pacer.clear() == 30 - left
    wire.loop.advance(10)
    assert len(wire.sent) == left


def test_an_unpaced_run_sends_everything_at_once() -> None:
    wire = Wire(None)
    for each in range(1000):
        wire.submit(Urgency.DATA, f"data {each}")
    assert len(wire.sent) == 1000

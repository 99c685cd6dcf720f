"""Faults as data: what a file may say, and what it is told when it says something else."""

import pytest

from orderloom.errors import ConfigError
from orderloom.sim import faults
from orderloom.sim.faults import parse_fault, parse_plan
from orderloom.sim.messages import REPLIES, REQUESTS
from orderloom.sim.times import SECOND

PLAN = """
seed: 7
faults:
  - fault: outage
    duration: 90s
    order_news: lost
    when: {at: 09:35:00}
  - fault: drop
    messages: [execDetails]
    count: 2
    when: {of: fill, nth: 3, client: 7}
  - fault: false_tick
    symbol: AAPL
    price: nan
  - {fault: clock_skew, by: -1500ms}
"""


def test_a_plan_is_read_with_its_times_in_nanoseconds() -> None:
    plan = parse_plan(PLAN)
    outage, drop, tick, skew = plan.faults
    assert plan.seed == 7
    assert outage == faults.Outage(
        duration=90 * SECOND, order_news="lost", when=faults.When(at="09:35:00")
    )
    assert drop == faults.Drop(
        messages=["execDetails"], count=2, when=faults.When(of="fill", nth=3, client=7)
    )
    assert isinstance(tick, faults.FalseTick)
    assert tick.price == "nan"
    assert skew == faults.ClockSkew(by=-1_500_000_000)
    assert parse_plan("") == faults.FaultPlan()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("seed: x", 1, "seed: found `x`"),
        ("faults:\n  - fault: drpo\n", 2, "hint: did you mean `drop`?"),
        ("faults:\n  - {messages: [error]}\n", 2, "the kind of the fault"),
        ("faults:\n  - fault: drop\n", 2, "`messages` is missing"),
        (
            "faults:\n  - fault: drop\n    messages: [execDetail]\n",
            3,
            "did you mean `execDetails`?",
        ),
        ("faults:\n  - fault: mute\n    for: 3s\n", 3, "unknown key `for`"),
        ("faults:\n  - fault: mute\n    duration: 3\n", 3, "found `3`"),
        ("faults:\n  - fault: mute\n    duration: 3 weeks\n", 3, "a duration such as"),
        ("faults:\n  - fault: mute\n    duration: 0s\n", 3, "expected above 0"),
        ("faults:\n  - fault: mute\n    when: {nth: 3}\n", 3, "either `at` or `of`"),
        ("faults:\n  - fault: mute\n    when: {of: lunch}\n", 3, "the name of a message"),
        ("faults: [", 1, "not YAML"),
        ("seed: 1\nseed: 2\n", 2, "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_plan(text, "bad.yaml")
    (problem,) = raised.value.problems[:1]
    assert said in str(problem)
    assert problem.line == line


def test_one_fault_is_read_from_plain_data_as_strictly() -> None:
    assert parse_fault({"fault": "restart"}) == faults.Restart()
    with pytest.raises(ConfigError, match="unknown fault `explode`"):
        parse_fault({"fault": "explode"})


def test_requests_and_replies_share_no_name() -> None:
    assert len(REQUESTS) > 30
    assert len(REPLIES) > 30
    assert not REQUESTS.keys() & REPLIES.keys()

"""Engine, adapter and simulated TWS in one process, with a real socket between the last two."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.clock import ManualClock
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.sim import Bar, SimInstrument, SimulatedTws
from orderloom.sim.times import SECOND, Zone
from orderloom.tws import TWSConnection, TWSSettings

if TYPE_CHECKING:
    from orderloom._core import Event

core = pytest.importorskip("orderloom._core", reason="the native module is not built")

ZONE = Zone("US/Eastern")
OPEN = ZONE.parse("20250922 09:30:00")
AAPL = SimInstrument(
    265598, "AAPL", liquid_hours="20250922:0930-20250922:1600;20250923:0930-20250923:1600"
)
FOR_THE_BROKER = frozenset({"place", "modify", "cancel", "reconcile"})
ENTER: dict[str, Any] = {
    "side": "BUY",
    "size": {"shares": "100"},
    "stop": [{"percent": 3.0}],
    "target": [{"percent": 8.0}],
}


def engine(run: str, enter: dict[str, Any]) -> Any:
    return core.Engine(
        json.dumps(
            {
                "run": run,
                "instruments": [{"symbol": "AAPL", "tick": "0.01"}],
                "rules": [
                    {
                        "name": "long-on-any",
                        "on": ["PredictionSignal"],
                        "when": {"constant": True},
                        "actions": [{"enter": enter}],
                    }
                ],
            }
        )
    )


class Exchange:
    """The simulated TWS with a hand on its clock and its market."""

    def __init__(self) -> None:
        self.clock = ManualClock(OPEN)
        self.venue: Any = core.Venue("{}")
        self.tws = SimulatedTws(self.venue, [AAPL], clock=self.clock.now)

    def pass_time(self, seconds: int = 1) -> int:
        self.clock.advance_to(self.clock.now() + seconds * SECOND)
        return self.clock.now()

    def quote(self, bid: float, ask: float) -> None:
        self.tws.publish_quote(self.pass_time(), AAPL.con_id, bid, ask, 10_000.0, 10_000.0)

    @property
    def live(self) -> dict[str, dict[str, Any]]:
        """Live orders by type."""
        return {order["order_type"]: order for order in json.loads(self.venue.orders())}

    @property
    def position(self) -> float:
        return sum(float(each["quantity"]) for each in json.loads(self.venue.positions()))


class Trader:
    """The smallest shell: every event to the engine, every command to the broker."""

    def __init__(
        self, exchange: Exchange, enter: dict[str, Any] = ENTER, client_id: int = 7
    ) -> None:
        self.exchange = exchange
        self.engine = engine(f"run{client_id}", enter)
        self.events: list[Event] = []
        self.notices: list[dict[str, Any]] = []
        self.commands: list[str] = []
        self.problems: list[str] = []
        self.sent: list[tuple[int, int, int]] = []
        self.broker = TWSConnection(
            TWSSettings(port=exchange.tws.port, mode="sim", client_id=client_id, is_paced=False),
            [ContractSpec(symbol="AAPL")],
            clock=exchange.clock,
            sink=self.take,
            on_problem=self.problems.append,
            on_sent=lambda *sent: self.sent.append(sent),
        )

    def take(self, event: "Event") -> None:
        self.events.append(event)
        outcome = self.engine.on_event(len(self.events), self.exchange.clock.now(), event)
        if outcome is None:
            return
        self.notices += [json.loads(notice.json()) for notice in outcome.notices]
        for command in outcome.commands:
            self.commands.append(command.kind)
            if command.kind in FOR_THE_BROKER:
                self.broker.send(command)

    def signal(self, key: str = "p1") -> None:
        said = {
            "kind": "signal",
            "key": key,
            "ticker": "AAPL",
            "symbol": 0,
            "side": "BUY",
            "confidence": 0.9,
            "predicted_at": self.exchange.clock.now(),
        }
        self.take(core.Event.from_json(json.dumps(said)))

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(event.json()) for event in self.events if event.kind == kind]

    @property
    def marks(self) -> list[str]:
        return [mark["mark"] for mark in self.told("snapshot")]

    async def settle(self, rounds: int = 4) -> None:
        """Let all that was said be heard, and what the engine answered to it, and so on."""
        for _ in range(rounds):
            await self.broker.barrier()

    async def until(self, reached: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not reached():  # noqa: ASYNC110 - the far side has no event to set
                await asyncio.sleep(0.005)


@asynccontextmanager
async def trading(enter: dict[str, Any] = ENTER) -> AsyncIterator[tuple[Exchange, Trader]]:
    exchange = Exchange()
    await exchange.tws.start()
    trader = Trader(exchange, enter)
    try:
        await trader.broker.connect()
        assert await trader.broker.reconcile()
        await trader.broker.start_market([MarketSubscription(symbol=0)])
        exchange.quote(149.99, 150.00)
        await trader.settle()
        yield exchange, trader
    finally:
        await trader.broker.disconnect()
        await exchange.tws.stop()
        await asyncio.sleep(0)


async def test_the_start_tells_contract_account_session_and_quote() -> None:
    async with trading() as (_, trader):
        (facts,) = trader.broker.contracts
        assert (facts.con_id, str(facts.tick), facts.time_zone) == (265598, "0.01", "US/Eastern")
        assert {value["tag"] for value in trader.told("account_value")} >= {
            "NetLiquidation", "BuyingPower",
        }  # fmt: skip
        (session,) = trader.told("session")
        assert session["session"]["open"] == OPEN
        assert trader.told("quote")[-1]["ask"] == "150"
        assert trader.marks == ["began", "ended"]
        assert not trader.problems


async def test_a_signal_becomes_one_attached_bracket_that_protects_the_fill() -> None:
    async with trading() as (exchange, trader):
        trader.signal()
        await trader.settle()
        assert exchange.position == 100
        live = exchange.live
        assert set(live) == {"STP", "LMT"}
        assert (live["STP"]["action"], live["LMT"]["action"]) == ("SELL", "SELL")
        assert float(live["STP"]["stop_price"]) == pytest.approx(145.5)
        assert float(live["LMT"]["limit_price"]) == pytest.approx(162.0)
        (filled,) = trader.told("execution")
        assert (filled["side"], filled["price"]) == ("BUY", "150")
        assert len(trader.told("commission")) == 1
        assert trader.commands.count("place") == 3
        order_ids = [order_id for order_id, *_ in trader.sent]
        assert order_ids[:3] == sorted(order_ids[:3])
        assert all(spent > 0 for *_, spent in trader.sent)
        assert not trader.problems


async def test_a_flatten_reprices_the_target_inside_its_bracket_and_leaves_nothing() -> None:
    async with trading() as (exchange, trader):
        trader.signal()
        await trader.settle()
        exchange.quote(151.00, 151.01)
        await trader.settle()
        trader.take(core.Event.operator("flatten"))
        await trader.settle(8)
        assert exchange.position == 0
        assert exchange.live == {}
        assert "modify" in trader.commands
        assert trader.commands.count("place") == 3
        concluded = [each for each in trader.notices if each["kind"] == "context_concluded"]
        assert [each["exit_reason"] for each in concluded] == ["CLOSE_ALL"]


async def test_a_resting_entry_is_cancelled_and_takes_its_exits_along() -> None:
    async with trading({**ENTER, "limit": {"number": 140.0}}) as (exchange, trader):
        trader.signal()
        await trader.settle()
        assert len(json.loads(exchange.venue.orders())) == 3
        trader.take(core.Event.operator("flatten"))
        await trader.settle(8)
        assert json.loads(exchange.venue.orders()) == []
        assert exchange.position == 0
        assert trader.commands.count("cancel") >= 1
        assert 202 in {error["code"] for error in trader.told("order_error")}


async def test_a_fill_while_we_were_away_counts_once_after_the_reconnect() -> None:
    async with trading() as (exchange, trader):
        trader.signal()
        await trader.settle()
        placed = trader.commands.count("place")
        exchange.tws.disconnect_clients()
        exchange.quote(162.10, 162.11)
        assert exchange.position == 0
        await trader.until(lambda: trader.marks.count("ended") == 2)
        await trader.settle()
        assert [each["state"] for each in trader.told("connection")] == ["up", "down", "up"]
        sold = {each["exec_id"] for each in trader.told("execution") if each["side"] == "SELL"}
        assert len(sold) == 1
        concluded = [each for each in trader.notices if each["kind"] == "context_concluded"]
        assert [each["exit_reason"] for each in concluded] == ["TARGET"]
        assert trader.commands.count("place") == placed
        assert exchange.live == {}


async def test_the_market_goes_on_after_a_reconnect() -> None:
    async with trading() as (exchange, trader):
        exchange.tws.disconnect_clients()
        await trader.until(lambda: trader.marks.count("ended") == 2)
        await trader.settle()
        exchange.quote(151.00, 151.01)
        await trader.settle()
        assert trader.told("quote")[-1]["ask"] == "151.01"


async def test_orders_of_another_client_are_seen_but_under_no_id_of_ours() -> None:
    async with trading() as (exchange, trader):
        other = Trader(exchange, {**ENTER, "limit": {"number": 140.0}}, client_id=8)
        await other.broker.connect()
        await other.broker.reconcile()
        await other.broker.start_market([MarketSubscription(symbol=0)])
        exchange.quote(149.99, 150.00)
        await other.settle()
        other.signal("theirs")
        await other.settle()
        assert len(json.loads(exchange.venue.orders())) == 3
        seen = len(trader.told("order_opened"))
        assert await trader.broker.reconcile()
        foreign = trader.told("order_opened")[seen:]
        assert {order["order_id"] for order in foreign} == {0}
        assert {order["symbol"] for order in foreign} == {0}
        assert not trader.sent
        await other.broker.disconnect()


async def test_bars_warm_up_from_history_and_go_on_live() -> None:
    exchange = Exchange()
    minute = 60 * SECOND
    past = [
        Bar(OPEN - (30 - i) * minute, 100 + i, 101 + i, 99 + i, 100.5 + i, 10) for i in range(30)
    ]
    exchange.tws.load_history(AAPL.con_id, past)
    await exchange.tws.start()
    trader = Trader(exchange)
    await trader.broker.connect()
    await trader.broker.start_market([MarketSubscription(symbol=0, bars="1 min", warm_up=15)])
    warm = trader.told("bar")
    assert not trader.problems
    assert len(warm) >= 15
    assert all(bar["is_history"] for bar in warm)
    for _ in range(3):
        exchange.tws.publish_trade(exchange.pass_time(20), AAPL.con_id, 150.0, 10.0)
    exchange.tws.publish_trade(exchange.pass_time(20), AAPL.con_id, 151.0, 10.0)
    await trader.settle()
    live = [bar for bar in trader.told("bar") if not bar["is_history"]]
    assert [bar["start"] for bar in live] == [OPEN]
    assert live[0]["close"] == "150"
    await trader.broker.disconnect()
    await exchange.tws.stop()

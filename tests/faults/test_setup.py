"""Faults 70 to 76: configuration, several at once, strangers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from orderloom._core import Event
from orderloom.signals import (
    PollLimits,
    Prediction,
    PredictionBook,
    PredictionClient,
    PredictionRecord,
    PredictionServer,
    PredictionSource,
    Signal,
)
from orderloom.sim.times import SECOND
from orderloom.tws import ClientIdInUseError, WrongModeError

from .desk import AAPL, OPEN, TSLA, enter, on, trading

if TYPE_CHECKING:
    from pathlib import Path

    from orderloom._core import Outcome

    from .desk import Desk


@pytest.mark.parametrize("shares", [999, 1_000, 1_001, 5_000])
async def test_fault_70_a_thousand_shares_are_a_thousand_shares(
    tmp_path: Path, shares: int
) -> None:
    rules = [on("BUY", {"enter": enter("BUY", size={"shares": str(shares)})})]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.signal("BUY")
        assert desk.is_protected(shares)


async def test_fault_71_paper_rules_never_reach_a_live_account(tmp_path: Path) -> None:
    live = {"mode": "live", "account": "U0000001"}
    async with trading(tmp_path, account="U0000001", settings=live) as desk:
        stranger = desk.another_line(mode="paper", account="", client_id=8)
        frames = desk.tws.frames_in
        with pytest.raises(WrongModeError, match="live account"):
            await stranger.connect()
        assert desk.tws.client_ids == (7,)
        assert desk.tws.frames_in - frames <= 2, "nothing but the log-in was sent"
        assert desk.orders() == []


async def test_fault_72_a_stop_out_does_not_end_a_cooldown(tmp_path: Path) -> None:
    rules = [
        on("BUY", {"enter": enter("BUY")}, cooldown=300_000_000_000),
        on("SHORT", {"enter": enter("BUY")}, name="buy-again"),
    ]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.signal("BUY")
        await desk.quote(96.0)
        await desk.wait(3)
        assert desk.endings == ["STOP"]
        await desk.signal("BUY")
        assert desk.refusals == ["COOLDOWN"]
        await desk.signal("SHORT")
        assert desk.refusals == ["COOLDOWN"], "a rule of a similar name has its own"
        assert desk.is_protected(100)


async def test_fault_73_a_flatten_leaves_orders_of_others_alone(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        # Another client counts its orders as we do: number 1 is also our entry's.
        theirs = {"client_id": 8, "order_id": 1, "con_id": AAPL.con_id, "action": "BUY"}
        terms = {"order_type": "LMT", "limit_price": "90", "quantity": "10", "tif": "GTC"}
        desk.venue.place(desk.clock.now(), json.dumps({**theirs, **terms}))
        await desk.signal("BUY")
        assert await desk.broker.reconcile()
        await desk.operator("flatten")
        await desk.wait(5)
        assert desk.position() == 0
        assert desk.live() == ["BUY 10 LMT 90"]


async def test_fault_74_events_said_during_an_event_wait_their_turn(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        heard: list[tuple[str, str]] = []

        class Chatty:
            def on_event(self, _at: int, event: Event, _outcome: Outcome | None) -> None:
                heard.append(("begin", event.kind))
                if event.kind == "reading":
                    desk.runner.post(Event.clock())
                    desk.runner.post(Event.trade(0, 100.0, 1.0))
                heard.append(("end", event.kind))

        desk.runner.listeners.append(Chatty())
        desk.runner.post(Event.reading("r", None, 1.0))
        kinds = ["reading", "clock", "trade"]
        assert heard == [(mark, kind) for kind in kinds for mark in ("begin", "end")]


async def test_fault_74_a_reversal_waits_until_the_broker_is_flat(tmp_path: Path) -> None:
    rules = [
        on("BUY", {"enter": enter("BUY")}),
        on("SHORT", {"enter": enter("SELL", opposite="reverse")}),
    ]
    async with trading(tmp_path, rules=rules) as desk:
        await desk.signal("BUY")
        await desk.signal("SHORT")
        await desk.wait(10)
        assert desk.fills() == [100, -100, -100]
        assert desk.is_protected(-100)
        assert desk.endings == ["REVERSAL"]


async def test_fault_75_a_second_client_of_the_same_number_is_turned_away(tmp_path: Path) -> None:
    async with trading(tmp_path) as desk:
        with pytest.raises(ClientIdInUseError):
            await desk.another_line().connect()
        await desk.signal("BUY")
        assert desk.fills() == [100]
        assert desk.is_protected(100)


HMAC_KEY = "a shared secret of 27 bytes"


async def _ask(desk: Desk, url: str) -> None:
    """Poll a source that must sign, once, and post what it says as a session does."""

    def post(said: Prediction) -> None:
        desk.runner.post(
            Event.signal(
                said.key, said.ticker, 0, str(said.signal), said.confidence, None, [],
                said.predicted_at, None, [],
            )
        )  # fmt: skip

    def reject(*answer: str) -> None:
        desk.runner.post(Event.signal_rejected(*answer))

    source = PredictionSource(url=url, hmac_key=SecretStr(HMAC_KEY))
    limits = PollLimits(per_minute=None, attempts=1)
    client = PredictionClient(
        source,
        on_prediction=post,
        on_rejected=reject,
        on_alarm=desk.problems.append,
        limits=limits,
        now=desk.clock.now,
    )
    async with client:
        await client.poll_once(["AAPL"])
    await desk.settle()


def _server(desk: Desk, *, key: str = HMAC_KEY, at: int = OPEN) -> PredictionServer:
    said = Prediction(ticker="AAPL", signal=Signal.BUY, confidence=0.9, predicted_at=at, id=f"{at}")
    book = PredictionBook([PredictionRecord(said, at)])
    return PredictionServer(book, clock=desk.clock.now, hmac_key=key)


@pytest.mark.parametrize(("key", "code"), [("", "UNSIGNED"), ("another secret", "BAD_SIGNATURE")])
async def test_fault_76_a_prediction_that_is_not_signed_with_our_key_moves_nothing(
    tmp_path: Path, key: str, code: str
) -> None:
    async with trading(tmp_path) as desk:
        with _server(desk, key=key) as forger:
            await _ask(desk, forger.url)
            await _ask(desk, forger.url)
        assert [each["reason"] for each in desk.of("signal_rejected")] == [code, code]
        assert len(desk.problems) == 2, "each client tells it once"
        assert desk.placed() == []
        with _server(desk) as source:
            await _ask(desk, source.url)
        assert desk.is_protected(100)


async def test_fault_76_a_signed_prediction_is_worth_one_trade_however_often_it_is_replayed(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        with _server(desk) as source:
            await _ask(desk, source.url)
            await _ask(desk, source.url)
            await desk.signal("SELL")
            await desk.wait(5)
            await _ask(desk, source.url)
            # Nor is it one for a process that comes after.
            await desk.crash()
            await desk.restart()
            await _ask(desk, source.url)
        assert desk.refusals == ["DUPLICATE"] * 3
        assert len(desk.placed("entry")) == 1
        assert desk.is_flat()


async def test_fault_76_a_signed_prediction_that_was_kept_back_is_too_old_to_be_replayed(
    tmp_path: Path,
) -> None:
    async with trading(tmp_path) as desk:
        with _server(desk, at=OPEN - 121 * SECOND) as source:
            await _ask(desk, source.url)
        assert desk.refusals == ["EXPIRED"]
        assert desk.placed() == []


async def test_fault_76_a_flood_of_predictions_opens_what_limits_allow_and_delays_no_exit(
    tmp_path: Path,
) -> None:
    limits = {"limits": {"max_orders_per_minute": 2}}
    async with trading(tmp_path, config=limits) as desk:
        await desk.signal("BUY")
        for number in range(3_000):
            made = desk.clock.now()
            symbol = number % 2
            side = "BUY" if number % 3 else "SHORT"
            desk.runner.post(
                Event.signal(f"flood-{number}", "AAPL", symbol, side, 0.9, None, [], made, None, [])
            )
            if number == 1_500:
                desk.quote_unheard(96.0)
        await desk.settle()
        # The stop has sold in the middle of it.
        assert desk.fills()[:2] == [100, -100]
        assert len(desk.placed("entry")) <= 2 + 2
        await desk.signal("SELL")
        await desk.signal("SELL", symbol=1)
        await desk.wait(5)
        assert desk.is_flat()
        assert desk.is_flat(TSLA)

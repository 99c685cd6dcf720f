"""One trading session from settings to summary: the parts put together, run, and put away again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from orderloom._core import Event
from orderloom.clock import ManualClock, SystemClock
from orderloom.errors import BrokerUnavailable, OrderloomError
from orderloom.journal import Header, Journal
from orderloom.log import RunLog
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.report import RunTally
from orderloom.runner import Listener, Runner
from orderloom.version import __version__
from orderloom.world import Stage
from orderloom.world.stage import ACCOUNT, Listed

if TYPE_CHECKING:
    from orderloom.config import Settings
    from orderloom.signals import Prediction, PredictionClient, PredictionServer
    from orderloom.tws import TWSConnection
    from orderloom.world import Moment

_SETTLE_ROUNDS: Final = 10_000
_TAIL_NS: Final = 30_000_000_000
_LOCAL_KEY: Final = "embedded-prediction-api"
_BAR_WORDS: Final = {1: "1 secs", 5: "5 secs", 10: "10 secs", 15: "15 secs", 30: "30 secs",
                     60: "1 min", 120: "2 mins", 180: "3 mins", 300: "5 mins", 600: "10 mins",
                     900: "15 mins", 1200: "20 mins", 1800: "30 mins", 3600: "1 hour",
                     7200: "2 hours", 10800: "3 hours", 14400: "4 hours", 28800: "8 hours",
                     86400: "1 day"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is told beside its strategy file.

    `speed` is simulated seconds per second, infinite for as fast as possible. `start` and `end`
    cut the market data (UTC ns). `duration` and `until` end a run early: seconds of wall time, and
    UTC ns.
    """

    mode: Literal["sim", "paper", "live"] = "sim"
    market: Sequence[Path] = ()
    signals: Path | None = None
    speed: float = float("inf")
    seed: int = 1
    out: Path | None = None
    start: int | None = None
    end: int | None = None
    duration: float | None = None
    until: int | None = None
    has_live_word: bool = False
    listeners: Sequence[Listener] = field(default=())


class NothingToTradeError(OrderloomError):
    """A strategy that names no symbol."""

    exit_code = 2


class Session:
    """One run of a strategy. `problems` is told what an operator should read."""

    def __init__(
        self, settings: Settings, options: RunOptions, on_problem: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._options = options
        self._on_problem = on_problem
        self._stop = asyncio.Event()
        self._started = time.time_ns()
        self._began = time.monotonic()
        name = datetime.fromtimestamp(self._started / 1e9, tz=UTC).strftime("%Y%m%dT%H%M%S")
        self.run_name: Final = f"{name}-{self._started // 1_000_000 % 1000:03d}"
        self.directory: Final = options.out or Path("runs") / self.run_name
        self.symbols: Final = settings.symbols
        if not self.symbols:
            raise _nothing_to_trade()
        self.tally: Final = RunTally(self.symbols, [rule.name for rule in settings.rules])
        self.stage: Stage | None = None
        self.runner: Runner
        self._broker: TWSConnection
        self._client: PredictionClient | None = None
        self._clock: ManualClock | SystemClock
        self._log: RunLog

    def stop(self) -> None:
        """End the run in order: no new entries, everything written, exits stay at the broker."""
        self._stop.set()

    @property
    def now(self) -> int:
        """The run's time, UTC ns."""
        return self._clock.now()

    async def run(self) -> dict[str, Any]:
        """Trade until the end and return the summary, which is also written to the directory."""
        async with AsyncExitStack() as stack:
            self._log = RunLog(self.directory / "log.jsonl", lambda: self._clock.now())
            stack.callback(self._log.close)
            if self._options.mode == "sim":
                await self._run_simulated(stack)
            else:
                await self._run_at_broker(stack)
            summary = self._summary()
        _write_private(self.directory / "summary.json", json.dumps(summary, indent=2) + "\n")
        return summary

    # -- the parts ---------------------------------------------------------------------------

    def _problem(self, text: str) -> None:
        self._log.write("problem", text=text)
        self._on_problem(text)

    def _open_runner(self, stack: AsyncExitStack, account: str) -> None:
        config = self._settings.engine_config(self.run_name)
        header = Header(__version__, config, self.symbols, account, self._started)
        secrets = [key for key in (self._settings.signals.api_key.get_secret_value(),) if key]
        journal = Journal.create(self.directory / "journal.db", header, secrets=secrets)
        stack.callback(journal.close)
        self.runner = Runner(
            config,
            clock=self._clock,
            journal=journal,
            on_problem=self._problem,
            listeners=[self.tally, self._log, *self._options.listeners],
        )

    async def _open_broker(self, stack: AsyncExitStack, port: int, *, is_paced: bool) -> None:
        from orderloom.tws import TWSConnection, TWSSettings  # noqa: PLC0415 - loads ib_async

        broker = self._settings.broker
        self._broker = TWSConnection(
            TWSSettings(
                host="127.0.0.1" if self._options.mode == "sim" else broker.host,
                port=port,
                client_id=broker.client_id,
                mode=self._options.mode,
                account="" if self._options.mode == "sim" else broker.account,
                data=self._settings.market.data,
                is_paced=is_paced,
            ),
            [self._contract(symbol) for symbol in self.symbols],
            clock=self._clock,
            sink=self.runner.post,
            on_problem=self._problem,
            on_sent=self.runner.on_sent,
        )
        self.runner.connect(self._broker)
        stack.push_async_callback(self._broker.disconnect)
        await self._broker.connect()
        self._check_contracts()

    def _contract(self, symbol: str) -> ContractSpec:
        given = self._settings.market.instruments.get(symbol)
        if given is None:
            return ContractSpec(symbol=symbol)
        return ContractSpec(
            symbol=symbol,
            sec_type=given.sec_type,
            exchange=given.exchange,
            primary_exchange=given.primary_exchange,
            currency=given.currency,
        )

    def _check_contracts(self) -> None:
        """Refuse to trade on a tick or multiplier that is not the broker's."""
        known = self._settings.instruments()
        for symbol, ours, theirs in zip(self.symbols, known, self._broker.contracts, strict=True):
            tick = Decimal(str(ours["tick"]))
            if tick % theirs.tick != 0 or int(ours["multiplier"]) != theirs.multiplier:
                raise BrokerUnavailable(
                    f"market.instruments.{symbol}: expected tick {theirs.tick} and multiplier "
                    f"{theirs.multiplier} as the broker says, found {tick} and "
                    f"{ours['multiplier']}, hint: set `tick` and `multiplier` there"
                )

    async def _start_market(self) -> None:
        seconds = int(self._settings.market.bars) // 1_000_000_000
        bars = _BAR_WORDS.get(seconds)
        if bars is None:
            raise BrokerUnavailable(
                f"market.bars: expected a bar size of TWS ({', '.join(_BAR_WORDS.values())}), "
                f"found {self._settings.market.bars}"
            )
        warm_up = self.runner.engine.warm_up_bars
        await self._broker.start_market(
            [
                MarketSubscription(symbol=index, bars=bars, warm_up=warm_up)
                for index in range(len(self.symbols))
            ]
        )

    def _open_signals(self, stack: AsyncExitStack, url: str, *, is_embedded: bool) -> None:
        from pydantic import SecretStr  # noqa: PLC0415 - loaded with the settings

        from orderloom.signals import PollLimits, PredictionClient, PredictionSource  # noqa: PLC0415

        signals = self._settings.signals
        key = SecretStr(_LOCAL_KEY) if is_embedded else signals.api_key
        source = PredictionSource(url=url, api_key=key, fields=signals.fields)
        self._client = PredictionClient(
            source,
            on_prediction=self._on_prediction,
            on_rejected=self._on_rejected,
            on_alarm=self._problem,
            # The embedded API is ours: its pace is the simulated clock's.
            limits=PollLimits(per_minute=None) if is_embedded else PollLimits(),
            now=self._clock.now,
        )
        stack.push_async_callback(self._client.aclose)

    @property
    def _tickers(self) -> list[str]:
        renamed = {symbol: ticker for ticker, symbol in self._settings.signals.tickers.items()}
        return [renamed.get(symbol, symbol) for symbol in self.symbols]

    def _on_prediction(self, prediction: Prediction) -> None:
        ticker = prediction.ticker
        name = self._settings.signals.tickers.get(ticker, ticker)
        symbol = self.symbols.index(name) if name in self.symbols else None
        self.runner.last_dispatch = None
        self.runner.post(
            Event.signal(
                prediction.key,
                ticker,
                symbol,
                str(prediction.signal),
                prediction.confidence,
                prediction.numeric,
                list(prediction.probabilities or ()),
                prediction.predicted_at,
                prediction.stock_price,
                list(prediction.features.items()),
            )
        )
        dispatch = self.runner.last_dispatch
        if dispatch is not None:
            self.tally.latency.add(
                dispatch.finished_ns - prediction.received_monotonic_ns,
                engine=dispatch.engine_ns,
                journal=dispatch.journal_ns,
                broker_client=dispatch.broker_ns,
            )

    def _on_rejected(self, source: str, reason: str, detail: str) -> None:
        self.runner.post(Event.signal_rejected(source, reason, detail))

    # -- a simulated world, in lock-step -----------------------------------------------------

    async def _run_simulated(self, stack: AsyncExitStack) -> None:
        from orderloom import samples  # noqa: PLC0415 - only simulations need them

        options, settings = self._options, self._settings
        self._clock = clock = ManualClock()
        listed = [
            Listed(
                record["symbol"], str(record["tick"]), str(record["multiplier"]), record["currency"]
            )
            for record in settings.instruments()
        ]
        self.stage = stage = Stage(
            listed,
            options.market or [samples.market()],
            calendar=settings.market.calendar,
            clock=clock,
            seed=options.seed,
            start=options.start,
            end=options.end,
        )
        await stage.tws.start()
        stack.push_async_callback(stage.tws.stop)
        self._open_runner(stack, ACCOUNT)
        server = self._serve_predictions(stack, stage)
        self._open_signals(stack, server.url, is_embedded=True)
        await self._open_broker(stack, stage.tws.port, is_paced=False)
        await self._settle()
        await self._start_market()
        await self._play(stage)

    def _serve_predictions(self, stack: AsyncExitStack, stage: Stage) -> PredictionServer:
        from pydantic import SecretStr  # noqa: PLC0415 - loaded with the settings

        from orderloom import samples  # noqa: PLC0415 - only simulations need them
        from orderloom.signals import PredictionBook, PredictionServer, read_records  # noqa: PLC0415

        path = self._options.signals
        if path is None and not self._options.market:
            path = samples.predictions()
        server = PredictionServer(
            PredictionBook(read_records(path) if path is not None else ()),
            clock=stage.clock.now,
            api_key=SecretStr(_LOCAL_KEY),
            tickers=self._tickers,
            requests_per_minute=None,
        )
        server.start()
        stack.callback(server.stop)
        return server

    async def _play(self, stage: Stage) -> None:
        clock, runner = stage.clock, self.runner
        every = int(self._settings.signals.poll)
        first, wall = clock.now(), time.monotonic()
        next_poll = first
        deadline = None if self._options.duration is None else wall + self._options.duration
        for moment in stage.moments():
            await self._pass_time(stage, moment.at)
            if self._is_over(moment.at, deadline):
                return
            await self._pace(moment, first, wall)
            clock.advance_to(max(moment.at, clock.now()))
            stage.play(moment)
            await self._settle()
            runner.on_time()
            await self._settle()
            if moment.at >= next_poll and self._client is not None:
                await self._client.poll_once(self._tickers, in_order=True)
                await self._settle()
                next_poll = moment.at + every
            await runner.keep_up()
        # Nothing more will be quoted: what is on its way may still arrive.
        await self._pass_time(stage, clock.now() + _TAIL_NS)

    def _is_over(self, at: int, deadline: float | None) -> bool:
        options = self._options
        return (
            self._stop.is_set()
            or (options.until is not None and at > options.until)
            or (deadline is not None and time.monotonic() > deadline)
        )

    async def _pass_time(self, stage: Stage, until: int) -> None:
        """Let everything happen that time alone makes happen before `until`."""
        clock = stage.clock
        while not self._stop.is_set():
            due = min(
                (at for at in (self.runner.next_deadline, clock.next_wake) if at is not None),
                default=until,
            )
            if due >= until:
                return
            clock.advance_to(max(due, clock.now()))
            stage.pass_time()
            self.runner.on_time()
            await self._settle()
            if self.runner.next_deadline == due and clock.next_wake in (None, due):
                # What was due is done and asks for the same moment again: the world moves on.
                return

    async def _settle(self) -> None:
        """Return when broker and engine have nothing left to say to each other at this moment.

        A TWS answers in order, so its answer to one more request proves that all before it was
        heard; what was sent meanwhile is answered before the next one.
        """
        for _ in range(_SETTLE_ROUNDS):
            sent = self.runner.sent
            await self._broker.barrier()
            if self.runner.sent == sent and self.runner.is_idle and not self.runner.is_reconciling:
                return
        raise OrderloomError(f"the simulated TWS did not come to rest in {_SETTLE_ROUNDS} rounds")

    async def _pace(self, moment: Moment, first: int, wall: float) -> None:
        if self._options.speed == float("inf"):
            return
        due = wall + (moment.at - first) / 1e9 / self._options.speed
        while (left := due - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), min(left, 0.25))
                return
            self.runner.on_time()

    # -- a TWS somewhere else ----------------------------------------------------------------

    async def _run_at_broker(self, stack: AsyncExitStack) -> None:
        self._clock = SystemClock()
        broker = self._settings.broker
        self._open_runner(stack, broker.account)
        await self._open_broker(stack, broker.port, is_paced=True)
        await self._start_market()
        tasks = [asyncio.create_task(self.runner.keep_time())]
        server_url = self._local_predictions(stack) or self._settings.signals.url
        if server_url is not None:
            self._open_signals(stack, server_url, is_embedded=server_url != self._settings.signals.url)
            assert self._client is not None  # noqa: S101 - opened in the line above
            poll = int(self._settings.signals.poll) / 1e9
            tasks.append(asyncio.create_task(self._client.run(self._tickers, poll)))
        try:
            await self._wait_for_end(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _local_predictions(self, stack: AsyncExitStack) -> str | None:
        """A file of predictions, served by the embedded API as of the system's clock."""
        if self._options.signals is None:
            return None
        from pydantic import SecretStr  # noqa: PLC0415 - loaded with the settings

        from orderloom.signals import PredictionBook, PredictionServer, read_records  # noqa: PLC0415

        server = PredictionServer(
            PredictionBook(read_records(self._options.signals)),
            clock=self._clock.now,
            api_key=SecretStr(_LOCAL_KEY),
            tickers=self._tickers,
            requests_per_minute=None,
        )
        server.start()
        stack.callback(server.stop)
        return server.url

    async def _wait_for_end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        options = self._options
        ends = [self._started / 1e9 + options.duration] if options.duration is not None else []
        if options.until is not None:
            ends.append(options.until / 1e9)
        timeout = min(ends) - time.time() if ends else None
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopping, *tasks}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in tasks:
            if task.done() and not task.cancelled():
                error = task.exception()
                if error is not None:
                    raise error

    # -- the end -----------------------------------------------------------------------------

    def _summary(self) -> dict[str, Any]:
        engine = self.runner.engine
        positions = {
            symbol: engine.position(index)[0]
            for index, symbol in enumerate(self.symbols)
            if engine.position(index)[0] != "0"
        }
        live = json.loads(engine.live_orders())
        differences = self._compare_ledgers() if self.stage is not None else []
        for text in differences:
            self._problem(text)
        tally = self.tally.summary()
        violations = tally.pop("invariant_violations") + len(differences)
        exit_code = 4 if violations or engine.mode == "Halted" else 0
        return {
            "exit_code": exit_code,
            "run": self.run_name,
            "mode": self._options.mode,
            "seed": self._options.seed,
            "symbols": list(self.symbols),
            "seconds": round(time.monotonic() - self._began, 3),
            **tally,
            "final_positions": positions,
            "live_orders": len(live),
            "invariant_violations": violations,
            "ledger_differences": differences,
            "orders_sent": self.runner.sent,
        }

    def _compare_ledgers(self) -> list[str]:
        """Hold the engine's books against the exchange's own: every share and every cent."""
        assert self.stage is not None  # noqa: S101 - the caller looked
        ours = {fill["exec_id"]: fill for fill in json.loads(self.runner.engine.fills())}
        theirs = {fill["exec_id"]: fill for fill in self.stage.executions()}
        texts = [
            f"fill {exec_id}: {where}"
            for one, other, where in (
                (ours, theirs, "the exchange does not know it"),
                (theirs, ours, "the engine does not know it"),
            )
            for exec_id in one
            if exec_id not in other
        ]
        for exec_id in ours.keys() & theirs.keys():
            for name in ("side", "quantity", "price", "commission"):
                mine, its = ours[exec_id][name], theirs[exec_id][name]
                if mine != its:
                    texts.append(f"fill {exec_id}: {name} `{mine}` here, `{its}` at the exchange")
        held = self.stage.positions()
        for index, symbol in enumerate(self.symbols):
            quantity = self.runner.engine.position(index)[0]
            if quantity != held.get(symbol, "0"):
                texts.append(
                    f"{symbol}: position `{quantity}` here, `{held.get(symbol, '0')}` at the exchange"
                )
        alive = {order["order_id"] for order in self.stage.live_orders()}
        known = {order["order_id"] for order in json.loads(self.runner.engine.live_orders())}
        texts += [f"order {order}: alive at the exchange alone" for order in sorted(alive - known)]
        texts += [f"order {order}: alive here alone" for order in sorted(known - alive)]
        return texts


def _nothing_to_trade() -> OrderloomError:
    return NothingToTradeError(
        "no symbols: expected at least one in a rule or in `market.symbols`, found none"
    )


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

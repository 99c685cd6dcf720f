"""One trading session from settings to summary: the parts put together, run, and put away again."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.clock import ManualClock, SystemClock
from orderloom.config.sections import BAR_SIZES
from orderloom.control import ControlServer
from orderloom.errors import BrokerUnavailable, LanguageError, OrderloomError, shown
from orderloom.journal import FIRST, Header, Journal, JournalBroken
from orderloom.log import RunLog
from orderloom.ports import ContractSpec, MarketSubscription
from orderloom.recovery import Recovered, Seat, recover, seat_name, state_directory
from orderloom.redaction import Redactor, masked_account
from orderloom.report import RunTally
from orderloom.runner import Runner
from orderloom.sessions.books import differences
from orderloom.sessions.lockstep import LockStep
from orderloom.sessions.outside import Outside
from orderloom.sessions.readiness import Readiness
from orderloom.sessions.reload import Reloader
from orderloom.sessions.restarts import Restarts
from orderloom.sessions.standing import Standing
from orderloom.sessions.words import Words
from orderloom.version import __version__
from orderloom.world import Stage
from orderloom.world.stage import ACCOUNT, Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from orderloom.config import Settings
    from orderloom.sessions.options import RunOptions
    from orderloom.signals import Prediction, PredictionClient, PredictionServer
    from orderloom.tws import TWSConnection

_LOCAL_KEY: Final = "embedded-prediction-api"


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
        self.symbols: tuple[str, ...] = settings.symbols
        if not self.symbols:
            raise _nothing_to_trade()
        if settings.market.bars not in BAR_SIZES:
            sizes = ", ".join(BAR_SIZES.values())
            raise LanguageError(
                f"market.bars: found {shown(str(settings.market.bars))}",
                f"a bar size of TWS: {sizes}",
            )
        self.tally = RunTally(self.symbols, [rule.name for rule in settings.rules])
        self.stage: Stage | None = None
        self.recovered: Recovered | None = None
        self.runner: Runner
        self.reloader: Reloader
        self.outside: Outside
        self._standing: Standing
        self._broker: TWSConnection
        self._client: PredictionClient | None = None
        self._clock: Final = ManualClock() if options.mode == "sim" else SystemClock()
        self._restarts: Final = Restarts(settings.broker.restarts, self._clock)
        self._log: RunLog
        self._has_begun = False
        self._made: list[Path] = []
        self._redactor: Redactor

    def stop(self) -> None:
        """End the run in order: no new entries, everything written, exits stay at the broker."""
        self._stop.set()

    @property
    def now(self) -> int:
        """The run's time, UTC ns."""
        return self._time()

    async def run(self) -> dict[str, Any]:
        """Trade until the end and return the summary, which is also written to the directory."""
        try:
            summary = await self._run()
        except BaseException:
            if not self._has_begun:
                self._leave_nothing()
            raise
        try:
            _write_private(self.directory / "summary.json", json.dumps(summary, indent=2) + "\n")
        except OSError as error:
            self._on_problem(f"summary.json: expected to be written, found: {error}")
            summary["exit_code"] = summary["exit_code"] or 1
        return summary

    async def _run(self) -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            self._redactor = Redactor(self._secrets)
            self._log = RunLog(
                self.directory / "log.jsonl", self._time, self._redactor.json, self._on_problem
            )
            self._made.append(self.directory / "log.jsonl")
            stack.callback(self._log.close)
            if self._options.mode == "sim":
                await self._run_simulated(stack)
            else:
                await self._run_at_broker(stack)
            return self._summary()

    def _leave_nothing(self) -> None:
        """Take back what a start that failed has written: nothing was sent under it."""
        for path in self._made:
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.directory.rmdir()

    # -- the parts ---------------------------------------------------------------------------

    @property
    def _secrets(self) -> list[str]:
        signals = self._settings.signals
        keys = (key.get_secret_value() for key in (signals.api_key, signals.hmac_key))
        return [key for key in keys if key]

    def _time(self) -> int:
        """The run's time; the system's until a simulated market has begun."""
        return self._clock.now() or self._started

    def _problem(self, text: str) -> None:
        self._log.write("problem", text=text)
        self._on_problem(self._redactor.text(text))

    @property
    def _instruments(self) -> list[dict[str, Any]]:
        """By symbol number."""
        if self.recovered is None:
            return self._settings.instruments()
        return self.recovered.instruments(self._settings)

    def _open_journal(self, account: str) -> tuple[str, Journal]:
        """The engine's configuration, and the journal of this run or of the one that it goes on."""
        path, recovered = self.directory / FIRST, self.recovered
        keep = self._settings.journal.keep_days
        if recovered is None:
            config = self._engine_config(self._settings)
            header = Header(__version__, config, self.symbols, account, self._started)
            journal = Journal.create(path, header, secrets=self._secrets, keep=keep)
            self._made.append(path)
            return config, journal
        self.symbols = tuple(str(each["symbol"]) for each in self._instruments)
        rules = [rule.name for rule in self._settings.rules]
        self.tally = RunTally(self.symbols, rules, recovered.openers)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.symlink_to(recovered.path.resolve())
        self._made.append(path)
        return self._engine_config(self._settings), recovered.resume(self._secrets, keep=keep)

    def _close_journal(self, journal: Journal) -> None:
        journal.close()
        for problem in journal.problems():
            self._problem(problem)

    def _engine_config(self, settings: Settings) -> str:
        """The engine's configuration of settings, under this run's name and instruments."""
        run = self.run_name if self.recovered is None else self.recovered.config["run"]
        return settings.engine_config(run, self._instruments)

    def _open_runner(self, stack: AsyncExitStack, account: str) -> None:
        config, journal = self._open_journal(account)
        stack.callback(self._close_journal, journal)
        self.runner = Runner(
            config,
            clock=self._clock,
            journal=journal,
            on_problem=self._problem,
            recovered=self.recovered,
        )
        self.reloader = Reloader(
            self.runner, self._settings, self.symbols, self._engine_config, self._options.load
        )
        self.outside = Outside(self.runner.engine, self.symbols, self._problem)
        left = None if self.recovered is None else self.recovered.restraint
        self._standing = Standing(self.runner.engine, left)
        if left is not None:
            self._problem(
                f"this run begins {self.runner.engine.ordered_mode}, as the one before was left: "
                f"{left}; no new entries, exits go on, hint: `orderloom resume`"
            )
        self.reloader.followers.append(self.tally.follow)
        # It tells the others under which names to read what they hear.
        self.runner.listeners.extend(
            (
                self.reloader,
                self.tally,
                self._log,
                self.outside,
                self._standing,
                *self._options.listeners,
            )
        )
        if self.recovered is not None:
            self.runner.post(Event.restarted(config))
        stack.callback(asyncio.create_task(self.runner.watch_journal()).cancel)
        if (script := self._options.script) is not None:
            script.attach(self.runner, self._settings, self._time, self.reloader)
            stack.push_async_callback(script.detach)

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
            is_away=self._restarts.is_near,
        )
        self.runner.connect(self._broker)
        stack.push_async_callback(self._broker.disconnect)
        stack.callback(self.runner.finish)
        words = Words(
            self.runner, self.tally, self.outside, self._standing, self.symbols, self._time,
            self.reloader, lambda: self._client,
        )  # fmt: skip
        control = ControlServer(self.directory, words.answer, self._trades)
        await control.start()
        stack.push_async_callback(control.stop)
        await self._unless_stopped(self._broker.connect())
        self._has_begun = True
        announcing = asyncio.create_task(self._restarts.announce(self.runner.post))
        stack.callback(announcing.cancel)
        self._check_contracts()

    @property
    def _trades(self) -> str:
        """Mode and account, for a person; an account that is not named is known by its address."""
        if self._options.mode == "sim":
            return "sim"
        broker = self._settings.broker
        account = masked_account(broker.account) or f"{broker.host}:{broker.port}"
        return f"{self._options.mode} {account}, client {broker.client_id}"

    async def _unless_stopped(self, connecting: Coroutine[Any, Any, None]) -> None:
        """Wait for a broker that may never answer, but not longer than the user does."""
        trying = asyncio.ensure_future(connecting)
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({trying, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not trying.done():
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
            raise BrokerUnavailable("stopped before the broker had answered: nothing was sent")
        await trying

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
        known = self._instruments
        for symbol, ours, theirs in zip(self.symbols, known, self._broker.contracts, strict=True):
            tick = Decimal(str(ours["tick"]))
            if tick % theirs.tick != 0 or int(ours["multiplier"]) != theirs.multiplier:
                raise BrokerUnavailable(
                    f"market.instruments.{symbol}: expected tick {theirs.tick} and multiplier "
                    f"{theirs.multiplier} as the broker says, found {tick} and "
                    f"{ours['multiplier']}, hint: set `tick` and `multiplier` there"
                )

    async def _start_market(self) -> None:
        bars = BAR_SIZES[self._settings.market.bars]
        engine, span = self.runner.engine, int(self._settings.market.bars)
        if (misfit := engine.misfit(span)) is not None:
            raise BrokerUnavailable(
                f"rules: expected bars that can be built from `market.bars` "
                f"({self._settings.market.bars}), found `{misfit}`"
            )
        warm_up = engine.warm_up_bars(span)
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
        # Ours speaks as documented, whatever the source of a later run does.
        source = None if is_embedded else signals.source()
        source = source or PredictionSource(
            url=url, api_key=SecretStr(_LOCAL_KEY), hmac_key=signals.hmac_key
        )
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

        options, settings, clock = self._options, self._settings, self._clock
        assert isinstance(clock, ManualClock)  # noqa: S101 - so for this mode
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
        for fault in options.faults:
            stage.tws.faults.inject(fault)
        self._open_runner(stack, ACCOUNT)
        server = self._serve_predictions(stack, stage)
        self._open_signals(stack, server.url, is_embedded=True)
        await self._open_broker(stack, stage.tws.port, is_paced=False)
        driver = LockStep(stage, self.runner, self._broker, options, self._stop)
        await driver.settle()
        await self._start_market()
        client = self._client
        assert client is not None  # noqa: S101 - opened above
        await driver.play(
            lambda ticker: client.poll_once([ticker]), self._tickers, int(settings.signals.poll)
        )

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
            hmac_key=self._settings.signals.hmac_key,
            tickers=tuple(self._tickers),
            requests_per_minute=None,
        )
        server.start()
        stack.callback(server.stop)
        return server

    # -- a TWS somewhere else ----------------------------------------------------------------

    async def _run_at_broker(self, stack: AsyncExitStack) -> None:
        broker = self._settings.broker
        seats = self._options.state or state_directory()
        seat = Seat.take(seats / seat_name(self._settings, self._options.mode), self.directory)
        stack.callback(seat.release)
        doubt = self._recover(seat)
        self._open_runner(stack, broker.account)
        if doubt is not None:
            self._problem(
                f"{doubt}; no new entries, exits only, hint: compare `orderloom positions` and "
                "`orderloom orders` with what the broker holds, then `orderloom resume`"
            )
            self.runner.post(Event.operator("reduce_only", reason=doubt))
        await self._open_broker(stack, broker.port, is_paced=True)
        # There is a line, and nothing was sent on it yet: that takes the broker's whole word first.
        seat.remember(self.runner.journal.path)
        await self._start_market()
        tasks = [asyncio.create_task(self.runner.keep_time())]
        server_url = self._local_predictions(stack) or self._settings.signals.url
        if server_url is not None:
            self._open_signals(
                stack, server_url, is_embedded=server_url != self._settings.signals.url
            )
            tasks.append(asyncio.create_task(self._poll()))
        try:
            await self._wait_for_end(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _recover(self, seat: Seat) -> str | None:
        """Find out where the last run ended; returns why that cannot be trusted, if it cannot."""
        last = None if self._options.fresh else seat.last
        if last is None:
            return None
        try:
            recovered = recover(last)
        except JournalBroken as error:
            return f"expected the last run to go on with, found none that can be trusted: {error}"
        self.recovered = recovered
        self._log.write(
            "recovered",
            journal=str(recovered.path),
            events=recovered.events,
            seconds=round(recovered.seconds, 3),
        )
        return recovered.doubt

    async def _poll(self) -> None:
        client = self._client
        assert client is not None  # noqa: S101 - opened before this is started
        await Readiness(self.runner, len(self.symbols)).wait()
        await client.run(self._tickers, int(self._settings.signals.poll) / 1e9)

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
            hmac_key=self._settings.signals.hmac_key,
            tickers=tuple(self._tickers),
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
        stopping: asyncio.Task[Any] = asyncio.create_task(self._stop.wait())
        waiting = {stopping, *tasks}
        # What ends by itself ends nothing else: positions are managed until somebody stops the run.
        while stopping in waiting:
            timeout = min(ends) - time.time() if ends else None
            done, waiting = await asyncio.wait(
                waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            for task in done:
                task.result()
        stopping.cancel()

    # -- the end -----------------------------------------------------------------------------

    def _summary(self) -> dict[str, Any]:
        engine = self.runner.engine
        positions = {
            symbol: engine.position(index)[0]
            for index, symbol in enumerate(self.symbols)
            if engine.position(index)[0] != "0"
        }
        live = json.loads(engine.live_orders())
        stage = self.stage
        unlike = [] if stage is None else differences(engine, stage, self.symbols)
        for text in unlike:
            self._problem(text)
        tally = self.tally.summary()
        violations = tally.pop("invariant_violations") + len(unlike)
        is_written = self.runner.journal.failure is None and not self._log.is_lost
        exit_code = 4 if violations or engine.mode == "Halted" else int(not is_written)
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
            **self.outside.as_dict(),
            "invariant_violations": violations,
            "ledger_differences": unlike,
            "orders_sent": self.runner.sent,
            # A disk that failed may never have taken the last.
            "journals": [str(path) for path in self.runner.journal.files if path.exists()],
        }


def _nothing_to_trade() -> OrderloomError:
    return NothingToTradeError(
        "no symbols: expected at least one in a rule or in `market.symbols`, found none"
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read; a disk that does not take it gets none of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    except OSError:
        path.unlink(missing_ok=True)
        raise

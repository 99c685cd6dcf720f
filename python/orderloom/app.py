"""A strategy as a Python script: rules, handlers and functions around one trading session."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
import traceback
from collections import ChainMap
from contextlib import suppress
from contextvars import ContextVar
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orderloom._core import Event
from orderloom.arguments import check_word
from orderloom.bus import EventBus
from orderloom.errors import LanguageError, OrderloomError, did_you_mean, inside
from orderloom.hand import BY_HAND, RULE, Hand
from orderloom.loop import run as run_loop
from orderloom.orders import LinkedOrderManager, OrderManager
from orderloom.positions import PositionTracker
from orderloom.publisher import Publisher
from orderloom.questions import Questions, checked_function
from orderloom.rules import Rule, rule
from orderloom.strategy import BEFORE, Before, Hooks, StrategyController
from orderloom.view import View

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from importlib.abc import Loader
    from types import FrameType

    from orderloom.actions import Action
    from orderloom.bus import QueuedSubscription, Subscription
    from orderloom.config import Finding, Settings
    from orderloom.events import BaseEvent
    from orderloom.questions import Actions, Condition
    from orderloom.runner import Runner
    from orderloom.sessions import Difference, Reloader

    _Subscribed = Subscription | QueuedSubscription

_E = TypeVar("_E", bound="BaseEvent")
_C = TypeVar("_C", bound="Callable[[View], bool]")
_A = TypeVar("_A", bound="Callable[[View], Any]")
_H = TypeVar("_H", bound="Callable[[Any], object]")

_LOADING: ContextVar[list[App] | None] = ContextVar("_LOADING", default=None)


class NotRunningError(RuntimeError):
    """Asked for what only a running session has."""


class App:
    """A strategy in Python.

    Args:
        broker: `sim`, `paper`, or the whole section, such as `{"mode": "live", "account": "U1"}`;
            live also needs `run(has_live_word=True)`.
        symbols: What may be traded beside what the rules name.
        sections: Sections of the configuration, such as `limits={"max_open_contexts": 3}`.

    Example:
        >>> from orderloom import FillEvent, atr, enter, percent, position, signal
        >>> app = App(broker="sim", limits={"max_open_contexts": 3})
        >>> short = app.rule("short-on-short", on="PredictionSignal", symbols=["TSLA"],
        ...     when=(signal.side == "SHORT") & (signal.confidence >= 0.9) & position.is_flat,
        ...     then=enter("SELL", shares=25, stop=[2 * atr(14), percent(4)], target=percent(12)))
        >>> @app.on(FillEvent)
        ... def on_fill(fill):
        ...     print(fill.symbol, fill.quantity, fill.price)
        >>> app.settings().symbols
        ('TSLA',)
    """

    def __init__(
        self,
        broker: str | Mapping[str, Any] = "sim",
        *,
        symbols: Sequence[str] = (),
        **sections: Mapping[str, Any],
    ) -> None:
        self._file: Path | None = None
        section = {"mode": broker} if isinstance(broker, str) else dict(broker)
        self._sections: dict[str, Any] = {"broker": section, **sections}
        if symbols:
            market = {"symbols": tuple(symbols), **self._sections.get("market", {})}
            self._sections["market"] = market
        self._rules: list[Rule] = []
        self._conditions: dict[str, Condition] = {}
        self._actions: dict[str, Actions] = {}
        self._hooks: Final = Hooks()
        self._early: list[tuple[str, str | None, float | None]] = []
        self._parts: _Parts | None = None
        self.problems: Final[list[str]] = []
        """What an operator should have read, oldest first."""
        self.bus: Final = EventBus(on_error=self._on_handler_error)
        """Hears everything that happens, as the classes of `orderloom.events`."""
        if (apps := _LOADING.get()) is not None:
            apps.append(self)

    @classmethod
    def from_file(cls, file: str | os.PathLike[str]) -> App:
        """An app with the rules and settings of a configuration file, read when it starts.

        Example:
            >>> app = App.from_file("strategy.yaml")
        """
        app = cls()
        app._file = Path(file)
        return app

    # -- what the strategy is ----------------------------------------------------------------

    def rule(self, name: str, **arguments: Any) -> Rule:
        """Add a rule; arguments as for `orderloom.rule`.

        Raises:
            LanguageError: Anything that cannot be, or a name that is taken.
        """
        names = [*self._conditions]
        return self.add(rule(name, custom=names, **arguments))[0]

    def add(self, *rules: Rule) -> tuple[Rule, ...]:
        """Add finished rules, such as those of the templates.

        Raises:
            LanguageError: A name is taken.

        Example:
            >>> from orderloom import create_buy_rule
            >>> [rule.name for rule in App().add(create_buy_rule("AAPL", shares=1, stop_percent=3))]
            ['buy-AAPL']
        """
        for added in rules:
            _check_free([rule.name for rule in self._rules], added.name)
            self._rules.append(added)
        return rules

    def condition(self, name: str) -> Callable[[_C], _C]:
        """Register a function that rules ask by `ask("name")` once all their native parts hold.

        It takes a `View`, says True or False, and has `execution.ask_deadline` to do so. If it
        raises, is late or says something else, the condition is unknown and an alert names its
        line.

        Raises:
            LanguageError: A name that is taken, or a function that cannot be asked.
        """
        with inside("condition"):
            _check_free(self._conditions, name)

        def register(function: _C) -> _C:
            with inside("condition"):
                self._conditions[checked_function(function, name, "a custom condition")] = function
            return function

        return register

    def action(self, name: str) -> Callable[[_A], _A]:
        """Register a function that says what to do, for rules with `actions.custom("name")`.

        It takes a `View` and returns an action, several, or `None`; they pass the same limits.

        Raises:
            LanguageError: A name that is taken, or a function that cannot be asked.
        """
        with inside("action"):
            _check_free([*self._actions, BY_HAND], name)

        def register(function: _A) -> _A:
            with inside("action"):
                self._actions[checked_function(function, name, "a custom action")] = function
            return function

        return register

    def on(self, event_class: type[_E]) -> Callable[[_H], _H]:
        """Call a function, plain or asynchronous, with each event of a class and its subclasses."""

        def register(handler: _H) -> _H:
            self.bus.subscribe(event_class, handler)
            return handler

        return register

    def before(self, *rules: str) -> Callable[[Before], Before]:
        """Have a function asked before these rules act, or before every one; False keeps them."""
        return self._hooks.before(*rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The app's own rules, in order of definition; those of its file not included."""
        return tuple(self._rules)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions that are registered."""
        return tuple(self._conditions)

    def settings(self, file: str | os.PathLike[str] | None = None) -> Settings:
        """The whole configuration: of `file`, else of the app's own, with the app's rules.

        Raises:
            ConfigError: The file cannot be used.
            LanguageError: A section that cannot be, two rules of one name, a function that nobody
                registered, or a rule that cannot be meant, such as one that can never fire.
        """
        settings, findings = self._checked(file)
        for finding in findings:
            # What concerns no rule is the file's, or the session's to refuse.
            if finding.severity == "error" and finding.rule is not None:
                what = f"rule `{finding.rule}`: {finding.what}"
                raise LanguageError(what, finding.expected, finding.hint, path=finding.path)
        return settings.model_copy(update={"rules": (*settings.rules, RULE)})

    def findings(self, file: str | os.PathLike[str] | None = None) -> list[Finding]:
        """What is wrong or suspicious in the whole strategy, the app's rules included.

        Raises:
            ConfigError: The file cannot be used.
            LanguageError: As `settings` does, but for what can be found.

        Example:
            >>> from orderloom import enter, signal
            >>> app = App()
            >>> never = app.rule("never", on="PredictionSignal", symbols=["AAPL"],
            ...     when=signal.confidence > 80, then=enter("BUY", shares=1, stop_percent=3))
            >>> [(finding.severity, finding.rule) for finding in app.findings()]
            [('error', 'never')]
        """
        return self._checked(file)[1]

    def _checked(self, file: str | os.PathLike[str] | None) -> tuple[Settings, list[Finding]]:
        from orderloom.config import lint, load_settings  # noqa: PLC0415 - loads pydantic

        path = self._file if file is None else Path(file)
        base = (
            _settings(self._sections)
            if path is None
            else load_settings(path, custom=list(self._conditions))
        )
        rules: list[Rule] = []
        for added in [*base.rules, *self._rules]:
            _check_free([rule.name for rule in rules], added.name)
            self._check_registered(added)
            rules.append(self._hooks.guarded(added))
        names = [rule.name for rule in rules]
        for name in self._hooks.unknown(names):
            raise LanguageError(
                f"a hook before the rule `{name}`", "a rule's name", did_you_mean(name, names)
            )
        settings = base.model_copy(update={"rules": tuple(rules)})
        return settings, lint(settings)

    def _check_registered(self, added: Rule) -> None:
        for kind, name in _asked(added.as_dict()):
            known = list(self._conditions if kind == "condition" else self._actions)
            if name not in known:
                raise LanguageError(
                    f"rule `{added.name}` asks the {kind} `{name}`",
                    f"one that is registered by `@app.{kind}(…)`",
                    did_you_mean(name, known),
                )

    # -- while it runs -----------------------------------------------------------------------

    @property
    def positions(self) -> PositionTracker:
        """What is held."""
        return self._running.positions

    @property
    def orders(self) -> OrderManager:
        """Every order of the run."""
        return self._running.orders

    @property
    def linked(self) -> LinkedOrderManager:
        """Trades and their linked orders."""
        return self._running.linked

    @property
    def strategy(self) -> StrategyController:
        """The rules, to be listed and switched."""
        return self._running.strategy

    def view(self, symbol: str | None = None) -> View:
        """The state by the documented names, as conditions see it."""
        parts = self._running
        return View(parts.runner.engine, parts.symbols, symbol)

    def push(self, name: str, value: float | None, symbol: str | None = None) -> None:
        """Tell a value that conditions compare as `reading(name)`; `None` withdraws it.

        Without a symbol it counts for every one. Values that are pushed before the start are told
        as the first thing of the run.

        Raises:
            ValueError: An infinite value, or a symbol of another run.
        """
        if value is not None and math.isinf(value):
            raise ValueError(f"`value` must be finite, was {value}")
        if self._parts is None:
            self._early.append((name, symbol, value))
            return
        parts = self._parts
        if symbol is not None and symbol not in parts.symbols:
            raise ValueError(f"`symbol` must be one of {', '.join(parts.symbols)}, was `{symbol}`")
        number = None if symbol is None else parts.symbols.index(symbol)
        parts.runner.post(Event.reading(name, number, value))

    def act(self, symbol: str, *actions: Action) -> None:
        """Do actions now, under the limits of rules; the bus tells what became of them."""
        self._running.linked.act(symbol, *actions)

    def reload(self, *, is_dry_run: bool = False) -> Difference:
        """Take up the configuration file and the app's rules as they are now, after this event.

        Open trades keep the policy that they were opened with. What the script itself says is
        not read again; rules that it has added or functions that it has registered since count.

        Raises:
            ConfigError: The file cannot be used; nothing changes.
            CannotReloadError: Something that cannot change under way; nothing changes.
        """
        reloader = self._running.reloader
        return reloader.take(reloader.load(), is_dry_run=is_dry_run)

    def halt(self, reason: str) -> None:
        """Pull the kill switch: no entries until a person resumes; exits go on."""
        self._running.runner.post(Event.operator("halt", reason=reason))

    @property
    def _running(self) -> _Parts:
        if self._parts is None:
            raise NotRunningError("the app does not run yet: ask inside a handler or a function")
        return self._parts

    def attach(
        self, runner: Runner, settings: Settings, now: Callable[[], int], reloader: Reloader
    ) -> None:
        """Take part in a session that is about to begin."""
        self._parts = _Parts(self, runner, settings, now, reloader)
        for name, symbol, value in self._early:
            self.push(name, value, symbol)
        self._early.clear()

    async def detach(self) -> None:
        """Let asynchronous handlers finish what they were told."""
        await self.bus.join()

    def run(self, **options: Any) -> dict[str, Any]:
        """Trade until the end and return the summary, as `summary.json` has it.

        Options are those of `orderloom.sessions.RunOptions`, such as `market=[Path("day.csv")]`,
        `speed=60` or `"max"`, `seed=1` or `duration=30`. Ctrl-C ends the run in order. While
        `orderloom run --script` loads the script, this does nothing: the command trades.
        """
        if _LOADING.get() is not None:
            return {}
        return run_loop(self.trade(**options))

    async def trade(self, *, has_live_word: bool = False, **options: Any) -> dict[str, Any]:
        """As `run`, for code that has an event loop already.

        Raises:
            LanguageError: A live broker without `has_live_word`, or an option that cannot be.
        """
        from orderloom.sessions import RunOptions, Session  # noqa: PLC0415 - loads the whole engine

        known = RunOptions.__annotations__.keys() - {"mode", "script", "load"}
        for name in options:
            check_word("options", name, sorted(known))
        settings = self.settings()
        mode = settings.broker.mode
        if mode == "live" and not has_live_word:
            raise LanguageError("a live broker", "`has_live_word=True` as the second word for it")
        told = RunOptions(mode=mode, script=self, load=self.settings, **options)
        session = Session(settings, told, self._on_problem)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # Only the main thread has signals.
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, session.stop)
        return await session.run()

    def _on_problem(self, text: str) -> None:
        self.problems.append(text)
        sys.stderr.write(text + "\n")

    def _on_handler_error(
        self, handler: Callable[..., object], event: object, error: BaseException
    ) -> None:
        name = getattr(handler, "__qualname__", repr(handler))
        where = _last_line(error)
        text = f"handler `{name}`{where} raised {type(error).__name__}: {error}; event {event!r}"
        self._on_problem(text)


class _Parts:
    """What an app has while its session runs."""

    def __init__(
        self,
        app: App,
        runner: Runner,
        settings: Settings,
        now: Callable[[], int],
        reloader: Reloader,
    ) -> None:
        self.runner = runner
        self.reloader = reloader
        reloader.followers.append(self._follow)
        self.symbols = settings.symbols
        names = [rule.name for rule in settings.rules]
        hand = Hand(self.symbols, runner.post)
        engine = runner.engine
        multipliers = [int(record["multiplier"]) for record in settings.instruments()]
        self.positions = PositionTracker(engine, self.symbols, multipliers)
        self.orders = OrderManager(engine, self.symbols, hand)
        self.linked = LinkedOrderManager(engine, self.symbols, hand)
        self.strategy = StrategyController(_own(settings), app.bus, runner.post)
        # Views on what the app has registered: a reload may bring rules that ask for more of it.
        self._questions = Questions(
            engine,
            self.symbols,
            names,
            ChainMap({BEFORE: app._hooks.condition}, app._conditions),
            ChainMap({BY_HAND: hand.actions}, app._actions),
            now,
        )
        runner.on_ask = self._questions.answer
        self._publisher = Publisher(app.bus, self.symbols, names, engine, openers=runner.openers)
        runner.listeners.append(self._publisher)

    def _follow(self, settings: Settings) -> None:
        names = [rule.name for rule in settings.rules]
        self._questions.rules = self._publisher.rules = names
        self.strategy.follow(_own(settings))


def _own(settings: Settings) -> list[Rule]:
    return [rule for rule in settings.rules if rule.name != BY_HAND]


class ScriptError(OrderloomError):
    """A script that raises before its app can run."""

    exit_code = 2


def _of_the_script(error: Exception, loader: Loader) -> str:
    """The traceback of a script without the frames that loaded it."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__loader__") is not loader:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip()


def load_script(file: str | os.PathLike[str]) -> App:
    """The app that a script makes; its `app.run()` does nothing meanwhile.

    Raises:
        LanguageError: No app, or several.
    """
    path = Path(file).resolve()
    name = f"orderloom_script_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise LanguageError(f"{file}", "a Python file")
    module = module_from_spec(spec)
    apps: list[App] = []
    token = _LOADING.set(apps)
    # As when Python runs a script: what lies beside it can be imported.
    sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except OrderloomError:
        raise
    except Exception as error:
        raise ScriptError(_of_the_script(error, spec.loader)) from None
    finally:
        sys.path.remove(str(path.parent))
        _LOADING.reset(token)
    if len(apps) != 1:
        raise LanguageError(f"{file}: {len(apps)} apps", "one: `app = App(…)`")
    return apps[0]


def _settings(sections: Mapping[str, Any]) -> Settings:
    from pydantic import ValidationError  # noqa: PLC0415 - loads pydantic

    from orderloom.config import Settings  # noqa: PLC0415 - as above
    from orderloom.config.validation import errors_of  # noqa: PLC0415 - as above

    try:
        return Settings(**sections)
    except ValidationError as error:
        found, _ = next(errors_of(error, Settings))
        raise found from None


def _check_free(names: Sequence[str] | Mapping[str, object], name: str) -> None:
    if name in names or name in {BY_HAND, BEFORE}:
        raise LanguageError(f"the name `{name}` again", "a name of its own", path=("name",))


def _asked(form: object) -> Iterator[tuple[str, str]]:
    """Every custom condition and action in a rule's native form."""
    if isinstance(form, dict):
        for key, value in form.items():
            if key == "ask" and isinstance(value, str):
                yield "condition", value
            elif key == "custom" and isinstance(value, dict):
                yield "action", value["name"]
            else:
                yield from _asked(value)
    elif isinstance(form, list):
        for part in form:
            yield from _asked(part)


def _last_line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    frame: FrameType = trace.tb_frame
    return f" ({Path(frame.f_code.co_filename).name}:{trace.tb_lineno})"

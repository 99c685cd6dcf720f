"""Rules ask Python: the functions of a script, run one at a time and never for longer than allowed.

They run in a thread of their own, while the trading loop waits until the question's deadline and
not longer. What a function says is handed back as an `answer` event; a function that raises, says
something else than it was asked for, or is late, is answered for with the reason and the line.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from orderloom._core import Event
from orderloom.actions import Action, as_actions
from orderloom.errors import LanguageError, did_you_mean, shown
from orderloom.names import checked_name
from orderloom.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from orderloom._core import Command, Engine

    Condition = Callable[[View], bool]
    Actions = Callable[[View], Action | Sequence[Action] | None]


class Questions:
    """Answers what the engine asks, from the functions of a script.

    Args:
        engine: Whose state the functions see.
        symbols: Names of the instruments by the engine's numbers.
        rules: Names of the rules by the engine's numbers.
        conditions: Functions that say yes or no, by their name in rules.
        actions: Functions that say what to do, by their name in rules.
        now: The run's time, UTC nanoseconds.
    """

    def __init__(
        self,
        engine: Engine,
        symbols: tuple[str, ...],
        rules: Sequence[str],
        conditions: Mapping[str, Condition],
        actions: Mapping[str, Actions],
        now: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._symbols = symbols
        self.rules = rules
        """Names by the engine's numbers; others after a reload."""
        self._functions: Final[Mapping[str, Mapping[str, Callable[[View], object]]]] = {
            "condition": conditions,
            "actions": actions,
        }
        self._now = now
        self._worker = Worker()

    def answer(self, command: Command) -> Event:
        """Ask the function that an `ask` command names."""
        ask = json.loads(command.json())
        number, name, wanted = ask["ask"], ask["name"], ask["wanted"]
        functions = self._functions[wanted]
        if name not in functions:
            hint = did_you_mean(name, list(functions)) or "no script registered it"
            return Event.answer(number, None, failure=f"`{name}` is not there: {hint}")
        symbol = None if ask["symbol"] is None else self._symbols[ask["symbol"]]
        rule = self.rules[ask["rule"]]
        view = View(self._engine, self._symbols, symbol, rule=rule, ask=number)
        function = functions[name]
        patience = max(ask["deadline"] - self._now(), 0) / 1e9
        try:
            said = self._worker.run(lambda: function(view), patience)
        except TimeoutError:
            text = f"{self._worker.place(function)} took longer than {patience:.3g}s"
            return Event.answer(number, None, failure=text)
        except BlockingIOError:
            text = f"{self._worker.place(None)} has still not returned from an earlier question"
            return Event.answer(number, None, failure=text)
        except (Exception, SystemExit) as error:
            text = f"{_raised_at(function, error)} raised {type(error).__name__}: {error}"
            return Event.answer(number, None, failure=text)
        finally:
            view._close()
        return _answer(number, wanted, function, said)


def _answer(number: int, wanted: str, function: Callable[..., object], said: Any) -> Event:
    if wanted == "condition":
        if isinstance(said, bool):
            return Event.answer(number, said)
        text = f"{place(function)} answered {shown(said)}, expected True or False"
        return Event.answer(number, None, failure=text)
    try:
        actions = as_actions(() if said is None else said, or_none=True)
        data = json.dumps([action.as_dict() for action in actions], allow_nan=False)
        return Event.answer(number, None, actions=data)
    except (LanguageError, TypeError, ValueError) as error:
        text = f"{place(function)} answered {shown(said)}: {error}"
        return Event.answer(number, None, failure=text)


def checked_function(function: Any, name: object, of: str) -> str:
    """The name under which a function can be asked.

    Raises:
        LanguageError: It cannot be called with a view, or it is asynchronous.
    """
    if inspect.iscoroutinefunction(function):
        raise LanguageError(
            f"{place(function)} is asynchronous",
            f"a plain function as {of}",
            "push a reading from asynchronous code and compare it: `reading(…)`",
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise LanguageError(f"{place(function)}: {error}", f"{of} that takes the view") from None
    return checked_name(name, of)


def place(function: Callable[..., object]) -> str:
    """A function as alerts name it: its name, file and line."""
    code = _code(function)
    if code is None:
        return f"`{getattr(function, '__qualname__', type(function).__name__)}`"
    return f"`{code.co_qualname}` ({Path(code.co_filename).name}:{code.co_firstlineno})"


def _code(function: Any) -> Any:
    function = inspect.unwrap(function)
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", None)


def _raised_at(function: Callable[..., object], error: BaseException) -> str:
    """The function with the last line of its file that the exception came through."""
    code = _code(function)
    line, trace = None, error.__traceback__
    while code is not None and trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return _at(function, line)


def _at(function: Callable[..., object], line: int | None) -> str:
    code = _code(function)
    if code is None or line is None:
        return place(function)
    return f"`{code.co_qualname}` ({Path(code.co_filename).name}:{line})"


class Worker:
    """A thread that runs one function after the other, as long as they return."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: Future[Any] | None = None
        self._late: Callable[..., object] | None = None

    def run(self, job: Callable[[], Any], patience: float) -> Any:
        """What `job` returns, or raises, within so many seconds.

        Raises:
            TimeoutError: It has not returned yet.
            BlockingIOError: An earlier one has not.
        """
        if self._last is not None and not self._last.done():
            raise BlockingIOError
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="script", daemon=True)
            self._thread.start()
        self._last = future = Future[Any]()
        self._jobs.put((future, job))
        if not _is_done(future, patience):
            raise TimeoutError
        return future.result()

    def place(self, function: Callable[..., object] | None) -> str:
        """A function that is late, with the line at which it is now."""
        self._late = function = function or self._late
        assert function is not None and self._thread is not None  # noqa: PT018, S101 - it runs
        code, line = _code(function), None
        frame: FrameType | None = sys._current_frames().get(self._thread.ident or 0)
        while frame is not None and code is not None:
            if frame.f_code.co_filename == code.co_filename:
                line = frame.f_lineno
                break
            frame = frame.f_back
        return _at(function, line)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            try:
                future.set_result(job())
            except BaseException as error:
                future.set_exception(error)


def _is_done(future: Future[Any], patience: float) -> bool:
    """Whether it is done in time, whatever it raised."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    return done.wait(patience)

"""The command line: one file per command, loaded only when it is asked for.

To add a command, write `cli/<name>.py` with a function of the same name (typer reads its
signature; raise `typer.Exit(code)` for a code other than 0) and add its line to `COMMANDS`.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from orderloom.errors import ConfigError, LanguageError, OrderloomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

COMMANDS: Final[dict[str, str]] = {
    "init": "orderloom.cli.init",
    "check": "orderloom.cli.check",
    "schema": "orderloom.cli.schema",
    "doctor": "orderloom.cli.doctor",
    "run": "orderloom.cli.run",
    "sim": "orderloom.cli.sim",
    "predictions": "orderloom.cli.predictions",
    "backtest": "orderloom.cli.backtest",
    "sweep": "orderloom.cli.sweep",
    "replay": "orderloom.cli.replay",
    **dict.fromkeys(
        ("status", "positions", "orders", "signals", "halt", "resume", "flatten"),
        "orderloom.cli.operator",
    ),
    "reload": "orderloom.cli.reload",
    "explain": "orderloom.cli.explain",
    "whatif": "orderloom.cli.whatif",
    "report": "orderloom.cli.report",
    "drill": "orderloom.cli.drill",
}
"""Commands in the order of the help, each with its module."""


def _open_closed_streams() -> None:
    """Put nothing in the place of standard streams that are closed (`>&-`).

    A file or a socket would get their numbers, and whatever is written to them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            opened = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(opened, "r" if number == 0 else "w", encoding="utf-8"))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code.

    0 done, 1 failure inside orderloom, 2 usage or configuration, 3 no connection or refused by the
    broker, 4 an invariant was violated or the run ended halted, 5 a comparison differed.
    """
    from typer.exceptions import TyperException  # noqa: PLC0415 - `import orderloom` loads no typer

    _open_closed_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        # Standing alone, typer draws a box around an option that it does not know.
        code = application(given)(args=given, prog_name="orderloom", standalone_mode=not as_json)
    except TyperException as error:
        _tell(LanguageError(error.format_message(), ""), as_json=as_json)
        sys.exit(LanguageError.exit_code)
    except KeyboardInterrupt:
        # Nothing has begun: what must end in order listens for the signal itself.
        sys.exit(128 + signal.SIGINT)
    except OrderloomError as error:
        _tell(error, as_json=as_json)
        sys.exit(error.exit_code)
    except OSError as error:
        # A file that somebody named, or an output that is full: nobody needs our frames for that.
        if error.filename is None and error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        if error.filename is None:
            sys.stderr.write(f"output: {error.strerror}\n")
            sys.exit(1)
        _tell(LanguageError(f"{error.filename}: {error.strerror}", ""), as_json=as_json)
        sys.exit(LanguageError.exit_code)
    sys.exit(code or 0)


def application(arguments: Sequence[str] = ()) -> typer.Typer:
    """The typer application, with only the asked command loaded where one is named first."""
    import typer  # noqa: PLC0415 - `import orderloom` must not load it

    from orderloom.cli.together import together  # noqa: PLC0415 - as above

    app = typer.Typer(
        help="Prediction signals become positions that are always protected.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(together)
    asked = [name for name in arguments[:1] if name in COMMANDS]
    for name in asked or COMMANDS:
        app.command(name)(getattr(import_module(COMMANDS[name]), name))
    return app


def _tell(error: OrderloomError, *, as_json: bool) -> None:
    if as_json:
        problems = error.problems if isinstance(error, ConfigError) else ()
        document = {
            "exit_code": error.exit_code,
            "error": str(error),
            "problems": [problem.as_dict() for problem in problems],
        }
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        sys.stderr.write(f"{error}\n")

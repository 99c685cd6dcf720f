"""`status`, `halt`, `flatten` and their kind: talk to a running instance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from orderloom.control import find, find_only
from orderloom.errors import OrderloomError

Run = Annotated[
    Path | None,
    typer.Option("--run", help="Directory of the run; the newest running one if left out."),
]
OneRun = Annotated[
    Path | None,
    typer.Option("--run", help="Directory of the run; may be left out while only one is running."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def status(*, run: Run = None, as_json: AsJson = False) -> None:
    """How the running instance does."""
    show(find(run).ask("status"), as_json=as_json)


def positions(*, run: Run = None, as_json: AsJson = False) -> None:
    """What the running instance holds."""
    show(find(run).ask("positions"), as_json=as_json)


def orders(*, run: Run = None, as_json: AsJson = False) -> None:
    """Orders of the running instance that may still do something."""
    show(find(run).ask("orders"), as_json=as_json)


def signals(*, run: Run = None, as_json: AsJson = False) -> None:
    """The signal funnel of the running instance, and what happened last."""
    show(find(run).ask("signals"), as_json=as_json)


def halt(
    reason: Annotated[str, typer.Argument(help="For the journal.")] = "",
    *,
    run: OneRun = None,
    as_json: AsJson = False,
) -> None:
    """Kill switch: no risk-increasing order until `resume`; exits go on."""
    show(find_only(run).ask("halt", reason=reason), as_json=as_json)


def resume(*, run: OneRun = None, as_json: AsJson = False) -> None:
    """Re-arm after a halt or an incident; tells the symbols that incidents had quarantined."""
    show(find_only(run).ask("resume"), as_json=as_json)


def flatten(
    symbol: Annotated[str | None, typer.Argument(help="Whose trade to close.")] = None,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="Close every trade.")] = False,
    run: OneRun = None,
    as_json: AsJson = False,
) -> None:
    """Close one trade, or all of them."""
    instance = find_only(run)
    if (symbol is None) != all_of_them:
        held = [each for each in instance.ask("positions")["positions"] if each["trade"]]
        named = ", ".join(f"{each['symbol']} ({each['quantity']})" for each in held) or "nothing"
        found = "both" if all_of_them else "neither"
        raise NothingNamedError(
            f"flatten: expected a symbol or --all, found {found}\nhint: --all would close {named}"
        )
    show(instance.ask("flatten", symbol=symbol), as_json=as_json)


class NothingNamedError(OrderloomError):
    """A word that closes trades without saying which."""

    exit_code = 2


def show(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print what a run has answered."""
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for name, value in answer.items():
        if isinstance(value, list):
            typer.echo(f"{name}: {'' if value else _NONE.get(name, 'none')}".rstrip())
            word: Callable[[Any], str] = _SHARES.get(name, _line)
            for each in value:
                typer.echo(f"  {word(each)}")
        elif value is not None:
            typer.echo(f"{name}: {_line(value)}")


def _held(shares: dict[str, str]) -> str:
    held, own = shares["held"], shares["own"]
    return f"broker holds {held}, {own} of them by this run's trades and orders"


def _closing(trade: dict[str, str]) -> str:
    if trade["quantity"] == "0":
        return f"{trade['symbol']}: {trade['side']}, its entry has not filled and is cancelled"
    return f"{trade['symbol']}: {trade['side']} {trade['quantity']} shares"


_NONE: Final = {"closing": "nothing to close"}
_SHARES: Final[dict[str, Callable[[dict[str, str]], str]]] = {
    "closing": _closing,
    "quarantined": lambda each: f"{each['symbol']}: {_held(each)}; no entries until `resume`",
    "rearmed": lambda each: f"{each['symbol']}: was quarantined, {_held(each)}",
}
"""How shares of symbols are told, by the list that they stand in."""


def _line(value: Any) -> str:
    if isinstance(value, dict):
        shown = ((name, each) for name, each in value.items() if each not in (None, "", {}, 0))
        return "  ".join(f"{name} {_line(each)}" for name, each in shown) or "-"
    if isinstance(value, list):
        return ", ".join(map(_line, value)) or "-"
    return str(value)

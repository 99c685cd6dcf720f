"""`orderloom explain`: why a rule fired, or what kept it from firing, with values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from orderloom.cli.journals import journal_of
from orderloom.explain import Explained, Judged, RuleAccount
from orderloom.explain import explain as explain_journal
from orderloom.report.funnel import Funnel

_WORDS = {"yes": "yes", "no": "no ", "unknown": "?  "}


def explain(
    journal: Annotated[Path, typer.Argument(help="A journal, or the directory of a run.")],
    *,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Of one symbol.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="Exchange time, HH:MM or HH:MM:SS; or ISO 8601."),
    ] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Of one rule.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell why rules fired, or what blocked them.

    With a time, every condition that was judged then is shown part by part; without, each rule is
    summed up over the run, and the way of the predictions is counted. What the reason codes mean is
    in docs/reasons.md.
    """
    explained = explain_journal(journal_of(journal), symbol=symbol, rule=rule, at=at)
    if as_json:
        typer.echo(json.dumps(_document(explained)))
        return
    for reason in explained.skipped:
        typer.echo(f"not explained: {reason}")
    if at is not None:
        _moment(explained, at)
    else:
        if rule is None:
            _funnel(explained.funnel)
        for account in explained.accounts.values():
            _account(account)


def _document(explained: Explained) -> dict[str, Any]:
    return {
        "exit_code": 0,
        "skipped": list(explained.skipped),
        "funnel": explained.funnel.as_dict(),
        "judged": [judged.as_dict() for judged in explained.judged],
        "rules": [account.as_dict() for account in explained.accounts.values()],
    }


def _funnel(funnel: Funnel) -> None:
    dropped = _counts(funnel.dropped)
    refused = _counts(funnel.refused)
    typer.echo(
        f"predictions: {funnel.received} received, dropped: {dropped}\n"
        f"  {funnel.new} new, {funnel.matched} matched a rule, refused: {refused}\n"
        f"  {funnel.sent} entries sent, {funnel.filled} filled"
    )


def _account(account: RuleAccount) -> None:
    typer.echo(f"\n{account.rule}: judged {account.judged} times")
    for judged in account.fired:
        typer.echo(f"  fired    {_where(judged)}")
    for judged in account.blocked:
        typer.echo(f"  blocked  {_where(judged)}: {judged.reason}: {judged.detail}")
    for part, (times, closest) in account.false.items():
        typer.echo(f"  no       {part}: {times} times; closest {_where(closest)}:")
        typer.echo(f"           {closest.detail.partition('`: ')[2]}")
    for missing, (times, last) in account.unknown.items():
        typer.echo(f"  unknown  {missing}: {times} times; last {_where(last)}")
    if account.dropped:
        typer.echo(f"  dropped  {_counts(account.dropped)}")


def _moment(explained: Explained, at: str) -> None:
    for judged in explained.judged:
        outcome = "fired" if judged.reason is None else f"{judged.reason}: {judged.detail}"
        typer.echo(f"{_where(judged)} {judged.rule} on {judged.event}: {outcome}")
        _tree(judged.verdict["condition"], 1)
        for gate in judged.verdict["gates"]:
            if gate["closed"] is not None:
                typer.echo(f"  closed {gate['name']}: {gate['closed']['detail']}")
        if (trade := judged.verdict.get("trade")) is not None:
            typer.echo(f"  open trade {trade}")
    if not explained.judged:
        typer.echo(f"nothing was judged at {at}")
        for word, judged_then in zip(("before", "after"), explained.nearest, strict=True):
            if judged_then is not None:
                typer.echo(f"  {word}: {_where(judged_then)} {judged_then.rule}")


def _tree(part: dict[str, Any], depth: int) -> None:
    values = [
        f"{value['text']} = {_value(value['value'])}"
        for value in part.get("values", [])
        if not _is_literal(value["text"])
    ]
    distance = part.get("distance")
    if distance:
        values.append(f"{abs(distance):g} away")
    found = f"   ({', '.join(values)})" if values else ""
    typer.echo(f"{'  ' * depth}{_WORDS[part['truth']]} {part['text']}{found}")
    for each in part.get("parts", []):
        _tree(each, depth + 1)


def _where(judged: Judged) -> str:
    return f"{judged.time} {judged.symbol or '-'} (event {judged.seq})"


def _value(value: Any) -> str:
    return "unknown" if value is None else json.dumps(value)


def _is_literal(text: str) -> bool:
    return text[:1] in {'"', "'"} or text.lstrip("-")[:1].isdigit()


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none"

"""What a run shows: a live table while it goes, its result at the end."""

from __future__ import annotations

import json
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from orderloom.instant import ns_to_iso
from orderloom.sessions.outside import UnknownOrder, told_shares

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orderloom.sessions import Session

_PER_SECOND: Final = 4
_WIDTH: Final = 120


class _Paper(Console):
    """A console whose reader may leave, or whose disk may fill: the run goes on without it."""

    def on_broken_pipe(self) -> None:
        """Say no more; rich would end the process."""
        self.quiet = True

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does, except that nothing that is not written stops the run."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.quiet = True


class Screen:
    """Writes to `stream`; quiet means problems only."""

    def __init__(self, stream: TextIO, *, is_quiet: bool) -> None:
        # Without a terminal nobody's width is known; the table needs this much.
        width = None if stream.isatty() else _WIDTH
        self._console = _Paper(file=stream, highlight=False, width=width)
        self._is_quiet = is_quiet

    def problem(self, text: str) -> None:
        """Show what an operator should read."""
        self._console.print(f"[bold red]![/] {escape(text)}")

    @contextmanager
    def live(self, session: Session) -> Iterator[None]:
        """Show the run while it goes."""
        if self._is_quiet or not self._console.is_terminal:
            yield
            return
        with Live(
            console=self._console,
            refresh_per_second=_PER_SECOND,
            get_renderable=lambda: _picture(session),
            transient=True,
        ):
            yield

    def result(self, summary: dict[str, Any], directory: Path) -> None:
        """Show what the run came to."""
        if self._is_quiet:
            return
        console = self._console
        console.print(round_trips(summary["round_trips"]))
        signals = summary["signals"]
        refused = ", ".join(f"{count} {reason}" for reason, count in signals["refused"].items())
        console.print(
            f"signals   {signals['received']} received: {signals['duplicate']} duplicate, "
            f"{signals['expired']} expired, {signals['new']} new; {signals['matched']} matched, "
            f"refused: {refused or 'none'}"
        )
        if signals["rejected"]:
            counts = ", ".join(f"{n} {reason}" for reason, n in signals["rejected"].items())
            console.print(f"          answers of the API that were no prediction: {counts}")
        held = ", ".join(f"{name} {held}" for name, held in summary["final_positions"].items())
        console.print(
            f"end       position: {held or 'flat'}, {summary['live_orders']} orders alive, "
            f"P&L {summary['pnl']} before {summary['commission']} commissions, "
            f"longest uncovered {summary['uncovered_max_ms']} ms"
        )
        for order in summary["rejected_orders"]:
            text = f"{order['symbol']} {order['role']}: {order['text']}"
            console.print(f"refused   by the broker, {escape(text)}")
        outside = [
            *(str(UnknownOrder(**order)) for order in summary["unknown_orders"]),
            *told_shares(summary["unclaimed_shares"].items()),
        ]
        if outside:
            console.print(f"[bold red]not ours  {escape('; '.join(outside))}[/]")
        wire = summary["latency_us"]["signal_to_wire"]
        if wire["samples"]:
            parts = ", ".join(f"{name} {value:g}" for name, value in wire["of_which"].items())
            console.print(
                f"latency   signal to wire, µs: p50 {wire['p50']:g}, p99 {wire['p99']:g} "
                f"over {wire['samples']} (medians of which: {parts})"
            )
        if summary["incidents"] or summary["invariant_violations"]:
            console.print(
                f"[bold red]incidents {len(summary['incidents'])}, "
                f"invariant violations {summary['invariant_violations']}[/]"
            )
        console.print(f"written   {directory}")


def round_trips(trips: list[dict[str, Any]]) -> Table:
    """Trades that are over, as `summary.json` has them."""
    table = Table(box=None, pad_edge=False)
    for name in ("symbol", "side", "rule", "exit"):
        table.add_column(name, no_wrap=True)
    for name in ("shares", "legs", "in", "out", "P&L", "fees"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("UTC", no_wrap=True)
    for trip in trips:
        table.add_row(
            trip["symbol"],
            trip["side"],
            escape(trip["rule"]),
            trip["exit_reason"],
            trip["quantity"],
            str(trip["tranches"]),
            trip["entry_price"],
            trip["exit_price"],
            _money(trip["pnl"]),
            _money(trip["commission"]),
            _from_to(trip["opened_at"], trip["closed_at"]),
        )
    return table


def _from_to(opened: str, closed: str) -> str:
    """Both minutes; the day of the end only if it is another one."""
    begin, end = (at[5:16].replace("T", " ") for at in (opened, closed))
    return f"{begin}-{end[6:] if opened[:10] == closed[:10] else end}"


def _money(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def _picture(session: Session) -> Group | str:
    runner = getattr(session, "runner", None)
    if runner is None:
        return "starting …"
    engine, tally = runner.engine, session.tally
    table = Table(title=f"{ns_to_iso(session.now)[:19]}Z  {engine.mode}", title_justify="left")
    for name in ("symbol", "trade"):
        table.add_column(name)
    for name in ("price", "shares", "average", "unrealized", "realized"):
        table.add_column(name, justify="right")
    for index, symbol in enumerate(session.symbols):
        quantity, average, realized, _ = engine.position(index)
        trade = json.loads(engine.context(index) or "null")
        unrealized = engine.unrealized(index)
        table.add_row(
            symbol,
            "-" if trade is None else f"{trade['side']} {trade['phase']} ({trade['tranches']})",
            engine.mark(index) or "-",
            quantity,
            average[:9] if average else "-",
            _money(unrealized) if unrealized else "-",
            _money(realized),
        )
    return Group(table, *(escape(line) for line in tally.recent))

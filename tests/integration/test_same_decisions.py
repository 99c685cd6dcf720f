"""The same day through the socket and through the back-test loop: the same orders, one by one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderloom import backtest, samples
from orderloom.config import load_settings
from orderloom.feeds.history import read_history
from orderloom.journal import Journal
from orderloom.replay import replay
from orderloom.sessions import RunOptions, Session

if TYPE_CHECKING:
    from orderloom.config import Settings

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"
SENT = ("place", "modify", "cancel")


def sent(journal: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """Everything that was sent, with its time; names of the run are left out of references."""
    found = []
    with Journal.open(journal) as recording:
        for command in recording.commands():
            if command.kind in SENT:
                body = json.loads(command.body)
                if "ticket" in body:
                    ticket = body["ticket"]
                    ticket["order_ref"] = ticket["order_ref"].rsplit("-", 2)[1:]
                found.append((command.at, command.kind, body))
    return found


def on_the_socket(settings: Settings, out: Path, **options: Any) -> list[Any]:
    session = Session(settings, RunOptions(out=out, **options), lambda _text: None)
    summary = asyncio.run(session.run())
    assert summary["exit_code"] == 0
    return sent(out / "journal.db")


def quickstart(stop: str, path: Path) -> Settings:
    """The rules of the quickstart with another stop."""
    text = QUICKSTART.read_text()
    assert text.count("{atr: 12}") > 2
    path.write_text(text.replace("{atr: 12}", stop))
    return load_settings(path)


@pytest.mark.parametrize(
    "stop",
    ["{atr: 12}", """{distance: 'over(atr(3), "5m") + 4 * over(atr(5), "10s", of="trades")'}"""],
    ids=["minutes", "longer"],
)
def test_the_sample_day_leads_to_the_same_orders_at_the_same_moments(
    tmp_path: Path, stop: str
) -> None:
    settings = quickstart(stop, tmp_path / "strategy.yaml")
    live = on_the_socket(settings, tmp_path / "live")
    journal = tmp_path / "history.db"
    backtest(
        settings,
        signals=samples.predictions(),
        poll=settings.signals.poll,
        detail="quotes",
        journal=journal,
        **read_history([samples.market()], symbols=settings.symbols),  # type: ignore[arg-type]
    )
    history = sent(journal)
    assert len(live) > 30
    for number, (one, other) in enumerate(zip(live, history, strict=False)):
        assert one == other, f"the first difference is order command {number}"
    assert len(live) == len(history)
    assert replay(tmp_path / "live" / "journal.db").difference is None

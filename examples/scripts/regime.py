"""Readings, switches and hooks: a regime that Python computes and native rules compare."""

from __future__ import annotations

from orderloom import (
    App,
    BarEvent,
    ContextConcluded,
    View,
    close_all,
    create_buy_rule,
    create_short_rule,
    position,
    reading,
)

app = App(broker="sim")
LONG = "long"
SHORT = "short"
app.add(
    create_buy_rule("AAPL", name=LONG, shares=40, confidence=0.6, stop_percent=1),
    create_short_rule("AAPL", name=SHORT, shares=40, confidence=0.6, stop_percent=1),
)
app.rule(
    "out-when-it-turns",
    on="Bar",
    symbols=["AAPL"],
    when=(reading("trend") < -0.02) & (position.unrealized_percent > 0.2),
    then=close_all(),
)

trends: dict[str, float] = {}


@app.on(BarEvent)
def on_bar(bar: BarEvent) -> None:
    """Push a smoothed direction of the bars; rules compare it as `reading("trend")`."""
    before = trends.get(bar.symbol, 0.0)
    trends[bar.symbol] = trend = before + 0.1 * (float(bar.close - bar.open) - before)
    if not bar.is_history:
        app.push("trend", trend, bar.symbol)


@app.before(LONG, SHORT)
def has_room(view: View) -> bool:
    """Keep both rules from acting in the last half hour."""
    return float(view.session.minutes_before_close) > 30


@app.on(ContextConcluded)
def on_concluded(trade: ContextConcluded) -> None:
    """After a loss, leave that side alone for the rest of the day."""
    print(f"{trade.time:%H:%M:%S} {trade.side} {trade.exit_reason} {trade.net}")
    if trade.net < 0:
        app.strategy.disable(LONG if trade.side == "LONG" else SHORT)


if __name__ == "__main__":
    app.run(speed=float("inf"))

"""Rules as Python expressions, and a handler that prints each fill."""

from __future__ import annotations

from orderloom import (
    App,
    ContextConcluded,
    FillEvent,
    atr,
    close_all,
    enter,
    percent,
    position,
    signal,
)

app = App(broker="sim")

app.rule(
    "long-on-buy",
    on="PredictionSignal",
    symbols=["AAPL"],
    when=(signal.side == "BUY") & (signal.confidence >= 0.6) & position.is_flat,
    cooldown="5m",
    then=enter("BUY", notional=10_000, stop=[2 * atr(14), percent(1)], target=percent(2)),
)
app.rule(
    "out-on-sell",
    on="PredictionSignal",
    symbols=["AAPL"],
    when=signal.side.one_of("SELL", "SHORT") & position.is_long,
    then=close_all(),
)


@app.on(FillEvent)
def on_fill(fill: FillEvent) -> None:
    """Say what was traded."""
    print(f"{fill.time:%H:%M:%S} {fill.role} {fill.side} {fill.quantity} at {fill.price}")


@app.on(ContextConcluded)
def on_concluded(trade: ContextConcluded) -> None:
    """Say what a whole trade earned."""
    print(f"{trade.time:%H:%M:%S} {trade.side} over by {trade.exit_reason}: {trade.net}")


if __name__ == "__main__":
    app.run(speed=float("inf"))

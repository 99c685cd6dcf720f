"""An action in Python: the surer the model, the larger the entry and the tighter its stop."""

from __future__ import annotations

from orderloom import App, View, enter, position, signal
from orderloom.actions import Action, custom, log

app = App(broker="sim", limits={"max_order_shares": 100})


@app.action("by-confidence")
def by_confidence(view: View) -> list[Action]:
    """Say what to enter; an empty list would be nothing at all."""
    surplus = view.signal.confidence - 0.5
    shares = round(20 + 200 * surplus)
    return [
        log(f"entering {shares} shares"),
        enter("BUY", shares=shares, stop_percent=round(2 - 2 * surplus, 2), target_percent=3),
    ]


app.rule(
    "long-by-confidence",
    on="PredictionSignal",
    symbols=["AAPL"],
    when=(signal.side == "BUY") & (signal.confidence > 0.5) & position.is_flat,
    cooldown="15m",
    then=custom("by-confidence"),
)

if __name__ == "__main__":
    app.run(speed=float("inf"))

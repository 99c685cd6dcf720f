"""A condition in Python: entries only while the last bars kept close together."""

from __future__ import annotations

from collections import defaultdict, deque

from orderloom import App, BarEvent, View, ask, enter, position, signal

BARS = 10
RANGE_PERCENT = 1.5

app = App(broker="sim")
closes: defaultdict[str | None, deque[float]] = defaultdict(lambda: deque(maxlen=BARS))


@app.on(BarEvent)
def on_bar(bar: BarEvent) -> None:
    """Remember the last closing prices of each symbol."""
    closes[bar.symbol].append(float(bar.close))


@app.condition("calm")
def calm(view: View) -> bool:
    """Say whether the last bars lie within `RANGE_PERCENT` of the price."""
    last = closes[view.symbol]
    if len(last) < BARS:
        return False
    spread = (max(last) - min(last)) / float(view.market.price) * 100
    print(f"{view.symbol}: {spread:.2f} % over {BARS} bars")
    return spread <= RANGE_PERCENT


app.rule(
    "long-when-calm",
    on="PredictionSignal",
    symbols=["AAPL"],
    when=(signal.side == "BUY") & (signal.confidence >= 0.6) & position.is_flat & ask("calm"),
    then=enter("BUY", shares=50, stop_percent=1, target_percent=2),
)

if __name__ == "__main__":
    app.run(speed=float("inf"))

"""The ready-made rules, under limits that are given as in a configuration file."""

from __future__ import annotations

from orderloom import App, RuleBlockedEvent, RuleFiredEvent, StrategyBuilder

app = App(
    broker="sim",
    limits={"max_position_value": 15_000, "max_open_contexts": 1},
    end_of_day={"close": "5m"},
)

app.add(
    *StrategyBuilder()
    .buy("AAPL", notional=10_000, confidence=0.6, stop_percent=1, target_percent=3)
    .short("AAPL", shares=25, confidence=0.8, stop_percent=1, target_percent=3)
    .sell("AAPL", confidence=0.6)
    .scale_in("AAPL", shares=20, unrealized_percent=0.5)
    .rules
)


@app.on(RuleFiredEvent)
def on_fired(fired: RuleFiredEvent) -> None:
    """Say what a rule did."""
    print(f"{fired.time:%H:%M:%S} {fired.rule} fired for {fired.symbol}")


@app.on(RuleBlockedEvent)
def on_blocked(blocked: RuleBlockedEvent) -> None:
    """Say what kept a rule from acting."""
    print(f"{blocked.time:%H:%M:%S} {blocked.rule}: {blocked.reason} ({blocked.detail})")


if __name__ == "__main__":
    app.run(speed=float("inf"))

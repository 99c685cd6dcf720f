"""GoRules zen: a decision table for each symbol, asked in its own batches of 100."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import zen

from benches.peers.work import SPREAD_MAX, SYMBOLS, RuleCase, Task, main

BATCH = 100


def table(rows: list[tuple[int, float]]) -> dict[str, Any]:
    """Rules of one symbol: bid at least, spread at most, nothing held; all that hold are told."""
    inputs = [{"id": name, "name": name, "field": name} for name in ("bid", "spread", "held")]
    rules = [
        {"_id": f"r{number}", "bid": f">= {threshold}", "spread": f"<= {SPREAD_MAX}",
         "held": "false", "rule": str(number)}
        for number, threshold in rows
    ]  # fmt: skip
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "t", "type": "decisionTableNode", "name": "t", "content": {
            "hitPolicy": "collect", "inputs": inputs, "rules": rules,
            "outputs": [{"id": "rule", "name": "rule", "field": "rule"}]}},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]  # fmt: skip
    edges = [
        {"id": "e1", "type": "edge", "sourceId": "in", "targetId": "t"},
        {"id": "e2", "type": "edge", "sourceId": "t", "targetId": "out"},
    ]
    return {"nodes": nodes, "edges": edges}


def rules(given: RuleCase) -> Task:
    by_symbol: dict[str, list[tuple[int, float]]] = {symbol: [] for symbol in SYMBOLS}
    for number, threshold in enumerate(given.thresholds):
        by_symbol[SYMBOLS[number % len(SYMBOLS)]].append((number, threshold))
    content = {symbol: table(rows) for symbol, rows in by_symbol.items() if rows}
    engine = zen.ZenEngine({"loader": {"type": "static", "content": content}})
    asked = [
        {"key": symbol,
         "context": json.dumps({"bid": bid, "spread": round(ask - bid, 2), "held": False})}
        for symbol, bid, ask in given.quotes
    ]  # fmt: skip
    # Quotes of symbols without rules are left out before: that is what its user would do.
    asked = [each for each in asked if each["key"] in content]
    batches = [asked[start : start + BATCH] for start in range(0, len(asked), BATCH)]

    def run(_: None) -> int:
        fired = 0
        for batch in batches:
            for answer in engine.evaluate_batch(batch):
                fired += len(answer["data"]["result"])
        return fired

    return Task(len(given.quotes), lambda: None, run, int)


main("GoRules zen", version("zen-engine"), {f"rules-{n}": rules for n in (10, 100, 1_000)})

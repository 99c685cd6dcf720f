//! After the entry fills, exits are counted from what the policy says: fill, average, or not at all.

use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule};

fn live_after_scale_in(reprice: &str) -> Vec<String> {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "reprice": reprice,
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let add = json!({
        "name": "add", "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "NEUTRAL"}}},
        "actions": [{"scale_in": {"size": {"shares": "50"}}}],
    });
    let rules = vec![entry_rule("long", "BUY", &enter), add];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    desk.market(AAPL, "154.99").signal(AAPL, SignalSide::Neutral).wait(2);
    let mut live: Vec<_> = desk.live().into_iter().filter(|order| order.contains("STP")).collect();
    live.sort();
    live
}

#[test]
fn from_the_average_all_exits_stand_together() {
    assert_eq!(live_after_scale_in("average"), ["SELL 100 STP 147.12", "SELL 50 STP 147.12"]);
}

#[test]
fn from_the_fill_each_tranche_stands_at_its_own() {
    assert_eq!(live_after_scale_in("fill"), ["SELL 100 STP 145.5", "SELL 50 STP 150.35"]);
}

#[test]
fn kept_exits_stay_where_they_were_sent() {
    assert_eq!(live_after_scale_in("keep"), ["SELL 100 STP 145.5", "SELL 50 STP 150.35"]);
}

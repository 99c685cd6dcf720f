//! Orders outside any trade: placed by a rule, linked in a group, cancelled by a rule.

use orderloom_core::command::{Command, Reason};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, shares};

fn on(signal: &str, actions: Value) -> Value {
    json!({
        "name": signal, "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": signal}}},
        "actions": actions,
    })
}

fn desk(rules: Vec<Value>) -> Desk {
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00");
    desk
}

#[test]
fn a_market_order_fills_and_belongs_to_no_trade() {
    let mut desk = desk(vec![on("BUY", json!([{"order": {"side": "BUY", "size": {"shares": "10"}}}]))]);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(10));
    assert!(desk.world.engine.context(AAPL).is_none());
    desk.wait(10);
    assert_eq!((desk.position(AAPL), desk.incidents()), (shares(10), vec![]), "nobody closes it");
}

#[test]
fn limit_and_stop_prices_are_computed_and_rounded_to_the_tick() {
    let below = json!({"multiply": [{"field": "market.price"}, {"number": 0.98765}]});
    let rules =
        vec![on("BUY", json!([{"order": {"side": "BUY", "size": {"notional": "1500"}, "limit": below}}]))];
    let mut desk = desk(rules);
    desk.signal(AAPL, SignalSide::Buy);
    // 150.00 × 0.98765 = 148.1475, nearest cent; 1,500 buys ten of them.
    assert_eq!(desk.live(), ["BUY 10 LMT 148.15"]);
}

#[test]
fn the_first_fill_of_a_group_cancels_the_others() {
    let limit = |price: f64| json!({"side": "BUY", "size": {"shares": "10"}, "limit": {"number": price}});
    let group = json!([{"oco_group": {"orders": [limit(149.0), limit(148.0)], "kind": "cancel"}}]);
    let mut desk = desk(vec![on("BUY", group)]);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live(), ["BUY 10 LMT 149", "BUY 10 LMT 148"]);

    desk.market(AAPL, "148.90");
    assert_eq!((desk.position(AAPL), desk.live()), (shares(10), vec![]));
}

#[test]
fn cancel_takes_the_orders_that_are_left() {
    let rules = vec![
        on("BUY", json!([{"order": {"side": "BUY", "size": {"shares": "10"}, "limit": {"number": 140.0}}}])),
        on("SELL", json!([{"cancel": {}}])),
    ];
    let mut desk = desk(rules);
    desk.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell);
    assert_eq!(desk.live(), Vec::<String>::new());
}

#[test]
fn a_single_order_passes_the_limits_too() {
    let rules = vec![on("BUY", json!([{"order": {"side": "BUY", "size": {"shares": "10"}}}]))];
    let more = json!({"limits": {"max_order_value": "1000"}});
    let mut desk = Desk::with(rules, more, json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::MaxOrderValue]);
    assert!(!desk.world.observer.commands.iter().any(|command| matches!(command, Command::Place(_))));
}

//! The target fills in part: the stop protects the rest, and the trade stays open.

use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, entry_rule, shares};
use serde_json::json;

#[test]
fn the_stop_protects_the_rest_and_the_trade_stays_open() {
    let enter = json!({"side": "BUY", "size": {"shares": "1353"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]});
    let rules = vec![entry_rule("long", "BUY", &enter)];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market_of(AAPL, "150.00", 5_000).signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(1_353));

    desk.quote_only(AAPL, "162.10", 719);
    assert_eq!(desk.position(AAPL), shares(634));
    assert_eq!(desk.live(), ["SELL 634 LMT 162.01", "SELL 634 STP 145.51"]);
    assert!(desk.conclusions().is_empty());
    assert!(desk.world.engine.context(AAPL).is_some());

    desk.wait(5);
    assert_eq!(desk.live(), ["SELL 634 LMT 162.01", "SELL 634 STP 145.51"]);
    assert!(desk.incidents().is_empty());
}

//! The size of a short by money or risk: counted from the bid, and from the way up to the stop.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares};

/// The bid is 150.00.
fn desk(size: Value, stop: Value) -> Desk {
    let enter = json!({"side": "SELL", "size": size, "stop": stop, "target": [{"percent": 8.0}]});
    let rules = vec![entry_rule("short", "SHORT", &enter)];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    desk
}

#[test]
fn notional_is_floored_and_below_one_share_nothing_is_sent() {
    let three_percent = json!([{"percent": 3.0}]);
    // 10,000 at 150.00 are 66.67.
    assert_eq!(desk(json!({"notional": "10000"}), three_percent.clone()).position(AAPL), shares(-66));
    let small = desk(json!({"notional": "149.99"}), three_percent);
    assert_eq!(small.blocked(), [Reason::SizeZero]);
    assert!(small.world.observer.commands.is_empty());
}

#[test]
fn risk_is_divided_by_the_way_up_to_the_stop() {
    // 600 over a stop 4.50 above are 133 shares.
    let by_money = desk(json!({"risk_money": "600"}), json!([{"percent": 3.0}]));
    assert_eq!(by_money.position(AAPL), shares(-133));
    // 1 % of 1,000,000 over a stop 10.00 above are 1,000 shares.
    assert_eq!(desk(json!({"risk_bp": 100}), json!([{"amount": "10"}])).position(AAPL), shares(-1_000));
}

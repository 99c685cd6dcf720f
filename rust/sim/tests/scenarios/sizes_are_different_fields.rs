//! Size by shares, money or risk: different fields, and below one share nothing is sent.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares};

fn desk(size: Value, stop: Value) -> Desk {
    let enter = json!({"side": "BUY", "size": size, "stop": stop, "target": [{"percent": 8.0}]});
    let mut desk =
        Desk::with(vec![entry_rule("long", "BUY", &enter)], json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    desk
}

#[test]
fn notional_is_floored_to_whole_shares() {
    // 10,000 at the ask of 150.00 buys 66.67.
    assert_eq!(desk(json!({"notional": "10000"}), json!([{"percent": 3.0}])).position(AAPL), shares(66));
}

#[test]
fn notional_below_one_share_sends_nothing() {
    let desk = desk(json!({"notional": "149.99"}), json!([{"percent": 3.0}]));
    assert_eq!(desk.blocked(), [Reason::SizeZero]);
    assert!(desk.world.observer.commands.is_empty());
}

#[test]
fn risk_is_divided_by_the_stop_distance() {
    // 600 of risk over a stop 4.50 away (3 % of 150.00) is 133 shares.
    assert_eq!(desk(json!({"risk_money": "600"}), json!([{"percent": 3.0}])).position(AAPL), shares(133));
    // 1 % of the equity of 1,000,000 over a stop 10.00 away is 1,000 shares.
    assert_eq!(desk(json!({"risk_bp": 100}), json!([{"amount": "10"}])).position(AAPL), shares(1_000));
}

#[test]
fn a_thousand_shares_are_a_thousand_shares() {
    assert_eq!(desk(json!({"shares": "1000"}), json!([{"percent": 3.0}])).position(AAPL), shares(1_000));
}

//! A prediction is one event however often it is served, and it has an age.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, shares, standard_rules};

#[test]
fn the_same_identity_is_a_duplicate_also_after_the_trade_is_over() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal_named(AAPL, SignalSide::Buy, "one", 0);
    desk.signal(AAPL, SignalSide::Sell).wait(2).market(AAPL, "150.00");
    desk.signal_named(AAPL, SignalSide::Buy, "one", 0);
    assert_eq!(desk.blocked(), [Reason::Duplicate]);
    assert_eq!(desk.position(AAPL), shares(0));
}

#[test]
fn an_old_prediction_is_expired_and_one_from_the_future_is_refused() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00");
    desk.signal_named(AAPL, SignalSide::Buy, "old", 121).signal_named(AAPL, SignalSide::Buy, "ahead", -6);
    assert_eq!(desk.blocked(), [Reason::Expired, Reason::FromFuture]);
    assert_eq!(desk.position(AAPL), shares(0));
}

#[test]
fn a_cooldown_blocks_only_after_something_was_sent() {
    let mut rules = standard_rules();
    rules[0]["cooldown"] = json!(300_000_000_000_i64);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    // Refused for want of a price: no cooldown begins.
    desk.signal(AAPL, SignalSide::Buy).market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(100));
    desk.signal(AAPL, SignalSide::Sell).wait(2).market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::NoPrice, Reason::Cooldown]);
    desk.wait(300).market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(100));
}

//! A reversal that takes too long: the other side is closed, and the old signal opens nothing.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

fn rules(opposite: &str) -> Vec<serde_json::Value> {
    let enter = json!({
        "side": "SELL", "size": {"shares": "100"}, "opposite": opposite,
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut rules = standard_rules();
    rules[1] = entry_rule("short", "SHORT", &enter);
    rules
}

#[test]
fn a_signal_that_expires_while_the_other_side_closes_opens_nothing() {
    let mut desk = Desk::with(rules("reverse"), json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    // Nobody bids: the close cannot fill for three minutes.
    desk.one_sided(AAPL, "150.00");
    desk.signal(AAPL, SignalSide::Short).wait(180);
    assert_eq!(desk.position(AAPL), shares(100));
    desk.market(AAPL, "150.00").wait(10).market(AAPL, "150.00").wait(10);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    assert!(desk.blocked().contains(&Reason::Expired), "{:?}", desk.blocked());
}

#[test]
fn close_ends_the_other_side_and_enters_nothing() {
    let mut desk = Desk::with(rules("close"), json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Short).wait(5);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    assert_eq!(desk.conclusions().len(), 1);
}

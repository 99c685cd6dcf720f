//! A native trailing stop: it follows, it never moves back, and its exit is told as TRAIL.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

fn desk(stop: Value) -> Desk {
    let mut rules = standard_rules();
    rules[0] = entry_rule("long", "BUY", &json!({"side": "BUY", "size": {"shares": "100"}, "stop": [stop]}));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    desk
}

#[test]
fn by_percent_it_follows_up_and_ends_the_trade_on_the_way_down() {
    let mut desk = desk(json!({"trail_percent": 2.0}));
    desk.market(AAPL, "160.00").market(AAPL, "157.00");
    assert_eq!(desk.position(AAPL), shares(100), "156.80 was not reached");
    desk.market(AAPL, "156.70").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::Trail));
}

#[test]
fn by_amount_it_ends_the_trade_at_its_distance() {
    let mut desk = desk(json!({"trail_amount": "5"}));
    desk.market(AAPL, "146.00");
    assert_eq!(desk.position(AAPL), shares(100), "145.00 was not reached");
    desk.market(AAPL, "144.90").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::Trail));
}

#[test]
fn a_trade_with_a_trailing_stop_can_be_closed() {
    let mut desk = desk(json!({"trail_percent": 2.0}));
    desk.signal(AAPL, SignalSide::Sell).market(AAPL, "150.00").wait(5);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::CloseAll));
}

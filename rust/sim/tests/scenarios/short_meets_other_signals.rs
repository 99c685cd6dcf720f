//! A short and the signals that come while it is open: the same side and the other are ignored with a
//! reason, `close` ends it, and a reversal whose signal expires meanwhile enters nothing.

use orderloom_core::command::{ExitReason, PositionSide, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

/// Short 100.
fn desk(opposite: &str) -> Desk {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "opposite": opposite,
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut rules = standard_rules();
    rules[0] = entry_rule("long", "BUY", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(-100));
    desk
}

#[test]
fn both_sides_are_ignored_with_a_reason() {
    let mut desk = desk("ignore");
    desk.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Short).wait(5);
    assert_eq!(desk.blocked(), [Reason::OppositeContext, Reason::ContextOpen]);
    assert_eq!(desk.position(AAPL), shares(-100));
    assert_eq!(desk.live(), ["BUY 100 LMT 137.99", "BUY 100 STP 154.49"]);
}

#[test]
fn close_ends_it_and_enters_nothing() {
    let mut desk = desk("close");
    desk.signal(AAPL, SignalSide::Buy).wait(5);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.side, trade.quantity), (PositionSide::Short, shares(100)));
    assert_eq!(trade.exit_reason, Some(ExitReason::CloseAll));
    assert_eq!(desk.opened(), 1);
}

#[test]
fn a_signal_that_expires_while_it_is_bought_back_opens_nothing() {
    let mut desk = desk("reverse");
    // Nobody offers: it cannot be bought back for three minutes.
    desk.bid_alone(AAPL, "150.00");
    desk.signal(AAPL, SignalSide::Buy).wait(180);
    assert_eq!(desk.position(AAPL), shares(-100));
    desk.market(AAPL, "150.00").wait(10).market(AAPL, "150.00").wait(10);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert!(desk.blocked().contains(&Reason::Expired), "{:?}", desk.blocked());
    assert_eq!(desk.opened(), 1);
}

//! The trailing stop of a short: it follows down, it never moves back up, and its exit is told as
//! TRAIL.

use orderloom_core::command::{ExitReason, PositionSide};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, price, shares, standard_rules};

/// Short 100 at the bid of 150.00.
fn desk(stop: &Value) -> Desk {
    let mut rules = standard_rules();
    let enter = json!({"side": "SELL", "size": {"shares": "100"}, "stop": [stop]});
    rules[1] = entry_rule("short", "SHORT", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(-100));
    desk
}

fn assert_trailed(desk: &Desk, exit: &str, pnl: &str) {
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Trail), PositionSide::Short));
    assert_eq!((trade.exit_price, trade.pnl.to_string()), (Some(price(exit)), pnl.to_owned()));
}

#[test]
fn by_percent_it_follows_down_and_ends_the_trade_on_the_way_up() {
    let mut desk = desk(&json!({"trail_percent": 2.0}));
    desk.market(AAPL, "140.00").market(AAPL, "142.50");
    assert_eq!(desk.position(AAPL), shares(-100), "142.80 was not reached");
    desk.market(AAPL, "141.00").market(AAPL, "142.70");
    assert_eq!(desk.position(AAPL), shares(-100), "it stays at 142.80, counted from the lowest");
    desk.market(AAPL, "142.90").wait(2);
    assert_trailed(&desk, "142.91", "709");
}

#[test]
fn by_amount_it_ends_the_trade_at_its_distance() {
    let mut desk = desk(&json!({"trail_amount": "5"}));
    desk.market(AAPL, "154.00");
    assert_eq!(desk.position(AAPL), shares(-100), "155.00 was not reached");
    desk.market(AAPL, "155.10").wait(2);
    assert_trailed(&desk, "155.11", "-511");
}

#[test]
fn a_short_with_a_trailing_stop_can_be_closed() {
    let mut desk = desk(&json!({"trail_percent": 2.0}));
    desk.signal(AAPL, SignalSide::Sell).market(AAPL, "150.00").wait(5);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::CloseAll));
}

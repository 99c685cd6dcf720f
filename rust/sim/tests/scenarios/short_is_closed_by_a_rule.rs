//! Closing a short: its target is priced through the ask inside its bracket, and what rests is cancelled.

use orderloom_core::command::{ExitReason, Role};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, TSLA, entry_rule, price, shares, standard_rules};

#[test]
fn the_target_becomes_the_exit_and_no_market_order_is_sent() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short).signal(AAPL, SignalSide::Sell).wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::CloseAll), Some(price("150.01"))));
    assert_eq!(desk.placed(Role::Close), 0);
}

#[test]
fn a_pending_entry_is_cancelled_and_a_flat_symbol_gets_no_order() {
    let enter = json!({
        "side": "SELL", "size": {"shares": "100"}, "limit": {"number": 160.0}, "stop": [{"percent": 3.0}],
    });
    let mut rules = standard_rules();
    rules[1] = entry_rule("short", "SHORT", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").market(TSLA, "150.00").signal(AAPL, SignalSide::Short);
    assert_eq!(desk.live(), ["SELL 100 LMT 160", "BUY 100 STP 164.8"]);
    desk.signal(AAPL, SignalSide::Sell).signal(TSLA, SignalSide::Sell).wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!((desk.placed(Role::Entry), desk.placed(Role::Stop), desk.placed(Role::Close)), (1, 1, 0));
    assert_eq!(desk.conclusions()[0].exit_reason, None);
}

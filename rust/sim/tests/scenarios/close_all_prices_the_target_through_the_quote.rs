//! Closing does not cancel and sell: the resting target is priced to fill at once, inside its bracket.

use orderloom_core::command::{Command, ExitReason, Role};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

#[test]
fn the_target_becomes_the_exit_and_no_market_order_is_sent() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell).wait(2);

    assert_eq!(desk.position(AAPL), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::CloseAll));
    let closes = desk
        .world
        .observer
        .commands
        .iter()
        .filter(|command| matches!(command, Command::Place(order) if order.role == Role::Close));
    assert_eq!(closes.count(), 0);
}

#[test]
fn a_trade_with_a_stop_only_is_closed_by_its_stop() {
    let enter = json!({"side": "SELL", "size": {"shares": "100"}, "stop": [{"percent": 3.0}]});
    let mut rules = standard_rules();
    rules[1] = entry_rule("short", "SHORT", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(-100));

    desk.signal(AAPL, SignalSide::Sell).market(AAPL, "150.00").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::CloseAll));
}

#[test]
fn a_symbol_that_is_flat_gets_no_order() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Sell);
    assert!(desk.world.observer.commands.is_empty());
}

#[test]
fn a_pending_entry_is_cancelled() {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "limit": {"number": 140.0}, "stop": [{"percent": 3.0}],
    });
    let mut rules = standard_rules();
    rules[0] = entry_rule("long", "BUY", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell).wait(2);
    assert_eq!(desk.live(), Vec::<String>::new());
    assert_eq!(desk.conclusions()[0].exit_reason, None);
}

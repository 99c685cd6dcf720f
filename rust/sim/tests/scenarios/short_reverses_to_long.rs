//! A BUY that meets a short: the short is bought back to a confirmed zero, then the long is entered.

use orderloom_core::command::{ExitReason, PositionSide};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, price, shares, standard_rules};

fn desk() -> Desk {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "opposite": "reverse",
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
fn it_closes_to_zero_and_then_enters_the_other_side() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Buy).wait(3);
    assert_eq!(desk.position(AAPL), shares(100));
    assert_eq!(desk.live(), ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Reversal), PositionSide::Short));
    assert_eq!((trade.entry_price, trade.exit_price), (Some(price("149.99")), Some(price("150.01"))));
    assert_eq!(trade.pnl.to_string(), "-2");
    let bought: Vec<_> =
        desk.world.venue.executions().iter().map(|report| report.execution.quantity).collect();
    assert_eq!(bought, [shares(100); 3], "sold, bought back, bought: never 200 at once");
}

#[test]
fn while_nobody_offers_the_short_stays_and_no_long_is_sent() {
    let mut desk = desk();
    // A bid without an ask: there is nothing to buy back at.
    desk.bid_alone(AAPL, "150.00").signal(AAPL, SignalSide::Buy).wait(5);
    assert_eq!(desk.position(AAPL), shares(-100));
    assert!(desk.conclusions().is_empty());
    assert!(desk.live().iter().all(|order| order.starts_with("BUY 100 ")), "{:?}", desk.live());

    desk.market(AAPL, "150.00").wait(5);
    assert_eq!(desk.position(AAPL), shares(100));
    assert_eq!(desk.conclusions().len(), 1);
}

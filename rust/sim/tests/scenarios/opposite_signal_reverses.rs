//! An opposite signal: ignored by default, or a reversal through broker-confirmed zero.

use orderloom_core::command::{ExitReason, PositionSide, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

#[test]
fn by_default_the_open_trade_stays_and_the_signal_is_refused_with_a_reason() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(100));
    assert_eq!(desk.blocked(), [Reason::OppositeContext]);

    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::OppositeContext, Reason::ContextOpen]);
}

#[test]
fn a_reversal_closes_to_zero_and_then_enters_the_other_side() {
    let enter = json!({
        "side": "SELL", "size": {"shares": "100"}, "opposite": "reverse",
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut rules = standard_rules();
    rules[1] = entry_rule("short", "SHORT", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Short).wait(3);

    assert_eq!(desk.position(AAPL), shares(-100));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Reversal), PositionSide::Long));
    assert_eq!(desk.live(), ["BUY 100 LMT 137.99", "BUY 100 STP 154.49"]);
}

//! The target of a short fills in part: the stop protects the rest, and the trade stays open.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, price, shares};

#[test]
fn the_stop_protects_the_rest_and_ends_the_trade() {
    let enter = json!({
        "side": "SELL", "size": {"shares": "1353"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let rules = vec![entry_rule("short", "SHORT", &enter)];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market_of(AAPL, "150.00", 5_000).signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(-1_353));

    desk.quote_only(AAPL, "137.90", 719).wait(5);
    assert_eq!(desk.position(AAPL), shares(-634));
    assert_eq!(desk.live(), ["BUY 634 LMT 137.99", "BUY 634 STP 154.49"]);
    assert!(desk.conclusions().is_empty());
    assert!(desk.incidents().is_empty());

    desk.market_of(AAPL, "154.50", 5_000).wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::Stop), shares(1_353)));
    // 719 at 137.91 and 634 at 154.51, sold at 149.99.
    assert_eq!((trade.entry_price, trade.pnl.to_string()), (Some(price("149.99")), "5819.84".to_owned()));
}

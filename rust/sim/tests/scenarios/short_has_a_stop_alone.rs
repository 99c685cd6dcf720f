//! A short without a target: it leaves with its stop, and nothing but the stop or a rule ends it.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, price, shares, standard_rules};

/// Short 100 at the bid of 150.00.
fn desk() -> Desk {
    let mut rules = standard_rules();
    let enter = json!({"side": "SELL", "size": {"shares": "100"}, "stop": [{"percent": 3.0}]});
    rules[1] = entry_rule("short", "SHORT", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    desk
}

#[test]
fn no_fall_ends_it() {
    let mut desk = desk();
    for at in ["138.00", "100.00", "50.00"] {
        desk.market(AAPL, at).wait(2);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(-100), vec!["BUY 100 STP 154.5".to_owned()]));
    }
    assert!(desk.conclusions().is_empty());
    assert!(desk.incidents().is_empty(), "a trade needs no target");

    desk.signal(AAPL, SignalSide::Sell).wait(3);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::CloseAll), Some(price("50.01"))));
    assert_eq!(trade.pnl.to_string(), "9999");
}

#[test]
fn the_stop_above_ends_it() {
    let mut desk = desk();
    desk.market(AAPL, "154.40");
    assert_eq!(desk.position(AAPL), shares(-100), "154.50 was not reached");
    desk.market(AAPL, "154.60").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("154.61"))));
    assert_eq!(trade.pnl.to_string(), "-461");
}

//! The double-down of a short: a limit halfway up to the stop, with its own exits; its fills join the
//! trade.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

/// Short 100 at the bid of 150.00, with the stop at 154.50.
fn desk() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "double",
        "on": ["Fill"],
        "when": {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
        "actions": [{"double_down": {"fraction_bp": 5000, "size_bp": 10000}}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    desk
}

#[test]
fn it_rests_halfway_to_the_stop_and_waits() {
    let mut desk = desk();
    desk.market(AAPL, "152.20");
    assert_eq!(desk.position(AAPL), shares(-100));
    assert!(desk.live().contains(&"SELL 100 LMT 152.25".to_owned()), "{:?}", desk.live());
}

#[test]
fn when_it_fills_all_exits_stand_at_the_average_and_the_stop_ends_both() {
    let mut desk = desk();
    desk.market(AAPL, "152.30").wait(2);
    assert_eq!(desk.position(AAPL), shares(-200));
    // 100 at 150.00 and 100 at 152.29: the average is 151.145.
    let mut live = desk.live();
    live.sort();
    assert_eq!(
        live,
        ["BUY 100 LMT 139.05", "BUY 100 LMT 139.05", "BUY 100 STP 155.68", "BUY 100 STP 155.68"]
    );

    desk.market(AAPL, "155.70").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.tranches, trade.quantity), (Some(ExitReason::Stop), 2, shares(200)));
    assert_eq!((trade.entry_price, trade.exit_price), (Some(price("151.145")), Some(price("155.71"))));
    assert_eq!(trade.pnl.to_string(), "-913");
}

#[test]
fn when_the_trade_ends_first_the_resting_entry_goes_too() {
    let mut closed = desk();
    closed.signal(AAPL, SignalSide::Sell).wait(5);
    let mut at_target = desk();
    at_target.market(AAPL, "137.90").wait(10);
    for mut desk in [closed, at_target] {
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        desk.market(AAPL, "153.00").wait(2);
        assert_eq!(desk.position(AAPL), shares(0), "nothing is sold into the rise");
        assert_eq!(desk.conclusions().len(), 1);
    }
}

//! Adjusting a short: its stop moves down towards the market, and never away from it.

use orderloom_core::command::{ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

/// Short 100 at the bid of 150.00; four per cent below, the stop comes down to just under that.
fn desk() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "break-even",
        "on": ["Trade"],
        "when": {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 4.0}}},
        "actions": [{"adjust_stop": [{"price": "149.95"}]}],
    }));
    rules.push(json!({
        "name": "loosen",
        "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "NEUTRAL"}}},
        "actions": [{"adjust_stop": [{"price": "180"}]}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short).market(AAPL, "145.00");
    assert_eq!(desk.live(), ["BUY 100 LMT 138", "BUY 100 STP 154.5"], "not yet");
    desk.market(AAPL, "143.90");
    desk
}

#[test]
fn the_stop_moves_down_and_the_target_stays() {
    let mut desk = desk();
    assert_eq!(desk.live(), ["BUY 100 LMT 138", "BUY 100 STP 149.95"]);
    desk.market(AAPL, "149.90");
    assert_eq!(desk.position(AAPL), shares(-100), "149.95 was not reached");
    desk.market(AAPL, "149.96").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("149.97"))));
    assert_eq!(trade.pnl.to_string(), "3");
}

#[test]
fn a_stop_is_never_moved_up_and_away_from_the_market() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Neutral);
    assert_eq!(desk.blocked().last(), Some(&Reason::WrongSide));
    assert_eq!(desk.live(), ["BUY 100 LMT 138", "BUY 100 STP 149.95"]);
}

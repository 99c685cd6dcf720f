//! Adjusting: a rule moves the stop towards the market, and never away from it.

use orderloom_core::command::{ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, shares, standard_rules};

fn desk() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "break-even",
        "on": ["Trade"],
        "when": {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 4.0}}},
        "actions": [{"adjust_stop": [{"price": "150.05"}]}],
    }));
    rules.push(json!({
        "name": "loosen",
        "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "NEUTRAL"}}},
        "actions": [{"adjust_stop": [{"price": "120"}]}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy).market(AAPL, "156.00");
    desk
}

#[test]
fn the_stop_moves_and_the_target_stays() {
    let mut desk = desk();
    assert_eq!(desk.live(), ["SELL 100 LMT 162", "SELL 100 STP 150.05"]);
    desk.market(AAPL, "150.00").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::Stop));
}

#[test]
fn a_stop_is_never_moved_away_from_the_market() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Neutral);
    assert_eq!(desk.blocked().last(), Some(&Reason::WrongSide));
    assert_eq!(desk.live(), ["SELL 100 LMT 162", "SELL 100 STP 150.05"]);
}

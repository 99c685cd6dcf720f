//! A stepping stop: a rule moves it behind the market, one per cent away, and no step leads back.

use orderloom_core::command::{ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

fn desk() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "step",
        "on": ["Trade"],
        "when": {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 2.0}}},
        "actions": [{"adjust_stop": [{"percent": 1.0}]}],
    }));
    Desk::with(rules, json!({}), json!({"commission": "none"}))
}

/// Prints, and where the stop stands after each.
fn assert_steps(desk: &mut Desk, steps: &[(&str, &str)]) {
    for (print, stop) in steps {
        desk.market(AAPL, print);
        assert!(desk.live().contains(&(*stop).to_owned()), "{print}: {:?}", desk.live());
        assert_eq!(desk.live().len(), 2);
    }
}

#[test]
fn a_long_stop_steps_up() {
    let mut desk = desk();
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    assert_steps(
        &mut desk,
        &[
            ("151.00", "SELL 100 STP 145.5"),
            ("154.00", "SELL 100 STP 152.46"),
            ("156.00", "SELL 100 STP 154.44"),
            ("155.00", "SELL 100 STP 154.44"),
        ],
    );
    assert_eq!(desk.blocked(), [Reason::WrongSide], "153.45 would be a step back");
    desk.market(AAPL, "154.40").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("154.39"))));
}

#[test]
fn a_short_stop_steps_down() {
    let mut desk = desk();
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    assert_steps(
        &mut desk,
        &[
            ("149.00", "BUY 100 STP 154.5"),
            ("146.00", "BUY 100 STP 147.46"),
            ("144.00", "BUY 100 STP 145.44"),
            ("145.00", "BUY 100 STP 145.44"),
        ],
    );
    assert_eq!(desk.blocked(), [Reason::WrongSide], "146.45 would be a step back");
    desk.market(AAPL, "145.50").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("145.51"))));
}

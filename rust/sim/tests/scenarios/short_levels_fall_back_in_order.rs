//! The levels of a short are lists, too: the first that is available counts, above for the stop and below
//! for the target, and a level on the wrong side is refused before anything is sent.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, warm_atr};

fn atr(multiple: f64) -> Value {
    json!({"distance": {"multiple": multiple, "of": {"indicator": {"name": "atr", "parameters": [3.0]}}}})
}

/// Short 100 at the bid of 150.00.
fn desk(stop: &Value, target: &Value, is_warm: bool) -> Desk {
    let enter = json!({"side": "SELL", "size": {"shares": "100"}, "stop": stop, "target": target});
    let rules = vec![entry_rule("short", "SHORT", &enter)];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    if is_warm {
        warm_atr(&mut desk);
    }
    desk.market(AAPL, "150.01").signal(AAPL, SignalSide::Short);
    desk
}

#[test]
fn a_cold_indicator_gives_way_to_the_percentage_and_a_warm_one_sets_the_distance() {
    let (stop, target) = (json!([atr(2.0), {"percent": 3.0}]), json!([atr(4.0), {"percent": 8.0}]));
    assert_eq!(desk(&stop, &target, false).live(), ["BUY 100 LMT 138", "BUY 100 STP 154.5"]);
    // The average true range is 1.50.
    assert_eq!(desk(&stop, &target, true).live(), ["BUY 100 LMT 144", "BUY 100 STP 153"]);
}

#[test]
fn fixed_prices_are_levels_too() {
    let desk = desk(&json!([{"price": "152.34"}]), &json!([{"price": "141.2"}]), false);
    assert_eq!(desk.live(), ["BUY 100 LMT 141.2", "BUY 100 STP 152.34"]);
}

#[test]
fn without_a_level_or_with_one_on_the_wrong_side_nothing_is_sent() {
    let percent = json!([{"percent": 3.0}]);
    for (stop, target, reason) in [
        (json!([atr(2.0)]), percent.clone(), Reason::NoStop),
        (percent.clone(), json!([atr(2.0)]), Reason::NoTarget),
        (json!([{"price": "149"}]), percent.clone(), Reason::WrongSide),
        (percent.clone(), json!([{"price": "151"}]), Reason::WrongSide),
    ] {
        let desk = desk(&stop, &target, false);
        assert_eq!(desk.blocked(), [reason], "{stop} {target}");
        assert!(desk.world.observer.commands.is_empty());
    }
}

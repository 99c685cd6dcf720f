//! Stop and target levels are lists: the first that is available counts, and without one nothing is sent.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, warm_atr};

fn atr(multiple: f64) -> Value {
    json!({"distance": {"multiple": multiple, "of": {"indicator": {"name": "atr", "parameters": [3.0]}}}})
}

fn desk(enter: &Value) -> Desk {
    Desk::with(vec![entry_rule("long", "BUY", enter)], json!({}), json!({"commission": "none"}))
}

#[test]
fn a_cold_indicator_gives_way_to_the_percentage() {
    let mut desk = desk(&json!({
        "side": "BUY", "size": {"shares": "100"},
        "stop": [atr(2.0), {"percent": 3.0}], "target": [atr(4.0), {"percent": 8.0}],
    }));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live(), ["SELL 100 LMT 162", "SELL 100 STP 145.5"]);
}

#[test]
fn a_warm_indicator_sets_the_distance() {
    let mut desk = desk(&json!({
        "side": "BUY", "size": {"shares": "100"},
        "stop": [atr(2.0), {"percent": 3.0}], "target": [atr(4.0), {"percent": 8.0}],
    }));
    warm_atr(&mut desk);
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    // The average true range is 1.50.
    assert_eq!(desk.live(), ["SELL 100 LMT 156", "SELL 100 STP 147"]);
}

#[test]
fn without_any_level_the_entry_is_refused() {
    let mut no_stop = desk(&json!({"side": "BUY", "size": {"shares": "100"}, "stop": [atr(2.0)]}));
    no_stop.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    assert_eq!(no_stop.blocked(), [Reason::NoStop]);

    let mut no_target = desk(
        &json!({"side": "BUY", "size": {"shares": "100"}, "stop": [{"percent": 3.0}], "target": [atr(2.0)]}),
    );
    no_target.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    assert_eq!(no_target.blocked(), [Reason::NoTarget]);
    assert!(no_target.world.observer.commands.is_empty());
}

#[test]
fn a_fixed_level_on_the_wrong_side_is_refused_before_anything_is_sent() {
    for exits in [
        json!({"stop": [{"price": "151"}]}),
        json!({"stop": [{"percent": 3.0}], "target": [{"price": "149"}]}),
    ] {
        let mut enter = json!({"side": "BUY", "size": {"shares": "100"}});
        enter.as_object_mut().unwrap().extend(exits.as_object().unwrap().clone());
        let mut desk = desk(&enter);
        desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
        assert_eq!(desk.blocked(), [Reason::WrongSide]);
        assert!(desk.world.observer.commands.is_empty());
    }
}

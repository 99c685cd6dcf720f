//! An entry of 1,433 fills 1,100 and ends: its exits are 1,100, whatever TWS makes of the children.

use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares};

fn partial_entry(venue: Value) -> Desk {
    let enter = json!({
        "side": "BUY", "size": {"shares": "1433"}, "limit_offset": "0", "expires_after": 5_000_000_000_i64,
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut desk = Desk::with(vec![entry_rule("long", "BUY", &enter)], json!({}), venue);
    desk.quote_only(AAPL, "150.00", 1_100).signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(1_100));
    desk
}

fn assert_protected(desk: &mut Desk) {
    desk.wait(12);
    assert_eq!(desk.position(AAPL), shares(1_100));
    assert_eq!(desk.live(), ["SELL 1100 LMT 162.01", "SELL 1100 STP 145.51"]);
}

#[test]
fn children_that_keep_their_full_size_are_reduced() {
    let mut desk = partial_entry(json!({
        "commission": "none", "children_start": "on_first_fill_full_size",
        "children_after_partial_cancel": "keep_full",
    }));
    assert_protected(&mut desk);
}

#[test]
fn children_that_tws_scales_are_left_alone() {
    let mut desk = partial_entry(json!({
        "commission": "none", "children_start": "on_partial_scaled",
        "children_after_partial_cancel": "scale_to_filled",
    }));
    assert_protected(&mut desk);
}

#[test]
fn children_that_wait_for_the_full_fill_make_the_watchdog_end_the_entry() {
    let mut desk = partial_entry(json!({
        "commission": "none", "children_start": "on_full_fill",
        "children_after_partial_cancel": "scale_to_filled",
    }));
    desk.wait(3);
    assert_eq!(desk.live(), ["SELL 1100 LMT 162.01", "SELL 1100 STP 145.51"]);
}

#[test]
fn children_that_are_cancelled_with_their_parent_are_replaced() {
    let mut desk = partial_entry(json!({
        "commission": "none", "children_start": "on_first_fill_full_size",
        "children_after_partial_cancel": "cancelled",
    }));
    desk.wait(12);
    assert_eq!(desk.position(AAPL), shares(1_100));
    let mut live = desk.live();
    live.sort();
    assert_eq!(live, ["SELL 1100 LMT 162.01", "SELL 1100 STP 145.51"]);
}

#[test]
fn an_entry_that_never_fills_leaves_nothing_behind() {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "limit": {"number": 140.0},
        "expires_after": 5_000_000_000_i64, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut desk =
        Desk::with(vec![entry_rule("long", "BUY", &enter)], json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live().len(), 3);

    desk.wait(8);
    assert_eq!(desk.live(), Vec::<String>::new());
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.quantity), (None, shares(0)));
    assert!(desk.world.engine.context(AAPL).is_none());
}

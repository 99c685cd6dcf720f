//! A double-down: a limit halfway to the stop, with its own exits; its fills join the trade.

use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, shares, standard_rules};

fn desk() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "double",
        "on": ["Fill"],
        "when": {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
        "actions": [{"double_down": {"fraction_bp": 5000, "size_bp": 10000}}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy);
    desk
}

#[test]
fn it_rests_halfway_to_the_stop_and_waits() {
    let desk = desk();
    assert_eq!(desk.position(AAPL), shares(100));
    // Entry 150.00, stop 145.50: halfway is 147.75.
    assert!(desk.live().contains(&"BUY 100 LMT 147.75".to_owned()), "{:?}", desk.live());
}

#[test]
fn when_it_fills_stops_and_targets_sum_to_the_position() {
    let mut desk = desk();
    desk.market(AAPL, "147.70").wait(2);
    assert_eq!(desk.position(AAPL), shares(200));
    // 100 at 150.00 and 100 at 147.71 or better.
    let stops: i64 = desk
        .live()
        .iter()
        .filter(|order| order.contains(" STP "))
        .map(|order| order.split(' ').nth(1).unwrap().parse::<i64>().unwrap())
        .sum();
    assert_eq!(stops, 200);
    let prices: std::collections::BTreeSet<_> = desk
        .live()
        .iter()
        .filter(|order| order.contains(" STP "))
        .map(|order| order.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(prices.len(), 1, "both stops stand at the price from the average: {prices:?}");
}

#[test]
fn when_the_trade_ends_first_the_resting_entry_is_cancelled() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Sell).wait(5);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    assert_eq!(desk.conclusions().len(), 1);
}

#[test]
fn when_the_target_ends_the_first_tranche_the_resting_entry_goes_too() {
    let mut desk = desk();
    desk.market(AAPL, "162.10").wait(10);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
}

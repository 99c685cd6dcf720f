//! The broker's OCA lags and both exits fill: seen on the first event, traded back once, alarmed.

use orderloom_core::command::{Command, IncidentCode, Role};
use orderloom_core::event::{Quote, SignalSide, Trade};
use orderloom_core::time::Span;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

#[test]
fn the_excess_is_traded_back_once_with_an_alarm() {
    let venue = json!({"commission": "none", "oca_reduction": "lagging", "oca_lag_ns": 60_000_000_000_i64});
    let mut desk = Desk::with(standard_rules(), json!({}), venue);
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    // The target fills, and before the stop is reduced the price falls through it.
    for (middle, bid, ask) in [("162.05", "162.04", "162.06"), ("145.00", "144.99", "145.01")] {
        let at = desk.world.now() + Span::from_millis(10);
        let (bid, ask) = (Some(price(bid)), Some(price(ask)));
        desk.world.quote(at, Quote { symbol: AAPL, bid, ask, bid_size: shares(500), ask_size: shares(500) });
        desk.world.trade(at, Trade { symbol: AAPL, price: price(middle), size: shares(500) });
    }
    desk.wait(10);

    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    assert_eq!(desk.incidents().iter().filter(|code| **code == IncidentCode::Overfill).count(), 1);
    let closes = desk
        .world
        .observer
        .commands
        .iter()
        .filter(|command| matches!(command, Command::Place(order) if order.role == Role::Close))
        .count();
    assert_eq!(closes, 1, "traded back once");
}

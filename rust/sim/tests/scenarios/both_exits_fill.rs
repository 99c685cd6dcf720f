//! The broker's OCA lags and both exits fill: seen on the first event, traded back once, alarmed.

use orderloom_core::command::{Command, IncidentCode, Role};
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, shares};

#[test]
fn the_excess_is_traded_back_once_with_an_alarm() {
    let mut desk = Desk::with_lagging_groups();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    // The target fills, and before the stop is reduced the price falls through it.
    desk.market_of(AAPL, "162.05", 500).market_of(AAPL, "145.00", 500).wait(10);

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

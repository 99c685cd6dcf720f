//! Both exits of a short fill: what was bought too much is sold again once, with an alarm.

use orderloom_core::command::{IncidentCode, Role};
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, shares};

#[test]
fn the_excess_is_sold_again_once_with_an_alarm() {
    let mut desk = Desk::with_lagging_groups();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short);
    // The target fills, and before the stop is reduced the price rises through it.
    desk.market_of(AAPL, "137.95", 500).market_of(AAPL, "155.00", 500).wait(10);

    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(desk.incidents().iter().filter(|code| **code == IncidentCode::Overfill).count(), 1);
    assert_eq!(desk.placed(Role::Close), 1, "sold again once");
    assert_eq!(desk.conclusions().len(), 1);
}

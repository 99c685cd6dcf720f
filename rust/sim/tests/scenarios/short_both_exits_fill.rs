//! Both exits of a short fill: what was bought too much is sold again once, with an alarm.

use orderloom_core::command::{IncidentCode, Role};
use orderloom_core::event::{Quote, SignalSide, Trade};
use orderloom_core::time::Span;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

#[test]
fn the_excess_is_sold_again_once_with_an_alarm() {
    let venue = json!({"commission": "none", "oca_reduction": "lagging", "oca_lag_ns": 60_000_000_000_i64});
    let mut desk = Desk::with(standard_rules(), json!({}), venue);
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short);
    // The target fills, and before the stop is reduced the price rises through it.
    for (middle, bid, ask) in [("137.95", "137.94", "137.96"), ("155.00", "154.99", "155.01")] {
        let at = desk.world.now() + Span::from_millis(10);
        let (bid, ask) = (Some(price(bid)), Some(price(ask)));
        desk.world.quote(at, Quote { symbol: AAPL, bid, ask, bid_size: shares(500), ask_size: shares(500) });
        desk.world.trade(at, Trade { symbol: AAPL, price: price(middle), size: shares(500) });
    }
    desk.wait(10);

    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(desk.incidents().iter().filter(|code| **code == IncidentCode::Overfill).count(), 1);
    assert_eq!(desk.placed(Role::Close), 1, "sold again once");
    assert_eq!(desk.conclusions().len(), 1);
}

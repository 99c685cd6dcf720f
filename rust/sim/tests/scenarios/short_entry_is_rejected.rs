//! A rejected short leaves no order behind and the symbol free, also for a long.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

#[test]
fn under_every_reading_of_the_reject_nothing_is_left_and_a_long_may_follow() {
    let mut rules = standard_rules();
    // 200,000 shares at 150 are 30 million: more than four times the equity of one million.
    let huge = json!({"side": "SELL", "size": {"shares": "200000"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]});
    rules[1] = entry_rule("short", "SHORT", &huge);
    for reading in ["inactive", "cancelled", "nothing"] {
        let venue = json!({"commission": "none", "reject_status": reading});
        let mut desk = Desk::with(rules.clone(), json!({}), venue);
        desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short).wait(40);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{reading}");
        let ended: Vec<_> =
            desk.conclusions().iter().map(|trade| (trade.exit_reason, trade.quantity)).collect();
        assert_eq!(ended, [(None, shares(0))], "{reading}");
        assert!(!desk.blocked().contains(&Reason::OrderUnknown), "{reading}");

        desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
        assert_eq!(desk.position(AAPL), shares(100), "{reading}");
        assert_eq!(desk.live(), ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"], "{reading}");
    }
}

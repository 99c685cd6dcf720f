//! A rejected entry leaves no order behind and the symbol free.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

fn rejected(reject_status: &str) -> Desk {
    let mut rules = standard_rules();
    // 200,000 shares at 150 are 30 million: more than four times the equity of one million.
    let huge = json!({"side": "BUY", "size": {"shares": "200000"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}]});
    rules[0] = entry_rule("long", "BUY", &huge);
    let mut desk =
        Desk::with(rules, json!({}), json!({"commission": "none", "reject_status": reject_status}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).wait(40);
    desk
}

#[test]
fn under_every_reading_of_the_reject_nothing_is_left_and_the_symbol_is_free() {
    for reading in ["inactive", "cancelled", "nothing"] {
        let mut desk = rejected(reading);
        assert_eq!(desk.position(AAPL), shares(0), "{reading}");
        assert_eq!(desk.live(), Vec::<String>::new(), "{reading}");
        let ended: Vec<_> = desk.conclusions().iter().map(|trade| trade.exit_reason).collect();
        assert_eq!(ended, [None], "{reading}");
        assert!(!desk.blocked().contains(&Reason::OrderUnknown));

        desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Short);
        assert_eq!(desk.position(AAPL), shares(-100), "{reading}");
    }
}

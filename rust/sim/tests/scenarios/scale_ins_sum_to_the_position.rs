//! A trade that is added to twice stays one trade: three tranches, whose exits sum to the position and
//! stand at its average, and which end together.

use orderloom_core::command::{ExitReason, PositionSide};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

fn desk(prices: [&str; 3], signal: SignalSide) -> Desk {
    let mut rules = standard_rules();
    for (name, tranches, size) in [("first", 1.0, "50"), ("second", 2.0, "25")] {
        rules.push(json!({
            "name": name,
            "on": ["Trade"],
            "when": {"all": [
                {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 2.0}}},
                {"compare": {"left": {"field": "context.tranches"}, "is": "==", "right": {"number": tranches}}},
            ]},
            "actions": [{"scale_in": {"size": {"shares": size}}}],
        }));
    }
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, prices[0]).signal(AAPL, signal).market(AAPL, prices[1]).market(AAPL, prices[2]);
    desk.wait(1);
    desk
}

#[test]
fn a_long_of_three_tranches_ends_at_one_target() {
    let mut desk = desk(["149.99", "154.99", "159.99"], SignalSide::Buy);
    assert_eq!((desk.position(AAPL), desk.opened()), (shares(175), 1));
    // 100 at 150, 50 at 155 and 25 at 160: the average is 152.857.
    assert_eq!((desk.sum("SELL", "STP 148.27"), desk.sum("SELL", "LMT 165.09")), (175, 175));
    assert_eq!(desk.live().len(), 6);

    desk.market(AAPL, "165.10").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Target), PositionSide::Long));
    assert_eq!((trade.tranches, trade.quantity), (3, shares(175)));
    assert_eq!((trade.entry_price, trade.exit_price), (Some(price("152.85714286")), Some(price("165.09"))));
    assert_eq!(trade.pnl.to_string(), "2140.75");
}

#[test]
fn a_short_of_three_tranches_ends_at_one_stop() {
    let mut desk = desk(["200.01", "195.01", "190.01"], SignalSide::Short);
    assert_eq!((desk.position(AAPL), desk.opened()), (shares(-175), 1));
    // 100 at 200, 50 at 195 and 25 at 190: the average is 197.143.
    assert_eq!((desk.sum("BUY", "STP 203.06"), desk.sum("BUY", "LMT 181.37")), (175, 175));
    assert_eq!(desk.live().len(), 6);

    desk.market(AAPL, "203.10").wait(2);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Stop), PositionSide::Short));
    assert_eq!((trade.tranches, trade.quantity), (3, shares(175)));
    assert_eq!(trade.exit_price, Some(price("203.11")));
    assert_eq!(trade.pnl.to_string(), "-1044.25");
}

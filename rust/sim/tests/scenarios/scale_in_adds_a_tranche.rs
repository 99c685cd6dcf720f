//! A scale-in: the second tranche brings its own exits, and all of them move to the new average.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

fn scaled() -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "add",
        "on": ["Trade"],
        "when": {"all": [
            {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 2.0}}},
            {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
        ]},
        "actions": [{"scale_in": {"size": {"shares": "50"}}}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy).market(AAPL, "154.99");
    desk
}

#[test]
fn the_exits_of_both_tranches_stand_at_the_new_average_and_sum_to_the_position() {
    let desk = scaled();
    assert_eq!(desk.position(AAPL), shares(150));
    // 100 at 150.00 and 50 at 155.00: the average is 151.6667.
    let mut live = desk.live();
    live.sort();
    assert_eq!(
        live,
        ["SELL 100 LMT 163.8", "SELL 100 STP 147.12", "SELL 50 LMT 163.8", "SELL 50 STP 147.12"]
    );
}

#[test]
fn the_stop_ends_both_tranches_as_one_trade() {
    let mut desk = scaled();
    desk.market(AAPL, "147.00").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.tranches, trade.quantity), (Some(ExitReason::Stop), 2, shares(150)));
    assert_eq!(trade.exit_price, Some(price("146.99")));
}

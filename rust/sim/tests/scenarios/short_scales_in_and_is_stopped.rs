//! The mirror image of a scaled long: a short adds below and is stopped above.

use orderloom_core::command::{ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, price, shares, standard_rules};

fn scaled(scale_in: Value) -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "add",
        "on": ["Trade"],
        "when": {"all": [
            {"compare": {"left": {"field": "position.unrealized_percent"}, "is": ">=", "right": {"number": 2.0}}},
            {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
        ]},
        "actions": [{"scale_in": scale_in}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    // Short 100 at the bid of 200.00, then 50 at 195.00: the average is 198.3333.
    desk.market(AAPL, "200.01").signal(AAPL, SignalSide::Short).market(AAPL, "195.01");
    desk
}

#[test]
fn the_exits_of_a_short_move_to_its_average_too() {
    let mut desk = scaled(json!({"size": {"shares": "50"}}));
    assert_eq!(desk.position(AAPL), shares(-150));
    let mut live = desk.live();
    live.sort();
    assert_eq!(live, ["BUY 100 LMT 182.47", "BUY 100 STP 204.28", "BUY 50 LMT 182.47", "BUY 50 STP 204.28"]);

    desk.market(AAPL, "204.30").wait(2);
    assert_eq!(desk.position(AAPL), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.tranches, trade.quantity), (Some(ExitReason::Stop), 2, shares(150)));
    assert_eq!(trade.exit_price, Some(price("204.31")));
}

#[test]
fn a_scale_in_that_names_the_other_side_is_refused() {
    let desk = scaled(json!({"size": {"shares": "50"}, "side": "BUY"}));
    assert_eq!(desk.position(AAPL), shares(-100));
    assert_eq!(desk.blocked(), [Reason::OppositeContext]);
}

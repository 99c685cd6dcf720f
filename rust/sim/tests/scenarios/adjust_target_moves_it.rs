//! Adjusting a target: every tranche's moves, the stops stay, and the wrong side is refused.

use orderloom_core::command::Reason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, standard_rules};

#[test]
fn the_target_moves_and_a_price_below_the_market_is_refused() {
    for (price, live, blocked) in [
        ("158", ["SELL 100 LMT 158", "SELL 100 STP 145.5"], vec![]),
        ("149", ["SELL 100 LMT 162", "SELL 100 STP 145.5"], vec![Reason::WrongSide]),
    ] {
        let mut rules = standard_rules();
        rules[2]["actions"] = json!([{"adjust_target": [{"price": price}]}]);
        let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
        desk.market(AAPL, "149.99").signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell);
        assert_eq!((desk.live(), desk.blocked()), (live.map(str::to_owned).to_vec(), blocked));
    }
}

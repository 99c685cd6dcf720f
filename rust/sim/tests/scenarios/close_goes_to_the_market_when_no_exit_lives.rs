//! Where the exit cannot be priced to fill, it is cancelled; a market order leaves only when the broker
//! has said that no exit lives any more.

use orderloom_core::command::{ExitReason, Role};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

#[test]
fn the_market_order_waits_for_the_word_that_the_trailing_stop_has_ended() {
    for (signal, side, held) in [(SignalSide::Buy, "BUY", 100), (SignalSide::Short, "SELL", -100)] {
        let enter = json!({"side": side, "size": {"shares": "100"}, "stop": [{"trail_percent": 2.0}]});
        let mut rules = standard_rules();
        rules[usize::from(signal != SignalSide::Buy)] =
            entry_rule("enter", if held > 0 { "BUY" } else { "SHORT" }, &enter);
        // A fifth of a second there, and a fifth back.
        let latency = json!({"order_ns": 200_000_000, "report_ns": 200_000_000});
        let mut desk = Desk::with(rules, json!({}), json!({"commission": "none", "latency": latency}));
        desk.market(AAPL, "150.00").signal(AAPL, signal).pass(2_000);
        assert_eq!(desk.position(AAPL), shares(held));

        desk.signal(AAPL, SignalSide::Sell);
        desk.pass(390);
        assert_eq!(desk.live(), Vec::<String>::new(), "it has ended at the exchange");
        assert_eq!(desk.placed(Role::Close), 0, "and nobody has said so yet");
        desk.pass(20);
        assert_eq!(desk.placed(Role::Close), 1);

        desk.pass(3_000).check();
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        assert_eq!(desk.placed(Role::Close), 1, "once");
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::CloseAll), shares(100)));
    }
}

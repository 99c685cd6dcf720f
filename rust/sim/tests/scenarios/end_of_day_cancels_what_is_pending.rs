//! At the end of the day a resting entry is cancelled, what is filled of one is closed, and a symbol that
//! is flat gets no order.

use orderloom_core::command::{Command, ExitReason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, TSLA, entry_rule, shares};

#[test]
fn a_resting_entry_is_cancelled_and_a_flat_symbol_left_alone() {
    for (signal, side, limit) in [(SignalSide::Buy, "BUY", 140.0), (SignalSide::Short, "SELL", 160.0)] {
        let enter = json!({
            "side": side, "size": {"shares": "100"}, "limit": {"number": limit},
            "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
        });
        let word = if side == "BUY" { "BUY" } else { "SHORT" };
        let rules = vec![entry_rule("enter", word, &enter)];
        let more = json!({"end_of_day": 60_000_000_000_i64});
        let mut desk = Desk::with(rules, more, json!({"commission": "none"}));
        desk.session_closing_in(10).market(AAPL, "150.00").market(TSLA, "150.00").signal(AAPL, signal);
        assert_eq!(desk.live().len(), 3);
        desk.wait(8 * 60).market(AAPL, "150.00").market(TSLA, "150.00");
        let before = desk.world.observer.commands.len();
        assert_eq!(desk.live().len(), 3, "not yet");

        desk.wait(65);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        let sent = &desk.world.observer.commands[before..];
        assert!(sent.iter().all(|command| matches!(command, Command::Cancel(order) if order.symbol == AAPL)));
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (None, shares(0)));
    }
}

#[test]
fn what_is_filled_of_an_entry_is_closed_and_its_rest_cancelled() {
    for (signal, side, filled) in [(SignalSide::Buy, "BUY", 40), (SignalSide::Short, "SELL", -40)] {
        let enter = json!({
            "side": side, "size": {"shares": "100"}, "limit_offset": "0",
            "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
        });
        let word = if side == "BUY" { "BUY" } else { "SHORT" };
        let more = json!({"end_of_day": 60_000_000_000_i64});
        let venue = json!({"commission": "none", "children_start": "on_partial_scaled"});
        let mut desk = Desk::with(vec![entry_rule("enter", word, &enter)], more, venue);
        desk.session_closing_in(2).quote_only(AAPL, "150.00", 40).signal(AAPL, signal);
        assert_eq!(desk.position(AAPL), shares(filled));
        // The other sixty rest where nobody trades.
        desk.wait(58).quote_only(AAPL, if filled > 0 { "150.50" } else { "149.50" }, 500);
        assert_eq!(desk.position(AAPL), shares(filled));

        desk.wait(10);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::EndOfDay), shares(40)));
        assert_eq!(trade.pnl.to_string(), "19.2");
    }
}

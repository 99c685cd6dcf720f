//! A stop fills for all that was ordered while it is being reduced to what was filled: the excess is
//! traded back once, with an alarm.

use orderloom_core::command::{Command, IncidentCode, Role};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, shares};

#[test]
fn the_excess_is_traded_back_once_with_an_alarm() {
    let sides = [
        (SignalSide::Buy, "BUY", "BUY", "145.40", 1_100),
        (SignalSide::Short, "SHORT", "SELL", "154.60", -1_100),
    ];
    for (signal, word, side, through, held) in sides {
        let enter = json!({
            "side": side, "size": {"shares": "1433"}, "limit_offset": "0", "expires_after": 5_000_000_000_i64,
            "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
        });
        // Children start whole with the first fill, and stay so: 1,433 against 1,100.
        let venue = json!({
            "commission": "none", "children_start": "on_first_fill_full_size",
            "children_after_partial_cancel": "keep_full",
            "latency": {"order_ns": 300_000_000, "report_ns": 300_000_000},
        });
        let mut desk = Desk::with(vec![entry_rule("enter", word, &enter)], json!({}), venue);
        desk.quote_only(AAPL, "150.00", 1_100).signal(AAPL, signal);
        // Given up after 5 s, ended at 5.3, known at 5.6; the change reaches the exchange at 5.9.
        desk.pass(5_750);
        assert_eq!(desk.position(AAPL), shares(held));
        let changes =
            |command: &&Command| matches!(command, Command::Modify(order) if order.role == Role::Stop);
        assert_eq!(desk.world.observer.commands.iter().filter(changes).count(), 1, "it is being resized");
        desk.move_to(AAPL, through, 5_000);
        assert_eq!(desk.position(AAPL), shares(-held / 1_100 * 333), "it filled for all that was ordered");

        desk.pass(20_000).check();
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
        assert_eq!(desk.incidents().iter().filter(|code| **code == IncidentCode::Overfill).count(), 1);
        assert_eq!(desk.placed(Role::Close), 1, "traded back once");
        assert_eq!(desk.conclusions().len(), 1);
    }
}

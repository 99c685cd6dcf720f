//! What is told of a trade that is over: why, how much, at which prices, the profit and what it cost; and
//! then nothing is left of it.

use orderloom_core::command::{ExitReason, PositionSide};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, price, shares, standard_rules};

#[test]
fn reason_quantity_prices_profit_and_commissions_of_a_long_and_a_short() {
    let sides = [
        (SignalSide::Buy, PositionSide::Long, "162.05", ExitReason::Target, ["150.01", "162.04"], "1203"),
        (SignalSide::Buy, PositionSide::Long, "145.50", ExitReason::Stop, ["150.01", "145.49"], "-452"),
        (SignalSide::Short, PositionSide::Short, "137.95", ExitReason::Target, ["149.99", "137.96"], "1203"),
        (SignalSide::Short, PositionSide::Short, "154.50", ExitReason::Stop, ["149.99", "154.51"], "-452"),
    ];
    for (signal, side, end, reason, [entry, exit], pnl) in sides {
        let mut desk = Desk::with(standard_rules(), json!({}), json!({"commission": "fixed"}));
        desk.market(AAPL, "150.00").signal(AAPL, signal);
        let began = desk.world.now();
        desk.wait(30).market(AAPL, end);
        let ended = desk.world.now();
        desk.wait(2);
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.side), (Some(reason), side));
        assert_eq!((trade.quantity, trade.tranches), (shares(100), 1));
        assert_eq!((trade.entry_price, trade.exit_price), (Some(price(entry)), Some(price(exit))));
        // Before commissions, of which each order costs a dollar at least.
        assert_eq!((trade.pnl.to_string(), trade.commission.to_string()), (pnl.into(), "2".into()));
        assert_eq!((trade.opened_at, trade.closed_at), (began, ended));
        assert_eq!(trade.uncovered_max.0, 0);
        assert!(desk.world.engine.context(AAPL).is_none());
        assert_eq!(desk.live(), Vec::<String>::new());
    }
}

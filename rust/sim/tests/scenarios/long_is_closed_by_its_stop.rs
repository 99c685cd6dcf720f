//! A long trade that loses: the stop ends it, also when the price jumps through it.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, price, shares};

#[test]
fn the_stop_ends_the_trade_and_takes_the_target_with_it() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).market(AAPL, "145.50").wait(2);

    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.live(), Vec::<String>::new());
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!(trade.exit_reason, Some(ExitReason::Stop));
    assert_eq!(trade.exit_price, Some(price("145.49")));
    assert_eq!(trade.pnl.to_string(), "-452");
}

#[test]
fn a_gap_fills_the_stop_where_the_market_is_and_never_opens_the_other_side() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).market(AAPL, "120.00").wait(2);

    assert_eq!(desk.position(AAPL), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.exit_price), (Some(ExitReason::Stop), Some(price("119.99"))));
    assert!(desk.incidents().is_empty());
}

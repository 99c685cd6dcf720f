//! A short trade: the stop is above, the target below.

use orderloom_core::command::{ExitReason, PositionSide};
use orderloom_core::event::SignalSide;

use crate::support::{AAPL, Desk, TSLA, shares};

#[test]
fn the_target_below_ends_a_short_trade() {
    let mut desk = Desk::new();
    desk.market(TSLA, "200.00").signal(TSLA, SignalSide::Short);

    assert_eq!(desk.position(TSLA), shares(-100));
    // Sold at the bid of 199.99: 3 % above is 205.9897, 8 % below is 183.9908.
    assert_eq!(desk.live(), ["BUY 100 LMT 183.99", "BUY 100 STP 205.99"]);

    desk.market(TSLA, "183.90").wait(2);
    assert_eq!(desk.position(TSLA), shares(0));
    let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
    assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::Target), PositionSide::Short));
    assert_eq!(trade.pnl.to_string(), "1608");
}

#[test]
fn a_long_and_a_short_in_two_symbols_do_not_touch_each_other() {
    let mut desk = Desk::new();
    desk.market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(100), shares(-100)));

    desk.market(TSLA, "206.10").wait(2);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(100), shares(0)));
    assert_eq!(desk.live(), ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);
}

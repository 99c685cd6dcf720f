//! The end of the day: every symbol is closed a set time before the close, and nothing opens after.

use orderloom_core::command::{ExitReason, Reason};
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, TSLA, shares, standard_rules};

#[test]
fn a_long_and_a_short_are_closed_before_the_close_and_later_signals_are_refused() {
    let more = json!({"end_of_day": 60_000_000_000_i64});
    let mut desk = Desk::with(standard_rules(), more, json!({"commission": "none"}));
    desk.session_closing_in(10).market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    desk.wait(8 * 60).market(AAPL, "151.00").market(TSLA, "201.00");
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(100), shares(-100)));

    desk.wait(65);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(0), shares(0)));
    assert_eq!(desk.live(), Vec::<String>::new());
    let reasons: Vec<_> = desk.conclusions().iter().map(|trade| trade.exit_reason).collect();
    assert_eq!(reasons, [Some(ExitReason::EndOfDay); 2]);

    desk.market(AAPL, "151.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::SessionClosed]);
    assert_eq!(desk.position(AAPL), shares(0));
}

//! A half-day: everything is closed a set time before the exchange's early close, not its usual one.

use orderloom_core::command::{ExitReason, PositionSide, Reason};
use orderloom_core::event::SignalSide;
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Date, Session, Span, Timestamp};
use serde_json::json;

use crate::support::{AAPL, Desk, TSLA, standard_rules};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// 2026-11-27 14:30 UTC, the day after Thanksgiving: New York opens at 9:30 and closes at 13:00.
const HALF_DAY: Timestamp = Timestamp(1_795_789_800_000_000_000);
/// The Monday after it, open until 16:00.
const MONDAY: Timestamp = Timestamp(1_796_049_000_000_000_000);

fn open(desk: &mut Desk, date: u32, at: Timestamp, hours_halved: i64) {
    let session = Session {
        date: Date(date),
        utc_offset: Span::from_secs(-5 * HOUR),
        open: at,
        close: at + Span::from_secs(hours_halved * HOUR / 2),
    };
    for symbol in [AAPL, TSLA] {
        desk.world.session(at, symbol, session, Some(true));
    }
    desk.check();
}

fn until(desk: &mut Desk, at: Timestamp, minutes: i64) {
    let at = at + Span::from_secs(minutes * MINUTE);
    desk.world.advance_to(at);
    desk.market(AAPL, "151.00").market(TSLA, "201.00");
}

fn held(desk: &Desk) -> [i64; 2] {
    [AAPL, TSLA].map(|symbol: SymbolId| desk.position(symbol).to_string().parse().unwrap())
}

#[test]
fn a_long_and_a_short_are_closed_before_one_o_clock_and_monday_begins_anew() {
    let more = json!({"end_of_day": 300_000_000_000_i64});
    let mut desk = Desk::with(standard_rules(), more, json!({"commission": "none"}));
    open(&mut desk, 2026_11_27, HALF_DAY, 7);
    desk.market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    assert_eq!(held(&desk), [100, -100]);

    until(&mut desk, HALF_DAY, 204);
    desk.wait(50);
    assert_eq!(held(&desk), [100, -100], "12:54:50");
    assert!(desk.conclusions().is_empty());
    desk.wait(15);
    assert_eq!((held(&desk), desk.live()), ([0, 0], vec![]), "12:55:05");
    let begins = HALF_DAY + Span::from_secs(205 * MINUTE);
    let [long, short] = desk.conclusions()[..] else { panic!("two conclusions") };
    for (trade, side, pnl) in [(long, PositionSide::Long, "98"), (short, PositionSide::Short, "-102")] {
        assert_eq!((trade.exit_reason, trade.side), (Some(ExitReason::EndOfDay), side));
        assert!(begins <= trade.closed_at && trade.closed_at < begins + Span::from_secs(5));
        assert_eq!(trade.pnl.to_string(), pnl);
    }

    // Neither in the last minutes nor when a whole day would still be open.
    for minutes in [207, 300] {
        until(&mut desk, HALF_DAY, minutes);
        desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short);
    }
    assert_eq!(desk.blocked(), [Reason::SessionClosed; 4]);
    assert_eq!((held(&desk), desk.live()), ([0, 0], vec![]));

    open(&mut desk, 2026_11_30, MONDAY, 13);
    until(&mut desk, MONDAY, 1);
    desk.signal(AAPL, SignalSide::Buy);
    until(&mut desk, MONDAY, 206);
    assert_eq!(held(&desk), [100, 0], "a whole day goes on past 12:55");
}

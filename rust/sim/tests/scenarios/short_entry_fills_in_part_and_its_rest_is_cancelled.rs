//! A short entry of 1,433 fills 1,100 and ends: its exits buy back 1,100, whatever TWS makes of the
//! children.

use orderloom_core::command::ExitReason;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, entry_rule, price, shares};

fn partial_entry(children_start: &str, after_cancel: &str) -> Desk {
    let enter = json!({
        "side": "SELL", "size": {"shares": "1433"}, "limit_offset": "0", "expires_after": 5_000_000_000_i64,
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let venue = json!({
        "commission": "none", "children_start": children_start,
        "children_after_partial_cancel": after_cancel,
    });
    let mut desk = Desk::with(vec![entry_rule("short", "SHORT", &enter)], json!({}), venue);
    desk.quote_only(AAPL, "150.00", 1_100).signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(-1_100));
    desk
}

const READINGS: [(&str, &str); 4] = [
    ("on_first_fill_full_size", "keep_full"),
    ("on_partial_scaled", "scale_to_filled"),
    ("on_full_fill", "scale_to_filled"),
    ("on_first_fill_full_size", "cancelled"),
];

#[test]
fn under_every_reading_the_exits_are_what_was_sold() {
    for (start, after_cancel) in READINGS {
        let mut desk = partial_entry(start, after_cancel);
        desk.wait(12);
        assert_eq!(desk.position(AAPL), shares(-1_100), "{start}, {after_cancel}");
        let mut live = desk.live();
        live.sort();
        // Sold at the bid of 149.99.
        assert_eq!(live, ["BUY 1100 LMT 137.99", "BUY 1100 STP 154.49"], "{start}, {after_cancel}");
    }
}

#[test]
fn the_stop_buys_back_what_was_sold_and_opens_no_long() {
    for (start, after_cancel) in READINGS {
        let mut desk = partial_entry(start, after_cancel);
        desk.wait(12).market_of(AAPL, "154.60", 5_000).wait(2);
        assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]), "{start}, {after_cancel}");
        let [trade] = desk.conclusions()[..] else { panic!("one conclusion") };
        assert_eq!((trade.exit_reason, trade.quantity), (Some(ExitReason::Stop), shares(1_100)));
        assert_eq!((trade.entry_price, trade.exit_price), (Some(price("149.99")), Some(price("154.61"))));
        // 4.62 on each of 1,100 shares.
        assert_eq!(trade.pnl.to_string(), "-5082");
    }
}

//! Many orders in one market: a price finds those that it reaches, in order of arrival.

mod common;

use common::*;
use orderloom_core::event::Side::{Buy, Sell};

fn crowded() -> Desk {
    let mut desk = Desk::open();
    desk.quote("99.99", "100.01", 10_000);
    for step in 0..200_i64 {
        let away = |from: i64, step: i64| format!("{}.{:02}", (from + step) / 100, (from + step) % 100);
        desk.place(&limit(4 * step + 1, Buy, 1, &away(9_990, -step)));
        desk.place(&limit(4 * step + 2, Sell, 1, &away(10_010, step)));
        desk.place(&stop(4 * step + 3, Sell, 1, &away(9_900, -step)));
        desk.place(&stop(4 * step + 4, Buy, 1, &away(10_100, step)));
    }
    assert_eq!(desk.live().len(), 800);
    desk
}

#[test]
fn a_quote_fills_what_it_reaches_and_nothing_else() {
    let mut desk = crowded();
    assert_eq!(desk.quote("99.95", "99.97", 10_000), []);
    let told = desk.quote("99.86", "99.88", 10_000);
    assert_eq!(traded(&told), ["fill 1 BUY 1 @ 99.88", "fill 5 BUY 1 @ 99.88", "fill 9 BUY 1 @ 99.88"]);
    assert_eq!(desk.quote("99.86", "99.88", 10_000), []);
}

#[test]
fn a_changed_order_is_found_where_it_is_now() {
    let mut desk = crowded();
    desk.place(&limit(797, Buy, 1, "99.95"));
    desk.place(&limit(1, Buy, 1, "97"));
    assert_eq!(traded(&desk.quote("99.93", "99.95", 10_000)), ["fill 797 BUY 1 @ 99.95"]);
    assert_eq!(traded(&desk.quote("99.87", "99.89", 10_000)), ["fill 5 BUY 1 @ 99.89"]);
}

#[test]
fn a_print_triggers_the_stops_that_it_passes() {
    let mut desk = crowded();
    desk.trade("99.5", 1);
    let told = desk.trade("101.02", 1);
    let bought = ["fill 4 BUY 1 @ 100.01", "fill 8 BUY 1 @ 100.01", "fill 12 BUY 1 @ 100.01"];
    assert_eq!(traded(&told), bought);
    assert_eq!(desk.trade("100", 1), []);
}

//! Exits are first sent from the quote or the limit; once the entry is filled they stand at what it cost
//! on average, on the instrument's ticks.

use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares};

/// A hundred shares of which sixty are for sale at first, and forty a dollar further.
fn filled_at_two_prices(side: SignalSide, more: Value) -> (Vec<String>, Vec<String>) {
    let (word, order_side, next) =
        if side == SignalSide::Buy { ("BUY", "BUY", "151.00") } else { ("SHORT", "SELL", "149.00") };
    let enter = json!({
        "side": order_side, "size": {"shares": "100"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let mut desk = Desk::with(vec![entry_rule("enter", word, &enter)], more, json!({"commission": "none"}));
    desk.quote_only(AAPL, "150.00", 60).signal(AAPL, side);
    let sent = desk.live();
    desk.quote_only(AAPL, next, 1_000).wait(1);
    assert_eq!(desk.position(AAPL).abs(), shares(100));
    assert!(desk.incidents().is_empty());
    (sent, desk.live())
}

#[test]
fn a_long_is_priced_from_what_it_cost() {
    let (sent, now) = filled_at_two_prices(SignalSide::Buy, json!({}));
    assert_eq!(sent, ["BUY 40 MKT -", "SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);
    // 60 at 150.01 and 40 at 151.01: the average is 150.41.
    assert_eq!(now, ["SELL 100 LMT 162.44", "SELL 100 STP 145.9"]);
}

#[test]
fn a_short_is_priced_from_what_it_brought() {
    let (sent, now) = filled_at_two_prices(SignalSide::Short, json!({}));
    assert_eq!(sent, ["SELL 40 MKT -", "BUY 100 LMT 137.99", "BUY 100 STP 154.49"]);
    // 60 at 149.99 and 40 at 148.99: the average is 149.59.
    assert_eq!(now, ["BUY 100 LMT 137.62", "BUY 100 STP 154.08"]);
}

#[test]
fn prices_are_on_the_ticks_of_the_instrument() {
    let five_cents = json!({"instruments": [
        {"symbol": "AAPL", "tick": "0.05"}, {"symbol": "TSLA", "tick": "0.01"},
    ]});
    let (_, long) = filled_at_two_prices(SignalSide::Buy, five_cents.clone());
    assert_eq!(long, ["SELL 100 LMT 162.45", "SELL 100 STP 145.9"]);
    let (_, short) = filled_at_two_prices(SignalSide::Short, five_cents);
    assert_eq!(short, ["BUY 100 LMT 137.6", "BUY 100 STP 154.1"]);
}

#[test]
fn a_limit_is_what_its_exits_are_counted_from_until_it_fills() {
    let enter = json!({
        "side": "BUY", "size": {"shares": "100"}, "limit": {"number": 148.0},
        "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
    });
    let rules = vec![entry_rule("long", "BUY", &enter)];
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live(), ["BUY 100 LMT 148", "SELL 100 LMT 159.84", "SELL 100 STP 143.56"]);
    desk.market(AAPL, "146.99");
    // Bought at 147.00, better than asked.
    assert_eq!(desk.live(), ["SELL 100 LMT 158.76", "SELL 100 STP 142.59"]);
}

//! A double-down fills share by share: stops and targets sum to the position after every part, and its
//! size may be a share of the position.

use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, shares, standard_rules};

/// A hundred shares at 150.00, with a tranche resting halfway to the stop.
fn desk(signal: SignalSide, size_bp: i64, venue: Value) -> Desk {
    let mut rules = standard_rules();
    rules.push(json!({
        "name": "double",
        "on": ["Fill"],
        "when": {"compare": {"left": {"field": "context.tranches"}, "is": "<", "right": {"number": 2.0}}},
        "actions": [{"double_down": {"fraction_bp": 5000, "size_bp": size_bp}}],
    }));
    let mut desk = Desk::with(rules, json!({}), venue);
    desk.market(AAPL, if signal == SignalSide::Buy { "149.99" } else { "150.01" }).signal(AAPL, signal);
    desk
}

const SIDES: [(SignalSide, i64, &str, &str); 2] =
    [(SignalSide::Buy, 1, "147.74", "SELL"), (SignalSide::Short, -1, "152.26", "BUY")];

#[test]
fn exits_grow_with_its_fills_where_children_do() {
    for (signal, sign, reached, exit) in SIDES {
        let venue = json!({"commission": "none", "children_start": "on_partial_scaled"});
        let mut desk = desk(signal, 10_000, venue);
        for (size, held) in [(40, 140), (25, 165), (500, 200)] {
            desk.quote_only(AAPL, reached, size).wait(1);
            assert_eq!(desk.position(AAPL), shares(sign * held));
            assert_eq!((desk.sum(exit, "STP"), desk.sum(exit, "LMT")), (held, held), "{:?}", desk.live());
        }
        assert_eq!((desk.opened(), desk.incidents()), (1, vec![]));
    }
}

#[test]
fn its_rest_is_cancelled_where_the_children_wait_for_all_of_it() {
    for (signal, sign, reached, exit) in SIDES {
        let mut desk = desk(signal, 10_000, json!({"commission": "none"}));
        desk.quote_only(AAPL, reached, 40).wait(6);
        assert_eq!(desk.position(AAPL), shares(sign * 140));
        assert_eq!((desk.sum(exit, "STP"), desk.sum(exit, "LMT")), (140, 140), "{:?}", desk.live());
        assert_eq!(desk.live().len(), 4, "the other sixty are not wanted any more: {:?}", desk.live());
    }
}

#[test]
fn its_size_is_a_share_of_the_position() {
    for (signal, sign, reached, exit) in SIDES {
        let mut desk = desk(signal, 3_000, json!({"commission": "none"}));
        let resting = if sign > 0 { "BUY 30 LMT 147.75" } else { "SELL 30 LMT 152.25" };
        assert!(desk.live().contains(&resting.to_owned()), "{:?}", desk.live());
        desk.quote_only(AAPL, reached, 500).wait(1);
        assert_eq!(desk.position(AAPL), shares(sign * 130));
        assert_eq!((desk.sum(exit, "STP"), desk.sum(exit, "LMT")), (130, 130));
    }
}

//! A scale-in takes its side from the open trade: without one, or when it names the other, nothing is sent.

use orderloom_core::command::{Command, Reason};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

fn desk(first: Value, scale_in: &Value) -> Desk {
    let mut rules = vec![first];
    rules.extend(standard_rules().into_iter().skip(1));
    rules.push(json!({
        "name": "add",
        "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "NEUTRAL"}}},
        "actions": [{"scale_in": scale_in}],
    }));
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "149.99");
    desk
}

fn long() -> Value {
    standard_rules().remove(0)
}

#[test]
fn without_an_open_trade_nothing_is_sent() {
    let mut flat = desk(long(), &json!({"size": {"shares": "50"}}));
    flat.signal(AAPL, SignalSide::Neutral);
    assert_eq!(flat.blocked(), [Reason::NoContext]);
    assert!(flat.world.observer.commands.is_empty());

    // Its entry rests, and nothing is held yet.
    let resting = json!({
        "side": "BUY", "size": {"shares": "100"}, "limit": {"number": 140.0}, "stop": [{"percent": 3.0}],
    });
    let mut pending = desk(entry_rule("long", "BUY", &resting), &json!({"size": {"shares": "50"}}));
    pending.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Neutral);
    assert_eq!(pending.blocked(), [Reason::NoContext]);
    assert_eq!(pending.live(), ["BUY 100 LMT 140", "SELL 100 STP 135.8"]);
}

#[test]
fn a_trade_that_is_being_closed_is_not_added_to() {
    let mut desk = desk(long(), &json!({"size": {"shares": "50"}}));
    desk.signal(AAPL, SignalSide::Buy).one_sided(AAPL, "150.00").signal(AAPL, SignalSide::Sell);
    desk.signal(AAPL, SignalSide::Neutral);
    assert_eq!((desk.blocked(), desk.position(AAPL)), (vec![Reason::NoContext], shares(100)));
}

#[test]
fn a_scale_in_of_a_long_that_names_the_other_side_is_refused() {
    let mut desk = desk(long(), &json!({"size": {"shares": "50"}, "side": "SELL"}));
    desk.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Neutral);
    assert_eq!((desk.blocked(), desk.position(AAPL)), (vec![Reason::OppositeContext], shares(100)));
}

#[test]
fn by_limit_it_rests_with_its_own_exits_until_it_fills() {
    let sides = [
        (SignalSide::Buy, "BUY 50 LMT 148.5", "148.40", shares(150), "SELL"),
        (SignalSide::Short, "SELL 50 LMT 151.48", "151.60", shares(-150), "BUY"),
    ];
    for (signal, resting, reached, held, exit) in sides {
        let mut desk = desk(long(), &json!({"size": {"shares": "50"}, "limit_offset": "-1.5"}));
        desk.signal(AAPL, signal).signal(AAPL, SignalSide::Neutral);
        assert!(desk.live().contains(&resting.to_owned()), "{:?}", desk.live());
        assert_eq!(desk.position(AAPL).abs(), shares(100));

        desk.market(AAPL, reached).wait(2);
        assert_eq!(desk.position(AAPL), held);
        assert_eq!((desk.sum(exit, "STP"), desk.sum(exit, "LMT")), (150, 150));
        let placed = |command: &&Command| matches!(command, Command::Place(_));
        assert_eq!(desk.world.observer.commands.iter().filter(placed).count(), 6, "two brackets");
        assert_eq!(desk.opened(), 1, "one trade");
    }
}

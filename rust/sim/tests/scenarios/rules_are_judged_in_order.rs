//! Discipline: priority, then definition; one entry per symbol and event; caps, windows, switches.

use orderloom_core::command::{Notice, Reason};
use orderloom_core::event::{EventKind, Operator, SignalSide};
use orderloom_core::id::RuleId;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, entry_rule, shares, standard_rules};

fn buy(name: &str, quantity: &str) -> Value {
    entry_rule(name, "BUY", &json!({"side": "BUY", "size": {"shares": quantity}, "stop": [{"percent": 3.0}]}))
}

fn desk(rules: Vec<Value>) -> Desk {
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.session_closing_in(120).market(AAPL, "150.00");
    desk
}

fn fired(desk: &Desk) -> Vec<RuleId> {
    let rule = |notice: &Notice| match notice {
        Notice::RuleFired { rule, .. } => Some(*rule),
        _ => None,
    };
    desk.world.observer.notices.iter().filter_map(rule).collect()
}

#[test]
fn the_higher_priority_enters_and_the_other_one_says_why_not() {
    let mut low = buy("low", "10");
    low["priority"] = json!(1);
    let mut high = buy("high", "20");
    high["priority"] = json!(2);
    let mut desk = desk(vec![low, high]);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(20));
    assert_eq!((fired(&desk), desk.blocked()), (vec![RuleId(1)], vec![Reason::ContextOpen]));
}

#[test]
fn with_equal_priority_the_first_defined_enters() {
    let mut desk = desk(vec![buy("first", "10"), buy("second", "20")]);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(10));
}

#[test]
fn a_daily_cap_counts_firings_and_a_window_bounds_them() {
    let mut capped = buy("capped", "10");
    capped["daily_cap"] = json!(1);
    let mut rules = vec![capped];
    rules.push(standard_rules().pop().unwrap());
    let mut capped_desk = desk(rules);
    capped_desk.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell).wait(2);
    capped_desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(capped_desk.blocked(), [Reason::DailyCap]);

    let mut late = buy("late", "10");
    // It is 10:30 in New York.
    late["window"] = json!({"from_second": 11 * 3600, "to_second": 12 * 3600});
    let mut late_desk = desk(vec![late]);
    late_desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(late_desk.blocked(), [Reason::TimeWindow]);
    late_desk.wait(31 * 60).market(AAPL, "150.00").signal(AAPL, SignalSide::Buy);
    assert_eq!(late_desk.position(AAPL), shares(10));
}

#[test]
fn a_rule_is_switched_off_and_on_at_run_time() {
    let mut desk = desk(vec![buy("long", "10")]);
    let switch = |desk: &mut Desk, enabled| {
        let at = desk.world.now();
        desk.world.event(at, EventKind::Operator(Operator::EnableRule { rule: "long".into(), enabled }));
    };
    switch(&mut desk, false);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!((desk.blocked(), desk.position(AAPL)), (vec![Reason::Disabled], shares(0)));
    switch(&mut desk, true);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(10));
}

//! A rule's actions: in order, up to the first that is refused; a branch only when its test is known.

use orderloom_core::command::{Command, Notice, Reason};
use orderloom_core::event::SignalSide;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, TSLA, shares, standard_rules};

fn rule(actions: Value) -> Vec<Value> {
    vec![json!({"name": "act", "on": ["PredictionSignal"], "when": {"constant": true}, "actions": actions})]
}

fn texts(desk: &Desk) -> Vec<String> {
    let text = |command: &Command| match command {
        Command::Log(line) => Some(format!("log {}", line.text)),
        Command::Notify(line) => Some(format!("notify {}", line.text)),
        _ => None,
    };
    desk.world.observer.commands.iter().filter_map(text).collect()
}

fn desk(actions: Value) -> Desk {
    let mut desk = Desk::with(rule(actions), json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00");
    desk
}

#[test]
fn what_comes_after_a_refused_action_is_not_done() {
    let actions = json!([
        {"log": {"text": "first"}},
        {"sequence": [{"close_all": {}}, {"log": {"text": "never"}}]},
        {"notify": {"text": "never"}},
    ]);
    let mut desk = desk(actions);
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!((texts(&desk), desk.blocked()), (vec!["log first".to_owned()], vec![Reason::NoContext]));
}

#[test]
fn a_branch_is_taken_by_what_is_known_and_refused_when_it_is_not() {
    let test = |left: Value| {
        json!([{"when": {
            "condition": {"compare": {"left": left, "is": ">", "right": {"number": 0.5}}},
            "then": [{"notify": {"text": "yes"}}],
            "otherwise": [{"notify": {"text": "no"}}],
        }}])
    };
    let outcome = |left: Value| {
        let mut desk = desk(test(left));
        desk.signal(AAPL, SignalSide::Buy);
        (texts(&desk), desk.blocked())
    };
    assert_eq!(outcome(json!({"field": "signal.confidence"})), (vec!["notify yes".to_owned()], vec![]));
    assert_eq!(outcome(json!({"number": 0.1})), (vec!["notify no".to_owned()], vec![]));
    assert_eq!(outcome(json!({"reading": "absent"})), (vec![], vec![Reason::ConditionUnknown]));
}

#[test]
fn close_everything_closes_every_symbol() {
    let mut rules = standard_rules();
    rules[2]["actions"] = json!([{"close_everything": {}}]);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").market(TSLA, "200.00");
    desk.signal(AAPL, SignalSide::Buy).signal(TSLA, SignalSide::Short).signal(AAPL, SignalSide::Sell).wait(3);
    assert_eq!((desk.position(AAPL), desk.position(TSLA)), (shares(0), shares(0)));
    assert_eq!(desk.conclusions().len(), 2);
}

#[test]
fn a_rule_that_fires_says_so_once() {
    let mut desk = desk(json!([{"log": {"text": "a"}}, {"log": {"text": "b"}}]));
    desk.signal(AAPL, SignalSide::Buy);
    let fired =
        desk.world.observer.notices.iter().filter(|notice| matches!(notice, Notice::RuleFired { .. }));
    assert_eq!((fired.count(), texts(&desk).len()), (1, 2));
}

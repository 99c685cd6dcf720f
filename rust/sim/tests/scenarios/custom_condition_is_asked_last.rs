//! A custom condition: asked only after the native part held; late and failed answers are unknown.

use orderloom_core::command::{Command, IncidentCode, Reason};
use orderloom_core::event::{Answer, EventKind, SignalSide};
use orderloom_core::id::AskId;
use serde_json::json;

use crate::support::{AAPL, Desk, shares};

fn desk() -> Desk {
    let rule = json!({
        "name": "asks", "on": ["PredictionSignal"],
        "when": {"all": [
            {"ask": "calm"},
            {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "BUY"}}},
        ]},
        "actions": [{"enter": {"side": "BUY", "size": {"shares": "100"}, "stop": [{"percent": 3.0}]}}],
    });
    let mut desk = Desk::with(vec![rule], json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00");
    desk
}

fn asks(desk: &Desk) -> Vec<AskId> {
    let ask = |command: &Command| match command {
        Command::Ask(ask) => Some(ask.ask),
        _ => None,
    };
    desk.world.observer.commands.iter().filter_map(ask).collect()
}

#[test]
fn nobody_is_asked_when_the_native_part_does_not_hold() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Short);
    assert_eq!(asks(&desk), []);
}

#[test]
fn yes_acts_and_no_does_not() {
    for (value, position) in [(true, shares(100)), (false, shares(0))] {
        let mut desk = desk();
        desk.signal(AAPL, SignalSide::Buy);
        let [ask] = asks(&desk)[..] else { panic!("one question") };
        assert_eq!(desk.position(AAPL), shares(0), "not before the answer");
        let at = desk.world.now();
        desk.world.event(at, EventKind::Answer(answer(ask, Some(value))));
        assert_eq!(desk.position(AAPL), position);
    }
}

#[test]
fn no_answer_in_time_is_unknown_and_alarmed_and_a_late_one_changes_nothing() {
    let mut desk = desk();
    desk.signal(AAPL, SignalSide::Buy);
    let [ask] = asks(&desk)[..] else { panic!("one question") };
    desk.wait(2);
    assert_eq!(desk.incidents(), [IncidentCode::ScriptFailed]);
    assert_eq!(desk.blocked(), [Reason::ConditionUnknown]);
    let at = desk.world.now();
    desk.world.event(at, EventKind::Answer(answer(ask, Some(true))));
    assert_eq!(desk.position(AAPL), shares(0));
}

fn answer(ask: AskId, value: Option<bool>) -> Answer {
    serde_json::from_value(json!({"ask": ask, "value": value})).unwrap()
}

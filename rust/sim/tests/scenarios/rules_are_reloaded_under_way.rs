//! Other rules between two events: open trades keep their policy, and what rules remember goes by name.

use orderloom_core::command::{Command, ExitReason, IncidentCode, Notice, Reason, Reload};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::Quantity;
use orderloom_core::event::{Bar, EventKind, Operator, SignalSide};
use orderloom_core::id::SymbolId;
use orderloom_core::time::Span;
use serde_json::{Value, json};

use crate::support::{AAPL, Desk, START, config, entry_rule, price, shares, standard_rules};

fn long(shares: &str, stop: f64, target: f64) -> Value {
    let (stop, target) = (json!([{"percent": stop}]), json!([{"percent": target}]));
    entry_rule(
        "long",
        "BUY",
        &json!({"side": "BUY", "size": {"shares": shares}, "stop": stop, "target": target}),
    )
}

fn desk(rules: Vec<Value>) -> Desk {
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.session_closing_in(120).market(AAPL, "150.00");
    desk
}

fn reload(desk: &mut Desk, config: EngineConfig) {
    let at = desk.world.now();
    desk.world.event(at, EventKind::Reloaded(Box::new(config)));
    desk.check();
}

fn told(desk: &Desk) -> Reload {
    let told = desk.world.observer.notices.iter().rev().find_map(|notice| match notice {
        Notice::Reloaded(reload) => Some((**reload).clone()),
        _ => None,
    });
    told.expect("a reload is told")
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

#[test]
fn an_open_trade_keeps_its_policy_and_the_next_one_has_the_new() {
    let mut desk = desk(standard_rules());
    desk.signal(AAPL, SignalSide::Buy);
    let exits = ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"];
    assert_eq!(desk.live(), exits);

    let [_, _, close] = standard_rules().try_into().expect("three");
    let added =
        entry_rule("new", "NEUTRAL", &json!({"side": "BUY", "size": {"shares": "1"}, "unprotected": true}));
    reload(&mut desk, config(vec![long("50", 1.0, 2.0), close, added], json!({})));
    let difference = Reload {
        added: names(&["new"]),
        removed: names(&["short"]),
        changed: names(&["long"]),
        cold: vec![],
    };
    assert_eq!(told(&desk), difference);
    desk.wait(5).market(AAPL, "151.00");
    assert_eq!(desk.live(), exits, "what is open stays as it was");
    assert_eq!(desk.incidents(), []);

    desk.signal(AAPL, SignalSide::Sell).wait(2).market(AAPL, "150.00").wait(2);
    desk.signal(AAPL, SignalSide::Short);
    assert_eq!(desk.position(AAPL), shares(0), "nobody listens to SHORT any more");
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live(), ["SELL 50 LMT 153.01", "SELL 50 STP 148.51"]);
}

#[test]
fn a_rule_of_the_same_name_keeps_its_cooldown_its_count_and_its_switch() {
    let mut cooled = long("10", 3.0, 8.0);
    cooled["cooldown"] = json!(600_000_000_000_i64);
    cooled["daily_cap"] = json!(1);
    let [_, _, close] = standard_rules().try_into().expect("three");
    let mut desk = desk(vec![close.clone(), cooled.clone()]);
    desk.signal(AAPL, SignalSide::Buy).signal(AAPL, SignalSide::Sell).wait(3).market(AAPL, "150.00");

    // Another place, another size, the same name.
    cooled["actions"][0]["enter"]["size"]["shares"] = json!("20");
    reload(&mut desk, config(vec![cooled.clone(), close.clone()], json!({})));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::Cooldown]);
    cooled["cooldown"] = json!(0);
    reload(&mut desk, config(vec![cooled.clone(), close.clone()], json!({})));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked(), [Reason::Cooldown, Reason::DailyCap]);

    let at = desk.world.now();
    desk.world.event(at, EventKind::Operator(Operator::EnableRule { rule: "long".into(), enabled: false }));
    cooled["daily_cap"] = json!(5);
    reload(&mut desk, config(vec![cooled.clone(), close.clone()], json!({})));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.blocked().last(), Some(&Reason::Disabled), "a person's switch holds");
    // The configuration says so now: the switch of before says nothing about it.
    cooled["enabled"] = json!(false);
    reload(&mut desk, config(vec![cooled.clone(), close.clone()], json!({})));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!((desk.blocked().last(), desk.blocked().len()), (Some(&Reason::Disabled), 4));

    // Another name begins anew.
    cooled["name"] = json!("other");
    cooled["enabled"] = json!(true);
    reload(&mut desk, config(vec![cooled, close], json!({})));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.position(AAPL), shares(20));
}

#[test]
fn an_indicator_that_is_computed_as_before_keeps_its_bars_and_a_new_one_is_told_as_cold() {
    let watching = |name: &str, indicator: &str| {
        let operand = json!({"indicator": {"name": indicator, "parameters": [2.0]}});
        json!({
            "name": name, "on": ["Bar"],
            "when": {"compare": {"left": operand, "is": ">", "right": {"number": 0.0}}},
            "actions": [{"log": {"text": name}}],
        })
    };
    let logged = |desk: &Desk| -> Vec<String> {
        let text = |command: &Command| match command {
            Command::Log(line) => Some(line.text.to_string()),
            _ => None,
        };
        desk.world.observer.commands.iter().filter_map(text).collect()
    };
    let mut desk = desk(vec![watching("old", "sma")]);
    for minute in 0..2 {
        bar(&mut desk, AAPL, minute);
    }
    assert_eq!(logged(&desk), ["old"]);
    // In another place among the indicators, under another rule.
    reload(&mut desk, config(vec![watching("cold", "ema"), watching("warm", "sma")], json!({})));
    assert_eq!(told(&desk).cold, names(&["ema(2)"]));
    bar(&mut desk, AAPL, 2);
    assert_eq!(logged(&desk), ["old", "warm"]);
    bar(&mut desk, AAPL, 3);
    assert_eq!(logged(&desk), ["old", "warm", "cold", "warm"]);
}

fn bar(desk: &mut Desk, symbol: SymbolId, minute: i64) {
    let (start, close) = (START + Span::from_secs(60 * minute), price("150.00"));
    let bar = Bar {
        symbol,
        start,
        span: Span::from_secs(60),
        open: close,
        high: close,
        low: close,
        close,
        volume: Quantity::ZERO,
        is_history: false,
    };
    desk.world.bar(start + Span::from_secs(60), bar);
}

#[test]
fn what_cannot_be_taken_up_changes_nothing_and_is_alarmed() {
    let mut desk = desk(standard_rules());
    let other_instruments = json!({"instruments": [{"symbol": "AAPL", "tick": "0.05"}]});
    let mut broken = long("10", 3.0, 8.0);
    broken["actions"][0]["enter"]["stop"] = json!([]);
    let cannot = [
        config(standard_rules(), other_instruments),
        config(standard_rules(), json!({"run": "another"})),
        config(vec![broken], json!({})),
        config(vec![long("1", 1.0, 1.0), long("2", 1.0, 1.0)], json!({})),
    ];
    for (count, config) in (1..).zip(cannot) {
        desk.world.engine.preview(&config).unwrap_err();
        reload(&mut desk, config);
        assert_eq!(desk.incidents(), vec![IncidentCode::Adapter; count]);
    }
    assert!(!desk.world.observer.notices.iter().any(|notice| matches!(notice, Notice::Reloaded(_))));
    desk.signal(AAPL, SignalSide::Buy);
    assert_eq!(desk.live(), ["SELL 100 LMT 162.01", "SELL 100 STP 145.51"]);
}

#[test]
fn a_reversal_under_way_enters_as_it_was_decided_unless_its_rule_is_gone() {
    let reversing = |shares: &str| {
        let mut rules = standard_rules();
        rules[1]["actions"][0]["enter"]["opposite"] = json!("reverse");
        rules[1]["actions"][0]["enter"]["size"]["shares"] = json!(shares);
        rules
    };
    for (is_there, position) in [(true, shares(-100)), (false, shares(0))] {
        let mut desk = desk(reversing("100"));
        desk.signal(AAPL, SignalSide::Buy);
        // Nobody bids: the close waits.
        desk.one_sided(AAPL, "150.00").signal(AAPL, SignalSide::Short);
        let mut rules = reversing("70");
        rules.reverse();
        rules.retain(|rule| is_there || rule["name"] != "short");
        reload(&mut desk, config(rules, json!({})));
        desk.market(AAPL, "150.00").wait(5).market(AAPL, "150.00").wait(5);
        assert_eq!(desk.position(AAPL), position);
        assert_eq!(desk.conclusions().len(), 1);
    }
}

#[test]
fn other_settings_count_from_the_next_event_on() {
    let mut desk = desk(standard_rules());
    desk.signal(AAPL, SignalSide::Buy);
    let limits = json!({"limits": {"max_open_contexts": 1}, "end_of_day": 3_600_000_000_000_i64});
    reload(&mut desk, config(standard_rules(), limits));
    assert_eq!(told(&desk), Reload::default(), "no rule is another one");
    desk.wait(3_599).market(AAPL, "150.00");
    assert_eq!(desk.position(AAPL), shares(100));
    desk.wait(20);
    assert_eq!(desk.position(AAPL), shares(0));
    assert_eq!(desk.conclusions()[0].exit_reason, Some(ExitReason::EndOfDay));
}

#[test]
fn a_question_that_waits_is_given_up_and_its_answer_counts_for_nothing() {
    let asking = || {
        let mut rule = long("100", 3.0, 8.0);
        rule["when"] = json!({"all": [rule["when"], {"ask": "calm"}]});
        vec![rule]
    };
    let mut desk = desk(asking());
    desk.signal(AAPL, SignalSide::Buy);
    let ask = desk.world.observer.commands.iter().find_map(|command| match command {
        Command::Ask(ask) => Some(ask.ask),
        _ => None,
    });
    reload(&mut desk, config(asking(), json!({})));
    assert_eq!(desk.incidents(), [IncidentCode::ScriptFailed]);
    let answer = serde_json::from_value(json!({"ask": ask, "value": true})).expect("an answer");
    let at = desk.world.now();
    desk.world.event(at, EventKind::Answer(answer));
    assert_eq!((desk.position(AAPL), desk.world.engine.next_deadline()), (shares(0), None));
}

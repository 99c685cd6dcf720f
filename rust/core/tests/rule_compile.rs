//! A declaration that cannot run is refused with its rule, its place, and what was expected.

use orderloom_core::error::ConfigError;
use orderloom_core::indicator::IndicatorTable;
use orderloom_core::instrument::Instrument;
use orderloom_core::rule::{Condition, RuleSet, RuleSpec, compile};
use serde_json::{Value, json};

fn compile_all(rules: &Value) -> Result<RuleSet, ConfigError> {
    let instruments: Vec<Instrument> = serde_json::from_value(
        json!([{"symbol": "AAPL", "tick": "0.01"}, {"symbol": "SLV", "tick": "0.01"}]),
    )
    .unwrap();
    let specs: Vec<RuleSpec> = serde_json::from_str(&rules.to_string()).unwrap();
    compile(&specs, &instruments, &mut IndicatorTable::new(instruments.len()))
}

/// A rule that compiles, with `changes` made to it.
fn rule(changes: &Value) -> Value {
    let mut rule = json!({
        "name": "late_stop",
        "on": ["PredictionSignal"],
        "when": {"constant": true},
        "actions": [{"close_all": {}}],
    });
    for (key, value) in changes.as_object().unwrap() {
        rule[key] = value.clone();
    }
    rule
}

fn enter(changes: &Value) -> Value {
    let mut enter = json!({"side": "BUY", "size": {"shares": "100"}, "stop": [{"percent": 3.0}]});
    for (key, value) in changes.as_object().unwrap() {
        enter[key] = value.clone();
    }
    json!({"actions": [{"enter": enter}]})
}

fn refusal(changes: &Value) -> String {
    match compile_all(&json!([rule(changes)])) {
        Ok(_) => panic!("compiled: {changes}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_rule_that_is_right_compiles() {
    let rules = compile_all(&json!([rule(&enter(&json!({
        "stop": [{"distance": {"multiple": 2.0, "of": {"indicator": {"name": "atr", "parameters": [14.0]}}}}, {"percent": 4.0}],
        "target": [{"percent": 8.0}],
    })))]))
    .unwrap();
    assert_eq!(rules.rules().len(), 1);
    assert_eq!(&*rules.find("late_stop").unwrap().name, "late_stop");
    assert!(rules.find("other").is_none());
}

#[test]
fn numbers_out_of_range_are_refused_with_their_place() {
    for (changes, expected) in [
        (
            enter(&json!({"stop": [{"percent": -1.5}]})),
            "`actions[0].enter.stop[0].percent` must be greater than 0, was `-1.5`",
        ),
        (
            enter(&json!({"stop": [{"percent": 100.0}]})),
            "`actions[0].enter.stop[0].percent` must be less than 100: a price below zero is never reached, was `100`",
        ),
        (
            enter(&json!({"target": [{"distance": {"multiple": 0.0, "of": {"number": 1.0}}}]})),
            "`actions[0].enter.target[0].distance.multiple` must be greater than 0, was `0`",
        ),
        (
            enter(&json!({"size": {"shares": "0"}})),
            "`actions[0].enter.size.shares` must be greater than 0, was `0`",
        ),
        (json!({"daily_cap": 0}), "`daily_cap` must be at least 1, was `0`"),
        (json!({"cooldown": -1_000_000_000}), "`cooldown` must not be negative, was `-1 s`"),
        (
            json!({"window": {"from_second": 60, "to_second": 86_401}}),
            "`window` must span two different seconds of 0..=86400, was `60..86401`",
        ),
    ] {
        assert_eq!(refusal(&changes), format!("rule `late_stop`: {expected}"));
    }
}

#[test]
fn an_entry_without_a_stop_needs_the_users_own_word() {
    let naked = enter(&json!({"stop": []}));
    assert_eq!(
        refusal(&naked),
        "rule `late_stop`: `actions[0].enter.stop` must be given, or `unprotected` set to true, was `[]`"
    );
    assert!(compile_all(&json!([rule(&enter(&json!({"stop": [], "unprotected": true})))])).is_ok());
    let risk = enter(&json!({"stop": [], "unprotected": true, "size": {"risk_bp": 100}}));
    assert!(refusal(&risk).contains("the size is a risk over its distance"));
}

#[test]
fn types_and_names_are_checked() {
    let compare = |left: Value, is: &str, right: Value| json!({"when": {"all": [{"compare": {"left": left, "is": is, "right": right}}]}});
    for (changes, expected) in [
        (
            compare(json!({"field": "signal.side"}), "==", json!({"number": 1.0})),
            "`when.all[0].compare.right` must be a word like `signal.side`, was `1`",
        ),
        (
            compare(json!({"field": "signal.confidence"}), ">", json!({"text": "BUY"})),
            "`when.all[0].compare.right` must be a number like `signal.confidence`, was `\"BUY\"`",
        ),
        (
            compare(json!({"field": "signal.side"}), "<", json!({"text": "BUY"})),
            "`when.all[0].compare.is` must be == or != between words, was `<`",
        ),
        (
            compare(json!({"field": "position.is_flat"}), "==", json!({"number": 1.0})),
            "`when.all[0].compare.left` must be a number or a word; use a yes-or-no field alone, was `position.is_flat`",
        ),
        (
            json!({"when": {"holds": {"field": "bar.close"}}}),
            "`when.holds` must be a yes-or-no field, was `bar.close`",
        ),
        (json!({"symbols": ["MSFT"]}), "`symbols` must name symbols of `instruments` only, was `MSFT`"),
        (json!({"symbols": ["SLV", "SLV"]}), "`symbols` must name each symbol once, was `SLV`"),
        (json!({"on": []}), "`on` must name at least one event, was `[]`"),
        (json!({"actions": []}), "`actions` must name at least one action, was `[]`"),
        (
            json!({"when": {"known": {"indicator": {"name": "atr", "parameters": [0.5]}}}}),
            "`when.known.indicator.atr.period` must be a whole number of bars from 1 to 100000, was `0.5`",
        ),
        (
            json!({"when": {"crosses": {"left": {"field": "market.price"}, "up": true, "right": {"number": 1.0}}}}),
            "`when.crosses.left` must be computed from bars: a `bar` field, an indicator or a number, was `market.price`",
        ),
        (
            json!({"actions": [{"when": {"condition": {"ask": "calm"}, "then": [{"cancel": {}}]}}]}),
            "`actions[0].when.condition` must ask no Python: custom conditions belong into the rule's own `when`, was `calm`",
        ),
    ] {
        assert_eq!(refusal(&changes), format!("rule `late_stop`: {expected}"));
    }
    assert!(
        refusal(&compare(json!({"field": "signal.side"}), "==", json!({"text": "buy"})))
            .ends_with("must be one of BUY, SELL, SHORT, NEUTRAL, was `buy`")
    );
    let unknown = json!({"when": {"known": {"indicator": {"name": "art", "parameters": []}}}});
    assert!(refusal(&unknown).starts_with("rule `late_stop`: `when.known.indicator` must be one of atr, "));
}

#[test]
fn only_a_stop_trails_and_only_a_priced_order_joins_a_group() {
    assert!(
        refusal(&enter(&json!({"target": [{"trail_percent": 2.0}]}))).contains("not trail: only a stop can")
    );
    assert!(compile_all(&json!([rule(&enter(&json!({"stop": [{"trail_percent": 2.0}]})))])).is_ok());
    let market = json!({"side": "SELL", "size": {"shares": "1"}});
    let group = json!({"actions": [{"oco_group": {"orders": [market, market], "kind": "cancel"}}]});
    assert!(refusal(&group).contains("a market order waits for none"));
}

#[test]
fn two_rules_of_one_name_are_refused() {
    let error = compile_all(&json!([rule(&json!({})), rule(&json!({}))])).unwrap_err();
    assert_eq!(error.to_string(), "rule `late_stop`: `name` must be unique, was `late_stop`");
}

#[test]
fn a_tree_too_deep_for_the_stack_is_refused() {
    let nested = |depth| {
        let tree = (0..depth).fold(Condition::Constant(true), |part, _| Condition::Not(Box::new(part)));
        let mut spec: RuleSpec = serde_json::from_str(&rule(&json!({})).to_string()).unwrap();
        spec.when = tree;
        compile(&[spec], &[], &mut IndicatorTable::new(0))
    };
    assert!(nested(63).is_ok());
    assert!(nested(64).unwrap_err().to_string().contains("must be nested less than 64 deep"));
}

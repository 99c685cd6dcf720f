//! An entry without a stop: refused by the configuration, unless the rule says `unprotected`.

use orderloom_core::engine::Engine;
use orderloom_core::event::SignalSide;
use serde_json::json;

use crate::support::{AAPL, Desk, config, entry_rule, shares};

#[test]
fn the_configuration_is_refused_with_the_place() {
    let enter = json!({"side": "BUY", "size": {"shares": "100"}});
    let error = Engine::new(config(vec![entry_rule("bare", "BUY", &enter)], json!({}))).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("rule `bare`") && text.contains("stop"), "{text}");
}

#[test]
fn with_the_word_it_is_sent_alone_and_can_be_closed() {
    let enter = json!({"side": "BUY", "size": {"shares": "100"}, "unprotected": true});
    let mut rules = crate::support::standard_rules();
    rules[0] = entry_rule("bare", "BUY", &enter);
    let mut desk = Desk::with(rules, json!({}), json!({"commission": "none"}));
    desk.market(AAPL, "150.00").signal(AAPL, SignalSide::Buy).wait(10);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(100), vec![]));
    assert!(desk.incidents().is_empty(), "nobody is alarmed about what was asked for");

    desk.signal(AAPL, SignalSide::Sell).wait(3);
    assert_eq!((desk.position(AAPL), desk.live()), (shares(0), vec![]));
    assert_eq!(desk.conclusions().len(), 1);
}

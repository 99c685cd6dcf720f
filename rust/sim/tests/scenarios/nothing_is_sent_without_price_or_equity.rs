//! Without a price, or a size by risk without equity, nothing is sent and no cooldown is consumed.

use orderloom_core::command::{Command, Notice, Reason};
use orderloom_core::engine::Engine;
use orderloom_core::event::{
    Connection, Event, EventKind, NextOrderId, Quote, Signal, SignalSide, SnapshotMark,
};
use orderloom_core::id::OrderId;
use serde_json::json;

use crate::support::{AAPL, Desk, START, config, entry_rule, price, shares};

const SIDES: [(SignalSide, &str, &str, i64); 2] =
    [(SignalSide::Buy, "BUY", "BUY", 66), (SignalSide::Short, "SHORT", "SELL", -66)];

#[test]
fn a_refused_signal_leaves_the_cooldown_and_the_symbol_free() {
    for (signal, word, side, held) in SIDES {
        let enter = json!({
            "side": side, "size": {"notional": "10000"}, "stop": [{"percent": 3.0}], "target": [{"percent": 8.0}],
        });
        let mut rule = entry_rule("enter", word, &enter);
        rule["cooldown"] = json!(600_000_000_000_i64);
        let mut desk = Desk::with(vec![rule], json!({}), json!({"commission": "none"}));
        desk.signal(AAPL, signal);
        assert_eq!(desk.blocked(), [Reason::NoPrice]);
        assert!(desk.world.observer.commands.is_empty());

        desk.wait(1).market(AAPL, "150.00").signal(AAPL, signal);
        assert_eq!(desk.position(AAPL), shares(held), "no ten minutes are waited for");
        desk.signal(AAPL, signal);
        assert_eq!(desk.blocked(), [Reason::NoPrice, Reason::Cooldown]);
    }
}

#[test]
fn a_share_of_an_unknown_equity_is_no_size() {
    for (signal, word, side, _) in SIDES {
        let enter = json!({"side": side, "size": {"risk_bp": 100}, "stop": [{"percent": 3.0}]});
        let mut engine = Engine::new(config(vec![entry_rule("enter", word, &enter)], json!({}))).unwrap();
        let (bid, ask) = (Some(price("149.99")), Some(price("150.01")));
        let quote = Quote { symbol: AAPL, bid, ask, bid_size: shares(500), ask_size: shares(500) };
        let prediction = Signal {
            key: "one".into(),
            ticker: "AAPL".into(),
            symbol: Some(AAPL),
            side: signal,
            confidence: None,
            numeric: None,
            probabilities: Box::default(),
            predicted_at: START,
            price: None,
            features: Box::default(),
        };
        let events = [
            EventKind::Connection(Connection::Up),
            EventKind::NextOrderId(NextOrderId { order_id: OrderId(1) }),
            EventKind::Snapshot(SnapshotMark::Began),
            EventKind::Snapshot(SnapshotMark::Ended),
            EventKind::Quote(quote),
            EventKind::Signal(Box::new(prediction)),
        ];
        let (mut placed, mut blocked) = (0, Vec::new());
        for (seq, kind) in (1..).zip(events) {
            let output = engine.on_event(&Event { seq, at: START, kind });
            placed += output.commands.iter().filter(|command| matches!(command, Command::Place(_))).count();
            blocked.extend(output.notices.iter().filter_map(|notice| match notice {
                Notice::RuleBlocked { reason, .. } => Some(*reason),
                _ => None,
            }));
        }
        assert_eq!((placed, blocked), (0, vec![Reason::NoEquity]));
    }
}

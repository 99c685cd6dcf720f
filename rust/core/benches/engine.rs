//! What does an event cost that no rule listens to, and what does it cost to judge a journal again?
//!
//! Quotes of 50 symbols without rules and with a hundred that never hold, beside an open trade; then the same
//! quotes as a journal has them: text that is read, judged, and whose outcome is written as text. Run with
//! `cargo bench -p orderloom-core --bench engine`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use orderloom_core::command::Mode;
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Connection, Event, EventKind, NextOrderId, Quote, SnapshotMark};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::Timestamp;
use serde_json::{Value, json};

const SYMBOLS: u32 = 50;
const QUOTES: usize = 10_000;

fn engine(rules: &[Value]) -> Engine {
    let instruments: Vec<_> =
        (0..SYMBOLS).map(|number| json!({"symbol": format!("S{number}"), "tick": "0.01"})).collect();
    let config: EngineConfig =
        serde_json::from_value(json!({"run": "bench", "instruments": instruments, "rules": rules}))
            .expect("a configuration");
    let mut engine = Engine::new(config).expect("rules that run");
    // A broker that has nothing of ours: entries may be sent.
    let broker = [
        EventKind::Connection(Connection::Up),
        EventKind::NextOrderId(NextOrderId { order_id: OrderId(1) }),
        EventKind::Snapshot(SnapshotMark::Began),
        EventKind::Snapshot(SnapshotMark::Ended),
    ];
    for kind in broker {
        engine.on_event(&Event { seq: 0, at: Timestamp(0), kind });
    }
    assert_eq!(engine.mode(), Mode::Active);
    engine
}

/// On every quote: never, at prices below a thousand.
fn never(number: u32) -> Value {
    let above = json!({"compare": {"left": {"field": "market.bid"}, "is": ">=", "right": {"number": 1_000}}});
    json!({"name": format!("r{number}"), "on": ["Quote"], "symbols": [format!("S{}", number % SYMBOLS)],
           "when": {"all": [above, {"holds": {"field": "position.is_flat"}}]},
           "actions": [{"log": {"text": "held"}}]})
}

/// Enters on its first quote, so that a trade is open.
fn once() -> Value {
    json!({"name": "in", "on": ["Quote"], "symbols": ["S0"],
           "when": {"not": {"holds": {"field": "context.is_open"}}},
           "actions": [{"enter": {"side": "BUY", "size": {"shares": "100"},
                                  "stop": [{"percent": 50.0}], "target": [{"percent": 50.0}]}}]})
}

fn quotes() -> Vec<Event> {
    let size = Quantity::from_f64(100.0).expect("finite");
    let cents = |cents: u64| Price::from_f64(cents as f64 / 100.0);
    (1..=QUOTES as u64)
        .map(|seq| {
            let bid = 10_000 + seq * 7 % 1_000;
            let quote = Quote {
                symbol: SymbolId((seq % u64::from(SYMBOLS)) as u32),
                bid: cents(bid),
                ask: cents(bid + 2),
                bid_size: size,
                ask_size: size,
            };
            Event { seq, at: Timestamp(seq as i64), kind: EventKind::Quote(quote) }
        })
        .collect()
}

fn dispatch(criterion: &mut Criterion) {
    let quotes = quotes();
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(QUOTES as u64));
    let mut hundred: Vec<Value> = (0..100).map(never).collect();
    hundred.push(once());
    for (name, rules) in [("no rules", vec![]), ("100 rules that do not hold, a trade open", hundred)] {
        let mut engine = engine(&rules);
        for quote in &quotes {
            engine.on_event(quote);
        }
        assert_eq!(engine.context(SymbolId(0)).is_some(), !rules.is_empty(), "whether a trade is open");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for quote in &quotes {
                    black_box(engine.on_event(quote));
                }
            });
        });
        assert_eq!(engine.mode(), Mode::Active, "nothing went wrong on the way");
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let rows: Vec<(u64, i64, String)> = quotes()
        .iter()
        .map(|event| (event.seq, event.at.0, serde_json::to_string(&event.kind).expect("plain data")))
        .collect();
    let rules: Vec<Value> = (0..100).map(never).collect();
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(QUOTES as u64));
    group.bench_function("quotes from their text", |bencher| {
        bencher.iter_batched_ref(
            || engine(&rules),
            |engine| {
                for (seq, at, body) in &rows {
                    let kind: EventKind = serde_json::from_str(body).expect("written above");
                    let event = Event { seq: *seq, at: Timestamp(*at), kind };
                    let output = engine.on_event(&event);
                    assert!(output.commands.is_empty());
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, dispatch, replay);
criterion_main!(benches);

//! Does a rule that cannot fire cost anything, inside Rust?
//!
//! Quotes of 50 symbols go through `Engine::on_event` with 10 to 10,000 rules of three conditions, of which
//! 1 % or 50 % of those for the quote's symbol hold. `benches/bench_rules.py` asks the same from Python.
//! Run with `cargo bench -p orderloom-core --bench rules`.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use orderloom_core::command::Notice;
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Event, EventKind, Quote};
use orderloom_core::id::SymbolId;
use orderloom_core::time::Timestamp;
use serde_json::json;

const SYMBOLS: u32 = 50;
const QUOTES: usize = 20_000;
/// Prices in cents, evenly spread over this range.
const CENTS: std::ops::Range<u32> = 10_000..20_000;

/// Numbers that look random and are the same in every run: a linear congruence modulo 2⁶⁴ by Knuth.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

struct Case {
    engine: Engine,
    quotes: Vec<Event>,
    /// How many times a rule has to fire, counted the plain way.
    firings: usize,
}

impl Case {
    fn new(rules: u32, matching: f64) -> Self {
        let mut draw = Draw(1);
        let range = CENTS.end - CENTS.start;
        let centre = CENTS.end - (f64::from(range) * matching) as u32;
        // A little different for each rule, so that no two tests are one.
        let thresholds: Vec<u32> = (0..rules).map(|_| centre - 50 + draw.below(100)).collect();
        let mut firings = 0;
        let quotes = (1..=QUOTES as u64)
            .map(|seq| {
                let symbol = draw.below(SYMBOLS);
                let bid = CENTS.start + draw.below(range);
                let own = thresholds.iter().skip(symbol as usize).step_by(SYMBOLS as usize);
                firings += own.filter(|threshold| **threshold <= bid).count();
                let size = Quantity::from_f64(100.0).expect("finite");
                let quote = Quote {
                    symbol: SymbolId(symbol),
                    bid: Some(cents(bid)),
                    ask: Some(cents(bid + 1 + draw.below(3))),
                    bid_size: size,
                    ask_size: size,
                };
                Event { seq, at: Timestamp(0), kind: EventKind::Quote(quote) }
            })
            .collect();
        Self { engine: engine(&thresholds), quotes, firings }
    }

    /// All quotes.
    fn round(&mut self) {
        let mut fired = 0;
        for quote in &self.quotes {
            let notices = self.engine.on_event(quote).notices;
            fired += notices.iter().filter(|notice| matches!(notice, Notice::RuleFired { .. })).count();
        }
        assert_eq!(fired, self.firings);
    }
}

fn cents(cents: u32) -> Price {
    Price::from_f64(f64::from(cents) / 100.0).expect("finite")
}

fn engine(thresholds: &[u32]) -> Engine {
    let field = |name: &str| json!({"field": name});
    let compare = |left, is, right| json!({"compare": {"left": left, "is": is, "right": right}});
    let rules: Vec<_> = thresholds
        .iter()
        .enumerate()
        .map(|(number, threshold)| {
            let spread = json!({"subtract": [field("market.ask"), field("market.bid")]});
            json!({
                "name": format!("r{number}"),
                "on": ["Quote"],
                "symbols": [format!("S{}", number % SYMBOLS as usize)],
                "when": {"all": [
                    compare(field("market.bid"), ">=", json!({"number": f64::from(*threshold) / 100.0})),
                    compare(spread, "<=", json!({"number": 0.05})),
                    {"holds": field("position.is_flat")},
                ]},
                "actions": [{"log": {"text": "held"}}],
            })
        })
        .collect();
    let instruments: Vec<_> =
        (0..SYMBOLS).map(|number| json!({"symbol": format!("S{number}"), "tick": "0.01"})).collect();
    let config = json!({"run": "bench", "instruments": instruments, "rules": rules});
    let config: EngineConfig = serde_json::from_value(config).expect("a configuration");
    Engine::new(config).expect("rules that run")
}

fn rules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(QUOTES as u64)).sampling_mode(SamplingMode::Flat);
    for rules in [10, 100, 1_000, 10_000] {
        for (matching, part) in [("1 % hold", 0.01), ("50 % hold", 0.5)] {
            // A case of firings by the million takes its time.
            group.sample_size(if rules == 10_000 { 10 } else { 20 });
            let mut case = Case::new(rules, part);
            group.bench_function(BenchmarkId::new(matching, rules), |bencher| bencher.iter(|| case.round()));
        }
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);

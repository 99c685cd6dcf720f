//! What do a bar, a trade and a quote of a back-test cost, inside Rust?
//!
//! Every 30 bars, if no trade is open, 100 shares go alternately long and short, with a stop at 2 and a target at 3
//! ATR(14). Played over one symbol for a year of minutes, over fifty for twenty days, and over bars alone, without
//! rules; then quotes with a bracket every ten thousand. `benches/bench_backtest.py` asks the same from Python.
//! Run with `cargo bench -p orderloom-sim --bench backtest`; a word behind `--` picks the cases that contain it,
//! `--profile-time 10` plays them for a profiler.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use orderloom_core::config::EngineConfig;
use orderloom_core::event::{EventKind, Signal, SignalSide};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{Backtest, Bars, CommissionPlan, History, Record, Ticks, VenueConfig};
use serde_json::{Value, json};

/// As the Python extension has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const START: i64 = 1_700_000_040_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// Numbers that look random and are the same in every run: a linear congruence modulo 2⁶⁴ by Knuth.
struct Draw(u64);

impl Draw {
    /// In 0..1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as f64 / f64::from(1 << 16) / f64::from(1 << 16)
    }

    /// About normal: the sum of twelve even ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

/// A random walk, eight steps a bar.
struct Walk {
    start: Vec<i64>,
    prices: [Vec<f64>; 4],
    volume: Vec<f64>,
}

impl Walk {
    fn new(length: usize, seed: u64) -> Self {
        let (mut draw, mut price) = (Draw(seed), 100.0_f64);
        let mut walk = Self { start: Vec::new(), prices: Default::default(), volume: Vec::new() };
        for number in 0..length {
            let path: [f64; 8] = std::array::from_fn(|_| {
                price = (price + 0.02 * draw.normal()).max(5.0);
                cents(price)
            });
            walk.start.push(START + number as i64 * MINUTE);
            let high = path.iter().copied().fold(f64::MIN, f64::max);
            let low = path.iter().copied().fold(f64::MAX, f64::min);
            for (column, value) in walk.prices.iter_mut().zip([path[0], high, low, path[7]]) {
                column.push(value);
            }
            walk.volume.push((1_000.0 + 8_000.0 * draw.next()).floor());
        }
        walk
    }

    fn bars(&self, symbol: u32) -> Bars<'_> {
        Bars {
            symbol: SymbolId(symbol),
            start: &self.start,
            prices: self.prices.each_ref().map(Vec::as_slice),
            volume: Some(&self.volume),
        }
    }
}

fn config(symbols: usize, rules: Value) -> EngineConfig {
    let instruments: Vec<_> =
        (0..symbols).map(|number| json!({"symbol": format!("S{number}"), "tick": "0.01"})).collect();
    serde_json::from_value(json!({"run": "bench", "instruments": instruments, "rules": rules}))
        .expect("a configuration")
}

fn alternating() -> Value {
    let is_left = |of: &str, by: f64, left: f64| {
        let rest = json!({"remainder": [{"field": of}, {"number": by}]});
        json!({"compare": {"left": rest, "is": "==", "right": {"number": left}}})
    };
    let atr = |multiple: f64| {
        let atr = json!({"indicator": {"name": "atr", "parameters": [14.0]}});
        json!([{"distance": {"multiple": multiple, "of": atr}}])
    };
    let rule = |name: &str, side: &str, turn: f64| {
        let is_free = json!({"not": {"holds": {"field": "context.is_open"}}});
        json!({
            "name": name,
            "on": ["Bar"],
            "when": {"all": [is_left("bar.index", 30.0, 29.0), is_free, is_left("context.count", 2.0, turn)]},
            "actions": [{"enter": {"side": side, "size": {"shares": "100"}, "stop": atr(2.0), "target": atr(3.0)}}],
        })
    };
    json!([rule("long", "BUY", 0.0), rule("short", "SELL", 1.0)])
}

fn on_signal() -> Value {
    json!([{
        "name": "in",
        "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "BUY"}}},
        "actions": [{"enter": {
            "side": "BUY",
            "size": {"shares": "10"},
            "stop": [{"percent": 0.1}],
            "target": [{"percent": 0.1}],
        }}],
    }])
}

fn play(config: &EngineConfig, history: &History<'_>) -> Backtest<Record> {
    let venue = VenueConfig { commission: CommissionPlan::None, ..VenueConfig::default() };
    let mut world =
        Backtest::new(config.clone(), venue, history.first(), Record::default()).expect("it runs");
    world.play(history).expect("a history");
    world
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    items: usize,
    config: &EngineConfig,
    history: &History<'_>,
) {
    let trades = play(config, history).observer.trades.len();
    let mut group = criterion.benchmark_group("backtest");
    group.throughput(Throughput::Elements(items as u64)).sampling_mode(SamplingMode::Flat).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter(|| assert_eq!(play(config, history).observer.trades.len(), trades));
    });
    group.finish();
}

fn works(criterion: &mut Criterion) {
    let year = Walk::new(97_500, 1);
    let span = Span(MINUTE);
    let one = History { bars: vec![year.bars(0)], span, ..History::default() };
    measure(criterion, "bars, no rules", 97_500, &config(1, json!([])), &one);
    measure(criterion, "bars, one symbol", 97_500, &config(1, alternating()), &one);
    let walks: Vec<Walk> = (0..50).map(|seed| Walk::new(7_800, seed)).collect();
    let bars = walks.iter().zip(0..).map(|(walk, symbol)| walk.bars(symbol)).collect();
    let many = History { bars, span, ..History::default() };
    measure(criterion, "bars, fifty symbols", 390_000, &config(50, alternating()), &many);

    let (length, every) = (1_000_000_i64, 10_000);
    let (mut draw, mut price) = (Draw(3), 100.0_f64);
    let bid: Vec<f64> = (0..length)
        .map(|_| {
            price = (price + 0.003 * draw.normal()).max(5.0);
            cents(price)
        })
        .collect();
    let ask: Vec<f64> = bid.iter().map(|bid| cents(bid + 0.01)).collect();
    let at: Vec<i64> = (0..length).map(|number| START + number * 10_000_000).collect();
    let sizes = vec![1_000.0; length as usize];
    let quotes =
        Ticks::Quotes { symbol: SymbolId(0), at: &at, prices: [&bid, &ask], sizes: Some([&sizes, &sizes]) };
    let signal = |number: i64| {
        let predicted_at = Timestamp(START + number * every * 10_000_000);
        let signal = Signal {
            key: format!("{number}").into(),
            ticker: "S0".into(),
            symbol: Some(SymbolId(0)),
            side: SignalSide::Buy,
            confidence: None,
            numeric: None,
            probabilities: [].into(),
            predicted_at,
            price: None,
            features: [].into(),
        };
        (predicted_at, EventKind::Signal(Box::new(signal)))
    };
    let events = (0..length / every).map(signal).collect();
    let quoted = History { ticks: vec![quotes], events, ..History::default() };
    measure(criterion, "quotes with brackets", length as usize, &config(1, on_signal()), &quoted);
}

criterion_group!(benches, works);
criterion_main!(benches);

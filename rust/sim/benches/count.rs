//! How many instructions does each item of these works take?
//!
//! Does a work for a number of items and says what came of it; `benches/count.py` runs it under valgrind
//! with two numbers and takes the difference, so that the start does not count. Times are criterion's, in
//! the benches beside this one.

use std::hint::black_box;

use mimalloc::MiMalloc;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Event, EventKind, Quote};
use orderloom_core::id::SymbolId;
use orderloom_core::indicator::Period;
use orderloom_core::indicator::atr::{Atr, Smoothing};
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{Backtest, Bars, Detail, History, Record, VenueConfig};
use serde_json::{Value, json};

/// As the Python extension has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SYMBOLS: u32 = 50;
const MINUTE: i64 = 60_000_000_000;
const START: i64 = 1_700_000_040_000_000_000;

/// Numbers that look random and are the same in every run: a linear congruence modulo 2⁶⁴ by Knuth.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * u64::from(end)) >> 32) as u32
    }
}

fn engine(symbols: u32, rules: &[Value]) -> Engine {
    let instruments: Vec<_> =
        (0..symbols).map(|number| json!({"symbol": format!("S{number}"), "tick": "0.01"})).collect();
    let config = json!({"run": "count", "instruments": instruments, "rules": rules});
    Engine::new(serde_json::from_value(config).expect("a configuration")).expect("rules that run")
}

fn quotes(items: usize) -> impl Iterator<Item = Event> {
    let mut draw = Draw(1);
    let cents = |cents: u32| Price::from_f64(f64::from(cents) / 100.0);
    let size = Quantity::from_f64(100.0).expect("finite");
    (1..=items as u64).map(move |seq| {
        let (symbol, bid) = (draw.below(SYMBOLS), 10_000 + draw.below(10_000));
        let quote = Quote {
            symbol: SymbolId(symbol),
            bid: cents(bid),
            ask: cents(bid + 2),
            bid_size: size,
            ask_size: size,
        };
        Event { seq, at: Timestamp(START), kind: EventKind::Quote(quote) }
    })
}

fn hear(mut engine: Engine, items: usize) -> u64 {
    quotes(items).map(|quote| engine.on_event(&quote).notices.len() as u64).sum()
}

/// Quotes that no rule listens to.
fn dispatch(items: usize) -> u64 {
    hear(engine(SYMBOLS, &[]), items)
}

/// Quotes for a thousand rules over fifty symbols, one in a hundred of which holds.
fn rules(items: usize) -> u64 {
    let rules: Vec<_> = (0..1_000)
        .map(|number| {
            let above = json!({"compare": {"left": {"field": "market.bid"}, "is": ">=",
                                           "right": {"number": 198.5 + f64::from(number % 100) / 100.0}}});
            json!({"name": format!("r{number}"), "on": ["Quote"], "symbols": [format!("S{}", number % SYMBOLS)],
                   "when": {"all": [above, {"holds": {"field": "position.is_flat"}}]},
                   "actions": [{"log": {"text": "held"}}]})
        })
        .collect();
    hear(engine(SYMBOLS, &rules), items)
}

/// Bars through engine and venue: a bracket every thirty, exits by the ATR.
fn linked(items: usize) -> u64 {
    bars(items, 29)
}

/// Bars that no rule acts on, and no order waits for.
fn idle(items: usize) -> u64 {
    bars(items, 30)
}

/// Bars, and a bracket after those whose number leaves `due` when it is divided by thirty.
fn bars(items: usize, due: u32) -> u64 {
    let at_distance = |multiple: f64| json!([{"distance": {"multiple": multiple, "of": {"indicator": {"name": "atr", "parameters": [14]}}}}]);
    let due = json!({"compare": {"left": {"remainder": [{"field": "bar.index"}, {"number": 30}]}, "is": "==",
                                 "right": {"number": due}}});
    let rule = json!({"name": "in", "on": ["Bar"], "symbols": [],
                      "when": {"all": [due, {"not": {"holds": {"field": "context.is_open"}}}]},
                      "actions": [{"enter": {"side": "BUY", "size": {"shares": "100"},
                                             "stop": at_distance(2.0), "target": at_distance(3.0)}}]});
    let config = json!({"run": "count", "instruments": [{"symbol": "S0", "tick": "0.01"}], "rules": [rule]});
    let mut draw = Draw(2);
    let mut price = 10_000;
    let mut columns: [Vec<f64>; 4] = Default::default();
    for _ in 0..items {
        let path = [(); 4].map(|()| {
            price = (price + draw.below(11) as i32 - 5).max(500);
            f64::from(price) / 100.0
        });
        let high = path.iter().copied().fold(path[0], f64::max);
        let low = path.iter().copied().fold(path[0], f64::min);
        for (column, value) in columns.iter_mut().zip([path[0], high, low, path[3]]) {
            column.push(value);
        }
    }
    let start: Vec<i64> = (0..items as i64).map(|number| START + number * MINUTE).collect();
    let bars = Bars {
        symbol: SymbolId(0),
        start: &start,
        prices: columns.each_ref().map(Vec::as_slice),
        volume: None,
    };
    let history = History {
        bars: vec![bars],
        ticks: vec![],
        span: Span(MINUTE),
        detail: Detail::Bars,
        is_limited_by_volume: false,
        sessions: vec![],
        events: vec![],
        from: None,
        to: None,
    };
    let config = serde_json::from_value(config).expect("a configuration");
    let mut world = Backtest::new(config, VenueConfig::default(), Timestamp(START), Record::default())
        .expect("rules that run");
    world.play(&history).expect("bars that can be played");
    world.observer.trades.len() as u64
}

/// Bars through the streaming ATR.
fn atr(items: usize) -> u64 {
    let mut draw = Draw(3);
    let mut atr = Atr::new(Period::new(14).expect("above 0"), Smoothing::Wilder);
    let mut known = 0;
    for _ in 0..items {
        let low = 100.0 + f64::from(draw.below(100)) / 100.0;
        known += u64::from(black_box(atr.update(low + 1.0, low, low + 0.5)).is_some());
    }
    known
}

/// Does so many items and tells a number that follows from them.
type Work = fn(usize) -> u64;

const WORKS: [(&str, Work); 5] =
    [("dispatch", dispatch), ("rules", rules), ("idle", idle), ("linked", linked), ("atr", atr)];

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|text| !text.starts_with("--")).collect();
    // `cargo bench` without a name has nothing to count.
    if let [name, items] = &given[..] {
        let (_, work) = WORKS.iter().find(|(known, _)| known == name).expect("a work's name");
        println!("{}", work(items.parse().expect("a number of items")));
    }
}

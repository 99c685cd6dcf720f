//! How many events a second reach handlers that stay in Rust?
//!
//! Asked of the table that `orderloom.EventBus` routes by, with functions of Rust as its subscribers: half
//! of them subscribed to the event's own class, half to its ancestor. What `EventBus` adds to this is
//! Python: its lock, and a call of the interpreter for each handler (`benches/bench_bus.py`). Rules and
//! orders are no subscribers of it; the engine hears its events without a bus.
//! Run with `cargo bench -p orderloom-core --bench bus`.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use orderloom_core::bus::{ClassId, Subscriptions};
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::Trade;
use orderloom_core::id::SymbolId;

const EVENTS: u64 = 1_000;
const CLASSES: usize = 8;

type Handler = Rc<dyn Fn(&Trade)>;

/// Classes that inherit from one, with so many handlers each; the cell counts calls.
fn bus(handlers: usize) -> (Subscriptions<Handler>, Vec<ClassId>, Rc<Cell<u64>>) {
    let mut bus = Subscriptions::<Handler>::default();
    let base = bus.register(&[]);
    let classes: Vec<ClassId> = (0..CLASSES).map(|_| bus.register(&[base])).collect();
    let calls = Rc::new(Cell::new(0));
    let handler = || -> Handler {
        let calls = Rc::clone(&calls);
        Rc::new(move |trade| calls.set(calls.get() + trade.size.counts() as u64))
    };
    for _ in 0..handlers / 2 {
        bus.subscribe(base, handler());
    }
    for class in &classes {
        for _ in handlers / 2..handlers {
            bus.subscribe(*class, handler());
        }
    }
    (bus, classes, calls)
}

fn publish(bus: &mut Subscriptions<Handler>, classes: &[ClassId], trade: &Trade) {
    for number in 0..EVENTS as usize {
        for handler in &*bus.route(classes[number % CLASSES]) {
            handler(black_box(trade));
        }
    }
}

fn events(criterion: &mut Criterion) {
    let trade = Trade { symbol: SymbolId(0), price: Price::from_counts(1), size: Quantity::from_counts(1) };
    let mut group = criterion.benchmark_group("bus, handlers in Rust");
    group.throughput(Throughput::Elements(EVENTS));
    for handlers in [1, 2, 10] {
        let (mut bus, classes, calls) = bus(handlers);
        publish(&mut bus, &classes, &trade);
        assert_eq!(
            calls.get(),
            EVENTS * handlers as u64,
            "each event reaches every handler of its class once"
        );
        group.bench_function(format!("{handlers} a class"), |bencher| {
            bencher.iter(|| publish(&mut bus, &classes, &trade));
        });
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);

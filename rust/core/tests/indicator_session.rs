//! Indicators of the session start afresh with the exchange's date, symbol by symbol.

use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Bar, Event, EventKind, SessionKnown};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Date, Session, Span, Timestamp};

const HERE: SymbolId = SymbolId(0);
const ELSEWHERE: SymbolId = SymbolId(1);
const MONDAY: Date = Date(2026_03_09);
/// From 1970 to Tuesday in UTC.
const DAY: i64 = 20_522 * 86_400_000_000_000;
const TUESDAY: Date = Date(2026_03_10);

fn engine() -> Engine {
    let config: EngineConfig = serde_json::from_str(
        r#"{
            "run": "session",
            "instruments": [{"symbol": "HERE", "tick": "0.01"}, {"symbol": "ELSEWHERE", "tick": "0.01"}],
            "rules": [{
                "name": "above-vwap",
                "on": ["Bar"],
                "when": {"compare": {
                    "left": {"field": "bar.close"},
                    "is": ">",
                    "right": {"indicator": {"name": "vwap", "parameters": []}}
                }},
                "actions": [{"close_all": {}}]
            }]
        }"#,
    )
    .unwrap();
    Engine::new(config).unwrap()
}

fn bar(symbol: SymbolId, price: f64, volume: i64) -> EventKind {
    bar_at(symbol, 0, price, volume)
}

fn bar_at(symbol: SymbolId, start: i64, price: f64, volume: i64) -> EventKind {
    let price = Price::from_f64(price).unwrap();
    EventKind::Bar(Bar {
        symbol,
        start: Timestamp(start),
        span: Span::from_secs(60),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::from_f64(volume as f64).unwrap(),
        is_history: false,
    })
}

fn session(symbol: SymbolId, date: Date, close: i64) -> EventKind {
    let session = Session { date, utc_offset: Span::ZERO, open: Timestamp(0), close: Timestamp(close) };
    EventKind::Session(SessionKnown { symbol, session })
}

fn vwap_after(engine: &mut Engine, symbol: SymbolId, events: &[EventKind]) -> Option<f64> {
    for kind in events {
        engine.on_event(&Event { seq: 1, at: Timestamp(1), kind: kind.clone() });
    }
    let (spec, value) = engine.indicators(symbol).next().unwrap();
    assert_eq!(&*spec.name, "vwap");
    value
}

#[test]
fn vwap_forgets_yesterday_and_nothing_else() {
    let mut engine = engine();
    let yesterday = [session(HERE, MONDAY, 2), bar(HERE, 100.0, 300), bar(HERE, 104.0, 100)];
    assert_eq!(vwap_after(&mut engine, HERE, &yesterday), Some(101.0));
    vwap_after(&mut engine, ELSEWHERE, &[session(ELSEWHERE, MONDAY, 2), bar(ELSEWHERE, 50.0, 100)]);

    // The same date again, with an earlier close: the session goes on.
    let same_date = [session(HERE, MONDAY, 1), bar(HERE, 105.0, 400)];
    assert_eq!(vwap_after(&mut engine, HERE, &same_date), Some(103.0));

    let today = [session(HERE, TUESDAY, 4), bar(HERE, 90.0, 100)];
    assert_eq!(vwap_after(&mut engine, HERE, &today), Some(90.0));

    assert_eq!(vwap_after(&mut engine, ELSEWHERE, &[bar(ELSEWHERE, 60.0, 100)]), Some(55.0));
}

#[test]
fn vwap_forgets_yesterday_also_after_a_restart_within_the_day() {
    let mut engine = engine();
    let hours = Session {
        date: TUESDAY,
        utc_offset: Span::ZERO,
        open: Timestamp(DAY),
        close: Timestamp(DAY + 3_600_000_000_000),
    };
    let known = || EventKind::Session(SessionKnown { symbol: HERE, session: hours });
    vwap_after(&mut engine, HERE, &[known(), bar_at(HERE, DAY, 100.0, 300)]);
    let config = Box::new(engine.config().clone());
    let again = [EventKind::Restarted(config), known(), bar(HERE, 50.0, 100)];
    assert_eq!(vwap_after(&mut engine, HERE, &again), Some(50.0), "the warm-up brings yesterday's bars");
    let today = [bar_at(HERE, DAY, 100.0, 300), bar_at(HERE, DAY + 60_000_000_000, 104.0, 100)];
    assert_eq!(vwap_after(&mut engine, HERE, &today), Some(101.0), "and today's once more");
}

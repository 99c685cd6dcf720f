//! Longer bars: where they begin and end, and indicators that are computed from them.

use orderloom_core::command::Notice;
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Bar, Event, EventKind, SessionKnown, Trade};
use orderloom_core::id::SymbolId;
use orderloom_core::indicator::frame::{Built, Frame, Resampler, Source};
use orderloom_core::indicator::{Candle, Indicator};
use orderloom_core::time::{Date, Session, Span, Timestamp};
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const SYMBOL: SymbolId = SymbolId(0);

/// New York, 9:30 to `close` o'clock, five hours behind UTC; days since 1970.
fn session(day: i64, close: i64) -> Session {
    let midnight = day * DAY + 5 * HOUR;
    Session {
        date: Date(1970_01_01 + u32::try_from(day).unwrap()),
        utc_offset: Span(-5 * HOUR),
        open: Timestamp(midnight + 9 * HOUR + 30 * MINUTE),
        close: Timestamp(midnight + close * HOUR),
    }
}

fn frame(minutes: i64) -> Frame {
    Frame { span: Span(minutes * MINUTE), of: Source::Bars }.checked().unwrap()
}

fn flat(price: f64) -> Candle {
    Candle { open: price, high: price, low: price, close: price, volume: 1.0 }
}

/// Longer bars of the session's minutes, as minutes after its open: beginning, end, minutes held.
fn minutes_of(session: &Session, span: i64) -> Vec<(i64, i64, f64)> {
    let mut found = Vec::new();
    let mut resampler = Resampler::new(frame(span));
    for minute in (session.open.0..session.close.0).step_by(MINUTE as usize) {
        resampler.bar(Timestamp(minute), Span(MINUTE), &flat(1.0), Some(session), |built| found.push(built));
    }
    assert_eq!(resampler.rest(), None, "the last minute of the session completes its bar");
    let after_open = |at: Timestamp| (at - session.open).0 / MINUTE;
    found.iter().map(|b| (after_open(b.bounds.start), after_open(b.bounds.end), b.candle.volume)).collect()
}

#[test]
fn bars_lie_on_the_clock_and_end_with_the_session() {
    let hours = minutes_of(&session(10, 16), 60);
    assert_eq!(hours[..2], [(0, 30, 30.0), (30, 90, 60.0)]);
    assert_eq!(hours.last(), Some(&(330, 390, 60.0)));
    // 13:00 on a half day is in the midst of the bar from 12 to 16 o'clock.
    assert_eq!(minutes_of(&session(10, 13), 240), [(0, 150, 150.0), (150, 210, 60.0)]);
    assert_eq!(minutes_of(&session(10, 16), 1_440), [(0, 390, 390.0)]);
}

#[test]
fn a_bar_holds_no_minute_from_beyond_a_close_or_an_open() {
    let today = session(10, 13);
    let mut found = Vec::new();
    let mut resampler = Resampler::new(frame(1_440));
    for day in 9..12 {
        // From 4:00 to 20:00, as extended hours have it; only the session of day 10 is known.
        let midnight = day * DAY + 5 * HOUR;
        for hour in 4..20 {
            let at = Timestamp(midnight + hour * HOUR);
            resampler.bar(at, Span(HOUR), &flat(hour as f64), Some(&today), |built| found.push(built));
        }
    }
    let closes: Vec<_> = found.iter().map(|built| (built.candle.open, built.candle.close)).collect();
    assert_eq!(closes, [(4.0, 19.0), (4.0, 9.0), (10.0, 12.0), (13.0, 19.0)]);
    assert_eq!(resampler.rest().map(|built| built.candle.volume), Some(16.0));
}

#[test]
fn a_missing_minute_delays_a_bar_and_one_of_another_span_is_passed_over() {
    let mut found: Vec<Built> = Vec::new();
    let mut resampler = Resampler::new(frame(5));
    let mut bar = |minute: i64, span: i64| {
        let (at, span) = (Timestamp(minute * MINUTE), Span(span * MINUTE));
        resampler.bar(at, span, &flat(minute as f64), None, |built| found.push(built));
    };
    bar(0, 1);
    bar(2, 2);
    bar(3, 1);
    bar(7, 1);
    bar(6, 1);
    bar(2, 1);
    bar(9, 1);
    let closes: Vec<_> = found.iter().map(|built| (built.candle.close, built.candle.volume)).collect();
    // Minute 6 came after 7 and is of the same bar, minute 2 is of a bar that was told already.
    assert_eq!(closes, [(3.0, 2.0), (9.0, 3.0)]);
}

#[test]
fn a_span_that_does_not_divide_a_day_is_refused() {
    for (span, is_good) in [(7 * MINUTE, false), (MINUTE, true), (DAY, true), (2 * DAY, false), (1, false)] {
        assert_eq!(Frame { span: Span(span), of: Source::Bars }.checked().is_ok(), is_good, "{span}");
    }
}

fn engine(when: &str) -> Engine {
    let config: EngineConfig = serde_json::from_str(&format!(
        r#"{{
            "run": "frames",
            "instruments": [{{"symbol": "HERE", "tick": "0.01"}}],
            "rules": [{{"name": "r", "on": ["Bar"], "when": {when}, "actions": [{{"close_all": {{}}}}]}}]
        }}"#
    ))
    .unwrap();
    Engine::new(config).unwrap()
}

fn over(name: &str, parameters: &str, minutes: i64, of: &str) -> String {
    let span = minutes * MINUTE;
    format!(
        r#"{{"compare": {{"left": {{"field": "bar.close"}}, "is": ">", "right": {{"indicator":
           {{"name": "{name}", "parameters": [{parameters}], "over": {{"span": {span}, "of": "{of}"}}}}}}}}}}"#
    )
}

fn tell(engine: &mut Engine, at: i64, kind: EventKind) -> Option<f64> {
    engine.on_event(&Event { seq: 1, at: Timestamp(at), kind });
    engine.indicators(SYMBOL).next().unwrap().1
}

fn bar(start: i64, price: f64) -> EventKind {
    let price = Price::from_f64(price).unwrap();
    let volume = Quantity::from_f64(1.0).unwrap();
    EventKind::Bar(Bar {
        symbol: SYMBOL,
        start: Timestamp(start),
        span: Span(MINUTE),
        open: price,
        high: price,
        low: price,
        close: price,
        volume,
        is_history: false,
    })
}

#[test]
fn a_rules_indicator_over_longer_bars_changes_with_their_last_minute() {
    let mut engine = engine(&over("sma", "2", 5, "bars"));
    assert_eq!(engine.indicators(SYMBOL).next().unwrap().0.to_string(), r#"over(sma(2), "5m")"#);
    let minutes: Vec<_> =
        (0..15).map(|n| tell(&mut engine, (n + 1) * MINUTE, bar(n * MINUTE, n as f64 + 1.0))).collect();
    assert_eq!(minutes[..9], [None; 9]);
    // Closes of five minutes: 5, 10, 15.
    assert_eq!(minutes[9..14], [Some(7.5); 5]);
    assert_eq!(minutes[14], Some(12.5));
    assert_eq!(engine.warm_up_bars(Span(MINUTE)), 15);
    assert!(engine.misfit(Span(MINUTE)).is_none());
    assert!(engine.misfit(Span(2 * MINUTE)).is_some());
}

#[test]
fn bars_of_prints_leave_out_what_traded_outside_the_session() {
    let mut engine = engine(&over("sma", "1", 1, "trades"));
    assert_eq!(engine.warm_up_bars(Span(MINUTE)), 0);
    let today = session(10, 16);
    let mut print = |at: i64, price: f64| {
        let (price, size) = (Price::from_f64(price).unwrap(), Quantity::from_f64(1.0).unwrap());
        tell(&mut engine, at, EventKind::Trade(Trade { symbol: SYMBOL, price, size }))
    };
    assert_eq!(print(today.open.0 - 2 * MINUTE, 50.0), None);
    assert_eq!(print(today.open.0 - MINUTE + 1, 51.0), Some(50.0), "no session is known yet");
    tell(&mut engine, today.open.0 - 1, EventKind::Session(SessionKnown { symbol: SYMBOL, session: today }));
    let mut print = |at: i64, price: f64| {
        let (price, size) = (Price::from_f64(price).unwrap(), Quantity::from_f64(1.0).unwrap());
        tell(&mut engine, at, EventKind::Trade(Trade { symbol: SYMBOL, price, size }))
    };
    assert_eq!(print(today.close.0 - 2, 100.0), Some(51.0));
    assert_eq!(print(today.close.0 - 1, 101.0), Some(51.0));
    assert_eq!(
        print(today.close.0, 200.0),
        Some(101.0),
        "after the close: it completes, and counts for nothing"
    );
    assert_eq!(print(today.close.0 + 2 * MINUTE, 300.0), Some(101.0));
}

#[test]
fn a_rule_on_bars_sees_a_line_of_prints_cross_once() {
    let span = MINUTE;
    let crossing = format!(
        r#"{{"crosses": {{"left": {{"indicator": {{"name": "sma", "parameters": [1],
           "over": {{"span": {span}, "of": "trades"}}}}}}, "up": true, "right": {{"number": 100.0}}}}}}"#
    );
    let mut engine = engine(&crossing);
    let has_held = |engine: &mut Engine, at: i64, kind: EventKind| {
        let output = engine.on_event(&Event { seq: 1, at: Timestamp(at), kind });
        output.notices.iter().any(|notice| matches!(notice, Notice::RuleBlocked { .. }))
    };
    let print = |price: f64| {
        let (price, size) = (Price::from_f64(price).unwrap(), Quantity::from_f64(1.0).unwrap());
        EventKind::Trade(Trade { symbol: SYMBOL, price, size })
    };
    assert!(!has_held(&mut engine, 1, print(99.0)));
    assert!(!has_held(&mut engine, MINUTE + 1, bar(0, 99.0)), "the first minute of prints is complete");
    assert!(!has_held(&mut engine, MINUTE + 2, print(101.0)));
    assert!(
        !has_held(&mut engine, 2 * MINUTE, print(101.0)),
        "the second is, by the first print of the third"
    );
    assert!(!has_held(&mut engine, 2 * MINUTE + 1, print(102.0)), "and stays so");
    assert!(has_held(&mut engine, 2 * MINUTE + 2, bar(MINUTE, 101.0)), "seen by the bar that comes next");
    assert!(!has_held(&mut engine, 3 * MINUTE + 2, bar(2 * MINUTE, 102.0)), "and by no other");
}

#[test]
fn a_print_without_a_price_is_in_no_bar() {
    let mut engine = engine(&over("sma", "1", 1, "trades"));
    let mut print = |at: i64, price: f64| {
        let (price, size) = (Price::from_f64(price).unwrap(), Quantity::from_f64(1.0).unwrap());
        tell(&mut engine, at, EventKind::Trade(Trade { symbol: SYMBOL, price, size }))
    };
    assert_eq!(print(1, 50.0), None);
    assert_eq!(print(2, 0.0), None);
    assert_eq!(print(MINUTE, 51.0), Some(50.0));
}

#[test]
fn vwap_over_longer_bars_begins_again_with_the_day_although_its_last_minute_comes_late() {
    let mut engine = engine(&over("vwap", "", 60, "bars"));
    let (monday, tuesday) = (session(10, 16), session(11, 16));
    let known = |session| EventKind::Session(SessionKnown { symbol: SYMBOL, session });
    tell(&mut engine, monday.open.0, known(monday));
    let last = monday.close.0 - MINUTE;
    for start in (last - 9 * MINUTE..last).step_by(MINUTE as usize) {
        tell(&mut engine, start + MINUTE, bar(start, 100.0));
    }
    tell(&mut engine, monday.close.0, known(tuesday));
    // The broker tells a day's last minute when the next one begins. High, low and close of that hour.
    let last_hour = (200.0 + 100.0 + 200.0) / 3.0;
    assert_eq!(tell(&mut engine, tuesday.open.0 + MINUTE, bar(last, 200.0)), Some(last_hour));
    for start in (tuesday.open.0..tuesday.open.0 + 30 * MINUTE).step_by(MINUTE as usize) {
        tell(&mut engine, start + MINUTE, bar(start, 50.0));
    }
    assert_eq!(engine.indicators(SYMBOL).next().unwrap().1, Some(50.0));
}

proptest! {
    /// What grows bar by bar is what a look back over all of them finds, whatever is missing.
    #[test]
    fn streaming_equals_gathering(
        kept in prop::collection::vec((any::<bool>(), 1.0..100.0_f64), 1..800),
        span in prop::sample::select(vec![2_i64, 5, 15, 30, 60, 240, 1_440]),
        close in prop::sample::select(vec![13_i64, 16]),
    ) {
        let today = session(10, close);
        let first = today.open.0 - 60 * MINUTE;
        let rows: Vec<_> = kept.iter().enumerate().filter(|(_, (is_kept, _))| *is_kept)
            .map(|(place, (_, price))| (Timestamp(first + place as i64 * MINUTE), flat(*price))).collect();

        let mut streamed = Vec::new();
        let mut resampler = Resampler::new(frame(span));
        for (at, candle) in &rows {
            resampler.bar(*at, Span(MINUTE), candle, Some(&today), |built| {
                assert!(at.0 + MINUTE >= built.bounds.end.0, "told before it was over");
                streamed.push(built);
            });
        }
        streamed.extend(resampler.rest());

        // Independently: the part of the day, then the local clock in steps of the span.
        let part = |at: i64| (at >= today.open.0) as i64 + (at >= today.close.0) as i64;
        let step = |at: i64| (at - 5 * HOUR) / (span * MINUTE);
        let mut gathered: Vec<((i64, i64), Candle)> = Vec::new();
        for (at, candle) in &rows {
            let key = (part(at.0), step(at.0));
            match gathered.last_mut().filter(|(last, _)| *last == key) {
                Some((_, sum)) => *sum = Candle {
                    open: sum.open,
                    high: sum.high.max(candle.high),
                    low: sum.low.min(candle.low),
                    close: candle.close,
                    volume: sum.volume + candle.volume,
                },
                None => gathered.push((key, *candle)),
            }
        }
        let candles: Vec<_> = streamed.iter().map(|built| built.candle).collect();
        prop_assert_eq!(&candles, &gathered.iter().map(|(_, candle)| *candle).collect::<Vec<_>>());

        // And an indicator of the engine is the same indicator over the complete ones.
        let mut engine = engine(&over("ema", "3", span, "bars"));
        tell(&mut engine, 0, EventKind::Session(SessionKnown { symbol: SYMBOL, session: today }));
        let mut plain = Indicator::new("ema", &[3.0]).unwrap().0;
        let mut complete = streamed.iter().peekable();
        let mut expected = None;
        for (place, (at, candle)) in rows.iter().enumerate() {
            if place == rows.len() / 2 {
                // Written down in the midst of a bar, and taken up again.
                engine = serde_json::from_str(&serde_json::to_string(&engine).unwrap()).unwrap();
            }
            let end = at.0 + MINUTE;
            let value = tell(&mut engine, end, bar(at.0, candle.close));
            while let Some(built) = complete.next_if(|built| built.bounds.end.0 <= end) {
                expected = plain.update(&Candle { close: Price::from_f64(built.candle.close).unwrap().to_f64(), ..built.candle })[0];
            }
            prop_assert_eq!(value, expected);
        }
    }
}

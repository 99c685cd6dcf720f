//! Quotes that lead to nothing are passed over, and nobody can tell: a back-test whose observer hears every
//! event decides, fills and remembers the same.

use orderloom_core::command::{Command, Notice};
use orderloom_core::config::EngineConfig;
use orderloom_core::engine::Engine;
use orderloom_core::event::{Event, EventKind, Reading};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Date, Session, Span, Timestamp};
use orderloom_sim::{Backtest, History, HistoryError, Latency, Observer, Record, Ticks, VenueConfig};
use proptest::prelude::*;
use serde_json::{Value, json};

const START: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;
const ROWS: usize = 600;

/// Keeps a record, and counts what it hears.
struct Ear {
    record: Record,
    hears_everything: bool,
    heard: u64,
}

impl Observer for Ear {
    fn hears_everything(&self) -> bool {
        self.hears_everything
    }

    fn on_event(&mut self, event: &Event, commands: &[Command], notices: &[Notice]) {
        self.heard += 1;
        self.record.on_event(event, commands, notices);
    }

    fn on_moment(&mut self, at: Timestamp, engine: &Engine) {
        self.record.on_moment(at, engine);
    }
}

struct Columns {
    at: Vec<i64>,
    prices: [Vec<f64>; 2],
    sizes: [Vec<f64>; 2],
}

impl Columns {
    /// A walk in cents; now and then a side is missing, or the quote is crossed.
    fn of(rows: &[(i64, i64, u8)]) -> Self {
        let (mut at, mut cents) = (START, 10_000);
        let mut columns = Self { at: Vec::new(), prices: Default::default(), sizes: Default::default() };
        for &(wait, step, kind) in rows {
            (at, cents) = (at + wait * SECOND / 4, cents + step);
            let bid = cents as f64 / 100.0;
            let (bid, ask) = match kind {
                0 => (f64::NAN, bid + 0.01),
                1 => (bid, 0.0),
                2 => (bid, bid - 0.02),
                _ => (bid, bid + 0.01),
            };
            columns.at.push(at);
            columns.prices[0].push(bid);
            columns.prices[1].push(ask);
            columns.sizes[0].push(f64::from(kind % 3) * 40.0);
            columns.sizes[1].push(f64::from(kind % 5) * 30.0);
        }
        columns
    }

    fn ticks(&self) -> Ticks<'_> {
        Ticks::Quotes {
            symbol: SymbolId(0),
            at: &self.at,
            prices: self.prices.each_ref().map(Vec::as_slice),
            sizes: Some(self.sizes.each_ref().map(Vec::as_slice)),
        }
    }
}

/// Whatever an order can wait for: prices, a time, another order.
fn rules() -> Value {
    let bid = |shift: f64| json!({"add": [{"field": "market.bid"}, {"number": shift}]});
    let rule = |name: &str, number: f64, action: Value| {
        let wanted =
            json!({"compare": {"left": {"reading": "wanted"}, "is": "==", "right": {"number": number}}});
        json!({"name": name, "on": ["Reading"], "when": wanted, "actions": [action]})
    };
    let exits = json!([{"percent": 0.1}]);
    let size = json!({"shares": "100"});
    json!([
        rule("bracket", 0.0, json!({"enter": {"side": "BUY", "size": size, "stop": exits, "target": exits}})),
        rule("short", 1.0, json!({"enter": {"side": "SELL", "size": size, "stop": exits, "target": exits}})),
        rule("trail", 2.0, json!({"enter": {"side": "BUY", "size": size, "stop": [{"trail_percent": 0.1}]}})),
        rule(
            "resting",
            3.0,
            json!({"enter": {"side": "BUY", "size": size, "stop": exits, "target": exits, "limit": bid(-0.03),
                             "expires_after": 20 * SECOND}}),
        ),
        rule(
            "single",
            4.0,
            json!({"order": {"side": "SELL", "size": size, "limit": bid(0.04), "tif": "DAY"}})
        ),
        rule("stop", 5.0, json!({"order": {"side": "BUY", "size": size, "stop": bid(0.06)}})),
        rule("close", 6.0, json!({"close_all": {}})),
    ])
}

fn config(rules: &Value) -> EngineConfig {
    let instruments = json!([{"symbol": "A", "tick": "0.01"}]);
    serde_json::from_value(json!({"run": "quiet", "instruments": instruments, "rules": rules})).unwrap()
}

fn wanted(at: i64, number: u8) -> (Timestamp, EventKind) {
    let reading =
        Reading { name: "wanted".into(), symbol: Some(SymbolId(0)), value: Some(f64::from(number)) };
    (Timestamp(at), EventKind::Reading(reading))
}

fn played(
    rules: &Value,
    venue: &VenueConfig,
    history: &History<'_>,
    hears_everything: bool,
) -> (Backtest<Ear>, Result<(), HistoryError>) {
    let ear = Ear { record: Record::default(), hears_everything, heard: 0 };
    let mut world = Backtest::new(config(rules), venue.clone(), history.first(), ear).unwrap();
    let result = world.play(history);
    (world, result)
}

/// Everything that is left of a run.
fn left(world: &Backtest<Ear>) -> impl PartialEq + std::fmt::Debug {
    let Record { trades, blocked, incidents, moments, profit, fired, .. } = &world.observer.record;
    let fills = serde_json::to_string(world.venue.executions()).unwrap();
    let open: Vec<_> = world.venue.live_orders().collect();
    (
        (format!("{trades:?} {blocked:?} {incidents:?} {moments:?} {profit:?}"), *fired, world.events()),
        (serde_json::to_string(&world.engine).unwrap(), fills, format!("{open:?}"), world.now()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn passing_over_changes_nothing(
        rows in prop::collection::vec((0..4_i64, -2..=2_i64, prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10_u8])), ROWS),
        wants in prop::collection::vec((0..ROWS as i64 / 2, 0..7_u8), 0..12),
        latency in prop::sample::select(vec![0, 0, SECOND / 3]),
        close in 100..400_i64,
    ) {
        let columns = Columns::of(&rows);
        let mut events: Vec<_> = wants.iter().map(|(at, number)| wanted(START + at * SECOND, *number)).collect();
        events.sort_by_key(|(at, _)| *at);
        let session = |date, open: i64, close: i64| Session {
            date: Date(date),
            utc_offset: Span(0),
            open: Timestamp(START + open * SECOND),
            close: Timestamp(START + close * SECOND),
        };
        let sessions = vec![session(2023_11_14, -100, close), session(2023_11_15, close + 20, 10_000)];
        let history = History { ticks: vec![columns.ticks()], events, sessions, ..History::default() };
        let way = Span(latency);
        let venue = VenueConfig {
            latency: Latency { order_ns: way, report_ns: way, jitter_ns: way },
            ..VenueConfig::default()
        };
        let (every, told) = played(&rules(), &venue, &history, true);
        let (some, passed) = played(&rules(), &venue, &history, false);
        prop_assert_eq!(told, passed);
        prop_assert_eq!(left(&every), left(&some));
        prop_assert_eq!(every.observer.heard, every.events());
        prop_assert!(some.observer.heard < some.events(), "nothing was passed over");
    }
}

/// A hundred quotes around a bracket that none of them touches: the run hears of a handful, and where the price
/// leaves the bracket it is closed.
#[test]
fn a_bracket_that_is_not_touched_lets_quotes_pass() {
    let mut rows = vec![(1, 0, 3); 2_000];
    rows[1_900].1 = 20;
    let columns = Columns::of(&rows);
    let events = vec![wanted(START + SECOND, 0)];
    let history = History { ticks: vec![columns.ticks()], events, ..History::default() };
    let (world, result) = played(&rules(), &VenueConfig::default(), &history, false);
    assert_eq!(result, Ok(()));
    assert_eq!(world.observer.record.trades.len(), 1, "the target was reached");
    assert!(world.events() > 2_000, "every quote is counted");
    assert!(world.observer.heard < 100, "{} events were heard", world.observer.heard);
}

/// A rule on quotes hears each of them.
#[test]
fn nothing_is_passed_over_where_a_rule_listens() {
    let above =
        json!({"compare": {"left": {"field": "market.bid"}, "is": ">", "right": {"number": 1_000_000.0}}});
    let rules =
        json!([{"name": "high", "on": ["Quote"], "when": above, "actions": [{"log": {"text": "high"}}]}]);
    let columns = Columns::of(&[(1, 1, 3); 50]);
    let history = History { ticks: vec![columns.ticks()], ..History::default() };
    let (world, result) = played(&rules, &VenueConfig::default(), &history, false);
    assert_eq!(result, Ok(()));
    assert_eq!(world.observer.heard, world.events());
}

/// A row that cannot be played is found at its place, and what came before it has happened.
#[test]
fn what_is_wrong_with_a_row_is_told_behind_rows_that_were_passed_over() {
    for (spoil, text) in [
        (0, "A, row 700: `bid` must be a price above 0, was `-1`"),
        (1, "A, row 700: `ask_size` must be a size of 0 or more, was `-1`"),
        (
            2,
            "A, row 700: a time after the row before was expected, times go back by 0.000000001 s, \
             hint: sort the rows by time",
        ),
    ] {
        let mut columns = Columns::of(&[(1, 0, 3); 1_000]);
        match spoil {
            0 => columns.prices[0][700] = -1.0,
            1 => columns.sizes[1][700] = -1.0,
            _ => columns.at[700] = columns.at[699] - 1,
        }
        let history = History { ticks: vec![columns.ticks()], ..History::default() };
        let (some, passed) = played(&rules(), &VenueConfig::default(), &history, false);
        let (every, told) = played(&rules(), &VenueConfig::default(), &history, true);
        assert_eq!(passed.unwrap_err().to_string(), text);
        assert_eq!(told.unwrap_err().to_string(), text);
        assert_eq!(left(&every), left(&some));
        assert!(some.observer.heard < 50 && some.events() > 700);
    }
}

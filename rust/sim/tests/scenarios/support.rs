//! The desk that every scenario sits at: two symbols, one rule set, a venue without commissions
//! unless asked, and the checks that must hold after every event.

use orderloom_core::command::{Command, Conclusion, IncidentCode, Notice, Reason, Role};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::event::{Bar, Event, EventKind, Quote, Signal, SignalSide, Trade};
use orderloom_core::id::SymbolId;
use orderloom_core::time::{Date, Session, Span, Timestamp};
use orderloom_sim::{Backtest, Observer, VenueConfig};
use serde_json::{Value, json};

pub(crate) const AAPL: SymbolId = SymbolId(0);
pub(crate) const TSLA: SymbolId = SymbolId(1);

/// 2026-03-10 14:30:00 UTC: the exchange has been open for an hour.
pub(crate) const START: Timestamp = Timestamp(1_773_153_000_000_000_000);

/// Everything that was said.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    pub(crate) commands: Vec<Command>,
    pub(crate) notices: Vec<Notice>,
    /// Written down and taken up again after every event; must say the same.
    twin: Engine,
}

impl Tape {
    fn new(config: &EngineConfig) -> Self {
        Self { commands: Vec::new(), notices: Vec::new(), twin: Engine::new(config.clone()).unwrap() }
    }
}

impl Observer for Tape {
    fn on_event(&mut self, event: &Event, commands: &[Command], notices: &[Notice]) {
        let twin = self.twin.on_event(event);
        assert_eq!((twin.commands, twin.notices), (commands, notices), "after a snapshot");
        self.twin = serde_json::from_str(&serde_json::to_string(&self.twin).unwrap()).unwrap();
        self.commands.extend_from_slice(commands);
        self.notices.extend_from_slice(notices);
    }
}

pub(crate) struct Desk {
    pub(crate) world: Backtest<Tape>,
    signals: u32,
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn shares(units: i64) -> Quantity {
    Quantity::from_units(units)
}

/// A rule that enters on a signal side.
pub(crate) fn entry_rule(name: &str, signal: &str, enter: &Value) -> Value {
    json!({
        "name": name,
        "on": ["PredictionSignal"],
        "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": signal}}},
        "actions": [{"enter": enter}],
    })
}

/// Long on BUY and short on SHORT, 100 shares, stop 3 %, target 8 %; close on SELL.
pub(crate) fn standard_rules() -> Vec<Value> {
    let exits = json!([{"percent": 3.0}]);
    let target = json!([{"percent": 8.0}]);
    vec![
        entry_rule(
            "long",
            "BUY",
            &json!({"side": "BUY", "size": {"shares": "100"}, "stop": exits, "target": target}),
        ),
        entry_rule(
            "short",
            "SHORT",
            &json!({"side": "SELL", "size": {"shares": "100"}, "stop": exits, "target": target}),
        ),
        json!({
            "name": "close",
            "on": ["PredictionSignal"],
            "when": {"compare": {"left": {"field": "signal.side"}, "is": "==", "right": {"text": "SELL"}}},
            "actions": [{"close_all": {}}],
        }),
    ]
}

pub(crate) fn config(rules: Vec<Value>, more: Value) -> EngineConfig {
    let mut config = json!({
        "run": "t",
        "instruments": [{"symbol": "AAPL", "tick": "0.01"}, {"symbol": "TSLA", "tick": "0.01"}],
        "rules": rules,
    });
    let (Value::Object(all), Value::Object(more)) = (&mut config, more) else { panic!("objects") };
    all.extend(more);
    serde_json::from_value(config).unwrap()
}

/// Four minutes whose average true range is 1.50.
pub(crate) fn warm_atr(desk: &mut Desk) {
    for minute in 0..4 {
        let bar = Bar {
            symbol: AAPL,
            start: START + Span::from_secs(60 * minute),
            span: Span::from_secs(60),
            open: price("150"),
            high: price("150.75"),
            low: price("149.25"),
            close: price("150"),
            volume: shares(1_000),
            is_history: false,
        };
        desk.world.bar(START + Span::from_secs(60 * (minute + 1)), bar);
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(standard_rules(), json!({}), json!({"commission": "none"}))
    }

    pub(crate) fn with(rules: Vec<Value>, more: Value, venue: Value) -> Self {
        let venue: VenueConfig = serde_json::from_value(venue).unwrap();
        let config = config(rules, more);
        let tape = Tape::new(&config);
        let world = Backtest::new(config, venue, START, tape).unwrap();
        Self { world, signals: 0 }
    }

    /// Where a fill reduces the rest of its group a minute later.
    pub(crate) fn with_lagging_groups() -> Self {
        let venue =
            json!({"commission": "none", "oca_reduction": "lagging", "oca_lag_ns": 60_000_000_000_i64});
        Self::with(standard_rules(), json!({}), venue)
    }

    pub(crate) fn wait(&mut self, seconds: i64) -> &mut Self {
        let at = self.world.now() + Span::from_secs(seconds);
        self.world.advance_to(at);
        self.check()
    }

    /// A quote one cent either side of `middle`, a thousand shares deep, and a print at it.
    pub(crate) fn market(&mut self, symbol: SymbolId, middle: &str) -> &mut Self {
        self.market_of(symbol, middle, 1_000)
    }

    /// A quote without a print.
    pub(crate) fn quote_only(&mut self, symbol: SymbolId, middle: &str, size: i64) -> &mut Self {
        let (middle, cent) = (price(middle), price("0.01"));
        let at = self.world.now() + Span::from_millis(10);
        let (bid, ask) = (Some(middle - cent), Some(middle + cent));
        self.world.quote(at, Quote { symbol, bid, ask, bid_size: shares(size), ask_size: shares(size) });
        self.check()
    }

    /// An ask without a bid.
    pub(crate) fn one_sided(&mut self, symbol: SymbolId, ask: &str) -> &mut Self {
        let at = self.world.now() + Span::from_millis(10);
        let size = shares(1_000);
        self.world
            .quote(at, Quote { symbol, bid: None, ask: Some(price(ask)), bid_size: size, ask_size: size });
        self.check()
    }

    /// A bid without an ask.
    pub(crate) fn bid_alone(&mut self, symbol: SymbolId, bid: &str) -> &mut Self {
        let at = self.world.now() + Span::from_millis(10);
        let size = shares(1_000);
        self.world
            .quote(at, Quote { symbol, bid: Some(price(bid)), ask: None, bid_size: size, ask_size: size });
        self.check()
    }

    pub(crate) fn market_of(&mut self, symbol: SymbolId, middle: &str, size: i64) -> &mut Self {
        let (middle, cent) = (price(middle), price("0.01"));
        let at = self.world.now() + Span::from_millis(10);
        self.world.quote(
            at,
            Quote {
                symbol,
                bid: Some(middle - cent),
                ask: Some(middle + cent),
                bid_size: shares(size),
                ask_size: shares(size),
            },
        );
        self.world.trade(at, Trade { symbol, price: middle, size: shares(size) });
        self.check()
    }

    pub(crate) fn signal(&mut self, symbol: SymbolId, side: SignalSide) -> &mut Self {
        self.signals += 1;
        let key = format!("signal-{}", self.signals);
        self.signal_named(symbol, side, &key, 0)
    }

    pub(crate) fn signal_named(
        &mut self,
        symbol: SymbolId,
        side: SignalSide,
        key: &str,
        age_secs: i64,
    ) -> &mut Self {
        let at = self.world.now() + Span::from_millis(1);
        let ticker = if symbol == AAPL { "AAPL" } else { "TSLA" };
        let signal = Signal {
            key: key.into(),
            ticker: ticker.into(),
            symbol: Some(symbol),
            side,
            confidence: Some(0.9),
            numeric: None,
            probabilities: Box::default(),
            predicted_at: at - Span::from_secs(age_secs),
            price: None,
            features: Box::default(),
        };
        self.world.event(at, EventKind::Signal(Box::new(signal)));
        self.check()
    }

    /// The session of the day, closing `minutes` from now.
    pub(crate) fn session_closing_in(&mut self, minutes: i64) -> &mut Self {
        let at = self.world.now();
        for symbol in [AAPL, TSLA] {
            let session = Session {
                date: Date(2026_03_10),
                utc_offset: Span::from_secs(-4 * 3_600),
                open: at - Span::from_secs(3_600),
                close: at + Span::from_secs(60 * minutes),
            };
            self.world.session(at, symbol, session, Some(true));
        }
        self.check()
    }

    pub(crate) fn position(&self, symbol: SymbolId) -> Quantity {
        self.world.venue_position(symbol)
    }

    /// Side, type, quantity and price of every live order at the venue, as short words.
    pub(crate) fn live(&self) -> Vec<String> {
        let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
        self.world
            .venue
            .live_orders()
            .map(|order| {
                let order = serde_json::to_value(order).unwrap();
                let price = order["limit_price"].as_str().or(order["stop_price"].as_str()).unwrap_or("-");
                format!(
                    "{} {} {} {price}",
                    word(order["action"].clone()),
                    order["remaining"].as_str().unwrap(),
                    word(order["order_type"].clone()),
                )
            })
            .collect()
    }

    pub(crate) fn conclusions(&self) -> Vec<&Conclusion> {
        self.world
            .observer
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::ContextConcluded(conclusion) => Some(&**conclusion),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn blocked(&self) -> Vec<Reason> {
        let reason = |notice: &Notice| match notice {
            Notice::RuleBlocked { reason, .. } => Some(*reason),
            Notice::SignalJudged { dropped, .. } => *dropped,
            _ => None,
        };
        self.world.observer.notices.iter().filter_map(reason).collect()
    }

    pub(crate) fn incidents(&self) -> Vec<IncidentCode> {
        let code = |command: &Command| match command {
            Command::Alert(incident) => Some(incident.code),
            _ => None,
        };
        self.world.observer.commands.iter().filter_map(code).collect()
    }

    /// Shares of live orders of one side whose words hold `what`.
    pub(crate) fn sum(&self, side: &str, what: &str) -> i64 {
        let live = self.live();
        let wanted = live.iter().filter(|order| order.starts_with(side) && order.contains(what));
        wanted.map(|order| order.split(' ').nth(1).unwrap().parse::<i64>().unwrap()).sum()
    }

    /// How many trades were opened.
    pub(crate) fn opened(&self) -> usize {
        let notices = self.world.observer.notices.iter();
        notices.filter(|notice| matches!(notice, Notice::ContextOpened { .. })).count()
    }

    /// How many orders of a role were sent.
    pub(crate) fn placed(&self, role: Role) -> usize {
        let commands = self.world.observer.commands.iter();
        commands.filter(|command| matches!(command, Command::Place(order) if order.role == role)).count()
    }

    /// Lets time pass in small steps, so that what is on its way arrives at its moment; without a look at
    /// the books, which differ meanwhile.
    pub(crate) fn pass(&mut self, millis: i64) -> &mut Self {
        let until = self.world.now() + Span::from_millis(millis);
        while self.world.now() < until {
            let next = (self.world.now() + Span::from_millis(10)).min(until);
            self.world.advance_to(next);
        }
        self
    }

    /// A quote and a print, without a look at the books: news of them are on their way.
    pub(crate) fn move_to(&mut self, symbol: SymbolId, middle: &str, size: i64) {
        let (at, middle) = (self.world.now() + Span::from_millis(1), price(middle));
        let (cent, size) = (price("0.01"), shares(size));
        let (bid, ask) = (Some(middle - cent), Some(middle + cent));
        self.world.quote(at, Quote { symbol, bid, ask, bid_size: size, ask_size: size });
        self.world.trade(at, Trade { symbol, price: middle, size });
    }

    /// What must hold after every event: the engine's position is the venue's, and the sum of live
    /// stops at the venue is never larger than the position plus what entries may still open.
    pub(crate) fn check(&mut self) -> &mut Self {
        for symbol in [AAPL, TSLA] {
            let (ours, theirs) = (self.world.engine.position(symbol).quantity, self.position(symbol));
            assert_eq!(ours, theirs, "engine and venue disagree on {symbol}");
            if ours.is_zero() {
                assert!(
                    self.world.engine.context(symbol).is_some() || self.live_of(symbol) == 0,
                    "orders of {symbol} live without a trade: {:?}",
                    self.live()
                );
            }
        }
        self
    }

    fn live_of(&self, symbol: SymbolId) -> usize {
        let of_a_trade = |reference: &str| !reference.ends_with("-single");
        self.world
            .venue
            .live_orders()
            .filter(|order| order.con_id.0 == i64::from(symbol.0) + 1 && of_a_trade(&order.order_ref.0))
            .count()
    }
}

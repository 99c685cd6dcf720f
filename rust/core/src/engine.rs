//! The engine: one event in, all commands out.
//!
//! `on_event` is the whole of it, in six steps that are always in this order. The shell carries out
//! every command before it hands in the next event, and sends `Clock` at `next_deadline`.

mod ask;
mod books;
mod carry_out;
mod decide;
mod enter;
mod explain;
mod fingerprint;
mod fold;
mod reload;
mod restart;
mod settle;
mod snapshot;
mod state;
mod view;

pub use ask::Worth;

use std::sync::Arc;

use crate::command::{Command, Conclusion, Mode, Notice};
use crate::config::EngineConfig;
use crate::context::Successor;
use crate::engine::decide::Judge;
use crate::engine::explain::{Unwatched, Watch};
use crate::engine::state::State;
use crate::error::ConfigError;
use crate::event::{Event, EventKind};
use crate::id::{RuleId, SymbolId};
use crate::indicator::IndicatorTable;
use crate::order::Orders;
use crate::position::{Ledger, Position};
use crate::rule::{IndicatorSpec, RuleSet, Trigger, compile};
use crate::time::{Span, Timestamp};

pub use crate::engine::explain::{Blocker, Gate, Verdict};

/// What the engine asks for and tells after an event.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// To be carried out in this order before the next event.
    pub commands: &'a [Command],
    /// For the journal and the bus.
    pub notices: &'a [Notice],
}

/// The engine: rules, trades, orders and positions of one account.
#[derive(Debug, Clone)]
pub struct Engine {
    rules: Arc<RuleSet>,
    state: State,
    candidates: Vec<RuleId>,
}

impl Engine {
    /// An engine that has seen nothing yet.
    ///
    /// # Errors
    /// The first part of the configuration that cannot run.
    pub fn new(config: EngineConfig) -> Result<Self, ConfigError> {
        check_config(&config)?;
        let mut indicators = IndicatorTable::new(config.instruments.len());
        let rules = compile(&config.rules, &config.instruments, &mut indicators)?;
        Ok(Self { rules: Arc::new(rules), state: State::new(config, indicators), candidates: Vec::new() })
    }

    /// Takes in one event and says what is to be done.
    pub fn on_event(&mut self, event: &Event) -> Output<'_> {
        self.run(event, &mut Unwatched)
    }

    fn run(&mut self, event: &Event, watch: &mut impl Watch) -> Output<'_> {
        self.state.begin();
        self.advance(event, watch);
        match &event.kind {
            EventKind::Restarted(config) => self.restart(config),
            EventKind::Reloaded(config) => self.reload(config),
            _ => {}
        }
        self.state.fold(&event.kind);
        // What most prices leave behind needs no plan.
        let concluded = (!self.state.is_settled()).then(|| self.settle());
        self.decide(&event.kind, concluded, watch);
        // Step 5, the limits, stands inside the actions that could break them: `State::send_entry`.
        if !self.state.touched.is_empty() {
            self.state.tell_touched();
        }
        Output { commands: &self.state.commands, notices: &self.state.notices }
    }

    /// When the shell must send `Clock` if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        (self.state.due < Timestamp::MAX).then_some(self.state.due)
    }

    /// The moment before which a quote of `symbol` leads to nothing, and leaves nothing but itself in the place
    /// of the one before it; `None` while the next one may lead to something.
    #[must_use]
    pub fn rests_until(&self, symbol: SymbolId) -> Option<Timestamp> {
        let state = &self.state;
        let is_at_rest = state.is_settled()
            && state.mode() == state.told_mode
            && !state.slot(symbol).wants_price
            && !self.rules.listens_to(Trigger::Quote);
        is_at_rest.then_some(state.due)
    }

    /// Step 1: time never moves back; what it makes due is planned again.
    fn advance(&mut self, event: &Event, watch: &mut impl Watch) {
        self.state.now = self.state.now.max(event.at);
        if self.state.now < self.state.due {
            return;
        }
        for symbol in self.state.symbols() {
            if self.state.slot(symbol).due.is_some_and(|due| due <= self.state.now) {
                self.state.mark_dirty(symbol);
            }
        }
        let answered = match &event.kind {
            EventKind::Answer(answer) => Some(answer.ask),
            _ => None,
        };
        self.judge(watch).expire_asks(answered);
        self.state.update_due();
    }

    /// Step 3: every trade whose facts changed is planned again, so that protection never waits for a
    /// strategy.
    fn settle(&mut self) -> Vec<(Conclusion, Option<Successor>)> {
        self.state.note_doubts();
        let concluded = self.state.settle();
        self.state.verify();
        concluded
    }

    /// Step 4: rules triggered by this event, by priority, then by order of definition.
    fn decide(
        &mut self,
        event: &EventKind,
        concluded: Option<Vec<(Conclusion, Option<Successor>)>>,
        watch: &mut impl Watch,
    ) {
        self.judge(watch).on_event(event);
        if concluded.is_some() || !self.state.dirty.is_empty() {
            self.follow_up(concluded.unwrap_or_default(), watch);
        }
        self.judge(watch).tell_mode(event);
    }

    fn follow_up(&mut self, mut concluded: Vec<(Conclusion, Option<Successor>)>, watch: &mut impl Watch) {
        // What rules began, and what followed from it, is settled on the same event. Each round
        // concludes trades or ends, so the bound is never reached.
        for _ in 0..16 {
            for (conclusion, successor) in std::mem::take(&mut concluded) {
                self.judge(watch).on_concluded(&conclusion, successor);
            }
            if self.state.dirty.is_empty() {
                break;
            }
            concluded = self.settle();
        }
    }

    fn judge<'a, W: Watch>(&'a mut self, watch: &'a mut W) -> Judge<'a, W> {
        Judge { state: &mut self.state, rules: &self.rules, candidates: &mut self.candidates, watch }
    }

    /// Every order of this run.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.state.orders
    }

    /// Positions and fills.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// The position of a symbol.
    #[must_use]
    pub fn position(&self, symbol: SymbolId) -> &Position {
        self.state.ledger.position(symbol)
    }

    /// What may be sent now.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.state.mode()
    }

    /// The same as far as somebody ordered it, whatever the line and the broker's snapshot allow.
    #[must_use]
    pub fn ordered_mode(&self) -> Mode {
        self.state.ordered_mode
    }

    /// Symbols that take no entries until a person resumes, after an incident.
    pub fn quarantined(&self) -> impl Iterator<Item = SymbolId> {
        self.state.symbols().filter(|symbol| self.state.slot(*symbol).is_quarantined)
    }

    /// The open trade of a symbol.
    #[must_use]
    pub fn context(&self, symbol: SymbolId) -> Option<&crate::context::Context> {
        self.state.slot(symbol).context.as_ref()
    }

    /// The rules that it judges.
    #[must_use]
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The configuration it was made from.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.state.config
    }

    /// Complete bars of `span` that indicators need before every one of them has a value.
    #[must_use]
    pub fn warm_up_bars(&self, span: Span) -> usize {
        self.state.indicators.warmup_max(span)
    }

    /// An indicator over longer bars that cannot be built from bars of `span`, if rules use one.
    #[must_use]
    pub fn misfit(&self, span: Span) -> Option<&IndicatorSpec> {
        self.state.indicators.misfit(span)
    }

    /// Every indicator that rules use, with its value at a symbol after the last bar.
    pub fn indicators(&self, symbol: SymbolId) -> impl Iterator<Item = (&IndicatorSpec, Option<f64>)> {
        let table = &self.state.indicators;
        table.slots().map(move |slot| (table.spec(slot), table.value(slot, symbol)))
    }

    /// Profit of the run: realised, unrealised at the last prices, less commissions.
    #[must_use]
    pub fn profit(&self) -> crate::decimal::Money {
        self.state.profit()
    }

    /// The last price of a symbol, of any age.
    #[must_use]
    pub fn mark(&self, symbol: SymbolId) -> Option<crate::decimal::Price> {
        self.state.slot(symbol).market.mark()
    }

    /// The watchdog's gauge: filled shares of a symbol that have no live stop, and for how long; `None`
    /// when every share has one.
    #[must_use]
    pub fn uncovered(&self, symbol: SymbolId) -> Option<(crate::decimal::Quantity, crate::time::Span)> {
        let context = self.context(symbol)?;
        Some((context.uncovered, self.state.now - context.uncovered_since?))
    }

    /// Whether filled shares of a symbol have no live stop now.
    #[must_use]
    pub fn is_uncovered(&self, symbol: SymbolId) -> bool {
        self.context(symbol).is_some_and(|context| context.uncovered_since.is_some())
    }
}

fn check_config(config: &EngineConfig) -> Result<(), ConfigError> {
    if config.run.is_empty() || config.run.len() > 24 {
        return Err(ConfigError::new("run", "be 1 to 24 characters long", &config.run));
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, instrument) in config.instruments.iter().enumerate() {
        let path = format!("instruments[{index}]");
        let error = |field: &str, expected: &str, found: String| {
            Err(ConfigError::new(field, expected, found).under(&path))
        };
        if !names.insert(&*instrument.symbol) {
            return error("symbol", "be unique", instrument.symbol.to_string());
        }
        if !instrument.tick.is_positive() {
            return error("tick", "be greater than 0", instrument.tick.to_string());
        }
        if instrument.multiplier <= 0 {
            return error("multiplier", "be greater than 0", instrument.multiplier.to_string());
        }
    }
    Ok(())
}

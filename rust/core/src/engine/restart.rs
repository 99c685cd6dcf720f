//! Going on after the process that ran the engine has ended, perhaps under other rules.
//!
//! The journal has brought the engine to where it was. What the old process had open is gone with it:
//! the line to the broker, prices, bars, questions to Python. Trades keep the policy that they were
//! opened with; what rules remember of themselves goes to the rules of the same name.

use std::sync::Arc;

use crate::command::IncidentCode;
use crate::config::EngineConfig;
use crate::context::Successor;
use crate::engine::settle::NO_RULE;
use crate::engine::state::Slot;
use crate::engine::{Engine, check_config};
use crate::error::ConfigError;
use crate::id::{RuleId, SymbolId};
use crate::indicator::IndicatorTable;
use crate::rule::{RuleSet, compile};

/// Intents are numbered on from the next multiple: those of a journal's lost tail are never used again.
const INTENTS_SKIPPED: u64 = 1_000;

impl Engine {
    /// Takes in that a new process goes on with `config`. One that cannot run changes no rule.
    pub(super) fn restart(&mut self, config: &EngineConfig) {
        let state = &mut self.state;
        state.is_connected = false;
        state.is_synced = false;
        state.snapshot = None;
        state.holds.clear();
        state.asks.clear();
        state.next_intent = state.next_intent.next_multiple_of(INTENTS_SKIPPED) + INTENTS_SKIPPED;
        for slot in &mut state.slots {
            slot.market.mark_stale();
            slot.market.forget_bars();
            if let Some(context) = &mut slot.context {
                // A reversal reads prices and indicators that are lost with the process.
                context.successor = None;
            }
        }
        state.update_due();
        if let Err(error) = self.configure(config) {
            let text = format!("the configuration of the restart cannot run: {error}");
            self.state.alert(IncidentCode::Adapter, None, None, text);
        }
    }

    fn configure(&mut self, config: &EngineConfig) -> Result<(), ConfigError> {
        check_config(config)?;
        let old = Arc::clone(&self.state.config);
        if config.run != old.run {
            return Err(ConfigError::new("run", format!("stay `{}`", old.run), &config.run));
        }
        let kept = config.instruments.iter().map(|instrument| (&instrument.symbol, instrument.multiplier));
        let were = old.instruments.iter().map(|instrument| (&instrument.symbol, instrument.multiplier));
        if !were.eq(kept.take(old.instruments.len())) {
            let expected = "begin with the instruments of the journal, in their order";
            return Err(ConfigError::new("instruments", expected, config.instruments.len()));
        }
        // Cold: the warm-up comes again with the connection.
        let mut indicators = IndicatorTable::new(config.instruments.len());
        let rules = compile(&config.rules, &config.instruments, &mut indicators)?;
        self.follow_rules(&rules);
        let state = &mut self.state;
        state.slots.resize_with(config.instruments.len(), Slot::default);
        state.ledger.list(config.instruments[old.instruments.len()..].iter().map(|added| added.multiplier));
        state.indicators = indicators;
        for (place, slot) in state.slots.iter().enumerate() {
            if let Some(session) = &slot.market.session {
                // The warm-up brings days before it, too.
                state.indicators.begin_session(SymbolId(place as u32), session);
            }
        }
        state.config = Arc::new(config.clone());
        self.rules = Arc::new(rules);
        Ok(())
    }

    /// Gives what is remembered of a rule to the one of the same name; of one that is gone, to none.
    pub(super) fn follow_rules(&mut self, rules: &RuleSet) {
        let old = Arc::clone(&self.rules);
        let now = |id: RuleId| {
            let name = old.rules().get(id.0 as usize).map(|rule| &rule.name)?;
            rules.find(name).map(|rule| rule.id)
        };
        let state = &mut self.state;
        state.acted_at = std::mem::take(&mut state.acted_at)
            .into_iter()
            .filter_map(|((rule, symbol), at)| Some(((now(rule)?, symbol), at)))
            .collect();
        state.acted_today = std::mem::take(&mut state.acted_today)
            .into_iter()
            .filter_map(|(rule, acted)| Some((now(rule)?, acted)))
            .collect();
        // A person's switch holds until the configuration says otherwise than it did.
        let is_as_before = |id: &RuleId, is: &RuleId| old.rule(*id).enabled == rules.rule(*is).enabled;
        state.disabled = std::mem::take(&mut state.disabled)
            .into_iter()
            .filter_map(|id| now(id).filter(|is| is_as_before(&id, is)))
            .collect();
        state.recent.rename(|rule| now(rule).unwrap_or(NO_RULE));
        for context in state.slots.iter_mut().filter_map(|slot| slot.context.as_mut()) {
            context.rule = now(context.rule).unwrap_or(NO_RULE);
            let successor = context.successor.take();
            context.successor = successor.and_then(|next| Some(Successor { rule: now(next.rule)?, ..next }));
        }
    }
}

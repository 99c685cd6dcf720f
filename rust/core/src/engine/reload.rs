//! Other rules and settings between two events, while everything else goes on.
//!
//! The line to the broker, prices and open trades stay as they are, and a trade keeps the policy that it
//! was opened with, a reversal under way included. Indicators keep their bars, and what rules remember of
//! themselves goes to the rules of the same name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::command::{IncidentCode, Notice, Reload};
use crate::config::EngineConfig;
use crate::engine::{Engine, check_config};
use crate::error::ConfigError;
use crate::indicator::IndicatorTable;
use crate::rule::{RuleSet, RuleSpec, compile};

/// A configuration that can be taken up.
struct Prepared {
    rules: RuleSet,
    indicators: IndicatorTable,
    reload: Reload,
}

impl Engine {
    /// What taking up `config` now would do; the engine stays as it is.
    ///
    /// # Errors
    /// The first part of it that cannot run, or that cannot change under a running engine.
    pub fn preview(&self, config: &EngineConfig) -> Result<Reload, ConfigError> {
        self.prepare(config).map(|prepared| prepared.reload)
    }

    fn prepare(&self, config: &EngineConfig) -> Result<Prepared, ConfigError> {
        check_config(config)?;
        let old = &self.state.config;
        if config.run != old.run {
            return Err(ConfigError::new("run", format!("stay `{}`", old.run), &config.run));
        }
        if config.instruments != old.instruments {
            let names: Vec<&str> = config.instruments.iter().map(|one| &*one.symbol).collect();
            let expected = "stay as they are under a running engine";
            return Err(ConfigError::new("instruments", expected, names.join(", ")));
        }
        // Those that no rule uses any more stay: a reversal under way may, and so may the next reload.
        let mut indicators = self.state.indicators.clone();
        let warm = indicators.slots().count();
        let rules = compile(&config.rules, &config.instruments, &mut indicators)?;
        let cold = indicators.slots().skip(warm).map(|slot| indicators.spec(slot).to_string().into());
        let reload = Reload { cold: cold.collect(), ..difference(&old.rules, &config.rules) };
        Ok(Prepared { rules, indicators, reload })
    }

    /// Takes up another configuration. One that cannot be taken up changes nothing.
    pub(super) fn reload(&mut self, config: &EngineConfig) {
        let Prepared { rules, indicators, reload } = match self.prepare(config) {
            Ok(prepared) => prepared,
            Err(error) => {
                let text = format!("the configuration cannot be taken up: {error}");
                self.state.alert(IncidentCode::Adapter, None, None, text);
                return;
            }
        };
        self.abandon_asks("the rules were reloaded meanwhile");
        self.follow_rules(&rules);
        let state = &mut self.state;
        state.indicators = indicators;
        state.config = Arc::new(config.clone());
        state.notices.push(Notice::Reloaded(Box::new(reload)));
        self.rules = Arc::new(rules);
        // The close before the end of the day and every patience may be others now.
        for symbol in self.state.symbols() {
            self.state.mark_dirty(symbol);
        }
    }
}

fn difference(old: &[RuleSpec], new: &[RuleSpec]) -> Reload {
    let mut gone: BTreeMap<&str, &RuleSpec> = old.iter().map(|rule| (&*rule.name, rule)).collect();
    let mut reload = Reload::default();
    for rule in new {
        match gone.remove(&*rule.name) {
            None => reload.added.push(rule.name.clone()),
            Some(was) if was != rule => reload.changed.push(rule.name.clone()),
            Some(_) => {}
        }
    }
    let is_gone = |rule: &&RuleSpec| gone.contains_key(&*rule.name);
    reload.removed = old.iter().filter(is_gone).map(|rule| rule.name.clone()).collect();
    reload
}

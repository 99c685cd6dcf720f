//! What a back-test leaves behind, in the order in which it happened.

use orderloom_core::command::{Command, Conclusion, Incident, Notice, Reason};
use orderloom_core::engine::Engine;
use orderloom_core::event::Event;
use orderloom_core::id::{RuleId, SymbolId};
use orderloom_core::time::Timestamp;

use super::Observer;

/// Something that was wanted and not done.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocked {
    /// When.
    pub at: Timestamp,
    /// The rule; `None` for a prediction that no rule was asked about.
    pub rule: Option<RuleId>,
    /// In what.
    pub symbol: Option<SymbolId>,
    /// Stable code.
    pub reason: Reason,
    /// The numbers compared; for a prediction its key.
    pub detail: Box<str>,
}

/// Trades, refusals, incidents and the account over time.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Trades that are over and held something.
    pub trades: Vec<Conclusion>,
    /// Refusals of rules and predictions.
    pub blocked: Vec<Blocked>,
    /// What an operator would have been told.
    pub incidents: Vec<(Timestamp, Incident)>,
    /// Moments at which all bars of one start were complete.
    pub moments: Vec<i64>,
    /// Profit of the run at those moments, commissions paid.
    pub profit: Vec<f64>,
    /// By number of the context, counted from 1: the rule that opened it.
    pub openers: Vec<RuleId>,
    /// Predictions that were heard.
    pub signals: u64,
    /// How often a rule acted.
    pub fired: u64,
}

impl Record {
    /// A record with room for so many moments.
    #[must_use]
    pub fn with_capacity(moments: usize) -> Self {
        Self { moments: Vec::with_capacity(moments), profit: Vec::with_capacity(moments), ..Self::default() }
    }

    fn note(&mut self, at: Timestamp, notice: &Notice) {
        match notice {
            Notice::ContextOpened { rule, .. } => self.openers.push(*rule),
            Notice::ContextConcluded(conclusion) if conclusion.exit_reason.is_some() => {
                self.trades.push((**conclusion).clone());
            }
            Notice::RuleFired { .. } => self.fired += 1,
            Notice::RuleBlocked { rule, symbol, reason, detail } => self.blocked.push(Blocked {
                at,
                rule: Some(*rule),
                symbol: *symbol,
                reason: *reason,
                detail: detail.clone(),
            }),
            Notice::SignalJudged { key, dropped, .. } => {
                self.signals += 1;
                if let Some(reason) = dropped {
                    let detail = key.clone();
                    self.blocked.push(Blocked { at, rule: None, symbol: None, reason: *reason, detail });
                }
            }
            Notice::ContextConcluded(_)
            | Notice::Filled { .. }
            | Notice::CommissionPaid { .. }
            | Notice::PositionChanged { .. }
            | Notice::ContextScaled { .. }
            | Notice::OrderChanged { .. }
            | Notice::ModeChanged { .. }
            | Notice::Reloaded(_) => {}
        }
    }
}

impl Observer for Record {
    fn hears_everything(&self) -> bool {
        false
    }

    #[inline]
    fn on_event(&mut self, event: &Event, commands: &[Command], notices: &[Notice]) {
        for notice in notices {
            self.note(event.at, notice);
        }
        for command in commands {
            if let Command::Alert(incident) = command {
                self.incidents.push((event.at, incident.clone()));
            }
        }
    }

    #[inline]
    fn on_moment(&mut self, at: Timestamp, engine: &Engine) {
        self.moments.push(at.0);
        self.profit.push(engine.profit().to_f64());
    }
}

//! Why a rule acted on an event, or what kept it from acting, with every value compared.
//!
//! The engine takes the event in as always, and tells a watcher what each rule saw right before it was
//! judged. Nobody watches a live engine: `Unwatched` leaves no trace in the compiled code.

use serde::Serialize;

use crate::command::{Notice, Reason};
use crate::engine::Engine;
use crate::engine::decide::Judge;
use crate::engine::view::{Occasion, StateView};
use crate::event::{Event, EventKind, Signal};
use crate::id::{RuleId, SymbolId};
use crate::limits::Refusal;
use crate::rule::{CompiledRule, Explanation, Shown, Trigger, Truth, explain};
use crate::time::Span;

/// What one rule made of one event for one symbol.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Which rule.
    pub rule: RuleId,
    /// For which symbol.
    pub symbol: Option<SymbolId>,
    /// What kept the rule from acting, the first thing that did; `None`: it acted.
    pub blocker: Option<Blocker>,
    /// The condition, part by part; of a reversal that enters when the close is done, only that it is.
    pub condition: Explanation,
    /// Everything beside the condition that has to let the rule pass, in the order of asking. Limits
    /// are not among them: they judge an order, so they are asked when there is one.
    pub gates: Vec<Gate>,
    /// Time left of the rule's cooldown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_left: Option<Span>,
    /// The symbol's open trade, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trade: Option<String>,
}

/// What kept a rule from acting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blocker {
    /// Stable code.
    pub reason: Reason,
    /// The values compared, both numbers of a limit, or what was missing.
    pub detail: String,
    /// For a condition that does not hold: how far its left value is from holding (`Explanation`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// For a condition that is unknown: the values that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// One thing beside the condition that has to let a rule pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// `switch`, `window`, `cooldown`, `daily_cap`, or `entry`: whether entries are sent at all.
    pub name: &'static str,
    /// Why it is closed; `None`: it is open.
    pub closed: Option<Blocker>,
}

impl From<Refusal> for Blocker {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason, detail: refusal.detail, distance: None, missing: Vec::new() }
    }
}

/// Hears what rules saw.
pub(crate) trait Watch {
    /// Whether anybody listens; nothing is prepared for a watcher that does not.
    const IS_ON: bool;

    /// Takes the verdict on one rule.
    fn take(&mut self, verdict: Verdict);
}

/// Nobody listens.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    const IS_ON: bool = false;

    fn take(&mut self, _: Verdict) {}
}

impl Watch for Vec<Verdict> {
    const IS_ON: bool = true;

    fn take(&mut self, verdict: Verdict) {
        self.push(verdict);
    }
}

impl Engine {
    /// Takes in an event as `on_event` does, with the same output, and tells what every rule that it
    /// triggers made of it, in the order of judging.
    pub fn trace(&mut self, event: &Event) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        self.run(event, &mut verdicts);
        verdicts
    }

    /// What `rule` would make of `event` if it came now; the engine stays as it is.
    ///
    /// Empty when the event does not trigger the rule; one verdict per symbol otherwise.
    #[must_use]
    pub fn explain(&self, event: &Event, rule: RuleId) -> Vec<Verdict> {
        let mut verdicts = self.clone().trace(event);
        verdicts.retain(|verdict| verdict.rule == rule);
        verdicts
    }
}

impl<W: Watch> Judge<'_, W> {
    /// What a rule sees, before it is judged.
    pub(super) fn look(
        &self,
        rule: &CompiledRule,
        symbol: Option<SymbolId>,
        occasion: Occasion<'_>,
        answers: &[(Box<str>, bool)],
    ) -> Verdict {
        let state = &*self.state;
        let view = StateView { state, occasion, symbol, answers };
        let condition = explain(&rule.condition, &view);
        let entry = symbol.map_or(Ok(()), |symbol| state.may_enter(symbol, false));
        let gates = [
            ("switch", self.switched_on(rule)),
            ("window", self.inside_window(rule, symbol)),
            ("cooldown", self.cooled_down(rule, symbol)),
            ("daily_cap", self.below_cap(rule, symbol)),
            ("entry", entry),
        ];
        let acted_at = state.acted_at.get(&(rule.id, symbol));
        let trade = symbol.and_then(|symbol| {
            let context = state.slot(symbol).context.as_ref()?;
            let (side, tranches) = (context.side.as_str(), context.brackets.len());
            Some(format!(
                "{side} {}, tranches {tranches}, {}",
                context.open_quantity(&state.orders),
                context.phase(&state.orders).as_str()
            ))
        });
        Verdict {
            rule: rule.id,
            symbol,
            blocker: not_held(&condition),
            condition,
            gates: gates
                .into_iter()
                .map(|(name, passed)| Gate { name, closed: passed.err().map(Blocker::from) })
                .collect(),
            cooldown_left: acted_at
                .map(|at| (*at + rule.cooldown) - state.now)
                .filter(|left| Span::ZERO < *left),
            trade,
        }
    }

    /// What the second half of a reversal sees: its condition held when the other side's close began, and
    /// of the gates only the entry's is asked again.
    pub(super) fn look_at_successor(
        &self,
        rule: &CompiledRule,
        symbol: SymbolId,
        occasion: Occasion<'_>,
    ) -> Verdict {
        let mut verdict = self.look(rule, Some(symbol), occasion, &[]);
        verdict.condition = Explanation::of("the trade on the other side is over", Truth::Yes);
        verdict.blocker = None;
        verdict.gates.retain(|gate| gate.name == "entry");
        verdict
    }

    /// Hands a verdict over, completed by what was told of the rule since `told` notices.
    pub(super) fn tell(&mut self, mut verdict: Verdict, told: usize) {
        let mut has_fired = false;
        for notice in &self.state.notices[told..] {
            match notice {
                Notice::RuleFired { rule, symbol } => {
                    has_fired |= (*rule, *symbol) == (verdict.rule, verdict.symbol);
                }
                Notice::RuleBlocked { rule, symbol, reason, detail }
                    if (*rule, *symbol) == (verdict.rule, verdict.symbol) =>
                {
                    verdict.blocker = Some(Refusal::new(*reason, detail.as_ref()).into());
                }
                _ => {}
            }
        }
        if !has_fired && verdict.blocker.is_none() {
            let waits = Refusal::new(Reason::ConditionUnknown, "waits for the answer of a custom action");
            verdict.blocker = Some(waits.into());
        }
        self.watch.take(verdict);
    }

    /// A prediction that never reached the rules: every one that it would have triggered says so.
    pub(super) fn look_at_dropped(&mut self, signal: &Signal, reason: Reason) {
        let Some(symbol) = signal.symbol else { return };
        let age = self.state.now - signal.predicted_at;
        let limits = self.state.config.signals;
        let detail = match reason {
            Reason::Expired => format!("{age} old, allowed {}", limits.max_age),
            Reason::FromFuture => {
                let ahead = signal.predicted_at - self.state.now;
                format!("{ahead} ahead, allowed {}", limits.max_future)
            }
            _ => format!("`{}` was received before", signal.key),
        };
        let event = EventKind::Signal(Box::new(signal.clone()));
        let mut listeners = Vec::new();
        self.rules.listeners(Trigger::PredictionSignal, Some(symbol), &mut listeners);
        for id in listeners {
            let rule = self.rules.rule(id);
            let verdict = self.look(rule, Some(symbol), Occasion::Event(&event), &[]);
            let blocker = Some(Refusal::new(reason, detail.as_str()).into());
            self.watch.take(Verdict { blocker, ..verdict });
        }
    }
}

/// The part of a condition that keeps it from holding; `None` when it holds.
fn not_held(condition: &Explanation) -> Option<Blocker> {
    let part = condition.blocker()?;
    // What stands under a `not` is told with it: alone it would read as its opposite.
    let whole = whole_part(condition);
    let reason = match condition.truth {
        Truth::Yes => return None,
        Truth::No => Reason::ConditionFalse,
        Truth::Unknown => Reason::ConditionUnknown,
    };
    let detail = if part.missing.is_empty() {
        let found: Vec<String> = part
            .values
            .iter()
            .filter(|value| !is_literal(&value.text))
            .map(|value| format!("{} is {}", value.text, value.value.as_ref().map_or_else(unknown, shown)))
            .collect();
        let distance = part.distance.filter(|distance| *distance != 0.0);
        let off = distance.map(|distance| format!("{} away", number(distance.abs())));
        let facts: Vec<String> = found.into_iter().chain(off).collect();
        format!("`{}`: {}", whole.text, facts.join(", "))
    } else {
        format!("`{}`: {} is unknown", whole.text, part.missing.join(" and "))
    };
    Some(Blocker { reason, detail, distance: part.distance, missing: part.missing.clone() })
}

/// The decisive part of `and` and `or`, down to a comparison or a `not`.
fn whole_part(explanation: &Explanation) -> &Explanation {
    if explanation.parts.len() < 2 {
        return explanation;
    }
    let decisive = explanation.parts.iter().find(|part| part.truth == explanation.truth);
    decisive.map_or(explanation, whole_part)
}

fn is_literal(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '"' | '\'' | '-'))
}

fn unknown() -> String {
    "unknown".into()
}

fn shown(value: &Shown) -> String {
    match value {
        Shown::Number(value) => number(*value),
        Shown::Word(word) => format!("\"{word}\""),
        Shown::Flag(true) => "yes".into(),
        Shown::Flag(false) => "no".into(),
    }
}

/// To six decimal places, without the noise of binary fractions.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

//! Questions to custom Python code: asked when everything native holds, answered by an event.

use serde::{Deserialize, Serialize};

use crate::command::{Ask, Command, Conclusion, IncidentCode, Notice, Reason, Wanted};
use crate::engine::Engine;
use crate::engine::decide::Judge;
use crate::engine::explain::Watch;
use crate::engine::view::{Occasion, StateView};
use crate::event::{Answer, EventKind};
use crate::id::{AskId, RuleId, SymbolId};
use crate::rule::{
    CompiledAction, CompiledRule, Field, Operand, Truth, ValueType, View, compile_answer, remainder,
};
use crate::time::Timestamp;

/// What was answered so far about one rule on one event.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) conditions: Vec<(Box<str>, bool)>,
    actions: Vec<(Box<str>, Box<[CompiledAction]>)>,
}

impl Answers {
    /// What the custom action of this name wants done; `None` before it was asked.
    pub(crate) fn actions_of(&self, name: &str) -> Option<&[CompiledAction]> {
        self.actions.iter().find(|(asked, _)| **asked == *name).map(|(_, actions)| &**actions)
    }

    /// The first custom action among `actions`, or among what one of them answered, that has to be asked
    /// before any of them is carried out.
    pub(crate) fn missing_actions<'a>(
        &'a self,
        actions: &'a [CompiledAction],
        view: &StateView<'_>,
    ) -> Option<&'a str> {
        actions.iter().find_map(|action| match action {
            // An answer names none that was asked already, so this comes to an end.
            CompiledAction::Custom { name } => match self.actions_of(name) {
                None => Some(&**name),
                Some(answered) => self.missing_actions(answered, view),
            },
            CompiledAction::Sequence(steps) => self.missing_actions(steps, view),
            CompiledAction::When { condition, then, otherwise } => match condition.evaluate(view) {
                Truth::Yes => self.missing_actions(then, view),
                Truth::No => self.missing_actions(otherwise, view),
                Truth::Unknown => None,
            },
            _ => None,
        })
    }
}

/// A question that is waiting for its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingAsk {
    pub(crate) rule: RuleId,
    pub(crate) symbol: Option<SymbolId>,
    pub(crate) name: Box<str>,
    pub(crate) wanted: Wanted,
    pub(crate) deadline: Timestamp,
    cause: Cause,
    answers: Answers,
}

/// What the rule is judged on again once the answer is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Cause {
    Event(EventKind),
    Concluded(Conclusion),
}

impl Cause {
    const fn occasion(&self) -> Occasion<'_> {
        match self {
            Self::Event(event) => Occasion::Event(event),
            Self::Concluded(conclusion) => Occasion::Concluded(conclusion),
        }
    }
}

impl<W: Watch> Judge<'_, W> {
    pub(super) fn ask(
        &mut self,
        rule: &CompiledRule,
        symbol: Option<SymbolId>,
        occasion: Occasion<'_>,
        answers: &Answers,
        name: Box<str>,
        wanted: Wanted,
    ) {
        let state = &mut *self.state;
        let ask = AskId(state.next_ask);
        state.next_ask += 1;
        let deadline = state.now + state.config.execution.ask_deadline;
        let cause = match occasion {
            Occasion::Event(event) => Cause::Event(event.clone()),
            Occasion::Concluded(conclusion) => Cause::Concluded(conclusion.clone()),
        };
        let pending = PendingAsk {
            rule: rule.id,
            symbol,
            name: name.clone(),
            wanted,
            deadline,
            cause,
            answers: answers.clone(),
        };
        state.asks.insert(ask, pending);
        state.commands.push(Command::Ask(Ask { ask, name, wanted, rule: rule.id, symbol, deadline }));
        state.update_due();
    }

    pub(super) fn on_answer(&mut self, answer: &Answer) {
        let Some(mut pending) = self.state.asks.shift_remove(&answer.ask) else { return };
        self.state.update_due();
        let rule = self.rules.rule(pending.rule);
        if self.state.now > pending.deadline {
            let failure = if answer.failure.is_empty() { "it came too late" } else { &answer.failure };
            self.unanswered(rule, &pending, failure);
            return;
        }
        let name = pending.name.clone();
        match (pending.wanted, answer.value, &answer.actions) {
            (Wanted::Condition, Some(value), _) => pending.answers.conditions.push((name, value)),
            (Wanted::Actions, _, Some(actions)) => {
                let state = &*self.state;
                let is_asked = |other: &str| other == &*name || pending.answers.actions_of(other).is_some();
                let instruments = &state.config.instruments;
                match compile_answer(rule.id, actions, instruments, &state.indicators, is_asked) {
                    Ok(compiled) => pending.answers.actions.push((name, compiled)),
                    Err(error) => {
                        self.unanswered(rule, &pending, &error.to_string());
                        return;
                    }
                }
            }
            (Wanted::Condition, None, _) | (Wanted::Actions, _, None) => {
                self.unanswered(rule, &pending, &answer.failure);
                return;
            }
        }
        self.judge(rule, pending.symbol, pending.cause.occasion(), &pending.answers);
    }

    /// Questions whose time is over, but for the one that is being answered: its answer knows more.
    pub(crate) fn expire_asks(&mut self, answered: Option<AskId>) {
        let now = self.state.now;
        let late: Vec<AskId> = self
            .state
            .asks
            .iter()
            .filter(|(id, ask)| ask.deadline <= now && answered != Some(**id))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some(pending) = self.state.asks.shift_remove(&id) {
                self.unanswered(self.rules.rule(pending.rule), &pending, "it did not come in time");
            }
        }
    }

    fn unanswered(&mut self, rule: &CompiledRule, pending: &PendingAsk, failure: &str) {
        let PendingAsk { name, wanted, symbol, .. } = pending;
        let failure = if failure.is_empty() { "it gave no answer" } else { failure };
        let text = format!("rule `{}`: no answer of the {} `{name}`: {failure}", rule.name, wanted.as_str());
        self.state.alert(IncidentCode::ScriptFailed, None, None, text);
        self.state.notices.push(Notice::RuleBlocked {
            rule: rule.id,
            symbol: *symbol,
            reason: Reason::ConditionUnknown,
            detail: format!("`{name}`: {failure}").into(),
        });
    }
}

impl Engine {
    /// Gives up every question that waits, and tells why; answers that still come count for nothing.
    pub(super) fn abandon_asks(&mut self, why: &str) {
        for (_, pending) in std::mem::take(&mut self.state.asks) {
            let PendingAsk { rule, name, wanted, .. } = pending;
            let (rule, wanted) = (&self.rules.rule(rule).name, wanted.as_str());
            let text = format!("rule `{rule}`: no answer of the {wanted} `{name}`: {why}");
            self.state.alert(IncidentCode::ScriptFailed, None, None, text);
        }
        self.state.update_due();
    }
}

/// What an operand is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Worth {
    /// A number.
    Number(f64),
    /// A word.
    Text(Box<str>),
    /// Yes or no.
    Flag(bool),
}

impl Engine {
    /// What an operand is worth to rules about `symbol` now, and on the event of the question `ask` if
    /// that is waiting; `None` while it is unknown.
    #[must_use]
    pub fn worth(&self, symbol: Option<SymbolId>, ask: Option<AskId>, operand: &Operand) -> Option<Worth> {
        let pending = ask.and_then(|ask| self.state.asks.get(&ask));
        let occasion = pending.map_or(Occasion::Event(&EventKind::Clock), |pending| pending.cause.occasion());
        worth(&StateView { state: &self.state, occasion, symbol, answers: &[] }, operand)
    }
}

fn worth(view: &StateView<'_>, operand: &Operand) -> Option<Worth> {
    let number = |operand| match worth(view, operand) {
        Some(Worth::Number(number)) => Some(number),
        Some(Worth::Text(_) | Worth::Flag(_)) | None => None,
    };
    let joined = |left, right, join: fn(f64, f64) -> f64| {
        Some(join(number(left)?, number(right)?)).filter(|joined| joined.is_finite()).map(Worth::Number)
    };
    match operand {
        Operand::Number(number) => Some(Worth::Number(*number)),
        Operand::Text(text) => Some(Worth::Text(text.clone())),
        Operand::Field(field) => of_field(view, *field),
        Operand::Feature(name) => view.feature(name).map(Worth::Number),
        Operand::Reading(name) => view.reading(name).map(Worth::Number),
        Operand::Indicator(spec) => {
            let slot = view.state.indicators.find(spec)?;
            view.indicator(slot).map(Worth::Number)
        }
        Operand::Add(left, right) => joined(left, right, |left, right| left + right),
        Operand::Subtract(left, right) => joined(left, right, |left, right| left - right),
        Operand::Multiply(left, right) => joined(left, right, |left, right| left * right),
        Operand::Divide(left, right) => joined(left, right, |left, right| left / right),
        Operand::Remainder(left, right) => joined(left, right, remainder),
        Operand::Negate(part) => number(part).map(|number| Worth::Number(-number)),
    }
}

fn of_field(view: &StateView<'_>, field: Field) -> Option<Worth> {
    match field.value_type() {
        ValueType::Number => view.number(field).map(Worth::Number),
        ValueType::Text => view.text(field).map(|word| Worth::Text(word.into())),
        ValueType::Bool => view.flag(field).map(Worth::Flag),
    }
}

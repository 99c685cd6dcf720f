//! Rules as they are declared: trigger, condition, actions and discipline.
//!
//! These are descriptions, handed over once at the start. `compile` turns them into what runs: a
//! `RuleSet` whose conditions are judged over a `View`, and whose actions the engine carries out.
//!
//! Reading order: `condition` and `action` (declared), `compile`, `tree` and `operand` (judged), `act`
//! (compiled actions), `selection` (which rules an event concerns), `explain`.

mod act;
mod action;
mod compile;
mod compile_action;
mod condition;
mod explain;
mod operand;
mod selection;
mod set;
mod text;
mod tree;
mod truth;
mod view;

pub use act::{CompiledAction, CompiledEnter, CompiledLevel, CompiledOrder, Level};
pub use compile::compile;
pub(crate) use compile::compile_answer;
pub use explain::{ComparedValue, Explanation, Shown, explain};
pub use operand::{Arithmetic, CompiledOperand, CompiledValue, CompiledWord, Sign, remainder};
pub use set::{CompiledRule, RuleSet};
pub use tree::CompiledCondition;
pub use truth::Truth;
pub use view::View;

pub use action::{Action, EnterSpec, ExitLevel, ExitSpec, Opposite, OrderSpec, Reprice, ScaleInSpec, Size};
pub use condition::{Comparison, Condition, Field, IndicatorSpec, Operand, ValueType};

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// The kinds of event that rules can be triggered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Trigger {
    /// A new prediction, after duplicates and expired ones were dropped.
    PredictionSignal,
    /// A complete bar.
    Bar,
    /// A quote.
    Quote,
    /// A trade of the tape.
    Trade,
    /// One of our fills.
    Fill,
    /// A position of ours changed.
    Position,
    /// A trade was concluded.
    ContextConcluded,
    /// A reading was pushed in.
    Reading,
    /// Time passed.
    Clock,
}

impl Trigger {
    /// Every trigger, in the order of their discriminants.
    pub const ALL: [Self; 9] = [
        Self::PredictionSignal,
        Self::Bar,
        Self::Quote,
        Self::Trade,
        Self::Fill,
        Self::Position,
        Self::ContextConcluded,
        Self::Reading,
        Self::Clock,
    ];
}

/// A time-of-day window in the exchange's local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Seconds since local midnight, inclusive.
    pub from_second: i64,
    /// Seconds since local midnight, exclusive.
    pub to_second: i64,
}

impl Window {
    /// Whether `second` of the day lies inside; a window that ends before it starts spans midnight.
    #[must_use]
    pub const fn contains(self, second: i64) -> bool {
        if self.from_second <= self.to_second {
            self.from_second <= second && second < self.to_second
        } else {
            self.from_second <= second || second < self.to_second
        }
    }
}

/// A rule as declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Unique name.
    pub name: Box<str>,
    /// What it is judged on.
    pub on: Vec<Trigger>,
    /// Symbols it is for; empty means every symbol.
    #[serde(default)]
    pub symbols: Vec<Box<str>>,
    /// When it fires.
    pub when: Condition,
    /// Higher first; then order of definition.
    #[serde(default)]
    pub priority: i32,
    /// Pause per symbol after an action was emitted.
    #[serde(default)]
    pub cooldown: Span,
    /// Most firings per exchange day, over all symbols.
    #[serde(default)]
    pub daily_cap: Option<u32>,
    /// Time of day in which it may fire.
    #[serde(default)]
    pub window: Option<Window>,
    /// Whether it is on at the start.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

fn yes() -> bool {
    true
}

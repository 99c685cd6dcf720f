//! Compiled conditions: how they are judged, and which question to ask next.

use serde::{Deserialize, Serialize};

use super::operand::{CompiledOperand, CompiledValue, CompiledWord};
use super::{Comparison, Condition, Field, Truth, View};
use crate::id::RuleId;

/// A condition with every name resolved. Its nodes have the shape of the declared tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompiledCondition {
    pub(super) rule: RuleId,
    pub(super) node: Node,
    /// As declared, for explanations.
    pub(super) declared: Condition,
    /// Custom conditions in the order of evaluation, each once.
    pub(super) asks: Box<[Box<str>]>,
}

/// One node, as `Condition` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Node {
    Constant(bool),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    Compare { left: CompiledOperand, is: Comparison, right: CompiledOperand },
    Words { left: CompiledWord, is_equal: bool, right: CompiledWord },
    Holds(Field),
    Crosses { left: CompiledOperand, up: bool, right: CompiledOperand },
    Known(CompiledValue),
    Ask(Box<str>),
}

impl CompiledCondition {
    /// What is known about it now. Stops at the first part that decides.
    #[inline]
    pub fn evaluate(&self, view: &impl View) -> Truth {
        self.node.evaluate(self.rule, view)
    }

    /// The custom condition to ask next: the first unanswered one, in the order of evaluation, on
    /// which a yes of the whole depends. `None` when the answer is settled without asking: it is yes
    /// already, a native part says no, or a native value is unknown.
    pub fn needs_ask(&self, view: &impl View) -> Option<&str> {
        if self.asks.is_empty() {
            return None;
        }
        self.node.needs_ask(self.rule, view, true)
    }

    /// The names of its custom conditions, each once, in the order of evaluation.
    #[must_use]
    pub fn asks(&self) -> &[Box<str>] {
        &self.asks
    }

    /// The condition as declared.
    #[must_use]
    pub fn declared(&self) -> &Condition {
        &self.declared
    }
}

impl Comparison {
    /// Whether `left` stands so to `right`; neither is NaN.
    #[must_use]
    #[inline]
    #[expect(clippy::float_cmp, reason = "`==` of a rule means equal, not near")]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

/// Which answers a node can still give, depending on questions that nobody answered yet.
#[derive(Debug, Clone, Copy)]
struct Reach {
    yes: bool,
    no: bool,
}

impl Reach {
    const fn of(truth: Truth) -> Self {
        Self { yes: matches!(truth, Truth::Yes), no: matches!(truth, Truth::No) }
    }

    const fn has(self, wanted: bool) -> bool {
        if wanted { self.yes } else { self.no }
    }
}

impl Node {
    pub(super) fn evaluate(&self, rule: RuleId, view: &impl View) -> Truth {
        match self {
            Self::Constant(value) => Truth::from(*value),
            Self::All(parts) => {
                let mut truth = Truth::Yes;
                for part in parts {
                    truth = truth.and(part.evaluate(rule, view));
                    if truth == Truth::No {
                        break;
                    }
                }
                truth
            }
            Self::Any(parts) => {
                let mut truth = Truth::No;
                for part in parts {
                    truth = truth.or(part.evaluate(rule, view));
                    if truth == Truth::Yes {
                        break;
                    }
                }
                truth
            }
            Self::Not(part) => !part.evaluate(rule, view),
            Self::Compare { left, is, right } => match (left.value(view), right.value(view)) {
                (Some(left), Some(right)) => Truth::from(is.holds(left, right)),
                _ => Truth::Unknown,
            },
            Self::Words { left, is_equal, right } => match (left.value(view), right.value(view)) {
                (Some(left), Some(right)) => Truth::from((left == right) == *is_equal),
                _ => Truth::Unknown,
            },
            Self::Holds(field) => Truth::from(view.flag(*field)),
            Self::Crosses { left, up, right } => Truth::from(crosses(left, *up, right, view)),
            Self::Known(value) => Truth::from(value.is_known(view)),
            Self::Ask(name) => Truth::from(view.answer(rule, name)),
        }
    }

    fn reach(&self, rule: RuleId, view: &impl View) -> Reach {
        match self {
            Self::Ask(name) => match view.answer(rule, name) {
                Some(answer) => Reach::of(Truth::from(answer)),
                None => Reach { yes: true, no: true },
            },
            Self::Not(part) => {
                let Reach { yes, no } = part.reach(rule, view);
                Reach { yes: no, no: yes }
            }
            Self::All(parts) => parts.iter().map(|part| part.reach(rule, view)).fold(
                Reach { yes: true, no: false },
                |all, part| Reach { yes: all.yes && part.yes, no: all.no || part.no },
            ),
            Self::Any(parts) => parts.iter().map(|part| part.reach(rule, view)).fold(
                Reach { yes: false, no: true },
                |any, part| Reach { yes: any.yes || part.yes, no: any.no && part.no },
            ),
            Self::Constant(_)
            | Self::Compare { .. }
            | Self::Words { .. }
            | Self::Holds(_)
            | Self::Crosses { .. }
            | Self::Known(_) => Reach::of(self.evaluate(rule, view)),
        }
    }

    /// The first question whose answer this node's being `wanted` depends on.
    fn needs_ask(&self, rule: RuleId, view: &impl View, wanted: bool) -> Option<&str> {
        if self.evaluate(rule, view) == Truth::from(wanted) || !self.reach(rule, view).has(wanted) {
            return None;
        }
        match (self, wanted) {
            (Self::Ask(name), _) => Some(name),
            (Self::Not(part), _) => part.needs_ask(rule, view, !wanted),
            // Whether all parts are needed or one suffices, the first that can still be moved to
            // `wanted` is asked: it is the next that a strict left-to-right evaluation would reach.
            (Self::All(parts) | Self::Any(parts), _) => {
                parts.iter().find_map(|part| part.needs_ask(rule, view, wanted))
            }
            // Native nodes reach only what they already are.
            (
                Self::Constant(_)
                | Self::Compare { .. }
                | Self::Words { .. }
                | Self::Holds(_)
                | Self::Crosses { .. }
                | Self::Known(_),
                _,
            ) => None,
        }
    }
}

/// Whether `left` went through `right` between the last two bars; a touch before counts, one now does
/// not.
pub(super) fn crosses(
    left: &CompiledOperand,
    up: bool,
    right: &CompiledOperand,
    view: &impl View,
) -> Option<bool> {
    let (left_before, left_now) = (left.before(view)?, left.value(view)?);
    let (right_before, right_now) = (right.before(view)?, right.value(view)?);
    Some(if up {
        left_before <= right_before && left_now > right_now
    } else {
        left_before >= right_before && left_now < right_now
    })
}

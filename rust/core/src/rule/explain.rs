//! Why a condition holds, does not hold, or is unknown: every value compared, and how far it was off.
//!
//! Works on the declared tree and the compiled one side by side, and only when somebody asks: judging
//! rules live pays nothing for it.

use serde::Serialize;

use super::operand::{CompiledOperand, CompiledValue};
use super::tree::{Node, crosses};
use super::{Comparison, CompiledCondition, Condition, Operand, Truth, View};
use crate::id::RuleId;

/// One node of a condition with what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The node in expression syntax.
    pub text: String,
    /// What is known about it.
    pub truth: Truth,
    /// What was compared, left before right; empty for `and`, `or`, `not` and constants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ComparedValue>,
    /// How far the left value has to move for this part to stop keeping the rule from firing: above 0
    /// it has to rise, below 0 to fall, by at least that much, in its own units. 0 when nothing is
    /// missing; absent when a value is unknown or there is nothing to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// The names of unknown values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The parts of `and`, `or` and `not`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explanation>,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedValue {
    /// The operand in expression syntax.
    pub text: String,
    /// What it was; absent when unknown.
    pub value: Option<Shown>,
    /// What it was one bar earlier, where that was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
}

/// A value as it was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// A number.
    Number(f64),
    /// A word.
    Word(Box<str>),
    /// Yes or no.
    Flag(bool),
}

/// What every part of `condition` is in this view.
pub fn explain(condition: &CompiledCondition, view: &impl View) -> Explanation {
    Explainer { rule: condition.rule, view }.node(&condition.declared, &condition.node, true)
}

impl Explanation {
    /// A node without values or parts.
    pub(crate) fn of(text: impl ToString, truth: Truth) -> Self {
        Self {
            text: text.to_string(),
            truth,
            values: Vec::new(),
            distance: None,
            missing: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// The first part, down to a single comparison, that gives the whole its answer: the one to look
    /// at when the rule did not fire. `None` when it is known to hold.
    #[must_use]
    pub fn blocker(&self) -> Option<&Self> {
        (!self.truth.is_yes()).then(|| self.decisive())
    }

    fn decisive(&self) -> &Self {
        let same = |part: &&Self| part.truth == self.truth || self.parts.len() == 1;
        self.parts.iter().find(same).map_or(self, Self::decisive)
    }
}

struct Explainer<'a, V> {
    rule: RuleId,
    view: &'a V,
}

impl<V: View> Explainer<'_, V> {
    /// `wanted` is the answer of this node that helps the rule to fire.
    fn node(&self, declared: &Condition, node: &Node, wanted: bool) -> Explanation {
        let mut explanation = Explanation::of(declared, node.evaluate(self.rule, self.view));
        match (declared, node) {
            (Condition::All(parts), Node::All(nodes)) | (Condition::Any(parts), Node::Any(nodes)) => {
                explanation.parts =
                    parts.iter().zip(nodes).map(|(part, node)| self.node(part, node, wanted)).collect();
            }
            (Condition::Not(part), Node::Not(node)) => {
                explanation.parts.push(self.node(part, node, !wanted));
            }
            (
                Condition::Compare { left, right, .. },
                Node::Compare { left: left_node, is, right: right_node },
            ) => {
                let (left_value, right_value) = (left_node.value(self.view), right_node.value(self.view));
                explanation.values = vec![
                    compared(left, left_value.map(Shown::Number)),
                    compared(right, right_value.map(Shown::Number)),
                ];
                if let (Some(left), Some(right)) = (left_value, right_value) {
                    explanation.distance = Some(distance(*is, left, right, wanted));
                }
                self.missing_numbers(left, left_node, false, &mut explanation.missing);
                self.missing_numbers(right, right_node, false, &mut explanation.missing);
            }
            (
                Condition::Compare { left, right, .. },
                Node::Words { left: left_node, right: right_node, .. },
            ) => {
                for (operand, word) in [(left, left_node), (right, right_node)] {
                    let value = word.value(self.view).map(|word| Shown::Word(word.into()));
                    explanation.name_if_missing(operand, value.is_some());
                    explanation.values.push(compared(operand, value));
                }
            }
            (Condition::Holds(operand), Node::Holds(field)) => {
                let value = self.view.flag(*field).map(Shown::Flag);
                explanation.name_if_missing(operand, value.is_some());
                explanation.values.push(compared(operand, value));
            }
            (
                Condition::Crosses { left, right, .. },
                Node::Crosses { left: left_node, up, right: right_node },
            ) => {
                for (operand, node) in [(left, left_node), (right, right_node)] {
                    explanation.values.push(ComparedValue {
                        before: node.before(self.view),
                        ..compared(operand, node.value(self.view).map(Shown::Number))
                    });
                    self.missing_numbers(operand, node, false, &mut explanation.missing);
                    self.missing_numbers(operand, node, true, &mut explanation.missing);
                }
                explanation.distance = self.distance_to_cross(left_node, *up, right_node, wanted);
            }
            (Condition::Known(operand), Node::Known(value)) => {
                let found = match value {
                    CompiledValue::Number(number) => number.value(self.view).map(Shown::Number),
                    CompiledValue::Word(word) => word.value(self.view).map(|word| Shown::Word(word.into())),
                    CompiledValue::Flag(field) => self.view.flag(*field).map(Shown::Flag),
                };
                explanation.values.push(compared(operand, found));
            }
            (Condition::Ask(name), Node::Ask(_)) => {
                let answer = self.view.answer(self.rule, name).map(Shown::Flag);
                if answer.is_none() {
                    explanation.missing.push(explanation.text.clone());
                }
                explanation.values.push(ComparedValue {
                    text: explanation.text.clone(),
                    value: answer,
                    before: None,
                });
            }
            (Condition::Constant(_), Node::Constant(_)) => {}
            (declared, _) => unreachable!("compiled nodes have the shape of what was declared: {declared}"),
        }
        explanation
    }

    /// Names the leaves of an operand that are unknown, now or one bar earlier.
    fn missing_numbers(
        &self,
        declared: &Operand,
        node: &CompiledOperand,
        before: bool,
        missing: &mut Vec<String>,
    ) {
        match (declared, node) {
            (
                Operand::Add(left, right)
                | Operand::Subtract(left, right)
                | Operand::Multiply(left, right)
                | Operand::Divide(left, right)
                | Operand::Remainder(left, right),
                CompiledOperand::Arithmetic(parts),
            ) => {
                let count = missing.len();
                self.missing_numbers(left, &parts.left, before, missing);
                self.missing_numbers(right, &parts.right, before, missing);
                // Every leaf is known and the result is not: a division by zero, or no number.
                if missing.len() == count && self.read(node, before).is_none() {
                    missing.push(declared.to_string());
                }
            }
            (Operand::Negate(part), CompiledOperand::Negate(node)) => {
                self.missing_numbers(part, node, before, missing);
            }
            (leaf, node) => {
                if self.read(node, before).is_none() {
                    let text = if before { format!("{leaf} one bar earlier") } else { leaf.to_string() };
                    missing.push(text);
                }
            }
        }
    }

    fn read(&self, node: &CompiledOperand, before: bool) -> Option<f64> {
        if before { node.before(self.view) } else { node.value(self.view) }
    }

    /// A crossing that came too early is no matter of distance: only one that is still ahead is.
    fn distance_to_cross(
        &self,
        left: &CompiledOperand,
        up: bool,
        right: &CompiledOperand,
        wanted: bool,
    ) -> Option<f64> {
        let has_crossed = crosses(left, up, right, self.view)?;
        if has_crossed == wanted {
            return Some(0.0);
        }
        let gap = right.value(self.view)? - left.value(self.view)?;
        let is_ahead = if up { gap >= 0.0 } else { gap <= 0.0 };
        (wanted && is_ahead).then_some(gap)
    }
}

impl Explanation {
    fn name_if_missing(&mut self, operand: &Operand, is_known: bool) {
        if !is_known {
            self.missing.push(operand.to_string());
        }
    }
}

fn compared(operand: &Operand, value: Option<Shown>) -> ComparedValue {
    ComparedValue { text: operand.to_string(), value, before: None }
}

/// How far `left` is from standing to `right` as wanted.
fn distance(is: Comparison, left: f64, right: f64, wanted: bool) -> f64 {
    if is.holds(left, right) == wanted { 0.0 } else { right - left }
}

//! Compiled operands: names resolved, types settled, ready to be read from a `View`.

use serde::{Deserialize, Serialize};

use super::{Field, View};
use crate::indicator::IndicatorSlot;

/// A number to be computed; `value` is never NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CompiledOperand {
    /// A fixed, finite number.
    Number(f64),
    /// A field whose type is `Number`.
    Field(Field),
    /// One of the signal's model inputs.
    Feature(Box<str>),
    /// A value pushed in by a script.
    Reading(Box<str>),
    /// An indicator of the event's symbol.
    Indicator(IndicatorSlot),
    /// Two numbers joined.
    Arithmetic(Box<Arithmetic>),
    /// Opposite sign.
    Negate(Box<CompiledOperand>),
}

/// Two numbers joined by a sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// Left of the sign.
    pub left: CompiledOperand,
    /// The sign.
    pub sign: Sign,
    /// Right of the sign.
    pub right: CompiledOperand,
}

/// The signs of arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient; unknown when the divisor is zero.
    Divide,
    /// What is left of a division, with the sign of the divisor; unknown when that is zero.
    Remainder,
}

/// A word to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompiledWord {
    /// A fixed word.
    Fixed(Box<str>),
    /// A field whose type is `Text`.
    Field(Field),
}

/// Something that may be known or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CompiledValue {
    /// A number.
    Number(CompiledOperand),
    /// A word.
    Word(CompiledWord),
    /// A yes-or-no field.
    Flag(Field),
}

impl CompiledOperand {
    /// What it is now; `None` when a part is unknown or the result is no number.
    #[inline]
    pub fn value(&self, view: &impl View) -> Option<f64> {
        let value = match self {
            Self::Number(number) => return Some(*number),
            Self::Field(field) => view.number(*field),
            Self::Feature(name) => view.feature(name),
            Self::Reading(name) => view.reading(name),
            Self::Indicator(slot) => view.indicator(*slot),
            Self::Arithmetic(parts) => parts.sign.join(parts.left.leaf(view)?, parts.right.leaf(view)?),
            Self::Negate(part) => part.value(view).map(|value| -value),
        };
        value.filter(|value| !value.is_nan())
    }

    /// As `value`, without a call where nothing is to be computed.
    #[inline]
    fn leaf(&self, view: &impl View) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Field(field) => view.number(*field).filter(|value| !value.is_nan()),
            other => other.value(view),
        }
    }

    /// What it was one bar earlier; `None` also for what has no earlier value.
    pub fn before(&self, view: &impl View) -> Option<f64> {
        let value = match self {
            Self::Number(number) => return Some(*number),
            Self::Field(field) => view.field_before(*field),
            Self::Indicator(slot) => view.indicator_before(*slot),
            Self::Arithmetic(parts) => parts.sign.join(parts.left.before(view)?, parts.right.before(view)?),
            Self::Negate(part) => part.before(view).map(|value| -value),
            Self::Feature(_) | Self::Reading(_) => None,
        };
        value.filter(|value| !value.is_nan())
    }
}

impl Sign {
    fn join(self, left: f64, right: f64) -> Option<f64> {
        match self {
            Self::Add => Some(left + right),
            Self::Subtract => Some(left - right),
            Self::Multiply => Some(left * right),
            Self::Divide => (right != 0.0).then(|| left / right),
            Self::Remainder => (right != 0.0).then(|| remainder(left, right)),
        }
    }
}

/// What is left of a division, with the sign of the divisor; NaN when that is zero.
#[must_use]
#[expect(clippy::float_cmp, reason = "whether a float is a whole number is asked exactly")]
pub fn remainder(left: f64, right: f64) -> f64 {
    // Counters are small whole numbers, and dividing those is many times faster.
    let (whole, by) = (left as u32, right as u32);
    if by != 0 && f64::from(whole) == left && f64::from(by) == right {
        return f64::from(whole % by);
    }
    let rest = left % right;
    if rest != 0.0 && (rest < 0.0) != (right < 0.0) { rest + right } else { rest }
}

impl CompiledWord {
    /// What it is now.
    #[inline]
    pub fn value<'a>(&'a self, view: &'a impl View) -> Option<&'a str> {
        match self {
            Self::Fixed(word) => Some(word),
            Self::Field(field) => view.text(*field),
        }
    }
}

impl CompiledValue {
    /// Whether it has a value now.
    pub fn is_known(&self, view: &impl View) -> bool {
        match self {
            Self::Number(number) => number.value(view).is_some(),
            Self::Word(word) => word.value(view).is_some(),
            Self::Flag(field) => view.flag(*field).is_some(),
        }
    }
}

//! Conditions and operands in expression syntax, as configuration files write them.

use std::fmt;

use super::{Comparison, Condition, IndicatorSpec, Operand};

impl Comparison {
    /// The sign.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::All(parts) => write_joined(f, parts, " and ", "True"),
            Self::Any(parts) => write_joined(f, parts, " or ", "False"),
            Self::Not(part) => {
                f.write_str("not ")?;
                write_part(f, part)
            }
            Self::Compare { left, is, right } => write!(f, "{left} {} {right}", is.as_str()),
            Self::Holds(operand) => write!(f, "{operand}"),
            Self::Crosses { left, up, right } => {
                write!(f, "crosses_{}({left}, {right})", if *up { "above" } else { "below" })
            }
            Self::Known(operand) => write!(f, "known({operand})"),
            Self::Ask(name) => write!(f, "ask({name:?})"),
        }
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Condition],
    between: &str,
    when_empty: &str,
) -> fmt::Result {
    if parts.is_empty() {
        return f.write_str(when_empty);
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write_part(f, part)?;
    }
    Ok(())
}

/// In brackets where the text would otherwise mean another tree.
fn write_part(f: &mut fmt::Formatter<'_>, part: &Condition) -> fmt::Result {
    match part {
        Condition::All(_) | Condition::Any(_) | Condition::Not(_) => write!(f, "({part})"),
        Condition::Constant(_)
        | Condition::Compare { .. }
        | Condition::Holds(_)
        | Condition::Crosses { .. }
        | Condition::Known(_)
        | Condition::Ask(_) => write!(f, "{part}"),
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(word) => write!(f, "{word:?}"),
            Self::Field(field) => f.write_str(field.as_str()),
            Self::Feature(name) => write!(f, "feature({name:?})"),
            Self::Reading(name) => write!(f, "reading({name:?})"),
            Self::Indicator(spec) => write!(f, "{spec}"),
            Self::Add(left, right) => write_arithmetic(f, left, "+", right),
            Self::Subtract(left, right) => write_arithmetic(f, left, "-", right),
            Self::Multiply(left, right) => write_arithmetic(f, left, "*", right),
            Self::Divide(left, right) => write_arithmetic(f, left, "/", right),
            Self::Remainder(left, right) => write_arithmetic(f, left, "%", right),
            Self::Negate(part) => {
                f.write_str("-")?;
                write_term(f, part)
            }
        }
    }
}

fn write_arithmetic(f: &mut fmt::Formatter<'_>, left: &Operand, sign: &str, right: &Operand) -> fmt::Result {
    write_term(f, left)?;
    write!(f, " {sign} ")?;
    write_term(f, right)
}

fn write_term(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    match operand {
        Operand::Add(..)
        | Operand::Subtract(..)
        | Operand::Multiply(..)
        | Operand::Divide(..)
        | Operand::Remainder(..)
        | Operand::Negate(_) => write!(f, "({operand})"),
        Operand::Number(_)
        | Operand::Text(_)
        | Operand::Field(_)
        | Operand::Feature(_)
        | Operand::Reading(_)
        | Operand::Indicator(_) => write!(f, "{operand}"),
    }
}

impl fmt::Display for IndicatorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.over.is_some() {
            f.write_str("over(")?;
        }
        write!(f, "{}(", self.name)?;
        for (index, parameter) in self.parameters.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{parameter}")?;
        }
        f.write_str(")")?;
        match self.over {
            Some(frame) => write!(f, ", {frame})"),
            None => Ok(()),
        }
    }
}

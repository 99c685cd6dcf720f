//! What is wrong with a configuration, in words that its author can act on.
//!
//! Raised before the first event only. A broker's refusal is an event, and what an operator must know
//! is an `Incident`: neither is an error of this kind.

use std::fmt;

use thiserror::Error;

/// A declaration that cannot run: where, what was expected, what was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The rule, when one is concerned.
    pub rule: Option<Box<str>>,
    /// The path of the field inside the rule or the configuration: `actions[0].enter.stop`.
    pub field: Box<str>,
    /// Completes "must": `be greater than 0`.
    pub expected: Box<str>,
    /// The value as written.
    pub found: Box<str>,
}

impl ConfigError {
    /// About `field`, which must `expected` and was `found`.
    #[must_use]
    pub fn new(field: impl Into<Box<str>>, expected: impl Into<Box<str>>, found: impl fmt::Display) -> Self {
        Self {
            rule: None,
            field: field.into(),
            expected: expected.into(),
            found: found.to_string().into_boxed_str(),
        }
    }

    /// The same error, told of a rule.
    #[must_use]
    pub fn in_rule(self, rule: &str) -> Self {
        Self { rule: Some(rule.into()), ..self }
    }

    /// The same error, with `path` before its field.
    #[must_use]
    pub fn under(self, path: &str) -> Self {
        let joined = match &*self.field {
            "" => path.to_owned(),
            field if field.starts_with('[') => format!("{path}{field}"),
            field => format!("{path}.{field}"),
        };
        Self { field: joined.into_boxed_str(), ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        write!(f, "`{}` must {}, was `{}`", self.field, self.expected, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_what_was_expected_and_what_was_found() {
        let error = ConfigError::new("percent", "be greater than 0", -1.5);
        assert_eq!(error.to_string(), "`percent` must be greater than 0, was `-1.5`");
        let error = error.under("stop[0]").under("actions[1]").in_rule("late_stop");
        assert_eq!(
            error.to_string(),
            "rule `late_stop`: `actions[1].stop[0].percent` must be greater than 0, was `-1.5`"
        );
    }
}

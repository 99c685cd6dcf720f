//! Three-valued truth.

use std::ops::Not;

use serde::{Deserialize, Serialize};

/// What is known about a condition. Unknown never fires, nor does its negation.
///
/// Source: S. C. Kleene, *Introduction to Metamathematics* (1952), the strong three-valued logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Known to hold.
    Yes,
    /// Known not to hold.
    No,
    /// A value that decides is missing.
    Unknown,
}

impl Truth {
    /// Known to hold.
    #[must_use]
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// No if either is no, yes if both are yes.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::Unknown, Self::Yes | Self::Unknown) | (Self::Yes, Self::Unknown) => Self::Unknown,
        }
    }

    /// Yes if either is yes, no if both are no.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            (Self::Unknown, Self::No | Self::Unknown) | (Self::No, Self::Unknown) => Self::Unknown,
        }
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

impl From<Option<bool>> for Truth {
    fn from(value: Option<bool>) -> Self {
        value.map_or(Self::Unknown, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, No, Unknown, Yes};

    /// Every completion of an unknown by yes or no must agree before the connective knows its answer.
    #[test]
    fn connectives_know_exactly_what_every_completion_agrees_on() {
        let completions = |truth: Truth| match truth {
            Yes => vec![true],
            No => vec![false],
            Unknown => vec![true, false],
        };
        let agreed = |mut answers: Vec<bool>| {
            answers.dedup();
            if let [one] = answers[..] { Truth::from(one) } else { Unknown }
        };
        for left in [Yes, No, Unknown] {
            for right in [Yes, No, Unknown] {
                let both = |join: fn(bool, bool) -> bool| {
                    let lefts = completions(left);
                    let rights = completions(right);
                    let mut all: Vec<bool> =
                        lefts.iter().flat_map(|&l| rights.iter().map(move |&r| join(l, r))).collect();
                    all.sort_unstable();
                    agreed(all)
                };
                assert_eq!(left.and(right), both(|l, r| l && r), "{left:?} and {right:?}");
                assert_eq!(left.or(right), both(|l, r| l || r), "{left:?} or {right:?}");
                assert_eq!(!left.and(right), (!left).or(!right), "De Morgan");
            }
        }
    }
}

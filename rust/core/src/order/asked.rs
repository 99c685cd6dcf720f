//! How often something was asked of the broker, and when to ask again.

use serde::{Deserialize, Serialize};

use crate::time::{Span, Timestamp};

/// Something asked of the broker and not answered: when last, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// When it was last sent.
    pub at: Timestamp,
    /// How often it was sent.
    pub times: u8,
}

impl Asked {
    /// Asked for the first time.
    #[must_use]
    pub const fn first(at: Timestamp) -> Self {
        Self { at, times: 1 }
    }

    /// Asked once more.
    #[must_use]
    pub const fn again(self, at: Timestamp) -> Self {
        Self { at, times: self.times.saturating_add(1) }
    }

    /// After this many times the waits grow no longer.
    pub const LONGEST: u8 = 10;

    /// When it is to be asked again, if `patience` was given the first time: each silence is waited
    /// for twice as long as the one before, an hour at most. At once when it was never asked.
    #[must_use]
    pub fn due(self, patience: Span) -> Timestamp {
        let Some(doublings) = self.times.checked_sub(1) else { return Timestamp::MIN };
        let wait = patience.0.saturating_mul(1 << doublings.min(Self::LONGEST - 1));
        self.at + Span(wait.min(Span::from_secs(3_600).0))
    }
}

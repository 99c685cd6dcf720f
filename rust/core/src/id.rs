//! One newtype per identifier, so that none can stand in for another.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

macro_rules! identifier {
    ($(#[$meta:meta])* $name:ident, $repr:ty) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

identifier!(
    /// A symbol's place in `EngineConfig::instruments`.
    SymbolId, u32
);
identifier!(
    /// A rule's place in `EngineConfig::rules`.
    RuleId, u32
);
identifier!(
    /// TWS orderId: rises for ever, never serves two intents. FIX ClOrdID 11.
    OrderId, i64
);
identifier!(
    /// TWS permId: the broker's durable key, account-wide. FIX OrderID 37.
    PermId, i64
);
identifier!(
    /// A context's number, rising within a run.
    ContextId, u64
);
identifier!(
    /// A question to custom Python code, answered by an `Answer` event.
    AskId, u64
);

impl SymbolId {
    /// As an index into per-symbol tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Our durable name of one order intent: sent as `orderRef`, echoed by TWS in openOrder, execDetails
/// and completedOrder, and unique over restarts because it starts with the run's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderRef(pub Arc<str>);

impl OrderRef {
    /// `run-intent-what`.
    #[must_use]
    pub fn new(run: &str, intent: u64, what: &str) -> Self {
        let mut digits = [b'0'; 20];
        let (mut first, mut rest) = (digits.len(), intent);
        loop {
            first -= 1;
            digits[first] += (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let mut text = SmallVec::<[u8; 64]>::new();
        for part in [run.as_bytes(), b"-", &digits[first..], b"-", what.as_bytes()] {
            text.extend_from_slice(part);
        }
        Self(std::str::from_utf8(&text).expect("texts and digits").into())
    }

    /// Whether both name one intent; a name that was only passed on is not read.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    /// The number between run and purpose, where it has the form that `new` gives.
    #[must_use]
    pub fn intent(&self) -> Option<u64> {
        self.0.rsplit('-').nth(1)?.parse().ok()
    }
}

/// TWS execId, one per fill. FIX ExecID 17.
///
/// A correction repeats the id with another number behind the last dot (`….01` becomes `….02`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecId(pub Arc<str>);

impl ExecId {
    /// The part that a correction shares with what it corrects, and the revision behind it.
    #[must_use]
    pub fn fill_and_revision(&self) -> (&str, u32) {
        let Some(dot) = self.0.bytes().rposition(|byte| byte == b'.') else { return (&self.0, 0) };
        self.0[dot + 1..].parse().map_or((&*self.0, 0), |number| (&self.0[..dot], number))
    }
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

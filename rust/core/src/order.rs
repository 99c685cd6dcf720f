//! An order: its facts, and the phase computed from them.
use serde::{Deserialize, Serialize};
/// Where an order stands, computed from its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Sent; the broker has not answered.
    Submitting,
    /// Alive at the broker.
    Working,
    /// Alive, and not working: Inactive at TWS.
    Held,
    /// A cancel was asked for and is not confirmed.
    Cancelling,
    /// Nothing is known for certain: not in the broker's snapshot, or its answer never came.
    Unknown,
    /// Ended with every share filled.
    Filled,
    /// Ended by a cancel.
    Cancelled,
    /// Ended by a refusal.
    Rejected,
}

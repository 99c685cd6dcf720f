//! Readings of TWS: what its documentation leaves open and its records do not settle.
//!
//! Each is a named switch of `VenueConfig`; an engine should be safe under every variant.

use serde::{Deserialize, Serialize};

/// Which status shows an order that waits for its transmission.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldStatus {
    /// `PreSubmitted`.
    #[default]
    PreSubmitted,
    /// `Inactive`.
    Inactive,
}

/// Which whyHeld a child shows while it waits for its parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildWhyHeld {
    /// `child`.
    #[default]
    Child,
    /// Nothing.
    Empty,
}

/// What a change to less than is filled already leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityBelowFilled {
    /// Error 201; the order stays as it was.
    #[default]
    Rejected,
    /// The order ends with what it has filled.
    EndsOrder,
}

/// What a change of an OCA group or type leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcaRevision {
    /// Error 10326; the order stays as it was.
    #[default]
    Refused,
    /// The rest of the change is taken, the group stays as it was.
    Ignored,
}

/// What a reducing OCA group takes off its other members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcaReductionSize {
    /// The share that was filled, of each member's own remaining quantity.
    #[default]
    ShareOfRemaining,
    /// As many units as were filled.
    SameUnits,
}

/// How a cancel is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelNews {
    /// `Cancelled` at once.
    #[default]
    Cancelled,
    /// `PendingCancel` first.
    PendingFirst,
}

/// How an accepted change of a working order is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeNews {
    /// Its status, once.
    #[default]
    Once,
    /// `PreSubmitted` first, then its status.
    PreSubmittedFirst,
}

/// Which status shows a short sale whose shares are being located.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocateStatus {
    /// `PreSubmitted`.
    #[default]
    PreSubmitted,
    /// `Inactive`, and alive nevertheless.
    Inactive,
}

/// Whether the cancel of a child that asked for it cancels its parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoCancelParent {
    /// It does, as documented.
    #[default]
    Honoured,
    /// It does not, as was reported.
    Ineffective,
}

/// How an accepted new order is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNews {
    /// Its status, once.
    #[default]
    Once,
    /// `PreSubmitted` first, then its status, as live sessions were recorded.
    PreSubmittedFirst,
}

/// Which whyHeld an order shows while it waits for its trigger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerWhyHeld {
    /// `trigger`, as live sessions were recorded.
    #[default]
    Trigger,
    /// Nothing.
    Empty,
}

/// How the end of an order is told that should have filled at once and did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnfilledNews {
    /// `Cancelled` and 202, as of any cancel.
    #[default]
    Cancelled,
    /// Without 202: IOC `PendingCancel`, then `Cancelled`; FOK `Inactive`, as sessions were recorded.
    AsRecorded,
}

/// How a busted execution is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BustNews {
    /// As a correction to no shares.
    #[default]
    NoShares,
    /// By the position alone; the execution is listed no more.
    PositionOnly,
}

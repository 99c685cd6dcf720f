//! What a venue is told before it opens: its seed, its account, and which reading of TWS it follows.
//!
//! Where the documentation and the records of TWS disagree, each reading is a named variant here, so
//! that an engine can be shown to be safe under all of them.

use orderloom_core::decimal::{Money, ONE};
use orderloom_core::time::Span;
use serde::{Deserialize, Serialize};

/// Everything that decides how a venue behaves. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueConfig {
    /// Decides permanent ids and execution ids, hence every byte that comes out.
    pub seed: u64,
    /// The one account.
    pub account: Box<str>,
    /// Cash at the start, in `currency`.
    pub cash: Money,
    /// The account's base currency. Every instrument is taken to trade in it.
    pub currency: Box<str>,
    /// Margin or cash account.
    pub account_type: AccountType,
    /// Gross position value per unit of equity that a margin account may hold; at least 1.
    pub buying_power_multiple: u32,
    /// Whether instruments start in their regular session.
    pub starts_open: bool,
    /// What a fill costs.
    pub commission: CommissionPlan,
    /// How much fills, and at which price.
    pub fill: FillConfig,
    /// When the children of a bracket start to work.
    pub children_start: ChildrenStart,
    /// What becomes of children whose parent is cancelled after a partial fill.
    pub children_after_partial_cancel: ChildrenAfterPartialCancel,
    /// When a fill reaches the other members of its OCA group.
    pub oca_reduction: OcaReduction,
    /// How long a lagging reduction takes; none means until after the next event.
    pub oca_lag_ns: Option<Span>,
    /// What a cancel by hand does to the other members of an OCA group.
    pub oca_member_cancel: OcaMemberCancel,
    /// The status that follows error 201 on a new order.
    pub reject_status: RejectStatus,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            account: "DU0000001".into(),
            cash: Money::from_units(1_000_000),
            currency: "USD".into(),
            account_type: AccountType::default(),
            buying_power_multiple: 4,
            starts_open: true,
            commission: CommissionPlan::default(),
            fill: FillConfig::default(),
            children_start: ChildrenStart::default(),
            children_after_partial_cancel: ChildrenAfterPartialCancel::default(),
            oca_reduction: OcaReduction::default(),
            oca_lag_ns: None,
            oca_member_cancel: OcaMemberCancel::default(),
            reject_status: RejectStatus::default(),
        }
    }
}

/// How much fills at once, and how far from the market.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FillConfig {
    /// Share of a displayed or printed size that our orders may take, in 0..=1; all of it when absent.
    pub max_fraction_of_volume: Option<f64>,
    /// Ticks by which orders without a limit fill worse than the market.
    pub slippage_ticks: u32,
    /// Whether a resting limit fills only when prints go beyond it, as if last in the queue.
    pub limit_needs_through: bool,
}

impl FillConfig {
    /// The share in counts of 10⁻⁸.
    pub(crate) fn fraction_counts(&self) -> i64 {
        self.max_fraction_of_volume
            .map_or(ONE, |fraction| (fraction.clamp(0.0, 1.0) * ONE as f64).round() as i64)
    }
}

/// What kind of account trades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// May borrow and sell short.
    #[default]
    Margin,
    /// Pays in full and never sells what it does not hold.
    Cash,
}

/// What a fill costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommissionPlan {
    /// IBKR's published fixed rates for the United States.
    #[default]
    Fixed,
    /// Nothing.
    None,
}

/// When the children of a bracket start to work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildrenStart {
    /// When the parent is filled.
    #[default]
    OnFullFill,
    /// At the parent's first fill, with the size that was asked.
    OnFirstFillFullSize,
    /// At the parent's first fill, with the share that the parent has filled, growing with it.
    OnPartialScaled,
}

/// What becomes of children whose parent ends after a partial fill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildrenAfterPartialCancel {
    /// They work with the size that was asked.
    KeepFull,
    /// They work with the share that the parent has filled.
    #[default]
    ScaleToFilled,
    /// They are cancelled too.
    Cancelled,
}

/// When a fill reaches the other members of a reducing OCA group without block (type 3).
///
/// Groups with block (types 1 and 2) are always atomic: only one member is at the exchange at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcaReduction {
    /// In the same instant.
    #[default]
    Atomic,
    /// Later, so that two members can both fill.
    Lagging,
}

/// What a cancel by hand does to the other members of an OCA group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcaMemberCancel {
    /// Nothing.
    #[default]
    Alone,
    /// They are cancelled too, as one old description says.
    WholeGroup,
}

/// The status that follows error 201 on a new order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectStatus {
    /// openOrder and orderStatus `Inactive`.
    #[default]
    Inactive,
    /// openOrder and orderStatus `Cancelled`.
    Cancelled,
    /// Neither.
    Nothing,
}

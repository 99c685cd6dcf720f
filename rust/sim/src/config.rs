//! What a venue is told before it opens: its seed, its account, and which reading of TWS it follows.
//!
//! Where the documentation and the records of TWS disagree, each reading is a named variant here, so
//! that an engine can be shown to be safe under all of them.

use std::borrow::Cow;
use std::num::NonZeroU32;

use orderloom_core::decimal::{Money, ONE};
use orderloom_core::time::Span;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::latency::Latency;
use crate::reading::{
    AutoCancelParent, BustNews, CancelNews, ChangeNews, ChildWhyHeld, HeldStatus, LocateStatus,
    OcaReductionSize, OcaRevision, OrderNews, QuantityBelowFilled, TriggerWhyHeld, UnfilledNews,
};

/// Everything that decides how a venue behaves. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueConfig {
    /// Decides permanent ids and execution ids, hence every byte that comes out.
    pub seed: u64,
    /// The one account.
    pub account: Box<str>,
    /// Cash at the start, in `currency`.
    #[serde(deserialize_with = "amount")]
    pub cash: Money,
    /// The account's base currency. Every instrument is taken to trade in it.
    pub currency: Box<str>,
    /// Margin or cash account.
    pub account_type: AccountType,
    /// Gross position value per unit of equity that a margin account may hold.
    pub buying_power_multiple: NonZeroU32,
    /// Whether instruments start in their regular session.
    pub starts_open: bool,
    /// What a fill costs.
    pub commission: CommissionPlan,
    /// How much fills, and at which price.
    pub fill: FillConfig,
    /// How long orders travel, and how long news of them.
    pub latency: Latency,
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
    /// The status of an order that is not transmitted.
    pub held_status: HeldStatus,
    /// The whyHeld of a child that waits for its parent.
    pub child_why_held: ChildWhyHeld,
    /// What a change to less than is filled leads to.
    pub quantity_below_filled: QuantityBelowFilled,
    /// What a change of the OCA group leads to.
    pub oca_revision: OcaRevision,
    /// What a reducing OCA group takes off.
    pub oca_reduction_size: OcaReductionSize,
    /// How a cancel is told.
    pub cancel_news: CancelNews,
    /// How a change is told.
    pub change_news: ChangeNews,
    /// The status of a short sale without shares to borrow.
    pub locate_status: LocateStatus,
    /// Whether a child may take its parent along.
    pub auto_cancel_parent: AutoCancelParent,
    /// How an accepted new order is told.
    pub order_news: OrderNews,
    /// The whyHeld of an order that waits for its trigger.
    pub trigger_why_held: TriggerWhyHeld,
    /// How the end of an order is told that should have filled at once.
    pub unfilled_news: UnfilledNews,
    /// How a busted execution is told.
    pub bust_news: BustNews,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            account: "DU0000001".into(),
            cash: Money::from_units(1_000_000),
            currency: "USD".into(),
            account_type: AccountType::default(),
            buying_power_multiple: NonZeroU32::MIN.saturating_add(3),
            starts_open: true,
            commission: CommissionPlan::default(),
            fill: FillConfig::default(),
            latency: Latency::default(),
            children_start: ChildrenStart::default(),
            children_after_partial_cancel: ChildrenAfterPartialCancel::default(),
            oca_reduction: OcaReduction::default(),
            oca_lag_ns: None,
            oca_member_cancel: OcaMemberCancel::default(),
            reject_status: RejectStatus::default(),
            held_status: HeldStatus::default(),
            child_why_held: ChildWhyHeld::default(),
            quantity_below_filled: QuantityBelowFilled::default(),
            oca_revision: OcaRevision::default(),
            oca_reduction_size: OcaReductionSize::default(),
            cancel_news: CancelNews::default(),
            change_news: ChangeNews::default(),
            locate_status: LocateStatus::default(),
            auto_cancel_parent: AutoCancelParent::default(),
            order_news: OrderNews::default(),
            trigger_why_held: TriggerWhyHeld::default(),
            unfilled_news: UnfilledNews::default(),
            bust_news: BustNews::default(),
        }
    }
}

/// Money that people write: a number counts as the text that it is written as.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a number")]
    enum Amount<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Whole(i64),
        Float(f64),
    }
    let text = match Amount::deserialize(deserializer)? {
        Amount::Text(text) => text,
        Amount::Whole(number) => number.to_string().into(),
        Amount::Float(number) => number.to_string().into(),
    };
    text.parse().map_err(D::Error::custom)
}

/// How much fills at once, and how far from the market.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FillConfig {
    /// Share of a print's size that our orders may take; all of it when absent.
    /// Of a quote they may always take all that it displays.
    pub max_fraction_of_volume: Option<Fraction>,
    /// Ticks by which orders without a limit fill worse than the market.
    pub slippage_ticks: u32,
    /// Whether a resting limit fills only when prints go beyond it, as if last in the queue.
    pub limit_needs_through: bool,
}

/// A share above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(i64);

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("expected a fraction above 0 and at most 1, found `{found}`")]
pub struct FractionError {
    /// What was given.
    pub found: f64,
}

impl Fraction {
    /// Counts of 10⁻⁸.
    pub(crate) const fn counts(self) -> i64 {
        self.0
    }
}

impl TryFrom<f64> for Fraction {
    type Error = FractionError;

    fn try_from(value: f64) -> Result<Self, FractionError> {
        let counts = (value * ONE as f64).round();
        if counts >= 1.0 && value <= 1.0 {
            Ok(Self(counts as i64))
        } else {
            Err(FractionError { found: value })
        }
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> Self {
        fraction.0 as Self / ONE as Self
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
    /// IBKR's published tiered rates for the United States, lowest tier.
    Tiered,
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

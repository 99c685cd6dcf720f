//! Compiled actions: validated, with every operand resolved. Carrying them out is the engine's work.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::operand::CompiledOperand;
use super::tree::CompiledCondition;
use super::{Opposite, Reprice, ScaleInSpec, Size, View};
use crate::command::{OcaKind, TimeInForce};
use crate::decimal::Price;
use crate::event::Side;
use crate::time::Span;

/// What a rule does when it fires, as `Action` declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CompiledAction {
    /// Open a trade.
    Enter(Arc<CompiledEnter>),
    /// Add a tranche.
    ScaleIn(ScaleInSpec),
    /// Rest a tranche on the losing side.
    DoubleDown {
        /// Way from the average price to the stop, 1..10,000 hundredths of a percent.
        fraction_bp: i64,
        /// Multiple of the open position, in hundredths of a percent, positive.
        size_bp: i64,
    },
    /// Close the symbol's trade.
    CloseAll,
    /// Close every trade.
    CloseEverything,
    /// Move the stop of every tranche: levels in order of preference, at least one.
    AdjustStop(Box<[CompiledLevel]>),
    /// Move the target of every tranche: levels in order of preference, at least one, none trailing.
    AdjustTarget(Box<[CompiledLevel]>),
    /// A single order.
    Order(CompiledOrder),
    /// One-cancels-all orders, two or more.
    OcoGroup {
        /// The members.
        orders: Box<[CompiledOrder]>,
        /// What a fill does to the rest.
        kind: OcaKind,
    },
    /// Cancel the symbol's live entries and single orders.
    Cancel,
    /// Write to the log.
    Log {
        /// The text.
        text: Arc<str>,
    },
    /// Send a message to the user.
    Notify {
        /// The text.
        text: Arc<str>,
    },
    /// One thing after the other; stops at the first that is refused.
    Sequence(Box<[CompiledAction]>),
    /// One thing or another; neither when the condition is unknown.
    When {
        /// What is tested.
        condition: CompiledCondition,
        /// Done when it holds.
        then: Box<[CompiledAction]>,
        /// Done when it is known not to hold.
        otherwise: Box<[CompiledAction]>,
    },
    /// Ask a Python function for actions as data.
    Custom {
        /// Its registered name.
        name: Box<str>,
    },
}

impl CompiledAction {
    /// Whether it, or any of its parts, is asked of Python.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        match self {
            Self::Custom { .. } => true,
            Self::Sequence(steps) => steps.iter().any(Self::is_asked),
            Self::When { then, otherwise, .. } => then.iter().chain(otherwise).any(Self::is_asked),
            _ => false,
        }
    }
}

/// The enter action; fields as in `EnterSpec`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompiledEnter {
    /// Buy opens long, sell opens short.
    pub side: Side,
    /// How large; positive.
    pub size: Size,
    /// Levels in order of preference; empty only with `unprotected`.
    pub stop: Box<[CompiledLevel]>,
    /// Levels in order of preference; none trailing.
    pub target: Box<[CompiledLevel]>,
    /// Limit offset from the far side of the quote.
    pub limit_offset: Option<Price>,
    /// A resting limit at this price instead; never together with `limit_offset`.
    pub limit: Option<CompiledOperand>,
    /// How long the entry may work; positive.
    pub expires_after: Option<Span>,
    /// Time in force of the exits.
    pub exit_tif: TimeInForce,
    /// What to do about an open trade on the other side.
    pub opposite: Opposite,
    /// From which price exits are computed after fills.
    pub reprice: Reprice,
    /// Whether entry and exits may work outside regular hours.
    pub outside_rth: bool,
    /// The user's own word that no stop is wanted.
    pub unprotected: bool,
}

/// A single order; fields as in `OrderSpec`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompiledOrder {
    /// Buy or sell.
    pub side: Side,
    /// How large; positive, and not by risk: a single order has no stop distance.
    pub size: Size,
    /// Limit price.
    pub limit: Option<CompiledOperand>,
    /// Stop price.
    pub stop: Option<CompiledOperand>,
    /// How long it lives.
    pub tif: TimeInForce,
}

/// One way to find a stop's or target's price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CompiledLevel {
    /// Percent of the entry price, positive.
    Percent(f64),
    /// Multiple of an operand's value.
    Distance {
        /// How many times, positive.
        multiple: f64,
        /// Of what.
        of: CompiledOperand,
    },
    /// A distance in price units, positive.
    Amount(Price),
    /// A fixed price, positive.
    Price(Price),
    /// A native trailing stop by percent, 0 < percent < 100.
    TrailPercent(f64),
    /// A native trailing stop by a distance in price units, positive.
    TrailAmount(Price),
}

/// A level with its operands read: what an open trade keeps, whatever becomes of the indicator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Level {
    /// Percent of the entry price, positive.
    Percent(f64),
    /// A distance from the entry price in price units, positive and finite.
    Distance(f64),
    /// A fixed price.
    Price(Price),
    /// A native trailing stop by percent.
    TrailPercent(f64),
    /// A native trailing stop by a distance in price units.
    TrailAmount(Price),
}

impl CompiledLevel {
    /// What it is now; `None` when its operand is unknown, or not a positive distance.
    pub fn resolve(&self, view: &impl View) -> Option<Level> {
        match self {
            Self::Percent(percent) => Some(Level::Percent(*percent)),
            Self::Distance { multiple, of } => {
                let distance = multiple * of.value(view)?;
                (distance.is_finite() && distance > 0.0).then_some(Level::Distance(distance))
            }
            Self::Amount(amount) => Some(Level::Distance(amount.to_f64())),
            Self::Price(price) => Some(Level::Price(*price)),
            Self::TrailPercent(percent) => Some(Level::TrailPercent(*percent)),
            Self::TrailAmount(amount) => Some(Level::TrailAmount(*amount)),
        }
    }

    /// The first of `levels` that is available now.
    pub fn first(levels: &[Self], view: &impl View) -> Option<Level> {
        levels.iter().find_map(|level| level.resolve(view))
    }

    /// Whether the broker moves it by itself.
    #[must_use]
    pub const fn is_trailing(&self) -> bool {
        matches!(self, Self::TrailPercent(_) | Self::TrailAmount(_))
    }
}

//! Actions as declared.

use serde::{Deserialize, Serialize};

use super::condition::{Condition, Operand};
use crate::command::{OcaKind, TimeInForce};
use crate::decimal::{Money, Price, Quantity};
use crate::event::Side;
use crate::time::Span;

/// What a rule does when it fires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Open a trade: entry with attached stop and target.
    Enter(EnterSpec),
    /// Add a tranche with its own stop and target to the open trade.
    ScaleIn(ScaleInSpec),
    /// Rest a tranche at a fraction of the stop distance on the losing side.
    DoubleDown {
        /// Fraction of the way from the average price to the stop, in hundredths of a percent.
        fraction_bp: i64,
        /// Size as a multiple of the open position, in hundredths of a percent.
        size_bp: i64,
    },
    /// Close the symbol's trade.
    CloseAll {},
    /// Close every trade.
    CloseEverything {},
    /// Move the stop of every tranche; never away from the market.
    AdjustStop(ExitSpec),
    /// Move the target of every tranche.
    AdjustTarget(ExitSpec),
    /// A single order outside any trade.
    Order(OrderSpec),
    /// One-cancels-all orders outside any trade.
    OcoGroup {
        /// The members.
        orders: Vec<OrderSpec>,
        /// What a fill does to the rest.
        kind: OcaKind,
    },
    /// Cancel the symbol's live entries and single orders.
    Cancel {},
    /// Write to the log.
    Log {
        /// The text.
        text: Box<str>,
    },
    /// Send a message to the user.
    Notify {
        /// The text.
        text: Box<str>,
    },
    /// Do one thing after the other; stops at the first that is refused.
    Sequence(Vec<Action>),
    /// Do one thing or another.
    When {
        /// What is tested.
        condition: Condition,
        /// Done when it holds.
        then: Vec<Action>,
        /// Done when it is known not to hold.
        #[serde(default)]
        otherwise: Vec<Action>,
    },
    /// Ask a Python function for actions as data.
    Custom {
        /// Its registered name.
        name: Box<str>,
    },
}

/// How large an order is. Different fields: no number changes meaning with its magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Size {
    /// Shares or contracts.
    Shares(Quantity),
    /// Money; floor(notional / price), skipped below one share.
    Notional(Money),
    /// Hundredths of a percent of equity over the stop distance.
    RiskBp(i64),
    /// Money over the stop distance.
    RiskMoney(Money),
}

/// One way to find a stop's or target's price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ExitLevel {
    /// Percent of the entry price, above 0.
    Percent(f64),
    /// Multiple of an indicator's value, above 0: `2 × atr(14)`.
    Distance {
        /// How many times.
        multiple: f64,
        /// Of what.
        of: Operand,
    },
    /// A distance in price units, above 0.
    Amount(Price),
    /// A fixed price.
    Price(Price),
    /// A native trailing stop by percent.
    TrailPercent(f64),
    /// A native trailing stop by a distance in price units.
    TrailAmount(Price),
}

/// Levels in order of preference: the first that is available counts.
pub type ExitSpec = Vec<ExitLevel>;

/// What an opposite entry does to an open trade.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opposite {
    /// Nothing.
    #[default]
    Ignore,
    /// Close it.
    Close,
    /// Close it to broker-confirmed zero, then enter if the signal is still valid.
    Reverse,
}

/// From which price exits are computed once something filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reprice {
    /// Each tranche from its own average fill.
    Fill,
    /// All tranches from the position's average.
    #[default]
    Average,
    /// Never.
    Keep,
}

/// The enter action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnterSpec {
    /// Buy opens long, sell opens short.
    pub side: Side,
    /// How large.
    pub size: Size,
    /// Where the stop goes. Empty only with `unprotected`.
    #[serde(default)]
    pub stop: ExitSpec,
    /// Where the target goes; empty for none.
    #[serde(default)]
    pub target: ExitSpec,
    /// Limit offset from the far side of the quote in price units; a market order when absent.
    #[serde(default)]
    pub limit_offset: Option<Price>,
    /// A resting limit at this operand's price instead.
    #[serde(default)]
    pub limit: Option<Operand>,
    /// How long the entry may work before its rest is cancelled.
    #[serde(default)]
    pub expires_after: Option<Span>,
    /// Time in force of the exits.
    #[serde(default = "good_till_cancelled")]
    pub exit_tif: TimeInForce,
    /// What to do about an open trade on the other side.
    #[serde(default)]
    pub opposite: Opposite,
    /// From which price exits are computed after fills.
    #[serde(default)]
    pub reprice: Reprice,
    /// Whether entry and exits may work outside regular hours.
    #[serde(default)]
    pub outside_rth: bool,
    /// The user's own word that no stop is wanted.
    #[serde(default)]
    pub unprotected: bool,
}

fn good_till_cancelled() -> TimeInForce {
    TimeInForce::Gtc
}

/// The scale-in action. Stop and target follow the trade's policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleInSpec {
    /// How large.
    pub size: Size,
    /// Must agree with the open trade when given.
    #[serde(default)]
    pub side: Option<Side>,
    /// Limit offset from the far side of the quote in price units; a market order when absent.
    #[serde(default)]
    pub limit_offset: Option<Price>,
}

/// A single order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSpec {
    /// Buy or sell.
    pub side: Side,
    /// How large.
    pub size: Size,
    /// Limit price; market or stop when absent.
    #[serde(default)]
    pub limit: Option<Operand>,
    /// Stop price.
    #[serde(default)]
    pub stop: Option<Operand>,
    /// How long it lives.
    #[serde(default = "good_till_cancelled")]
    pub tif: TimeInForce,
}

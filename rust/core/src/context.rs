//! A context: one symbol's open trade. One side for its whole life, one or more brackets.
//!
//! It concludes when it is flat by executions, the broker does not say otherwise, and none of its
//! orders is live or unknown. Its phase is computed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bracket::Bracket;
use crate::command::{ExitReason, PositionSide, Role, TimeInForce};
use crate::decimal::{Money, Price, Quantity, Rounding};
use crate::id::{ContextId, OrderId, RuleId, SymbolId};
use crate::instrument::Instrument;
use crate::order::Orders;
use crate::rule::{CompiledEnter, Level, Reprice};
use crate::time::{Span, Timestamp};

/// Which exit a level is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// On the losing side.
    Stop,
    /// On the gaining side.
    Target,
}

impl Level {
    /// The level when every price is `factor` times what it was.
    #[must_use]
    pub fn scaled(self, factor: f64, instrument: &Instrument) -> Self {
        let price = |price: Price| {
            let scaled = Price::from_f64(price.to_f64() * factor).unwrap_or(price);
            instrument.round(scaled, Rounding::Nearest)
        };
        match self {
            Self::Percent(_) | Self::TrailPercent(_) => self,
            Self::Distance(distance) => Self::Distance(distance * factor),
            Self::TrailAmount(amount) => Self::TrailAmount(price(amount)),
            Self::Price(level) => Self::Price(price(level)),
        }
    }

    /// The price on the tick grid, or `None` when it is not positive or on the wrong side of `base`.
    ///
    /// Rounded to the nearest tick; a level closer than half a tick goes one tick away from the base,
    /// so that it never lands on it.
    #[must_use]
    pub fn price(
        self,
        exit: Exit,
        side: PositionSide,
        base: Price,
        instrument: &Instrument,
    ) -> Option<Price> {
        let is_below = (exit == Exit::Stop) == (side == PositionSide::Long);
        let away =
            |distance: f64| Price::from_f64(base.to_f64() + if is_below { -distance } else { distance });
        let exact = match self {
            Self::Percent(percent) | Self::TrailPercent(percent) => away(base.to_f64() * percent / 100.0)?,
            Self::Distance(distance) => away(distance)?,
            Self::TrailAmount(amount) => away(amount.to_f64())?,
            Self::Price(price) => price,
        };
        let mut price = instrument.round(exact, Rounding::Nearest);
        if price == base && exact != base {
            price = instrument.round(exact, if is_below { Rounding::Down } else { Rounding::Up });
        }
        let is_right = if is_below { price < base } else { price > base };
        (is_right && price.is_positive()).then_some(price)
    }
}

/// How a trade is protected; every tranche follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Where stops go; absent only when the rule says `unprotected`.
    pub stop: Option<Level>,
    /// Where targets go.
    pub target: Option<Level>,
    /// What exits are counted from after fills.
    pub reprice: Reprice,
    /// Time in force of the exits.
    pub exit_tif: TimeInForce,
    /// Whether entry and exits may work outside regular hours.
    pub outside_rth: bool,
}

/// A close under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub reason: ExitReason,
    /// Since when.
    pub since: Timestamp,
}

/// An entry to be made when this trade is over, if its signal is still valid then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Successor {
    /// The rule that wants to enter.
    pub rule: RuleId,
    /// What it wants, as it said when it decided so.
    pub enter: Arc<CompiledEnter>,
    /// After this it is no longer valid.
    pub valid_until: Timestamp,
}

/// Where a context stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextPhase {
    /// Nothing is filled yet.
    Entering,
    /// Something is held.
    Open,
    /// It is being closed, or only its last orders are left.
    Closing,
}

impl ContextPhase {
    /// The word of conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entering => "ENTERING",
            Self::Open => "OPEN",
            Self::Closing => "CLOSING",
        }
    }
}

/// One symbol's open trade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Its number.
    pub id: ContextId,
    /// Which instrument.
    pub symbol: SymbolId,
    /// Long or short, for its whole life.
    pub side: PositionSide,
    /// The rule that entered.
    pub rule: RuleId,
    /// How it is protected.
    pub policy: Policy,
    /// Its tranches.
    pub brackets: Vec<Bracket>,
    /// The close under way.
    pub closing: Option<Closing>,
    /// What is to follow.
    pub successor: Option<Successor>,
    /// When its first order was sent.
    pub sent_at: Timestamp,
    /// When its first fill was learned of.
    pub opened_at: Option<Timestamp>,
    /// The order whose fill came last on the exit side, and what it was for; `None`: somebody else's.
    pub last_exit: Option<(Role, OrderId)>,
    /// Whether the last reducing trade was somebody else's.
    pub closed_by_others: bool,
    /// Shares that it began with, filled by orders of a trade that was over, and what was paid for them
    /// (without multiplier).
    pub adopted: (Quantity, Money),
    /// Shares of it that others traded away, and their value (without multiplier).
    pub given: (Quantity, Money),
    /// What others traded out of the symbol beyond what the trade held by then, when and for how much.
    pub beyond: Vec<(Timestamp, Quantity, Price)>,
    /// Commissions known so far.
    pub commission: Money,
    /// Fills whose commission is not known yet.
    pub commissions_awaited: u32,
    /// Shares without a live stop now.
    pub uncovered: Quantity,
    /// Since when there have been any.
    pub uncovered_since: Option<Timestamp>,
    /// The longest that has lasted.
    pub uncovered_max: Span,
    /// Whether an operator was told about uncovered shares.
    pub uncovered_alarmed: bool,
    /// Shares beyond the trade (filled that were not ordered, closed that were not open) of which an
    /// operator was told.
    pub surplus_told: Quantity,
}

impl Context {
    /// A trade whose first order is about to be sent.
    #[must_use]
    pub const fn new(
        id: ContextId,
        symbol: SymbolId,
        side: PositionSide,
        rule: RuleId,
        policy: Policy,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            symbol,
            side,
            rule,
            policy,
            brackets: Vec::new(),
            closing: None,
            successor: None,
            sent_at: at,
            opened_at: None,
            last_exit: None,
            closed_by_others: false,
            adopted: (Quantity::ZERO, Money::ZERO),
            given: (Quantity::ZERO, Money::ZERO),
            beyond: Vec::new(),
            commission: Money::ZERO,
            commissions_awaited: 0,
            uncovered: Quantity::ZERO,
            uncovered_since: None,
            uncovered_max: Span::ZERO,
            uncovered_alarmed: false,
            surplus_told: Quantity::ZERO,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self, orders: &Orders) -> ContextPhase {
        if self.closing.is_some() {
            ContextPhase::Closing
        } else if self.open_quantity(orders).is_positive() {
            ContextPhase::Open
        } else if self.opened_at.is_none() {
            ContextPhase::Entering
        } else {
            ContextPhase::Closing
        }
    }

    /// Shares held in the trade's direction.
    #[must_use]
    pub fn open_quantity(&self, orders: &Orders) -> Quantity {
        self.brackets.iter().map(|bracket| bracket.open_quantity(self.side, orders)).sum()
    }

    /// Takes shares that somebody else traded away at `price` off the newest tranches; returns what
    /// goes beyond the trade.
    pub(crate) fn give(&mut self, quantity: Quantity, price: Price, orders: &Orders) -> Quantity {
        let mut rest = quantity;
        for bracket in self.brackets.iter_mut().rev() {
            let open = bracket.open_quantity(self.side, orders).max(Quantity::ZERO);
            let taken = rest.min(open);
            bracket.foreign -= taken;
            rest -= taken;
        }
        self.given.0 += quantity - rest;
        self.given.1 += price.value(quantity - rest, 1);
        rest
    }

    /// Takes shares of an entry that were there at `at`, and are known only now, for what others traded
    /// away since; returns how many.
    pub(crate) fn give_late(&mut self, at: Timestamp, orders: &Orders) -> Quantity {
        let mut beyond = std::mem::take(&mut self.beyond);
        let mut given = Quantity::ZERO;
        for (_, rest, price) in beyond.iter_mut().filter(|(traded_at, ..)| *traded_at >= at) {
            let left = self.give(*rest, *price, orders);
            given += *rest - left;
            *rest = left;
        }
        beyond.retain(|(_, rest, _)| !rest.is_zero());
        self.beyond = beyond;
        given
    }

    /// Whether nothing of it is live, unknown or held.
    #[must_use]
    pub fn is_over(&self, orders: &Orders) -> bool {
        self.brackets
            .iter()
            .all(|bracket| bracket.is_quiet(orders) && bracket.open_quantity(self.side, orders).is_zero())
    }

    /// Quantity and average price of its fills on one side of the market.
    #[must_use]
    pub fn filled(&self, entries: bool, orders: &Orders) -> (Quantity, Option<Price>) {
        let (quantity, value) = self.filled_value(entries, orders);
        (quantity, value.per_share(quantity, 1))
    }

    /// Quantity and value (without multiplier) of its fills on one side of the market.
    #[must_use]
    pub fn filled_value(&self, entries: bool, orders: &Orders) -> (Quantity, Money) {
        self.brackets.iter().fold((Quantity::ZERO, Money::ZERO), |(quantity, value), bracket| {
            let (more, worth) = bracket.filled(entries, self.side, orders);
            (quantity + more, value + worth)
        })
    }

    /// Quantity and value (without multiplier) of all that it holds or held, however it came by it.
    #[must_use]
    pub(crate) fn paid(&self, orders: &Orders) -> (Quantity, Money) {
        let (quantity, value) = self.filled_value(true, orders);
        (quantity + self.adopted.0, value + self.adopted.1)
    }

    /// What the exits of `bracket` are counted from: by policy its own fills or those of the trade.
    #[must_use]
    pub fn exit_base(&self, bracket: &Bracket, orders: &Orders) -> Option<Price> {
        match self.policy.reprice {
            Reprice::Fill => bracket.entry_price(orders),
            Reprice::Average => self.filled(true, orders).1,
            Reprice::Keep => None,
        }
    }

    /// Why it ended, by the order that closed its last shares; `None` when nothing was ever filled.
    #[must_use]
    pub fn exit_reason(&self, orders: &Orders) -> Option<ExitReason> {
        self.opened_at?;
        if self.closed_by_others {
            return Some(ExitReason::Manual);
        }
        let (role, id) = self.last_exit?;
        let by_close = self.closing.map(|closing| closing.reason);
        let was_repriced = self
            .brackets
            .iter()
            .any(|bracket| bracket.repriced_at.is_some() && bracket.orders.contains(&(role, id)));
        Some(match role {
            Role::Stop if !was_repriced => {
                if orders.find(id).is_some_and(|order| order.ticket.order_type.is_trailing()) {
                    ExitReason::Trail
                } else {
                    ExitReason::Stop
                }
            }
            Role::Stop => by_close.unwrap_or(ExitReason::Stop),
            Role::Target => by_close.filter(|_| was_repriced).unwrap_or(ExitReason::Target),
            Role::Entry | Role::Close | Role::Single => by_close.unwrap_or(ExitReason::Recovery),
        })
    }
}

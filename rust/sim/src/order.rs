//! An order as the venue holds it.

use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::{OrderStatus, Side};
use orderloom_core::id::{PermId, SymbolId};
use orderloom_core::time::Timestamp;

use crate::config::{RejectStatus, VenueConfig};
use crate::market::TriggerMethod;
use crate::oca::GroupIndex;
use crate::order_types::{Pricing, Terms, Trigger};
use crate::reading::{ChildWhyHeld, HeldStatus, LocateStatus, TriggerWhyHeld, UnfilledNews};
use crate::request::{OrderKind, OrderRequest, TimeInForce};
use crate::watch::Watch;

/// No price is below, or above.
pub(crate) const LOWEST: Price = Price::from_counts(i64::MIN);
pub(crate) const HIGHEST: Price = Price::from_counts(i64::MAX);

/// An order's place in the venue's list of all orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OrderIndex(pub(crate) u32);

impl OrderIndex {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not transmitted.
    Held,
    /// Waits for its parent.
    Waiting,
    /// Waits for shares to borrow.
    Locating,
    /// May trigger and fill.
    Active,
    Ended(Ending),
}

/// How an order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Filled,
    Cancelled,
    Expired,
    /// It should have filled at once and did not.
    Unfilled,
    Rejected,
}

/// An order, what it has filled, and how it hangs together with others.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// As asked, with the latest accepted change.
    pub(crate) request: OrderRequest,
    pub(crate) perm_id: PermId,
    pub(crate) symbol: SymbolId,
    pub(crate) terms: Terms,
    pub(crate) trigger_method: TriggerMethod,
    pub(crate) stage: Stage,
    /// As noted in its market.
    pub(crate) watch: Watch,
    /// What of the asked quantity may work: less for a child that follows its parent's fills.
    pub(crate) share: Quantity,
    /// What its OCA group has taken off.
    pub(crate) reduced: Quantity,
    pub(crate) filled: Quantity,
    /// Sum of price × quantity, without multiplier.
    pub(crate) paid: Money,
    /// Commission of all fills.
    pub(crate) commission: Money,
    pub(crate) last_fill_price: Price,
    pub(crate) parent: Option<OrderIndex>,
    pub(crate) children: Vec<OrderIndex>,
    /// The group that it is a member of.
    pub(crate) group: Option<GroupIndex>,
    /// The group of its children, where the venue made one.
    pub(crate) family: Option<GroupIndex>,
    /// Whether it has lived through a session's close.
    pub(crate) is_past_close: bool,
    /// What was last told, so that only changes are.
    pub(crate) told: Option<(OrderStatus, Option<WhyHeld>)>,
    /// Quantity and prices as they were last told.
    pub(crate) told_terms: Option<ToldTerms>,
    pub(crate) ended_at: Timestamp,
}

/// What an openOrder tells of quantity and prices: total, limit, stop, where a trailing one has come to.
pub(crate) type ToldTerms = (Quantity, [Option<Price>; 3]);

impl Order {
    pub(crate) fn terms_to_tell(&self) -> ToldTerms {
        let request = &self.request;
        (self.total(), [request.limit_price, request.stop_price, self.terms.trail_stop()])
    }

    /// Total quantity as it stands.
    pub(crate) fn total(&self) -> Quantity {
        self.share - self.reduced
    }

    /// FIX LeavesQty; below zero never.
    pub(crate) fn remaining(&self) -> Quantity {
        (self.total() - self.filled).max(Quantity::ZERO)
    }

    pub(crate) const fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Ended(_))
    }

    /// Whether it may work and trigger while the regular session is closed.
    ///
    /// TWS ignores `outsideRth` on plain market orders.
    pub(crate) fn works_outside_session(&self) -> bool {
        self.request.outside_rth && self.request.order_type != OrderKind::Market
    }

    pub(crate) const fn ending(&self) -> Option<Ending> {
        match self.stage {
            Stage::Ended(ending) => Some(ending),
            Stage::Held | Stage::Waiting | Stage::Locating | Stage::Active => None,
        }
    }

    pub(crate) const fn finish(&mut self, ending: Ending, at: Timestamp) {
        self.stage = Stage::Ended(ending);
        self.ended_at = at;
    }

    /// The prices between which it does nothing, neither included, be they printed or quoted; `None` where
    /// that is not plain.
    pub(crate) fn rests_between(&self) -> Option<(Price, Price)> {
        let until = |level: Price, side: Side| match side {
            Side::Buy => (level, HIGHEST),
            Side::Sell => (LOWEST, level),
        };
        let is_simple = matches!(self.trigger_method, TriggerMethod::Last | TriggerMethod::BidAsk);
        match (self.stage, self.terms.trigger, self.terms.pricing) {
            // Another order's fill must come first.
            (Stage::Waiting | Stage::Ended(_), ..) => Some((LOWEST, HIGHEST)),
            (Stage::Active, Some(Trigger::Stop(level)), _) if is_simple => {
                Some(until(level, self.request.action.opposite()))
            }
            (Stage::Active, None, Pricing::Limit(limit)) if !self.is_immediate() => {
                Some(until(limit, self.request.action))
            }
            (Stage::Held | Stage::Locating | Stage::Active, ..) => None,
        }
    }

    /// Whether the end of the session ends it.
    pub(crate) const fn is_for_the_day(&self) -> bool {
        matches!(self.request.tif, TimeInForce::Day | TimeInForce::Ioc | TimeInForce::Fok)
    }

    /// Whether what does not fill at once is cancelled.
    pub(crate) const fn is_immediate(&self) -> bool {
        matches!(self.request.tif, TimeInForce::Ioc | TimeInForce::Fok | TimeInForce::Opening)
    }

    /// The least quantity that its next fill may have.
    pub(crate) fn smallest_fill(&self) -> Quantity {
        if self.request.all_or_none || self.request.tif == TimeInForce::Fok {
            return self.remaining();
        }
        match self.request.min_quantity {
            Some(least) if self.filled.is_zero() => least.min(self.remaining()),
            _ => Quantity::ZERO,
        }
    }

    pub(crate) fn average_price(&self) -> Price {
        self.paid.per_share(self.filled, 1).unwrap_or_default()
    }

    /// When it ends by itself, if it does.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.request.good_till.filter(|_| self.request.tif == TimeInForce::Gtd && self.is_live())
    }

    pub(crate) fn status(&self, is_open: bool, config: &VenueConfig) -> OrderStatus {
        match self.stage {
            Stage::Held => match config.held_status {
                HeldStatus::PreSubmitted => OrderStatus::PreSubmitted,
                HeldStatus::Inactive => OrderStatus::Inactive,
            },
            Stage::Waiting => OrderStatus::PreSubmitted,
            Stage::Locating => match config.locate_status {
                LocateStatus::PreSubmitted => OrderStatus::PreSubmitted,
                LocateStatus::Inactive => OrderStatus::Inactive,
            },
            Stage::Active => {
                let is_working = self.terms.trigger.is_none() && (is_open || self.works_outside_session());
                if is_working { OrderStatus::Submitted } else { OrderStatus::PreSubmitted }
            }
            Stage::Ended(Ending::Filled) => OrderStatus::Filled,
            Stage::Ended(Ending::Unfilled) if self.is_shown_inactive(config) => OrderStatus::Inactive,
            Stage::Ended(Ending::Cancelled | Ending::Expired | Ending::Unfilled) => OrderStatus::Cancelled,
            Stage::Ended(Ending::Rejected) => match config.reject_status {
                RejectStatus::Inactive | RejectStatus::Nothing => OrderStatus::Inactive,
                RejectStatus::Cancelled => OrderStatus::Cancelled,
            },
        }
    }

    fn is_shown_inactive(&self, config: &VenueConfig) -> bool {
        config.unfilled_news == UnfilledNews::AsRecorded && self.request.tif == TimeInForce::Fok
    }

    pub(crate) const fn why_held(&self, config: &VenueConfig) -> Option<WhyHeld> {
        match self.stage {
            Stage::Waiting => match config.child_why_held {
                ChildWhyHeld::Child => Some(WhyHeld::Child),
                ChildWhyHeld::Empty => None,
            },
            Stage::Locating => Some(WhyHeld::Locate),
            Stage::Active if self.terms.waits_for_price() => match config.trigger_why_held {
                TriggerWhyHeld::Trigger => Some(WhyHeld::Trigger),
                TriggerWhyHeld::Empty => None,
            },
            Stage::Held | Stage::Active | Stage::Ended(_) => None,
        }
    }
}

/// What an order is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhyHeld {
    /// Its parent.
    Child,
    /// Shares to borrow.
    Locate,
    /// Its trigger price.
    Trigger,
}

impl WhyHeld {
    /// TWS whyHeld; empty where an order is not held.
    pub(crate) const fn text(held: Option<Self>) -> &'static str {
        match held {
            Some(Self::Child) => "child",
            Some(Self::Locate) => "locate",
            Some(Self::Trigger) => "trigger",
            None => "",
        }
    }
}

//! A bracket: entry, stop and target of one tranche of a trade, sent as one attached group.
//!
//! Keeps which orders belong to it and nothing that can be computed from their facts.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::command::{PositionSide, Role};
use crate::decimal::{Money, Price, Quantity};
use crate::id::OrderId;
use crate::order::{Asked, Order, Orders};
use crate::time::Timestamp;

/// One tranche of a trade.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bracket {
    /// Its entry; absent when the tranche holds shares that no entry of ours explains.
    pub entry: Option<OrderId>,
    /// Every order that ever belonged to it, in the order of sending.
    pub orders: SmallVec<[(Role, OrderId); 3]>,
    /// Shares that others traded in or out of it, signed in the trade's direction.
    pub foreign: Quantity,
    /// What a split made of its fills: so many shares now for so many then.
    pub split: Option<(Quantity, Quantity)>,
    /// When the rest of the entry is no longer wanted.
    pub expires_at: Option<Timestamp>,
    /// When its closing exit was last priced.
    pub repriced_at: Option<Timestamp>,
    /// How many stops were placed for it, the attached one included.
    pub stops_placed: u8,
}

impl Bracket {
    /// A tranche without orders yet.
    #[must_use]
    pub const fn new(expires_at: Option<Timestamp>) -> Self {
        Self {
            entry: None,
            orders: SmallVec::new_const(),
            foreign: Quantity::ZERO,
            split: None,
            expires_at,
            repriced_at: None,
            stops_placed: 0,
        }
    }

    /// Adds an order to it.
    pub fn add(&mut self, role: Role, id: OrderId) {
        match role {
            Role::Entry => self.entry = Some(id),
            Role::Stop => self.stops_placed = self.stops_placed.saturating_add(1),
            Role::Target | Role::Close | Role::Single => {}
        }
        self.orders.push((role, id));
    }

    /// The newest order of a role.
    #[must_use]
    pub fn leg<'a>(&self, role: Role, orders: &'a Orders) -> Option<&'a Order> {
        let (_, id) = self.orders.iter().rev().find(|(of, _)| *of == role)?;
        orders.find(*id)
    }

    /// Its orders.
    pub fn members<'a>(&'a self, orders: &'a Orders) -> impl Iterator<Item = &'a Order> {
        self.orders.iter().filter_map(|(_, id)| orders.find(*id))
    }

    /// Shares it holds now in the trade's direction: entries minus exits, by executions. Negative
    /// when more was closed than opened.
    #[must_use]
    pub fn open_quantity(&self, side: PositionSide, orders: &Orders) -> Quantity {
        self.members(orders).fold(self.foreign, |open, order| {
            if order.ticket.side == side.entry() { open + order.cum_qty } else { open - order.cum_qty }
        })
    }

    /// Shares that its entry filled beyond what was ordered.
    #[must_use]
    pub fn overfilled(&self, orders: &Orders) -> Quantity {
        let entry = self.entry.and_then(|id| orders.find(id));
        entry.map_or(Quantity::ZERO, |entry| self.overfilled_by(entry))
    }

    pub(crate) fn overfilled_by(&self, entry: &Order) -> Quantity {
        if self.split.is_some() {
            return Quantity::ZERO;
        }
        (entry.cum_qty - entry.total().max(entry.largest)).max(Quantity::ZERO)
    }

    /// Those of them that nobody has traded away yet.
    #[must_use]
    pub fn excess(&self, side: PositionSide, orders: &Orders) -> Quantity {
        let beyond = self.overfilled(orders);
        if beyond.is_zero() {
            return Quantity::ZERO;
        }
        let is_shed = |order: &&Order| order.role == Role::Close && order.ticket.side == side.exit();
        let shed: Quantity = self.members(orders).filter(is_shed).map(|order| order.cum_qty).sum();
        (beyond - shed + self.foreign.min(Quantity::ZERO)).max(Quantity::ZERO)
    }

    /// Shares bought or sold by its entry as they count now.
    fn in_todays_shares(&self, quantity: Quantity) -> Quantity {
        self.split.map_or(quantity, |(now, then)| quantity.scaled(now, then))
    }

    /// Quantity and value (without multiplier) of its fills on one side of the market.
    #[must_use]
    pub fn filled(&self, entries: bool, side: PositionSide, orders: &Orders) -> (Quantity, Money) {
        let wanted = if entries { side.entry() } else { side.exit() };
        self.members(orders).filter(|order| order.ticket.side == wanted).fold(
            (Quantity::ZERO, Money::ZERO),
            |(quantity, value), order| {
                let filled = if entries { self.in_todays_shares(order.cum_qty) } else { order.cum_qty };
                (quantity + filled, value + order.cum_value)
            },
        )
    }

    /// Whether none of its orders can do anything any more.
    #[must_use]
    pub fn is_quiet(&self, orders: &Orders) -> bool {
        self.members(orders).all(Order::is_done)
    }

    /// How often a market close ended without a fill after the first that did, and when the last did:
    /// the first is asked again at once.
    #[must_use]
    pub fn closes_refused(&self, orders: &Orders) -> Asked {
        let is_refused =
            |order: &&Order| order.role == Role::Close && order.is_done() && order.cum_qty.is_zero();
        let refused = self.members(orders).filter(is_refused);
        let (times, at) = refused.fold((0_u8, Timestamp::MIN), |(times, at), order| {
            (times.saturating_add(1), at.max(order.done_at.unwrap_or(at)))
        });
        Asked { at, times: times.saturating_sub(1) }
    }

    /// Average price of its entry's fills.
    #[must_use]
    pub fn entry_price(&self, orders: &Orders) -> Option<Price> {
        let entry = self.entry.and_then(|id| orders.find(id))?;
        entry.cum_value.per_share(self.in_todays_shares(entry.cum_qty), 1)
    }
}

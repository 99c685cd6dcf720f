//! Every order of a run, found by its id or its intent.

use serde::{Deserialize, Serialize};

use super::Order;
use crate::id::{OrderId, OrderRef};
use crate::pages::Pages;

/// Every order of ours, in the order of sending: order ids and intents both rise for ever.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Orders {
    orders: Pages<Order>,
}

impl Orders {
    /// Adds an order that is being sent; its id and its intent are larger than any before.
    pub fn insert(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// Its place. Ids are given one after the other, so it is nearly always where counting says.
    #[inline]
    fn place(&self, id: OrderId) -> Option<usize> {
        let place = self.counted(id)?;
        match self.orders.get(place) {
            Some(found) if found.ticket.order_id == id => Some(place),
            _ => self.orders.find_by_key(&id, |order| order.ticket.order_id),
        }
    }

    /// Where counting says that it is.
    #[inline]
    fn counted(&self, id: OrderId) -> Option<usize> {
        let first = self.orders.first()?.ticket.order_id;
        Some(id.0.wrapping_sub(first.0) as usize)
    }

    /// The order with this id.
    #[must_use]
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<&Order> {
        match self.orders.get(self.counted(id)?) {
            Some(found) if found.ticket.order_id == id => Some(found),
            _ => self.place(id).map(|place| &self.orders[place]),
        }
    }

    /// The order with this id, to take in facts.
    #[inline]
    pub fn find_mut(&mut self, id: OrderId) -> Option<&mut Order> {
        self.place(id).map(|place| &mut self.orders[place])
    }

    /// The id that an intent was sent under; the order's own id when the broker names no intent.
    #[must_use]
    pub fn resolve(&self, order_ref: &OrderRef, id: OrderId) -> Option<OrderId> {
        if order_ref.0.is_empty() {
            return self.place(id).map(|_| id);
        }
        if self.find(id).is_some_and(|order| order.ticket.order_ref.is(order_ref)) {
            return Some(id);
        }
        let intent = order_ref.intent()?;
        let found = self.orders.find_by_key(&Some(intent), |order| order.ticket.order_ref.intent());
        let found = &self.orders[found?].ticket;
        (found.order_ref == *order_ref).then_some(found.order_id)
    }

    /// Every order, in the order of sending.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// Every order, to take in facts.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Order> {
        self.orders.iter_mut()
    }
}

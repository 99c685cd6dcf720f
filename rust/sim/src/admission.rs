//! Admission: what becomes an order, what may change in a live one, and what is refused with which code.
//!
//! A refused change leaves the live order as it was.

use orderloom_core::decimal::{Money, Quantity};
use orderloom_core::event::OrderStatus;
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::Timestamp;

use crate::config::{AccountType, OcaMemberCancel, RejectStatus};
use crate::family::share;
use crate::latency::Journey;
use crate::market::TriggerMethod;
use crate::news::Listener;
use crate::oca::Name;
use crate::order::{Ending, Order, OrderIndex, Stage};
use crate::order_types::{Terms, TermsError};
use crate::reading::{AutoCancelParent, CancelNews, ChangeNews, OcaRevision, QuantityBelowFilled};
use crate::request::{OrderKey, OrderRequest, TimeInForce};
use crate::venue::Venue;
use crate::watch::Watch;

/// A TWS error code and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) text: Box<str>,
}

fn refusal(code: i32, text: impl Into<Box<str>>) -> Refusal {
    Refusal { code, text: text.into() }
}

/// A request that makes sense by itself.
pub(crate) struct Checked {
    pub(crate) symbol: SymbolId,
    pub(crate) terms: Terms,
    pub(crate) trigger_method: TriggerMethod,
}

impl Venue {
    /// Takes a new order, or a change of a live one with the same client and order id.
    pub fn place(&mut self, at: Timestamp, request: OrderRequest, out: &mut dyn Listener) {
        self.begin(at, out);
        if self.travels.are_instant() {
            self.take(request, out);
        } else {
            self.send(Journey::Place(Box::new(request)), out);
        }
        self.finish(out);
    }

    /// Decides about an order that has reached the exchange.
    pub(crate) fn take(&mut self, request: OrderRequest, out: &mut dyn Listener) {
        let key = request.key();
        let known = self.by_key.get(&key).copied();
        let refused = match known.map(|index| (index, self.orders[index.index()].ending())) {
            Some((index, None)) => self.modify(index, request, out).err(),
            Some((_, Some(Ending::Filled))) => Some(refusal(104, "Cannot modify a filled order.")),
            Some((_, Some(Ending::Cancelled | Ending::Expired | Ending::Unfilled | Ending::Rejected))) => {
                Some(refusal(103, "Duplicate order id"))
            }
            None if self.burnt.contains(&key) => Some(refusal(103, "Duplicate order id")),
            None => {
                let refused = self.admit(request, out).err();
                if refused.is_some() {
                    self.burnt.insert(key);
                }
                refused
            }
        };
        if let Some(Refusal { code, text }) = refused {
            self.tell_error(key, code, text.into_string(), out);
        }
    }

    /// Checks a request without regard to other orders or to the account.
    pub(crate) fn check(&self, request: &OrderRequest) -> Result<Checked, Refusal> {
        let not_found = || refusal(200, "No security definition has been found for the request");
        let symbol = self.symbol(request.con_id).map_err(|_| not_found())?;
        let listing = &self.markets[symbol.index()].listing;
        let invalid = |cause: String| refusal(321, format!("Error validating request: {cause}"));
        if !request.account.is_empty() && request.account != self.config.account {
            return Err(invalid(format!("account `{}` is not this session's", request.account)));
        }
        if !request.quantity.is_positive() {
            return Err(refusal(434, "The order size cannot be zero"));
        }
        match &request.tif {
            TimeInForce::Other(word) => {
                return Err(refusal(10052, format!("Invalid time in force: {word}")));
            }
            TimeInForce::Gtd if request.good_till.is_none() => {
                return Err(invalid("a GTD order needs the moment of its end".to_owned()));
            }
            TimeInForce::Day
            | TimeInForce::Gtc
            | TimeInForce::Ioc
            | TimeInForce::Fok
            | TimeInForce::Gtd
            | TimeInForce::Opening => {}
        }
        if request.oca_type > 3 {
            return Err(invalid(format!("OCA type: expected 0 to 3, found {}", request.oca_type)));
        }
        let trigger_method =
            TriggerMethod::of(request.trigger_method, listing.sec_type).ok_or_else(|| {
                invalid(format!("trigger method: expected 0 to 4, 7 or 8, found {}", request.trigger_method))
            })?;
        let terms = Terms::of(request).map_err(|error| match error {
            TermsError::Unsupported(word) => {
                refusal(387, format!("Unsupported order type for this exchange and security type: {word}"))
            }
            TermsError::Missing { field, kind } => invalid(format!("a {kind} order needs {field}")),
        })?;
        if !terms.prices().all(|price| price.is_on_tick(listing.tick)) {
            let text = "The price does not conform to the minimum price variation for this contract.";
            return Err(refusal(110, text));
        }
        Ok(Checked { symbol, terms, trigger_method })
    }

    pub(crate) fn admit(&mut self, request: OrderRequest, out: &mut dyn Listener) -> Result<(), Refusal> {
        let checked = self.check(&request)?;
        let parent = self.live_parent(&request)?;
        let rejected = self.affordable(&request, &checked, parent).err();
        let index = self.enter(request, checked, parent);
        match rejected {
            Some(reason) => self.reject(index, reason, out),
            None if self.orders[index.index()].request.transmit => self.transmit(index, out),
            None => self.tell(index, out),
        }
        Ok(())
    }

    fn live_parent(&self, request: &OrderRequest) -> Result<Option<OrderIndex>, Refusal> {
        let Some(key) = request.parent_key() else { return Ok(None) };
        let parent = self.by_key.get(&key).filter(|parent| self.orders[parent.index()].is_live());
        parent.copied().map(Some).ok_or_else(|| cannot_find(key.order_id))
    }

    /// Whether the account can carry what the order would lead to.
    ///
    /// Children are not measured: they close what their parent opens.
    fn affordable(
        &self,
        request: &OrderRequest,
        checked: &Checked,
        parent: Option<OrderIndex>,
    ) -> Result<(), Box<str>> {
        let held = self.ledger.holdings[checked.symbol.index()].quantity;
        let from_parent = parent.map_or(Quantity::ZERO, |parent| {
            let order = &self.orders[parent.index()];
            order.request.action.signed(order.remaining())
        });
        let afterwards = held + from_parent + request.action.signed(request.quantity);
        if self.config.account_type == AccountType::Cash && afterwards.is_negative() {
            return Err("Order rejected - reason: a cash account cannot sell short".into());
        }
        if parent.is_some() || afterwards.abs() <= held.abs() {
            return Ok(());
        }
        let impact = self.impact(request, checked);
        if impact.margin_after > impact.equity {
            return Err(format!(
                "Order rejected - reason: initial margin of {} would exceed equity with loan value of {}",
                impact.margin_after, impact.equity
            )
            .into());
        }
        Ok(())
    }

    /// Adds an order to the books, held until it is transmitted or rejected.
    pub(crate) fn enter(
        &mut self,
        request: OrderRequest,
        checked: Checked,
        parent: Option<OrderIndex>,
    ) -> OrderIndex {
        let index = OrderIndex(u32::try_from(self.orders.len()).expect("fewer than 2³² orders"));
        let perm_id = self.next_perm_id();
        let group = match parent {
            _ if !request.oca_group.is_empty() => Some(self.groups.join(&request.oca_group, index)),
            Some(parent) => {
                let parent = &mut self.orders[parent.index()];
                let name = Name::OfParent(parent.perm_id);
                let group = *parent.family.get_or_insert_with(|| self.groups.found(name));
                self.groups.add(group, index);
                Some(group)
            }
            None => None,
        };
        if let Some(parent) = parent {
            self.orders[parent.index()].children.push(index);
        }
        if request.order_id != OrderId(0) {
            self.by_key.insert(request.key(), index);
        }
        self.markets[checked.symbol.index()].live.push(index);
        self.orders.push(Order {
            perm_id,
            symbol: checked.symbol,
            terms: checked.terms,
            trigger_method: checked.trigger_method,
            stage: Stage::Held,
            watch: Watch::default(),
            share: request.quantity,
            reduced: Quantity::ZERO,
            filled: Quantity::ZERO,
            paid: Money::ZERO,
            commission: Money::ZERO,
            last_fill_price: Default::default(),
            parent,
            children: Vec::new(),
            group,
            family: None,
            is_past_close: false,
            told: None,
            told_terms: None,
            ended_at: self.now,
            request,
        });
        self.expect_deadline(index);
        index
    }

    fn expect_deadline(&mut self, index: OrderIndex) {
        if let Some(deadline) = self.orders[index.index()].deadline() {
            self.next_due = self.next_due.min(deadline);
        }
    }

    fn reject(&mut self, index: OrderIndex, reason: Box<str>, out: &mut dyn Listener) {
        self.tell_error(self.orders[index.index()].request.key(), 201, reason.into_string(), out);
        self.close(index, Ending::Rejected);
        match self.config.reject_status {
            RejectStatus::Inactive | RejectStatus::Cancelled => self.tell(index, out),
            RejectStatus::Nothing => {}
        }
    }

    fn modify(
        &mut self,
        index: OrderIndex,
        mut request: OrderRequest,
        out: &mut dyn Listener,
    ) -> Result<(), Refusal> {
        let checked = self.check(&request)?;
        let order = &self.orders[index.index()];
        self.may_become(order, &request)?;
        let is_transmitting = request.transmit;

        // What the client may leave out stays.
        request.parent_id = order.request.parent_id;
        request.oca_group = order.request.oca_group.clone();
        request.oca_type = order.request.oca_type;
        let has_same_trigger = order.request.stop_price == request.stop_price
            && order.request.trail_percent == request.trail_percent
            && order.request.trail_stop_price == request.trail_stop_price;
        let mut terms = checked.terms;
        if order.terms.trigger.is_none() {
            terms.stay_on(order.terms);
        } else if has_same_trigger {
            terms.trigger = order.terms.trigger; // A trailing stop keeps where it has come to.
        }
        let share = self.share_after_change(index, request.quantity);

        let order = &mut self.orders[index.index()];
        order.terms = terms;
        order.trigger_method = checked.trigger_method;
        match share {
            None => request.quantity = order.request.quantity,
            Some(share) => {
                order.share = share;
                order.reduced = Quantity::ZERO;
            }
        }
        order.request = request;
        self.watch(index);
        self.expect_deadline(index);

        let order = &self.orders[index.index()];
        if order.stage == Stage::Active && order.remaining().is_zero() && !self.is_growing(index) {
            self.close(index, Ending::Filled);
            self.tell(index, out);
            return Ok(());
        }
        if self.config.change_news == ChangeNews::PreSubmittedFirst {
            self.tell_as(index, OrderStatus::PreSubmitted, out);
        }
        self.tell(index, out);
        self.touch(self.orders[index.index()].symbol);
        if is_transmitting {
            self.transmit(index, out);
        }
        Ok(())
    }

    /// What may work of an order once its quantity is changed; `None` when it stays as it stands.
    fn share_after_change(&self, index: OrderIndex, quantity: Quantity) -> Option<Quantity> {
        let order = &self.orders[index.index()];
        if quantity == order.total() {
            return None;
        }
        let growing =
            order.parent.filter(|_| self.is_growing(index)).map(|parent| &self.orders[parent.index()]);
        Some(match growing {
            Some(parent) if !parent.filled.is_zero() => {
                share(quantity, parent.filled, parent.request.quantity).max(order.filled)
            }
            _ => quantity,
        })
    }

    /// Only prices, quantity, time in force and the like may change.
    fn may_become(&self, order: &Order, request: &OrderRequest) -> Result<(), Refusal> {
        let was = &order.request;
        if was.order_type != request.order_type
            || was.action != request.action
            || was.con_id != request.con_id
        {
            return Err(refusal(105, "Order being modified does not match original order"));
        }
        if request.parent_id != OrderId(0) {
            let has_live_parent = order.parent.is_some_and(|parent| self.orders[parent.index()].is_live());
            if request.parent_id != was.parent_id || !has_live_parent {
                return Err(cannot_find(request.parent_id));
            }
        }
        // A group of the venue's making need not come back; one that was asked for must.
        let has_group = request.oca_group == was.oca_group
            || order.group.is_some_and(|group| self.groups.name(group).text() == *request.oca_group);
        let has_type = request.oca_type == was.oca_type
            || request.oca_type == 0
            || was.oca_type == 0 && request.oca_type == 3;
        if (!has_group || !has_type) && self.config.oca_revision == OcaRevision::Refused {
            return Err(refusal(10326, "OCA group revision is not allowed"));
        }
        let is_below = request.quantity < order.filled;
        if is_below && self.config.quantity_below_filled == QuantityBelowFilled::Rejected {
            let text = format!(
                "Order rejected - reason: quantity {} is below the {} already filled",
                request.quantity, order.filled
            );
            return Err(refusal(201, text));
        }
        Ok(())
    }

    /// Ends an order because its client asked for it.
    pub(crate) fn cancel_by_client(&mut self, key: OrderKey, out: &mut dyn Listener) {
        let id = key.order_id;
        let Some(&index) = self.by_key.get(&key) else {
            let text = format!("OrderId {id} that needs to be cancelled is not found.");
            return self.tell_error(key, 10147, text, out);
        };
        let order = &self.orders[index.index()];
        if !order.is_live() {
            // The statuses' names are their words.
            let state = self.status(order);
            let text =
                format!("OrderId {id} that needs to be cancelled cannot be cancelled, state: {state:?}.");
            return self.tell_error(key, 10148, text, out);
        }
        if self.is_ending_late(index) {
            let text = format!(
                "Cancel attempted when order is not in a cancellable state. Order permId = {}",
                order.perm_id
            );
            return self.tell_error(key, 161, text, out);
        }
        let parent = order.parent.filter(|_| {
            order.request.auto_cancel_parent && self.config.auto_cancel_parent == AutoCancelParent::Honoured
        });
        if self.config.cancel_news == CancelNews::PendingFirst {
            self.tell_status(order, OrderStatus::PendingCancel, out);
        }
        self.end(index, Ending::Cancelled, out);
        if let Some(parent) = parent.filter(|parent| self.orders[parent.index()].is_live()) {
            self.end(parent, Ending::Cancelled, out);
        }
        if self.config.oca_member_cancel == OcaMemberCancel::WholeGroup {
            self.cancel_group(index, out);
        }
    }
}

fn cannot_find(id: OrderId) -> Refusal {
    refusal(135, format!("Can't find order with id ={id}"))
}

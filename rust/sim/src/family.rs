//! Parents and children: when children start, with what size, and when they end with their parent.

use orderloom_core::decimal::{ONE, Quantity};
use orderloom_core::event::{OrderStatus, Side};

use crate::config::{ChildrenAfterPartialCancel, ChildrenStart};
use crate::matching::follow;
use crate::news::Listener;
use crate::order::{Ending, OrderIndex, Stage};
use crate::reading::OrderNews;
use crate::venue::Venue;

impl Venue {
    /// Transmits a member's whole family: its parent, the parent's children, itself.
    pub(crate) fn transmit(&mut self, member: OrderIndex, out: &mut dyn Listener) {
        let root = self.orders[member.index()].parent.unwrap_or(member);
        if self.orders[root.index()].stage == Stage::Held {
            self.set_out(root, out);
        }
        for place in 0..self.orders[root.index()].children.len() {
            let child = self.orders[root.index()].children[place];
            if self.orders[child.index()].stage == Stage::Held {
                self.set_out(child, out);
            }
        }
    }

    /// Brings a transmitted order to where it belongs: to work, or to wait for its parent.
    fn set_out(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        let Some(parent) = self.orders[index.index()].parent else {
            self.start(index, out);
            return;
        };
        self.orders[index.index()].stage = Stage::Waiting;
        let parent_order = &self.orders[parent.index()];
        let has_filled = !parent_order.filled.is_zero();
        match self.config.children_start {
            _ if parent_order.ending() == Some(Ending::Filled) => self.start(index, out),
            ChildrenStart::OnFirstFillFullSize if has_filled => self.start(index, out),
            ChildrenStart::OnPartialScaled if has_filled => self.scale(index, out),
            ChildrenStart::OnFullFill
            | ChildrenStart::OnFirstFillFullSize
            | ChildrenStart::OnPartialScaled => self.tell_change(index, out),
        }
    }

    /// Lets an order work.
    pub(crate) fn start(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        if self.needs_locate(index) {
            self.orders[index.index()].stage = Stage::Locating;
            self.tell(index, out);
            let key = self.orders[index.index()].request.key();
            return self.tell_error(key, 404, "Order held while securities are located.", out);
        }
        let order = &mut self.orders[index.index()];
        order.stage = Stage::Active;
        let symbol = order.symbol;
        let market = &self.markets[symbol.index()];
        follow(order, market);
        self.watch(index);
        let (order, market) = (&self.orders[index.index()], &self.markets[symbol.index()]);
        if !market.is_open && !order.works_outside_session() {
            let text = format!(
                "Order Message:\n{} {} {}\nWarning: your order will not be placed at the exchange until \
                 the regular session opens",
                order.request.action.as_str(),
                order.remaining(),
                market.listing.symbol
            );
            let key = order.request.key();
            self.tell_error(key, 399, text, out);
        }
        // An order that acts at once is shown as accepted, and the rest is told by its fill.
        if !self.acts_now(index) {
            let is_new = self.orders[index.index()].told.is_none();
            if is_new && self.config.order_news == OrderNews::PreSubmittedFirst {
                self.tell_as(index, OrderStatus::PreSubmitted, out);
                self.tell(index, out);
            } else {
                self.tell_change(index, out);
            }
        } else if self.orders[index.index()].told.is_none() {
            self.tell_as(index, OrderStatus::PreSubmitted, out);
        }
        self.touch(symbol);
    }

    /// Whether an order would sell shares that are neither held nor to be borrowed.
    fn needs_locate(&self, index: OrderIndex) -> bool {
        let order = &self.orders[index.index()];
        let held = self.ledger.holdings[order.symbol.index()].quantity;
        self.markets[order.symbol.index()].is_hard_to_borrow
            && order.request.action == Side::Sell
            && held < order.remaining()
    }

    /// Whether an order's quantity still follows its parent's fills, so that it may rest with nothing
    /// left to do.
    pub(crate) fn is_growing(&self, index: OrderIndex) -> bool {
        let order = &self.orders[index.index()];
        self.config.children_start == ChildrenStart::OnPartialScaled
            && order.is_live()
            && order.parent.is_some_and(|parent| self.orders[parent.index()].is_live())
    }

    /// Starts or resizes the children of an order that just filled, in whole or in part.
    pub(crate) fn after_parent_fill(&mut self, parent: OrderIndex, out: &mut dyn Listener) {
        let is_filled = self.orders[parent.index()].ending() == Some(Ending::Filled);
        for place in 0..self.orders[parent.index()].children.len() {
            let child = self.orders[parent.index()].children[place];
            match (self.orders[child.index()].stage, self.config.children_start) {
                (Stage::Held | Stage::Locating | Stage::Ended(_), _) => {}
                (Stage::Waiting | Stage::Active, ChildrenStart::OnPartialScaled) => self.scale(child, out),
                (Stage::Waiting, ChildrenStart::OnFirstFillFullSize) => self.start(child, out),
                (Stage::Waiting, ChildrenStart::OnFullFill) if is_filled => self.start(child, out),
                (Stage::Waiting, ChildrenStart::OnFullFill)
                | (Stage::Active, ChildrenStart::OnFullFill | ChildrenStart::OnFirstFillFullSize) => {}
            }
        }
    }

    /// Ends or resizes the children of an order that ended.
    pub(crate) fn after_parent_end(&mut self, parent: OrderIndex, out: &mut dyn Listener) {
        let has_filled = !self.orders[parent.index()].filled.is_zero();
        for place in 0..self.orders[parent.index()].children.len() {
            let child = self.orders[parent.index()].children[place];
            let order = &mut self.orders[child.index()];
            if !order.is_live() {
                continue;
            }
            match self.config.children_after_partial_cancel {
                ChildrenAfterPartialCancel::ScaleToFilled if has_filled => self.scale(child, out),
                ChildrenAfterPartialCancel::KeepFull if has_filled => {
                    let was = order.share;
                    order.share = order.request.quantity;
                    if order.stage == Stage::Active && order.share != was {
                        // It had started with less: that it grows back is news.
                        self.tell(child, out);
                    } else {
                        self.start_if_waiting(child, out);
                    }
                }
                ChildrenAfterPartialCancel::Cancelled
                | ChildrenAfterPartialCancel::ScaleToFilled
                | ChildrenAfterPartialCancel::KeepFull => self.end(child, Ending::Cancelled, out),
            }
        }
    }

    /// Gives a child the share of its quantity that its parent has filled.
    fn scale(&mut self, child: OrderIndex, out: &mut dyn Listener) {
        let order = &self.orders[child.index()];
        let Some(parent) = order.parent else { return };
        let parent = &self.orders[parent.index()];
        let share = share(order.request.quantity, parent.filled, parent.request.quantity);
        let (was, has_ended) = (order.share, !parent.is_live());
        let order = &mut self.orders[child.index()];
        // What has filled already stays filled.
        order.share = share.max(order.filled + order.reduced);
        if has_ended && order.remaining().is_zero() {
            let ending = if order.filled.is_zero() { Ending::Cancelled } else { Ending::Filled };
            self.end(child, ending, out);
        } else if order.stage == Stage::Waiting {
            if order.share.is_positive() {
                self.start_if_waiting(child, out);
            }
        } else if order.share != was {
            self.tell(child, out);
            let symbol = self.orders[child.index()].symbol;
            self.touch(symbol);
        }
    }

    fn start_if_waiting(&mut self, child: OrderIndex, out: &mut dyn Listener) {
        if self.orders[child.index()].stage == Stage::Waiting {
            self.start(child, out);
        } else {
            self.tell_change(child, out);
        }
    }
}

/// `asked` × `filled` / `total`, rounded down to whole units, all of it when everything is filled.
pub(crate) fn share(asked: Quantity, filled: Quantity, total: Quantity) -> Quantity {
    if filled >= total {
        return asked;
    }
    let product = i128::from(asked.counts()) * i128::from(filled.counts());
    // Smaller than `asked`, which fits.
    Quantity::from_units((product / (i128::from(total.counts()) * i128::from(ONE))) as i64)
}

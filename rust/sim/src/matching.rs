//! Matching: which order acts next, and what its fill tells.
//!
//! The market stands at a price or moves to one. Among the orders in it the one whose price is met
//! first acts, ties in order of arrival; then the question is asked again from there, until no order
//! acts. So an order that starts to work half way, like the stop of an entry that just filled, sees
//! the rest of the way.

use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::{OrderStatus, Side};
use orderloom_core::id::{ExecId, SymbolId};

use crate::costs::commission;
use crate::event::Execution;
use crate::market::{Market, Source};
use crate::news::{Listener, News};
use crate::order::{Ending, Order, OrderIndex, Stage};
use crate::order_types::{Pricing, Trigger};
use crate::reading::UnfilledNews;
use crate::request::TimeInForce;
use crate::venue::{ReportedExecution, Venue};

/// What an order does next.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Where on the market's way; `None` when no price is known yet, which means here.
    place: Option<Price>,
    act: Act,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    TurnOn,
    Fill { price: Price, quantity: Quantity, source: Source },
}

impl Venue {
    /// Lets every order of a market do what it can.
    pub(crate) fn match_market(&mut self, symbol: SymbolId, out: &mut dyn Listener) {
        // One list for all markets and all time, so that a quote that touches nobody allocates nothing.
        let mut within_reach = std::mem::take(&mut self.within_reach);
        while self.match_first(symbol, &mut within_reach, out) {}
        self.within_reach = within_reach;
    }

    /// Lets the order act whose turn it is; false where nobody acts any more.
    fn match_first(
        &mut self,
        symbol: SymbolId,
        within_reach: &mut Vec<OrderIndex>,
        out: &mut dyn Listener,
    ) -> bool {
        let market = &self.markets[symbol.index()];
        market.find_within_reach(within_reach);
        debug_assert!(self.misses_nobody(symbol, within_reach));
        let mut first: Option<(u64, OrderIndex, Step)> = None;
        let mut has_afterwork = false;
        for &index in &*within_reach {
            let order = &self.orders[index.index()];
            if order.stage != Stage::Active {
                continue;
            }
            has_afterwork |= order.is_immediate() || is_trailing(order);
            let Some(step) = self.next_step(order, market) else { continue };
            let distance = match (step.place, market.last) {
                (Some(place), Some(last)) => place.counts().abs_diff(last.counts()),
                _ => 0,
            };
            if first.is_none_or(|(nearest, ..)| distance < nearest) {
                first = Some((distance, index, step));
            }
        }
        let Some((_, index, step)) = first else {
            if has_afterwork {
                self.follow_and_drop(symbol, out);
            }
            return false;
        };
        self.markets[symbol.index()].last = step.place.or(market.last);
        match step.act {
            Act::TurnOn => self.turn_on(index, out),
            Act::Fill { price, quantity, source } => self.fill(index, price, quantity, source, out),
        }
        true
    }

    /// Whether an order would fill, or turn on, before anything else happens.
    pub(crate) fn acts_now(&self, index: OrderIndex) -> bool {
        let order = &self.orders[index.index()];
        order.stage == Stage::Active && self.next_step(order, &self.markets[order.symbol.index()]).is_some()
    }

    fn next_step(&self, order: &Order, market: &Market) -> Option<Step> {
        if market.is_halted || !market.is_open && !order.works_outside_session() {
            return None;
        }
        let side = order.request.action;
        if let Some(trigger) = order.terms.trigger {
            let (level, direction) = trigger.level(side)?;
            let place = market.reach(order.trigger_method, level, direction)?;
            return Some(Step { place, act: Act::TurnOn });
        }
        let limit = match order.terms.pricing {
            Pricing::Limit(limit) => Some(limit),
            Pricing::Pegged { better, cap } => Some(market.peg(side, better, cap)?),
            Pricing::Market | Pricing::LimitOffset(_) | Pricing::MarketToLimit => None,
        };
        let is_resting = order.told.is_some_and(|(status, _)| status == OrderStatus::Submitted);
        let needs_through = self.config.fill.limit_needs_through && is_resting;
        let mut offer = market.offer(side, limit, needs_through);
        if let (None, Pricing::Pegged { .. }, Some(limit)) = (&offer, order.terms.pricing, limit) {
            offer = market.passive_offer(side, limit);
        }
        let offer = offer?;
        let quantity = offer.left.map_or(order.remaining(), |left| left.min(order.remaining()));
        if !quantity.is_positive() || quantity < order.smallest_fill() {
            return None;
        }
        let price = if limit.is_some() { offer.price } else { self.slipped(side, offer.price, market) };
        if !market.is_within_band(price) {
            return None;
        }
        Some(Step { place: offer.place, act: Act::Fill { price, quantity, source: offer.source } })
    }

    fn slipped(&self, side: Side, price: Price, market: &Market) -> Price {
        let ticks = i64::from(self.config.fill.slippage_ticks);
        let slippage = Price::from_counts(market.listing.tick.counts() * ticks);
        match side {
            Side::Buy => price + slippage,
            Side::Sell => price - slippage,
        }
    }

    fn turn_on(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        let order = &mut self.orders[index.index()];
        order.terms.turn_on(order.request.action);
        self.watch(index);
        self.tell_change(index, out);
    }

    /// After the last act: trailing stops follow, and what should have filled at once is dropped.
    fn follow_and_drop(&mut self, symbol: SymbolId, out: &mut dyn Listener) {
        let market = &mut self.markets[symbol.index()];
        if let Some(print) = market.print {
            market.last = Some(print.to);
        }
        let has_had_its_chance = !market.is_halted && (!market.is_open || market.has_liquidity_now());
        let mut dropped = Vec::new();
        for &index in &market.live {
            let order = &mut self.orders[index.index()];
            if order.stage != Stage::Active {
                continue;
            }
            follow(order, market);
            if order.is_immediate() && order.terms.trigger.is_none() && has_had_its_chance {
                dropped.push(index);
            }
        }
        for index in dropped {
            if self.orders[index.index()].is_live() {
                self.drop_unfilled(index, out);
            }
        }
    }

    fn drop_unfilled(&mut self, index: OrderIndex, out: &mut dyn Listener) {
        let order = &self.orders[index.index()];
        if self.config.unfilled_news == UnfilledNews::AsRecorded && order.request.tif == TimeInForce::Ioc {
            self.tell_status(order, OrderStatus::PendingCancel, out);
        }
        self.end(index, Ending::Unfilled, out);
    }

    /// Fills a part of an order, or all that is left of it.
    pub(crate) fn fill(
        &mut self,
        index: OrderIndex,
        price: Price,
        quantity: Quantity,
        source: Source,
        out: &mut dyn Listener,
    ) {
        let exec_id = ExecId(self.next_exec_id());
        let is_growing = self.is_growing(index);
        let now = self.now;
        let order = &mut self.orders[index.index()];
        let market = &mut self.markets[order.symbol.index()];
        let (symbol, side) = (order.symbol, order.request.action);
        let remaining_before = order.remaining();
        let is_resting = order.told.is_some_and(|(status, _)| status == OrderStatus::Submitted);
        let has_limit = matches!(order.terms.pricing, Pricing::Limit(_));
        market.take(side, quantity, source);

        order.filled += quantity;
        order.paid += price.value(quantity, 1);
        order.last_fill_price = price;
        if order.terms.pricing == Pricing::MarketToLimit {
            order.terms.pricing = Pricing::Limit(price);
            order.request.limit_price = Some(price);
        }
        let multiplier = market.listing.multiplier;
        let paid = Money::from_counts(order.paid.abs().counts() * i128::from(multiplier));
        let cost = commission(self.config.commission, market.listing.sec_type, order.filled, paid);
        let amount = cost - order.commission;
        order.commission = cost;
        let value = price.value(quantity, multiplier);
        let realized_pnl = self.ledger.book(symbol, side, quantity, value, amount);

        let execution = Execution {
            client_id: order.request.client_id,
            order_id: order.request.order_id,
            perm_id: order.perm_id,
            exec_id,
            con_id: market.listing.con_id,
            account: self.config.account.clone(),
            side,
            quantity,
            price,
            at: now,
            cum_quantity: order.filled,
            avg_price: order.average_price(),
            order_ref: order.request.order_ref.clone(),
            liquidity: if has_limit && is_resting { 1 } else { 2 },
        };
        out.hear(News::Execution(&execution));

        let is_filled = order.remaining().is_zero() && !is_growing;
        self.watch(index);
        if is_filled {
            self.close(index, Ending::Filled);
            self.tell_again(index, out);
            let order = &self.orders[index.index()];
            self.show(order, self.status(order), Some(order.commission), out);
        } else {
            let order = &self.orders[index.index()];
            let status = self.status(order);
            self.tell_status(order, status, out);
            self.orders[index.index()].told = Some((status, order.why_held(&self.config)));
        }
        let currency = &self.markets[symbol.index()].listing.currency;
        out.hear(News::Commission { execution: &execution, amount, currency, realized_pnl });
        self.tell_position(symbol, out);
        self.executions.push(ReportedExecution { execution, commission: amount, realized_pnl });
        self.reduce_group(index, quantity, remaining_before, out);
        self.after_parent_fill(index, out);
    }

    pub(crate) fn tell_position(&self, symbol: SymbolId, out: &mut dyn Listener) {
        out.hear(News::Position {
            account: &self.config.account,
            con_id: self.markets[symbol.index()].listing.con_id,
            holding: &self.ledger.holdings[symbol.index()],
        });
    }
}

const fn is_trailing(order: &Order) -> bool {
    matches!(order.terms.trigger, Some(Trigger::Trail { .. }))
}

/// Lets a trailing stop follow its market, which it does whenever the order may trigger.
pub(crate) fn follow(order: &mut Order, market: &Market) {
    if market.is_halted || !market.is_open && !order.works_outside_session() {
        return;
    }
    let side = order.request.action;
    let reference = market.reference(order.trigger_method, side);
    if let (Some(trigger), Some(reference)) = (order.terms.trigger.as_mut(), reference) {
        trigger.follow(side, reference, market.listing.tick);
    }
}

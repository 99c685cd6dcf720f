//! One number for everything that the engine may decide by.
//!
//! Two engines with the same fingerprint send the same commands on the same events from here on, so
//! that a search may visit one of them, and a replay may be compared with the run that it repeats.
//! Three things are therefore told in their relation rather than as they are:
//!
//! - a moment, as the patience that is left of it, for nothing happens at a moment but by patience;
//! - an order or a trade, as its distance from the next one, so that what is over leaves no trace;
//! - a set, without the order in which it was learned.
//!
//! Left out is what only reports read (profit, exit reasons, the longest time uncovered), and the
//! history that only conditions of rules look back on (bars, indicators, cooldowns that passed).

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::command::Role;
use crate::context::Context;
use crate::engine::Engine;
use crate::engine::state::{Slot, State};
use crate::id::{ContextId, OrderId};
use crate::order::{Asked, Order};
use crate::rule::Level;
use crate::time::{Span, Timestamp};

impl Engine {
    /// Feeds what the engine may decide by into `hasher`; between events only.
    pub fn fingerprint(&self, hasher: &mut impl Hasher) {
        Print { state: &self.state, hasher }.everything();
    }
}

struct Print<'a, H> {
    state: &'a State,
    hasher: &'a mut H,
}

impl<H: Hasher> Print<'_, H> {
    fn everything(&mut self) {
        let state = self.state;
        let modes = (state.is_connected, state.is_synced, state.ordered_mode, state.told_mode);
        modes.hash(self.hasher);
        state.holds.hash(self.hasher);
        let verifying = state.verifying.map(|since| {
            let is_newer = |at: Timestamp| at >= since;
            (
                state.confirmed_at.is_some_and(is_newer),
                state.snapshot.as_ref().is_some_and(|it| is_newer(it.began)),
            )
        });
        verifying.hash(self.hasher);
        self.snapshot();
        for slot in &state.slots {
            self.slot(slot);
        }
        for order in state.orders.iter() {
            // What is over, of a trade that is over, moves nothing any more.
            if !order.is_done() || self.is_open(order.context) {
                self.order(order);
            }
        }
        self.fills();
        self.rules();
    }

    fn is_open(&self, context: Option<ContextId>) -> bool {
        let is_same = |slot: &Slot| slot.context.as_ref().is_some_and(|open| Some(open.id) == context);
        context.is_some() && self.state.slots.iter().any(is_same)
    }

    fn id(&mut self, id: OrderId) {
        (self.state.next_order_id - id.0).hash(self.hasher);
    }

    /// What is left until `at`; nothing once it has passed.
    fn until(&mut self, at: Option<Timestamp>) {
        at.map(|at| (at - self.state.now).0.max(0)).hash(self.hasher);
    }

    /// What is left of `patience` since `at`.
    fn since(&mut self, at: Option<Timestamp>, patience: Span) {
        self.until(at.map(|at| at + patience));
    }

    fn asked(&mut self, asked: Option<Asked>) {
        asked.map(|asked| asked.times.min(Asked::LONGEST)).hash(self.hasher);
        self.until(asked.map(|asked| asked.due(self.state.config.execution.answer_timeout)));
    }

    fn snapshot(&mut self) {
        self.state.snapshot.is_some().hash(self.hasher);
        let Some(snapshot) = &self.state.snapshot else { return };
        for order in self.state.orders.iter().filter(|order| !order.is_done()) {
            snapshot.unheard.contains(&order.ticket.order_id).hash(self.hasher);
        }
    }

    fn slot(&mut self, slot: &Slot) {
        let state = self.state;
        let patience = state.config.execution;
        let market = &slot.market;
        market.sane_quote(state.now, patience.quote_max_age).hash(self.hasher);
        market.mark().hash(self.hasher);
        self.until(market.usable_until(patience.quote_max_age));
        market.session.map(|session| session.date).hash(self.hasher);
        self.until(market.session.map(|session| session.open));
        self.until(market.session.map(|session| session.close));
        (slot.reported, slot.unattached, slot.is_quarantined, slot.wants_price, slot.is_in_snapshot)
            .hash(self.hasher);
        (slot.is_asleep_told, slot.reported_cost).hash(self.hasher);
        if market.session.is_some_and(|session| !session.is_open(state.now)) {
            // Exits that ended in the night wait for a snapshot that began after it.
            for bracket in slot.context.iter().flat_map(|context| &context.brackets) {
                let stop = bracket.leg(Role::Stop, &state.orders);
                stop.and_then(|stop| stop.done_at).map(|at| state.confirmed_at >= Some(at)).hash(self.hasher);
            }
        }
        // Counted from when it was found, not from the first question about it.
        self.asked(slot.mismatch.map(|mismatch| mismatch.again(mismatch.at)));
        self.until(slot.due);
        slot.context.is_some().hash(self.hasher);
        if let Some(context) = &slot.context {
            slot.wants_plan.hash(self.hasher);
            self.until(slot.plan_due);
            self.context(context);
        }
    }

    fn context(&mut self, context: &Context) {
        let state = self.state;
        let patience = state.config.execution;
        (state.next_context - context.id.0, context.symbol, context.side, context.rule).hash(self.hasher);
        for level in [context.policy.stop, context.policy.target] {
            self.level(level);
        }
        context.closing.map(|closing| closing.reason).hash(self.hasher);
        // A close waits for a price twice as long as for a fill.
        let closing = context.closing.map(|closing| closing.since + patience.reprice_after);
        self.since(closing, patience.reprice_after);
        let next = context.successor.as_ref();
        // Levels hold floats, which have no hash; what they are written as has one.
        next.map(|next| (next.rule, format!("{:?}", next.enter))).hash(self.hasher);
        self.until(next.map(|next| next.valid_until));
        (context.opened_at.is_some(), context.commissions_awaited).hash(self.hasher);
        (context.adopted, context.given).hash(self.hasher);
        for (at, quantity, price) in &context.beyond {
            (state.now - *at, quantity, price).hash(self.hasher);
        }
        (context.uncovered_alarmed, context.surplus_told).hash(self.hasher);
        // The watchdog acts after one cap, and again after two.
        let uncovered = context.uncovered_since.map(|since| since + patience.uncovered_max);
        self.since(uncovered, patience.uncovered_max);
        for bracket in &context.brackets {
            for (role, id) in &bracket.orders {
                role.hash(self.hasher);
                self.id(*id);
            }
            (bracket.foreign, bracket.split).hash(self.hasher);
            self.until(bracket.expires_at);
            self.since(bracket.repriced_at, patience.reprice_after);
            self.asked(Some(bracket.closes_refused(&state.orders)));
            bracket.stops_placed.min(patience.asks_max.saturating_add(1)).hash(self.hasher);
        }
    }

    fn level(&mut self, level: Option<Level>) {
        level.map(|level| std::mem::discriminant(&level)).hash(self.hasher);
        match level {
            None => {}
            Some(Level::Percent(of) | Level::Distance(of) | Level::TrailPercent(of)) => {
                of.to_bits().hash(self.hasher);
            }
            Some(Level::Price(price) | Level::TrailAmount(price)) => price.hash(self.hasher),
        }
    }

    fn order(&mut self, order: &Order) {
        let patience = self.state.config.execution;
        self.id(order.ticket.order_id);
        (order.role, order.ticket.symbol, order.ticket.side, order.ticket.quantity, order.ticket.order_type)
            .hash(self.hasher);
        (order.ticket.parent.is_some(), order.ticket.transmit).hash(self.hasher);
        (order.largest, order.working, order.status, order.why_held, order.has_waited, order.permits.len())
            .hash(self.hasher);
        (order.cum_qty, order.taken_back, order.cum_value, order.reported_filled).hash(self.hasher);
        (order.refused, order.not_found, order.is_absent, order.is_resent).hash(self.hasher);
        if order.permits.len() > 1 {
            for permit in &order.permits {
                (permit.has_ended, permit.filled).hash(self.hasher);
            }
        }
        self.asked(order.placing);
        self.asked(order.changing);
        self.asked(order.cancelling);
        self.asked(order.doubt);
        order.refusal.as_ref().map(|refusal| (refusal.code, refusal.terms, refusal.times)).hash(self.hasher);
        self.since(order.refusal.as_ref().map(|refusal| refusal.at), patience.answer_timeout);
        self.since(order.filled_at.max(order.done_at), patience.oca_patience);
        self.since(order.filled_at, patience.oca_patience);
        self.since(order.held_since, patience.oca_patience);
    }

    /// Positions, and which executions of open trades were taken in.
    fn fills(&mut self) {
        let state = self.state;
        for symbol in state.symbols() {
            let position = state.ledger.position(symbol);
            (position.quantity, position.cost).hash(self.hasher);
        }
        let of_open_trades = state.ledger.fills().filter(|fill| self.is_open(fill.context));
        let sum = of_open_trades.fold(0_u64, |sum, fill| {
            let order = fill.order_id.map(|id| state.next_order_id - id.0);
            sum.wrapping_add(alone(&(order, fill.revision, fill.quantity)))
        });
        sum.hash(self.hasher);
    }

    /// What rules remember of themselves.
    fn rules(&mut self) {
        let state = self.state;
        let signals = state.seen_signals.keys().fold(0_u64, |sum, key| sum.wrapping_add(alone(key)));
        signals.hash(self.hasher);
        for (key, at) in &state.acted_at {
            key.hash(self.hasher);
            (state.now - *at).hash(self.hasher);
        }
        for (rule, times) in &state.acted_today {
            (rule, times).hash(self.hasher);
        }
        let disabled = state.disabled.iter().fold(0_u64, |sum, rule| sum.wrapping_add(alone(rule)));
        disabled.hash(self.hasher);
        for (name, value) in &state.readings {
            (name, value.to_bits()).hash(self.hasher);
        }
        for (ask, pending) in &state.asks {
            let wanted = (pending.symbol, &pending.name, pending.wanted);
            (state.next_ask - ask.0, pending.rule, wanted).hash(self.hasher);
            self.until(Some(pending.deadline));
        }
    }
}

/// The hash of one member of a set.
fn alone(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

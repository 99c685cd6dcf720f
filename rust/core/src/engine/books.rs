//! The broker's word on positions against the sum of executions: what is missing, and what a split made.

use std::sync::Arc;

use crate::command::{IncidentCode, PositionSide};
use crate::decimal::Quantity;
use crate::engine::state::State;
use crate::id::SymbolId;
use crate::order::Asked;
use crate::time::Timestamp;

impl State {
    /// The broker's word on the position against the sum of executions. While they differ the trade
    /// does not conclude; `Some` says when to look again.
    pub(super) fn check_broker_position(&mut self, symbol: SymbolId) -> Option<Timestamp> {
        let own = self.ledger.position(symbol).quantity;
        let Some(reported) = self.slot(symbol).reported.filter(|reported| *reported != own) else {
            self.slot_mut(symbol).mismatch = None;
            return None;
        };
        if !self.is_synced {
            return None;
        }
        let (now, patience) = (self.now, self.config.execution.answer_timeout);
        let asked = self.slot(symbol).mismatch.unwrap_or(Asked { at: now, times: 0 });
        let is_split = self.is_split(symbol, own, reported);
        // News of fewer shares than executions explain: exits may be larger than what is left to close,
        // which cannot wait for more news to follow.
        let is_short_of_shares =
            !own.is_zero() && (reported.abs() < own.abs() || reported.is_positive() != own.is_positive());
        let is_confirmed = asked.times > 0 && self.confirmed_at.is_some_and(|at| at >= asked.at);
        if is_split && is_confirmed {
            self.take_split(symbol, own, reported);
            self.slot_mut(symbol).mismatch = None;
            return None;
        }
        let due = match asked.times {
            0 if self.reported == Some(symbol) && (is_short_of_shares || is_split) => now,
            _ => asked.again(asked.at).due(patience),
        };
        if now < due {
            self.slot_mut(symbol).mismatch = Some(asked);
            return Some(due);
        }
        if asked.times == 1 {
            // Executions were asked for and did not explain it: somebody else's, or lost.
            self.alert(
                IncidentCode::PositionMismatch,
                Some(symbol),
                None,
                format!("the broker holds {reported} shares, executions add up to {own}"),
            );
        }
        if is_short_of_shares && is_confirmed && self.slot(symbol).context.is_some() {
            self.take_shortfall(symbol, own, reported);
            self.slot_mut(symbol).mismatch = None;
            return None;
        }
        let asked = asked.again(now);
        self.slot_mut(symbol).mismatch = Some(asked);
        self.reconcile(format!("position {reported} at the broker, {own} by executions"));
        Some(asked.again(now).due(patience))
    }

    /// Whether the broker holds other shares of the same side that cost the same: what a split does, and
    /// no trade.
    fn is_split(&self, symbol: SymbolId, own: Quantity, reported: Quantity) -> bool {
        let slot = self.slot(symbol);
        let Some(average) = slot.reported_cost.filter(|_| slot.context.is_some()) else { return false };
        let (more, less) = (own.abs().max(reported.abs()), own.abs().min(reported.abs()));
        let cost = self.ledger.position(symbol).cost.counts().abs();
        let differs = (average.value(reported, 1).counts().abs() - cost).abs();
        own.is_positive() == reported.is_positive()
            && less.is_positive()
            && i128::from(more.counts()) * 5 >= i128::from(less.counts()) * 6
            && differs * 100 <= cost
    }

    /// Restates position, trade and levels in the shares that a split made.
    fn take_split(&mut self, symbol: SymbolId, own: Quantity, reported: Quantity) {
        let ratio = (reported.abs(), own.abs());
        self.ledger.restate(symbol, ratio, true);
        let config = Arc::clone(&self.config);
        let instrument = &config.instruments[symbol.index()];
        let orders = &self.orders;
        let slot = &mut self.slots[symbol.index()];
        slot.unattached = slot.unattached.scaled(ratio.0, ratio.1);
        if let Some(context) = &mut slot.context {
            let own = reported - slot.unattached;
            let mut rest = if context.side == PositionSide::Long { own } else { -own };
            let last = context.brackets.len() - 1;
            for (place, bracket) in context.brackets.iter_mut().enumerate() {
                let was = bracket.open_quantity(context.side, orders);
                let is = if place == last { rest } else { was.scaled(ratio.0, ratio.1) };
                rest -= is;
                bracket.foreign += is - was;
                let (now, then) = bracket.split.unwrap_or((ratio.1, ratio.1));
                bracket.split = Some((now.scaled(ratio.0, ratio.1), then));
            }
            let factor = ratio.1.to_f64() / ratio.0.to_f64();
            for level in [&mut context.policy.stop, &mut context.policy.target] {
                *level = level.map(|level| level.scaled(factor, instrument));
            }
            for shares in [&mut context.adopted.0, &mut context.given.0] {
                *shares = shares.scaled(ratio.0, ratio.1);
            }
        }
        self.alert(
            IncidentCode::Split,
            Some(symbol),
            None,
            format!("the broker holds {reported} shares at the cost of {own}: exits follow the split"),
        );
        self.mark_dirty(symbol);
    }

    /// Takes the broker's word that shares are gone which no execution explains: their exits would open a
    /// position.
    fn take_shortfall(&mut self, symbol: SymbolId, own: Quantity, reported: Quantity) {
        let is_turned = reported.is_positive() != own.is_positive();
        let left = if is_turned { Quantity::ZERO } else { reported };
        self.ledger.restate(symbol, (left.abs(), own.abs()), false);
        // What is held beyond flat stays somebody else's, and told.
        let orders = &self.orders;
        let slot = &mut self.slots[symbol.index()];
        let Some(context) = &mut slot.context else { return };
        context.closed_by_others = true;
        // What they went for is not known: neither gain nor loss is told of them.
        let (bought, paid) = context.paid(orders);
        let price = paid.per_share(bought, 1).unwrap_or_default();
        let gone = context.give(own.abs() - left.abs(), price, orders);
        slot.unattached -= if own.is_positive() { gone } else { -gone };
        self.mark_dirty(symbol);
    }
}

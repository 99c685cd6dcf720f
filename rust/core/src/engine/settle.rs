//! Step 3: every trade whose facts changed is planned again, and a trade that is over concludes.

use crate::bracket::Bracket;
use crate::command::{Conclusion, ExitReason, IncidentCode, Notice, PositionSide, TimeInForce};
use crate::context::{Closing, Context, Policy, Successor};
use crate::decimal::{Money, Price, Quantity};
use crate::engine::state::State;
use crate::event::Side;
use crate::id::{RuleId, SymbolId};
use crate::plan::{Situation, is_protected, plan};
use crate::rule::Reprice;
use crate::time::Timestamp;

/// The rule that recovery trades are booked under: none.
pub(crate) const NO_RULE: RuleId = RuleId(u32::MAX);

impl State {
    /// Plans every dirty symbol; the conclusions come back for the rules.
    pub(crate) fn settle(&mut self) -> Vec<(Conclusion, Option<Successor>)> {
        let mut concluded = Vec::new();
        let mut next = 0;
        while next < self.dirty.len() {
            let symbol = self.dirty[next];
            next += 1;
            self.slot_mut(symbol).is_dirty = false;
            concluded.extend(self.settle_symbol(symbol));
        }
        self.dirty.clear();
        if self.is_due_stale {
            self.update_due();
        }
        concluded
    }

    /// Lets entries go on once the broker's whole word has come since they were stopped and a live stop
    /// stands for every share.
    pub(crate) fn verify(&mut self) {
        let Some(since) = self.verifying else { return };
        let is_told = self.is_connected && self.is_synced && self.confirmed_at.is_some_and(|at| at >= since);
        let is_protected = |symbol: SymbolId| {
            let context = self.slot(symbol).context.as_ref();
            context.is_none_or(|context| is_protected(context, self.situation(symbol)))
        };
        if is_told && self.symbols().all(is_protected) {
            self.verifying = None;
        }
    }

    /// The next moment at which time alone changes something.
    pub(crate) fn update_due(&mut self) {
        let slots = self.slots.iter().filter_map(|slot| slot.due);
        let asks = self.asks.values().map(|ask| ask.deadline);
        self.due = slots.chain(asks).min().unwrap_or(Timestamp::MAX);
        self.is_due_stale = false;
    }

    fn settle_symbol(&mut self, symbol: SymbolId) -> Option<(Conclusion, Option<Successor>)> {
        self.adopt_orphan(symbol);
        self.close_before_session_end(symbol);
        let mut due = self.end_of_day_at(symbol).filter(|at| self.now < *at);
        if self.is_connected && self.is_synced && self.slot(symbol).context.is_some() {
            self.plan_trade(symbol);
            if let Some(at) = self.slot(symbol).plan_due {
                due = Some(due.map_or(at, |due| due.min(at)));
            }
        } else {
            self.slot_mut(symbol).wants_price = false;
        }
        if let Some(at) = self.tell_of_sleep(symbol) {
            due = Some(due.map_or(at, |due| due.min(at)));
        }
        let waiting = self.check_broker_position(symbol);
        let conclusion = match waiting {
            Some(at) => {
                due = Some(due.map_or(at, |due| due.min(at)));
                None
            }
            None => match self.conclude(symbol) {
                Ok(conclusion) => conclusion,
                Err(at) => {
                    due = Some(due.map_or(at, |due| due.min(at)));
                    None
                }
            },
        };
        self.set_due(symbol, due);
        conclusion
    }

    /// Plans the open trade and does what the plan says, where facts or time have changed since the last
    /// plan.
    fn plan_trade(&mut self, symbol: SymbolId) {
        let now = self.now;
        let slot = self.slot_mut(symbol);
        if !slot.wants_plan && slot.plan_due.is_none_or(|due| now < due) {
            return;
        }
        let mut due = Timestamp::MAX;
        // What a plan begins needs another plan: for its deadlines, or for the close that it began.
        // The second begins nothing more, or the third.
        for _ in 0..3 {
            self.slot_mut(symbol).wants_plan = false;
            let Some(context) = &self.slot(symbol).context else { break };
            let outcome = plan(context, self.situation(symbol));
            let is_final = outcome.steps.is_empty();
            self.note_uncovered(symbol, outcome.uncovered);
            self.note_surplus(symbol, outcome.surplus);
            self.slot_mut(symbol).wants_price = outcome.wants_price;
            due = due.min(outcome.due);
            for step in outcome.steps {
                self.carry_out(symbol, step);
            }
            if is_final {
                break;
            }
        }
        let cap = self.config.execution.uncovered_max;
        if let Some(since) = self.slot(symbol).context.as_ref().and_then(|context| context.uncovered_since) {
            let at = if now < since + cap { since + cap } else { since + cap + cap };
            if now < at {
                due = due.min(at);
            }
        }
        self.slot_mut(symbol).plan_due = (due < Timestamp::MAX).then_some(due);
    }

    /// Notes when time alone changes something for a symbol. All symbols are looked at again only when
    /// the one that was due first is due later now.
    fn set_due(&mut self, symbol: SymbolId, due: Option<Timestamp>) {
        let before = std::mem::replace(&mut self.slot_mut(symbol).due, due);
        let now = due.unwrap_or(Timestamp::MAX);
        if now <= self.due {
            self.due = now;
        } else {
            self.is_due_stale |= before == Some(self.due);
        }
    }

    fn situation(&self, symbol: SymbolId) -> Situation<'_> {
        Situation {
            now: self.now,
            orders: &self.orders,
            market: &self.slot(symbol).market,
            instrument: &self.config.instruments[symbol.index()],
            execution: &self.config.execution,
            confirmed_at: self.confirmed_at,
        }
    }

    /// A position of ours that no open trade explains — a fill after its trade was over — becomes a
    /// trade of its own that is closed at once.
    fn adopt_orphan(&mut self, symbol: SymbolId) {
        if self.slot(symbol).context.is_some() {
            return;
        }
        let position = self.ledger.position(symbol).quantity;
        let own = position - self.slot(symbol).unattached;
        if own.is_zero() {
            return;
        }
        self.alert(
            IncidentCode::Overfill,
            Some(symbol),
            None,
            format!("{own} shares were filled after their trade was over: they are closed"),
        );
        let mut bracket = Bracket::new(None);
        bracket.foreign = own.abs();
        let paid = self.price_of(symbol, own);
        let id = self.allocate_context();
        let side = if own.is_positive() { PositionSide::Long } else { PositionSide::Short };
        let policy = Policy {
            stop: None,
            target: None,
            reprice: Reprice::Keep,
            exit_tif: TimeInForce::Day,
            outside_rth: false,
        };
        self.open_context(Context {
            closing: Some(Closing { reason: ExitReason::Recovery, since: self.now }),
            opened_at: Some(self.now),
            brackets: vec![bracket],
            adopted: (own.abs(), paid.value(own.abs(), 1)),
            ..Context::new(id, symbol, side, NO_RULE, policy, self.now)
        });
    }

    /// What was paid for a share of `own`, which the position may hold only a part of: others may hold
    /// the other side.
    fn price_of(&self, symbol: SymbolId, own: Quantity) -> Price {
        let position = self.ledger.position(symbol);
        let is_held =
            position.quantity.is_negative() == own.is_negative() && position.quantity.abs() >= own.abs();
        // What is held was paid for at its average price, whoever's order filled when.
        let multiplier = self.config.instruments[symbol.index()].multiplier;
        let average = position.average_price(multiplier).filter(|_| is_held);
        let side = if own.is_positive() { Side::Buy } else { Side::Sell };
        let last = || self.ledger.fills().filter(|fill| fill.symbol == symbol && fill.side == side).last();
        average.or_else(|| last().map(|fill| fill.price)).unwrap_or_default()
    }

    pub(crate) fn open_context(&mut self, context: Context) {
        self.notices.push(Notice::ContextOpened {
            context: context.id,
            symbol: context.symbol,
            side: context.side,
            rule: context.rule,
        });
        let symbol = context.symbol;
        let slot = self.slot_mut(symbol);
        slot.context = Some(context);
        slot.opened += 1;
        self.mark_dirty(symbol);
    }

    /// Begins to close the symbol's trade, once; the first reason stays.
    pub(crate) fn begin_close(&mut self, symbol: SymbolId, reason: ExitReason) -> bool {
        let now = self.now;
        let Some(context) = &mut self.slots[symbol.index()].context else { return false };
        if context.closing.is_some() {
            return false;
        }
        context.closing = Some(Closing { reason, since: now });
        self.mark_dirty(symbol);
        true
    }

    /// When the end-of-day close of the symbol's session begins.
    pub(crate) fn end_of_day_at(&self, symbol: SymbolId) -> Option<Timestamp> {
        let before = self.config.end_of_day?;
        Some(self.slot(symbol).market.session?.close - before)
    }

    fn close_before_session_end(&mut self, symbol: SymbolId) {
        let (Some(at), Some(session)) = (self.end_of_day_at(symbol), self.slot(symbol).market.session) else {
            return;
        };
        if at <= self.now && session.open <= self.now && self.now < session.close {
            self.begin_close(symbol, ExitReason::EndOfDay);
        }
    }

    fn note_uncovered(&mut self, symbol: SymbolId, uncovered: Quantity) {
        let now = self.now;
        let Some(context) = &mut self.slots[symbol.index()].context else { return };
        context.uncovered = uncovered;
        if uncovered.is_positive() {
            let since = *context.uncovered_since.get_or_insert(now);
            context.uncovered_max = context.uncovered_max.max(now - since);
        } else if let Some(since) = context.uncovered_since.take() {
            context.uncovered_max = context.uncovered_max.max(now - since);
            context.uncovered_alarmed = false;
        }
    }

    /// What the plan found was told with it; when it is gone and comes again, that is news.
    fn note_surplus(&mut self, symbol: SymbolId, surplus: Quantity) {
        if let Some(context) = &mut self.slots[symbol.index()].context {
            context.surplus_told = surplus;
        }
    }

    /// Says once per night that what is held cannot be closed by its exits; returns when the session
    /// ends that they can fire in.
    fn tell_of_sleep(&mut self, symbol: SymbolId) -> Option<Timestamp> {
        let slot = self.slot(symbol);
        let session = slot.market.session?;
        if session.is_open(self.now) {
            let is_held = slot.context.is_some();
            self.slot_mut(symbol).is_asleep_told = false;
            return is_held.then_some(session.close);
        }
        let context = slot.context.as_ref()?;
        let held = context.open_quantity(&self.orders);
        if !slot.is_asleep_told && held.is_positive() && !context.policy.outside_rth {
            self.slot_mut(symbol).is_asleep_told = true;
            let name = &self.config.instruments[symbol.index()].symbol;
            let text =
                format!("{held} shares of {name} are held while the exchange is closed: no exit can fire");
            self.mention(IncidentCode::ExitsAsleep, symbol, text);
        }
        None
    }

    /// Ends a trade that is over. `Err` says when to look again: its commissions are on their way.
    fn conclude(&mut self, symbol: SymbolId) -> Result<Option<(Conclusion, Option<Successor>)>, Timestamp> {
        let Some(context) = &self.slot(symbol).context else { return Ok(None) };
        if !context.is_over(&self.orders) || !self.is_synced {
            return Ok(None);
        }
        if context.commissions_awaited > 0 {
            let last = context
                .brackets
                .iter()
                .flat_map(|bracket| bracket.members(&self.orders))
                .filter_map(|order| order.filled_at)
                .max();
            let until = last.unwrap_or(self.now) + self.config.execution.oca_patience;
            if self.now < until {
                return Err(until);
            }
        }
        let multiplier = self.config.instruments[symbol.index()].multiplier;
        let (quantity, paid) = context.paid(&self.orders);
        let (closed, received) = context.filled_value(false, &self.orders);
        let (closed, received) = (closed + context.given.0, received + context.given.1);
        let gain = Money::from_counts((received - paid).counts() * i128::from(multiplier));
        let conclusion = Conclusion {
            context: context.id,
            symbol,
            side: context.side,
            rule: context.rule,
            exit_reason: context.exit_reason(&self.orders),
            quantity,
            entry_price: paid.per_share(quantity, 1),
            exit_price: received.per_share(closed, 1),
            tranches: context
                .brackets
                .iter()
                .filter(|bracket| bracket.filled(true, context.side, &self.orders).0.is_positive())
                .count() as u32,
            pnl: match context.side {
                PositionSide::Long => gain,
                PositionSide::Short => -gain,
            },
            commission: context.commission,
            opened_at: context.opened_at.unwrap_or(context.sent_at),
            closed_at: self.now,
            uncovered_max: context.uncovered_max,
        };
        let now = self.now;
        let slot = self.slot_mut(symbol);
        let successor = slot.context.take().and_then(|context| context.successor);
        slot.concluded_at = Some(now);
        slot.plan_due = None;
        self.notices.push(Notice::ContextConcluded(Box::new(conclusion.clone())));
        Ok(Some((conclusion, successor)))
    }
}

//! Step 3: every trade whose facts changed is planned again, and a trade that is over concludes.

use std::sync::Arc;

use crate::bracket::Bracket;
use crate::command::{
    CancelOrder, Command, Conclusion, ExitReason, IncidentCode, Notice, Oca, OcaKind, OrderType, PlaceOrder,
    PositionSide, Reconcile, Role, Ticket, TimeInForce,
};
use crate::context::{Closing, Context, Policy, Successor};
use crate::decimal::{Money, Price, Quantity};
use crate::engine::state::State;
use crate::event::Side;
use crate::id::{ContextId, OrderId, OrderRef, RuleId, SymbolId};
use crate::order::{Asked, Order, Terms};
use crate::plan::{Situation, Step, is_protected, plan};
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

    /// The broker's word on the position against the sum of executions. While they differ the trade
    /// does not conclude; `Some` says when to look again.
    fn check_broker_position(&mut self, symbol: SymbolId) -> Option<Timestamp> {
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

    fn reconcile(&mut self, reason: String) {
        let is_asked = self.snapshot.is_some()
            || self.commands.iter().any(|command| matches!(command, Command::Reconcile(_)));
        if !is_asked {
            self.commands.push(Command::Reconcile(Reconcile { reason: reason.into() }));
        }
    }

    fn carry_out(&mut self, symbol: SymbolId, step: Step) {
        let now = self.now;
        match step {
            Step::Change { order, terms } => self.change(order, terms),
            Step::PriceToClose { bracket, order, terms } => {
                if let Some(context) = &mut self.slots[symbol.index()].context {
                    context.brackets[bracket].repriced_at = Some(now);
                }
                self.change(order, terms);
            }
            Step::Resend { order, quantity } => self.resend(order, quantity),
            Step::Cancel { order } => self.cancel(order),
            Step::PlaceExits { bracket, quantity, stop, target } => {
                self.place_exits(symbol, bracket, quantity, stop, target);
            }
            Step::Flatten { bracket, side, quantity } => self.flatten(symbol, bracket, side, quantity),
            Step::Close { reason } => _ = self.begin_close(symbol, reason),
            Step::Reconcile { order } => {
                self.touch(order);
                if let Some(order) = self.orders.find_mut(order) {
                    order.placing = order.placing.map(|asked| asked.again(now));
                    order.doubt = order.doubt.map(|asked| asked.again(now));
                }
                self.reconcile(format!("order {order} was not answered"));
            }
            Step::Alarm { code, order, text } => {
                if let Some(context) = &mut self.slots[symbol.index()].context {
                    context.uncovered_alarmed |= code == IncidentCode::Uncovered;
                }
                if let Some(refusal) = order
                    .filter(|_| code == IncidentCode::ChangeUnconfirmed)
                    .and_then(|id| self.orders.find_mut(id))
                    .and_then(|order| order.refusal.as_mut())
                {
                    // Told once: the same terms are not asked for again.
                    refusal.times = refusal.times.saturating_add(1);
                }
                self.alert(code, Some(symbol), order, text);
            }
        }
    }

    fn change(&mut self, id: OrderId, terms: Terms) {
        self.touch(id);
        let now = self.now;
        let Some(order) = self.orders.find_mut(id) else { return };
        order.ticket.quantity = terms.quantity;
        order.largest = order.largest.max(terms.quantity);
        order.ticket.order_type = order.ticket.order_type.with_prices(terms.limit_price, terms.stop_price);
        order.changing = Some(Asked::first(now));
        self.send_again(id);
    }

    fn resend(&mut self, id: OrderId, quantity: Quantity) {
        self.touch(id);
        let now = self.now;
        let Some(order) = self.orders.find_mut(id) else { return };
        order.ticket.quantity = quantity;
        order.largest = order.largest.max(quantity);
        if let Some(changing) = order.changing {
            order.changing = Some(changing.again(now));
        } else {
            // The question whether it is there counts, not how often it was sent.
            order.placing = Some(Asked { at: now, times: order.placing.map_or(1, |asked| asked.times) });
        }
        self.send_again(id);
    }

    /// Sends an order's ticket under the id that it has.
    fn send_again(&mut self, id: OrderId) {
        let has_live_parent = self.has_live_parent(id);
        if let Some(snapshot) = &mut self.snapshot {
            // What is sent now may arrive after the broker has listed its orders.
            snapshot.unheard.swap_remove(&id);
        }
        let Some(order) = self.orders.find_mut(id) else { return };
        if !has_live_parent {
            // A child whose parent has ended must not name it any more: TWS error 135.
            order.ticket.parent = None;
        }
        order.ticket.transmit = true;
        order.is_resent = true;
        let command = PlaceOrder { ticket: order.ticket.clone(), role: order.role, context: order.context };
        self.commands.push(Command::Modify(command));
    }

    fn has_live_parent(&self, id: OrderId) -> bool {
        self.orders
            .find(id)
            .and_then(|order| order.ticket.parent)
            .and_then(|parent| self.orders.find(parent))
            .is_some_and(|parent| !parent.is_done())
    }

    pub(crate) fn cancel(&mut self, id: OrderId) {
        self.touch(id);
        let now = self.now;
        let Some(order) = self.orders.find_mut(id) else { return };
        order.cancelling = Some(order.cancelling.map_or(Asked::first(now), |asked| asked.again(now)));
        let symbol = order.ticket.symbol;
        self.commands.push(Command::Cancel(CancelOrder { order_id: id, symbol }));
    }

    fn place_exits(
        &mut self,
        symbol: SymbolId,
        bracket: usize,
        quantity: Quantity,
        stop: OrderType,
        target: Option<OrderType>,
    ) {
        let Some(context) = &self.slot(symbol).context else { return };
        let (side, policy, id) = (context.side.exit(), context.policy.clone(), context.id);
        let mut orders: Vec<(Role, OrderType)> = vec![(Role::Stop, stop)];
        orders.extend(target.map(|target| (Role::Target, target)));
        let oca = (orders.len() > 1).then(|| Oca {
            name: format!("{}-oca-{}", self.config.run, self.next_intent).into(),
            kind: OcaKind::ReduceWithBlock,
        });
        for (role, order_type) in orders {
            let ticket = Ticket {
                order_id: self.allocate_order_id(),
                order_ref: self.allocate_role_ref(role),
                symbol,
                side,
                quantity,
                order_type,
                tif: policy.exit_tif,
                parent: None,
                oca: oca.clone(),
                transmit: true,
                outside_rth: policy.outside_rth,
            };
            self.place(ticket, role, Some(id), Some(bracket));
        }
    }

    fn flatten(&mut self, symbol: SymbolId, bracket: usize, side: Side, quantity: Quantity) {
        let Some(id) = self.slot(symbol).context.as_ref().map(|context| context.id) else { return };
        let ticket = Ticket {
            order_id: self.allocate_order_id(),
            order_ref: self.allocate_role_ref(Role::Close),
            symbol,
            side,
            quantity,
            order_type: OrderType::Market,
            tif: TimeInForce::Day,
            parent: None,
            oca: None,
            transmit: true,
            outside_rth: false,
        };
        self.place(ticket, Role::Close, Some(id), Some(bracket));
    }

    pub(crate) fn allocate_role_ref(&mut self, role: Role) -> OrderRef {
        self.allocate_order_ref(match role {
            Role::Entry => "entry",
            Role::Stop => "stop",
            Role::Target => "target",
            Role::Close => "close",
            Role::Single => "single",
        })
    }

    /// Sends a new order and books it.
    pub(crate) fn place(
        &mut self,
        ticket: Ticket,
        role: Role,
        context: Option<ContextId>,
        bracket: Option<usize>,
    ) {
        let (id, symbol) = (ticket.order_id, ticket.symbol);
        self.commands.push(Command::Place(PlaceOrder { ticket: ticket.clone(), role, context }));
        self.orders.insert(Order::new(ticket, role, context, self.now));
        let bracket =
            bracket.and_then(|index| self.slots[symbol.index()].context.as_mut()?.brackets.get_mut(index));
        if let Some(bracket) = bracket {
            bracket.add(role, id);
        }
        self.mark_dirty(symbol);
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

//! Step 2: facts, executions, positions, quotes, bars and indicators are taken in.
//!
//! Nothing is decided here. A symbol whose facts changed is marked dirty, and planned again in step 3.

use crate::command::{Command, IncidentCode, Notice, Reconcile, Role};
use crate::command::{ExitReason, Mode, Reason};
use crate::decimal::Quantity;
use crate::engine::state::{Snapshot, State};
use crate::event::{
    AccountTag, AccountValue, Bar, Commission, Connection, EventKind, Execution, Hold, HoldReason, Operator,
    OrderCompleted, OrderError, OrderOpened, OrderStatusReport, PositionReport, Signal, SnapshotMark, Trade,
};
use crate::id::{OrderId, OrderRef, PermId, SymbolId};
use crate::order::{Asked, Order, Phase};
use crate::position::Applied;
use crate::time::Span;

/// How long the identity of a prediction is remembered after it was made.
const SIGNAL_MEMORY: Span = Span::from_secs(2 * 86_400);

const LINE_DOWN: &str = "the line to the broker is down: no new entries until it is back and reconciled";

impl State {
    /// Takes in what happened. A signal comes back when it is new and goes to the rules.
    pub(crate) fn fold(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Quote(quote) => self.on_quote(quote),
            EventKind::Trade(trade) => self.on_trade(trade),
            EventKind::Bar(bar) => self.on_bar(bar),
            EventKind::Session(known) => self.on_session(known.symbol, known.session),
            EventKind::OrderOpened(opened) => self.on_opened(opened),
            EventKind::OrderStatus(report) => self.on_status(report),
            EventKind::OrderCompleted(completed) => self.on_completed(completed),
            EventKind::Execution(execution) => self.on_execution(execution),
            EventKind::Commission(commission) => self.on_commission(commission),
            EventKind::OrderError(error) => self.on_order_error(error),
            EventKind::PositionReport(report) => self.on_position_report(report),
            EventKind::AccountValue(value) => self.on_account_value(value),
            EventKind::Snapshot(SnapshotMark::Began) => self.on_snapshot_began(),
            EventKind::Snapshot(SnapshotMark::Ended) => self.on_snapshot_ended(),
            EventKind::NextOrderId(next) => {
                self.next_order_id = self.next_order_id.max(next.order_id.0);
            }
            EventKind::Connection(connection) => self.on_connection(*connection),
            EventKind::Hold(hold) => self.on_hold(hold),
            EventKind::Operator(word) => self.on_operator(word),
            EventKind::Reading(reading) => {
                let key = (reading.name.clone(), reading.symbol);
                match reading.value {
                    Some(value) => _ = self.readings.insert(key, value),
                    None => _ = self.readings.swap_remove(&key),
                }
            }
            // Judged in step 4, which needs the rules.
            EventKind::Signal(_) | EventKind::Answer(_) => {}
            EventKind::SignalRejected(_)
            | EventKind::Clock
            | EventKind::Restarted(_)
            | EventKind::Reloaded(_) => {}
        }
    }

    fn on_trade(&mut self, trade: &Trade) {
        let now = self.now;
        let slot = &mut self.slots[trade.symbol.index()];
        slot.market.on_trade(trade, now);
        if trade.price.is_positive() {
            self.indicators.on_trade(now, trade, slot.market.session.as_ref());
        }
        if slot.wants_price {
            self.mark_dirty(trade.symbol);
        }
    }

    fn on_bar(&mut self, bar: &Bar) {
        let now = self.now;
        let market = &mut self.slots[bar.symbol.index()].market;
        self.indicators.on_bar(bar.symbol, bar, market.session.as_ref());
        market.on_bar(bar, now);
    }

    fn on_session(&mut self, symbol: SymbolId, session: crate::time::Session) {
        if self.account.day.is_none_or(|day| day < session.date) {
            self.account.day = Some(session.date);
            self.account.day_base = self.profit();
        }
        let before = self.slot(symbol).market.session;
        if before.is_none_or(|before| before.date != session.date) {
            self.indicators.begin_session(symbol, &session);
        }
        self.slot_mut(symbol).market.on_session(session);
        self.mark_dirty(symbol);
    }

    /// Our order that the broker means, marked as seen.
    fn recognise(&mut self, order_ref: Option<&OrderRef>, id: OrderId) -> Option<OrderId> {
        let id = match order_ref {
            Some(order_ref) => self.orders.resolve(order_ref, id)?,
            None => id,
        };
        self.orders.find(id)?;
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.unheard.swap_remove(&id);
        }
        Some(id)
    }

    /// Lets an order take in a word of the broker; what says nothing new asks for no plan.
    fn take_in(&mut self, id: OrderId, word: impl FnOnce(&mut Order)) {
        let Some(order) = self.orders.find_mut(id) else { return };
        let before = order.standing();
        word(order);
        let now = order.standing();
        if now == before {
            return;
        }
        let (symbol, parent) = (order.ticket.symbol, order.ticket.parent);
        self.touched.push((id, before.phase));
        // That a child has started proves something only while its parent lives.
        let parent_lives =
            || parent.and_then(|id| self.orders.find(id)).is_some_and(|order| !order.is_done());
        if !now.has_but_started(before) || parent_lives() {
            self.mark_dirty(symbol);
        }
    }

    fn on_opened(&mut self, opened: &OrderOpened) {
        let Some(id) = self.recognise(Some(&opened.order_ref), opened.order_id) else { return };
        self.take_in(id, |order| order.on_opened(opened));
        self.check_fork(id, opened.perm_id);
    }

    fn on_status(&mut self, report: &OrderStatusReport) {
        let Some(id) = self.recognise(None, report.order_id) else { return };
        self.take_in(id, |order| order.on_status(report));
        self.check_fork(id, report.perm_id);
    }

    /// One intent must own one broker order; a second permId means that a change became an order.
    fn check_fork(&mut self, id: OrderId, perm_id: PermId) {
        let Some(order) = self.orders.find(id) else { return };
        if order.permits.len() > 1
            && order.permits.last().is_some_and(|permit| permit.id == perm_id)
            && !self.is_quarantined(order.ticket.symbol)
        {
            let permits: Vec<PermId> = order.permits.iter().map(|permit| permit.id).collect();
            let symbol = order.ticket.symbol;
            self.alert(
                IncidentCode::OrderForked,
                Some(symbol),
                Some(id),
                format!("order {id}: expected one permId, found {permits:?}"),
            );
        }
    }

    fn is_quarantined(&self, symbol: SymbolId) -> bool {
        self.slot(symbol).is_quarantined
    }

    fn on_completed(&mut self, completed: &OrderCompleted) {
        // Completed orders carry no order id: the intent alone says which one it was.
        if completed.order_ref.0.is_empty() {
            return;
        }
        let Some(id) = self.recognise(Some(&completed.order_ref), OrderId(0)) else { return };
        let report = OrderStatusReport {
            order_id: id,
            perm_id: completed.perm_id,
            status: completed.status,
            filled: completed.filled,
            remaining: Quantity::ZERO,
            why_held: "".into(),
        };
        self.take_in(id, |order| order.on_status(&report));
    }

    fn on_execution(&mut self, execution: &Execution) {
        let symbol = execution.symbol;
        let id = self.recognise(Some(&execution.order_ref), execution.order_id);
        if let Some(id) = id {
            self.touch(id);
        }
        let (context, role) = id
            .and_then(|id| self.orders.find(id))
            .map_or((None, None), |order| (order.context, Some(order.role)));
        let before = self.ledger.position(symbol).quantity;
        let (quantity, value, is_correction) = match self.ledger.apply(execution, id, context, self.now) {
            Applied::Repeated => return,
            Applied::New { commission } => {
                if let Some(open) =
                    self.slot_mut(symbol).context.as_mut().filter(|open| Some(open.id) == context)
                {
                    open.commissions_awaited += u32::from(commission.is_none());
                    open.commission += commission.unwrap_or_default();
                }
                (execution.quantity, execution.price.value(execution.quantity, 1), false)
            }
            Applied::Corrected { quantity, value } => (quantity, value, true),
        };
        let now = self.now;
        if let Some(order) = id.and_then(|id| self.orders.find_mut(id)) {
            order.on_fill(quantity, value, is_correction, now);
        }
        self.credit_context(execution, id, role, quantity);
        self.notices.push(Notice::Filled {
            exec_id: execution.exec_id.clone(),
            order_id: id.unwrap_or(execution.order_id),
            role,
            symbol,
            side: execution.side,
            quantity,
            price: execution.price,
        });
        self.tell_position(symbol, before);
        self.mark_dirty(symbol);
    }

    /// Tells the open trade of a fill in its symbol: whose it was, and which side of it.
    fn credit_context(
        &mut self,
        execution: &Execution,
        id: Option<OrderId>,
        role: Option<Role>,
        quantity: Quantity,
    ) {
        let now = self.now;
        let symbol = execution.symbol;
        let is_of_a_trade =
            id.and_then(|id| self.orders.find(id)).is_some_and(|order| order.context.is_some());
        let mut theirs = if is_of_a_trade { Quantity::ZERO } else { execution.side.signed(quantity) };
        if let Some(context) = &mut self.slots[symbol.index()].context {
            let order = id.and_then(|id| self.orders.find(id));
            let is_own = order.is_some_and(|order| order.context == Some(context.id));
            let reduces = execution.side == context.side.exit();
            if reduces {
                context.closed_by_others = !is_own;
                if let (true, Some(id), Some(role)) = (is_own, id, role) {
                    context.last_exit = Some((role, id));
                }
            }
            if is_own {
                context.opened_at.get_or_insert(now);
                if !reduces {
                    let given = context.give_late(execution.executed_at, &self.orders);
                    theirs = -context.side.exit().signed(given);
                }
            } else if reduces {
                // What goes beyond the trade is not ours, unless an older fill of ours turns up.
                let rest = context.give(quantity, execution.price, &self.orders);
                if !is_of_a_trade {
                    theirs = execution.side.signed(rest);
                    if rest.is_positive() {
                        context.beyond.push((execution.executed_at, rest, execution.price));
                    }
                }
            }
        }
        // A single order's shares are the user's, like those that somebody else traded.
        self.slot_mut(symbol).unattached += theirs;
        if id.is_none() {
            self.alert(
                IncidentCode::ForeignTrade,
                Some(symbol),
                None,
                format!("somebody else traded {quantity} shares, execution {}", execution.exec_id),
            );
        }
    }

    fn tell_position(&mut self, symbol: SymbolId, was: Quantity) {
        let position = *self.ledger.position(symbol);
        let multiplier = self.config.instruments[symbol.index()].multiplier;
        self.notices.push(Notice::PositionChanged {
            symbol,
            was,
            quantity: position.quantity,
            average_price: position.average_price(multiplier),
            realized: position.realized,
        });
    }

    fn on_commission(&mut self, commission: &Commission) {
        let Some((fill, before)) = self.ledger.on_commission(&commission.exec_id, commission.amount) else {
            return;
        };
        let (symbol, context) = (fill.symbol, fill.context);
        self.notices.push(Notice::CommissionPaid {
            exec_id: commission.exec_id.clone(),
            symbol,
            amount: commission.amount,
        });
        if let Some(open) =
            self.slots[symbol.index()].context.as_mut().filter(|open| Some(open.id) == context)
        {
            open.commission += commission.amount - before.unwrap_or_default();
            open.commissions_awaited = open.commissions_awaited.saturating_sub(u32::from(before.is_none()));
            // Only a trade that is over waits for it.
            let is_over = open.commissions_awaited == 0 && open.open_quantity(&self.orders).is_zero();
            if is_over {
                self.mark_unsettled(symbol);
            }
        }
    }

    fn on_order_error(&mut self, error: &OrderError) {
        // No sign that the broker lists it: that it cannot be found is said of an order that is not.
        let id = error.order_id;
        let now = self.now;
        self.take_in(id, |order| order.on_error(error.code, now));
    }

    fn on_position_report(&mut self, report: &PositionReport) {
        let slot = self.slot_mut(report.symbol);
        slot.reported_cost = report.average_cost;
        slot.is_in_snapshot = true;
        let is_new = slot.reported.replace(report.quantity) != Some(report.quantity);
        let is_disputed = slot.mismatch.is_some();
        self.reported = Some(report.symbol);
        if is_new || is_disputed || report.quantity != self.ledger.position(report.symbol).quantity {
            self.mark_unsettled(report.symbol);
        }
    }

    fn on_account_value(&mut self, value: &AccountValue) {
        match value.tag {
            AccountTag::NetLiquidation => {
                self.account.equity = Some(value.value);
                self.account.equity_peak =
                    Some(self.account.equity_peak.map_or(value.value, |peak| peak.max(value.value)));
            }
            AccountTag::BuyingPower => self.account.buying_power = Some(value.value),
            AccountTag::AvailableFunds | AccountTag::TotalCashValue => {}
        }
    }

    fn on_snapshot_began(&mut self) {
        for slot in &mut self.slots {
            slot.is_in_snapshot = false;
        }
        let alive = self.orders.iter().filter(|order| !order.is_done());
        self.snapshot =
            Some(Snapshot { began: self.now, unheard: alive.map(|order| order.ticket.order_id).collect() });
    }

    fn on_snapshot_ended(&mut self) {
        let Some(snapshot) = self.snapshot.take() else { return };
        self.confirmed_at = Some(snapshot.began);
        for id in snapshot.unheard {
            self.touch(id);
            if let Some(order) = self.orders.find_mut(id).filter(|order| !order.is_done()) {
                order.is_absent = true;
                order.is_resent = false;
            }
        }
        if !self.is_synced {
            self.ask_anew();
        }
        for symbol in self.symbols() {
            // The list of positions is complete: a symbol that it does not name is flat.
            let slot = self.slot_mut(symbol);
            if !slot.is_in_snapshot {
                slot.reported = Some(Quantity::ZERO);
            }
            self.mark_dirty(symbol);
        }
        self.is_synced = true;
    }

    /// After the first whole word of a new line, what was asked on the old one and shows in none of it is
    /// due again: the same words under the same id, which cannot double anything.
    fn ask_anew(&mut self) {
        let (now, patience) = (self.now, self.config.execution.answer_timeout);
        for order in self.orders.iter_mut().filter(|order| !order.is_done()) {
            for asked in [&mut order.placing, &mut order.changing, &mut order.cancelling, &mut order.doubt] {
                *asked = asked.map(|_| Asked::first(now - patience));
            }
        }
    }

    fn on_connection(&mut self, connection: Connection) {
        match connection {
            Connection::Up => {
                self.is_connected = true;
                self.is_synced = false;
                self.snapshot = None;
                self.verifying = Some(self.now);
            }
            Connection::Down => {
                self.is_connected = false;
                self.is_synced = false;
                self.snapshot = None;
                if !self.holds.contains(&HoldReason::BrokerRestart) {
                    self.alert(IncidentCode::Disconnected, None, None, LINE_DOWN);
                }
            }
            Connection::DataStale => {
                for slot in &mut self.slots {
                    slot.market.mark_stale();
                }
            }
        }
    }

    fn on_hold(&mut self, hold: &Hold) {
        let is_news = match hold.is_on {
            true => self.holds.insert(hold.reason),
            false => self.holds.remove(&hold.reason),
        };
        match (hold.reason, hold.is_on) {
            _ if !is_news => {}
            (HoldReason::ClockOffset, true) => {
                self.alert(IncidentCode::ClockOffset, None, None, hold.detail.clone());
            }
            (HoldReason::BrokerRestart, false) => self.after_restart(),
            (HoldReason::ClockOffset, false) | (HoldReason::BrokerRestart, true) => {}
        }
    }

    /// The time of a restart of the broker's program is over. Whether the line was lost in it or not, what
    /// stands at the broker now is asked for before anything is added to it.
    fn after_restart(&mut self) {
        if self.is_connected {
            self.verifying = Some(self.now);
            // A snapshot that is being received began before.
            let reason = "the time of the broker's restart is over".into();
            self.commands.push(Command::Reconcile(Reconcile { reason }));
        } else {
            self.alert(
                IncidentCode::Disconnected,
                None,
                None,
                format!("{LINE_DOWN}; its restart is overdue"),
            );
        }
    }

    fn on_operator(&mut self, word: &Operator) {
        match word {
            Operator::Halt { .. } => self.ordered_mode = Mode::Halted,
            Operator::Resume => {
                self.ordered_mode = Mode::Active;
                for slot in &mut self.slots {
                    slot.is_quarantined = false;
                }
            }
            Operator::ReduceOnly { .. } => self.ordered_mode = self.ordered_mode.max(Mode::ReduceOnly),
            Operator::Flatten { symbol } => {
                let symbols: Vec<SymbolId> = symbol.map_or_else(|| self.symbols().collect(), |one| vec![one]);
                for symbol in symbols {
                    self.begin_close(symbol, ExitReason::CloseAll);
                }
            }
            // Step 4 knows the rules.
            Operator::EnableRule { .. } => {}
        }
    }

    /// Whether a received prediction is new and of the right age; remembers it.
    pub(crate) fn judge_signal(&mut self, signal: &Signal) -> Option<Reason> {
        let limits = self.config.signals;
        if self.seen_signals.contains_key(&signal.key) {
            return Some(Reason::Duplicate);
        }
        self.seen_signals.insert(signal.key.clone(), signal.predicted_at.max(self.now));
        self.forget_old_signals();
        if signal.symbol.is_none() {
            Some(Reason::UnknownSymbol)
        } else if self.now - signal.predicted_at > limits.max_age {
            Some(Reason::Expired)
        } else if signal.predicted_at - self.now > limits.max_future {
            Some(Reason::FromFuture)
        } else {
            None
        }
    }

    fn forget_old_signals(&mut self) {
        let horizon = self.now - SIGNAL_MEMORY;
        while self.seen_signals.first().is_some_and(|(_, seen)| *seen < horizon) {
            self.seen_signals.shift_remove_index(0);
        }
    }

    /// Keeps the doubts of an order up to date and tells when its phase changed.
    pub(crate) fn tell_touched(&mut self) {
        let now = self.now;
        let touched = std::mem::take(&mut self.touched);
        for (id, before) in &touched {
            let Some(order) = self.orders.find_mut(*id) else { continue };
            let phase = order.phase();
            if phase.is_done() {
                order.done_at.get_or_insert(now);
            }
            if phase != *before {
                self.notices.push(Notice::OrderChanged {
                    order_id: *id,
                    order_ref: order.ticket.order_ref.clone(),
                    symbol: order.ticket.symbol,
                    role: order.role,
                    phase,
                });
            }
        }
        self.touched = touched;
        self.touched.clear();
    }

    /// Notes since when an order's state needs evidence or a reason.
    pub(crate) fn note_doubts(&mut self) {
        for index in 0..self.touched.len() {
            let (id, _) = self.touched[index];
            let now = self.now;
            let Some(order) = self.orders.find_mut(id) else { continue };
            order.held_since = (order.phase() == Phase::Held).then(|| order.held_since.unwrap_or(now));
            order.doubt = match (order.is_doubtful(), order.doubt) {
                (false, _) => None,
                (true, Some(doubt)) => Some(doubt),
                (true, None) => Some(Asked::first(now)),
            };
        }
    }
}

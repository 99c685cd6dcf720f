//! The line between engine and venue: late, lossy, out of order, and asked for everything at times.

use orderloom_core::command::{PlaceOrder, Role};
use orderloom_core::decimal::Quantity;
use orderloom_core::event::{
    AccountTag, AccountValue, EventKind, Execution, OrderCompleted, OrderError, PositionReport, SnapshotMark,
};
use orderloom_core::id::{ExecId, OrderId};
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::{OpenOrder, OrderKey, VenueEvent, to_core, to_opened, to_request, to_status};

use crate::defect::Defect;
use crate::mishap::Shuffle;
use crate::world::{CLIENT, Check, Later, Mail, Sent, World};

/// How long a shell waits for the end of a snapshot before it asks again.
const SNAPSHOT_PATIENCE: Span = Span::from_secs(10);

impl World {
    pub(crate) fn due<T>(&mut self, last: Option<&(Timestamp, T)>) -> Timestamp {
        let at = last.map_or(self.now, |(due, _)| *due);
        let (low, high) = self.script.latency;
        let way = Span(self.line.between(low, high) * 1_000 + self.armed.slow.0);
        at.max(self.now + way)
    }

    pub(crate) fn send(&mut self, sent: Vec<Sent>) {
        if sent.is_empty() {
            return;
        }
        let last = self.to_venue.back().cloned();
        let due = self.due(last.as_ref());
        if self.is_up {
            self.to_venue.extend(sent.into_iter().map(|sent| (due, sent)));
        }
    }

    /// Puts what the venue said on the line, and checks what it did.
    pub(crate) fn settle_venue(&mut self) -> Check {
        if self.out.is_empty() {
            return Ok(());
        }
        self.post();
        self.check_venue()
    }

    pub(crate) fn post(&mut self) {
        let mut said: Vec<VenueEvent> = std::mem::take(&mut self.out);
        if let Some(shuffle) = self.armed.shuffle.filter(|_| said.len() > 2) {
            self.armed.shuffle = None;
            let rank = |event: &VenueEvent| match event {
                VenueEvent::Execution(_) => 5,
                VenueEvent::Commission(_) if shuffle == Shuffle::Costs => 0,
                VenueEvent::Position(_) if shuffle == Shuffle::Positions => 0,
                VenueEvent::OpenOrder(_) | VenueEvent::Status(_) | VenueEvent::Error(_)
                    if shuffle == Shuffle::Words =>
                {
                    0
                }
                _ => 6,
            };
            said.sort_by_key(rank);
        }
        let is_ours = |event: &VenueEvent| match event {
            VenueEvent::OpenOrder(order) => order.client_id == CLIENT,
            VenueEvent::Status(status) => status.client_id == CLIENT,
            VenueEvent::Error(error) => error.client_id == CLIENT,
            VenueEvent::Execution(_) | VenueEvent::Commission(_) | VenueEvent::Position(_) => true,
        };
        let mail: Vec<EventKind> = said.into_iter().filter(is_ours).map(to_core).collect();
        self.mail(mail, false);
    }

    pub(crate) fn mail(&mut self, kinds: Vec<EventKind>, is_snapshot: bool) {
        if kinds.is_empty() {
            return;
        }
        let last = self.to_engine.back().map(|(due, _)| (*due, ()));
        let due = self.due(last.as_ref());
        if !self.is_up {
            return;
        }
        for kind in kinds {
            // Nothing but itself tells of a correction.
            let is_fill =
                matches!(&kind, EventKind::Execution(fill) if fill.exec_id.fill_and_revision().1 == 1);
            if self.armed.lose_execution && !is_snapshot && is_fill {
                self.armed.lose_execution = false;
                self.duty.disturb(self.now);
                continue;
            }
            let mail = Mail { kind, is_snapshot };
            if self.armed.repeat && !is_snapshot {
                self.armed.repeat = false;
                self.to_engine.push_back((due, mail.clone()));
            }
            self.to_engine.push_back((due, mail));
        }
    }

    pub(crate) fn deliver(&mut self) -> Check {
        let (_, mail) = self.to_engine.pop_front().expect("a message is due");
        if self.armed.lose_message && !mail.is_snapshot && self.can_be_lost(&mail.kind) {
            self.armed.lose_message = false;
            self.duty.disturb(self.now);
            return Ok(());
        }
        let is_end = matches!(mail.kind, EventKind::Snapshot(SnapshotMark::Ended));
        if is_end {
            self.snapshot = None;
            self.is_synced = true;
        }
        if let (Some(Defect::CountTwice), EventKind::Execution(fill)) = (self.script.case.defect, &mail.kind)
        {
            let exec_id = ExecId(format!("again-{}", fill.exec_id).into());
            self.hear(EventKind::Execution(Execution { exec_id, ..fill.clone() }))?;
        }
        self.hear(mail.kind)?;
        self.check_heard()
    }

    /// TWS may leave out the answer to something that was asked; what happens unasked it tells.
    pub(crate) fn can_be_lost(&self, kind: &EventKind) -> bool {
        match kind {
            EventKind::OrderOpened(_) | EventKind::OrderError(_) => true,
            EventKind::OrderStatus(report) => {
                let order = self.engine.orders().find(report.order_id);
                order.is_some_and(|order| order.cancelling.is_some() || order.placing.is_some())
            }
            _ => false,
        }
    }

    pub(crate) fn carry(&mut self) -> Check {
        let (_, sent) = self.to_venue.pop_front().expect("a command is due");
        if self.armed.lose_command {
            self.armed.lose_command = false;
            self.duty.disturb(self.now);
            return Ok(());
        }
        match sent {
            Sent::Place(order) => self.carry_order(order, None)?,
            Sent::Modify(order, known) => self.carry_order(order, Some(known))?,
            Sent::Cancel(order_id) if self.armed.refuse_cancel => {
                self.armed.refuse_cancel = false;
                self.duty.disturb(self.now);
                self.refuse(order_id, 161);
            }
            Sent::Cancel(order_id) => {
                let key = OrderKey { client_id: CLIENT, order_id };
                self.venue.cancel(self.now, key, &mut self.out);
            }
            Sent::AskOrders(number) => self.tell_orders(number),
            Sent::AskBooks(number) => self.tell_books(number),
        }
        self.settle_venue()
    }

    pub(crate) fn refuse(&mut self, order_id: OrderId, code: i32) {
        let text = "refused".into();
        self.mail(vec![EventKind::OrderError(OrderError { order_id, code, text })], false);
    }

    /// A new order, or a change with what its sender knew.
    pub(crate) fn carry_order(&mut self, order: PlaceOrder, change: Option<Option<Quantity>>) -> Check {
        let (id, symbol) = (order.ticket.order_id, order.ticket.symbol);
        let request = to_request(&order.ticket);
        let live = self.venue.live_orders().find(|live| live.client_id == CLIENT && live.order_id == id);
        if self.burnt.contains(&id) {
            self.refuse(id, 103);
        } else if let (Some(code), None) = (self.armed.refuse_place, change) {
            self.armed.refuse_place = None;
            self.burnt.push(id);
            self.duty.disturb(self.now);
            self.refuse(id, code);
        } else if let (Some(code), Some(_), Some(_)) = (self.armed.refuse_changes, change, &live) {
            self.duty.disturb(self.now);
            self.refuse(id, code);
        } else if self.armed.fork && change.is_some() && live.is_some() {
            self.armed.fork = false;
            self.duty.excuse(symbol, "fork");
            self.tally.add("mishap: a change became a second order", 1);
            self.venue.fork(self.now, request, &mut self.out);
        } else {
            // Of a group whose first member trades before the second arrives both can: one that was lost
            // arrives when it is sent again.
            if let Some(oca) = order.ticket.oca.as_ref()
                && self.duty.has_traded(&oca.name)
                && live.is_none()
                && self.venue.completed_orders().all(|ended| ended.order.order_ref != order.ticket.order_ref)
            {
                self.duty.excuse(symbol, "latecomer");
                self.tally.add("latecomers of a group that traded", 1);
            }
            // A change that crosses a reduction restores what was reduced.
            if let (Some(known), Some(live)) = (change.flatten(), &live)
                && known != live.quantity
                && order.role != Role::Entry
            {
                self.duty.excuse(symbol, "crossing");
                self.tally.add("changes that crossed a reduction", 1);
            }
            self.venue.place(self.now, request, &mut self.out);
        }
        Ok(())
    }

    /// Asks for everything: the shell says so, and waits for the end.
    pub(crate) fn begin_snapshot(&mut self) -> Check {
        self.snapshots += 1;
        self.snapshot = Some(self.snapshots);
        self.tally.add("snapshots", 1);
        self.ask_snapshot();
        self.hear(EventKind::Snapshot(SnapshotMark::Began))
    }

    pub(crate) fn ask_snapshot(&mut self) {
        let Some(number) = self.snapshot else { return };
        self.send(vec![Sent::AskOrders(number)]);
        self.after(SNAPSHOT_PATIENCE, Later::AskAgain(number));
    }

    pub(crate) fn tell_orders(&mut self, number: u32) {
        let orders: Vec<OpenOrder> =
            self.venue.live_orders().filter(|order| order.client_id == CLIENT).collect();
        let words = orders.into_iter().flat_map(|order| {
            let status = to_status(&order);
            [EventKind::OrderOpened(to_opened(order)), EventKind::OrderStatus(status)]
        });
        let words = words.collect();
        self.mail(words, true);
        // The second half is asked for when the first has come.
        let last = self.to_venue.back().cloned();
        let due = self.due(last.as_ref());
        if self.is_up {
            self.to_venue.push_back((due, Sent::AskBooks(number)));
        }
    }

    pub(crate) fn tell_books(&mut self, number: u32) {
        if self.snapshot != Some(number) {
            return;
        }
        let mut words: Vec<EventKind> = self
            .venue
            .completed_orders()
            .map(|completed| completed.order)
            .filter(|order| order.client_id == CLIENT)
            .map(|order| {
                EventKind::OrderCompleted(Box::new(OrderCompleted {
                    perm_id: order.perm_id,
                    order_ref: order.order_ref,
                    status: order.status,
                    filled: order.filled,
                }))
            })
            .collect();
        for report in self.venue.executions().iter().filter(|report| self.is_of_today(report.execution.at)) {
            let execution = report.execution.clone();
            let cost = orderloom_sim::Commission {
                client_id: execution.client_id,
                exec_id: execution.exec_id.clone(),
                amount: report.commission,
                currency: "USD".into(),
                realized_pnl: report.realized_pnl,
            };
            words.push(to_core(VenueEvent::Execution(Box::new(execution))));
            words.push(to_core(VenueEvent::Commission(cost)));
        }
        for symbol in self.symbols() {
            let quantity = self.venue.holdings()[symbol.index()].quantity;
            if !quantity.is_zero() {
                let average_cost = None;
                words.push(EventKind::PositionReport(PositionReport { symbol, quantity, average_cost }));
            }
        }
        words.extend(self.account());
        words.push(EventKind::Snapshot(SnapshotMark::Ended));
        self.mail(words, true);
    }

    /// TWS tells of executions since midnight only.
    pub(crate) fn is_of_today(&self, at: Timestamp) -> bool {
        self.today.open + Span::from_secs(-9 * 3_600) <= at
    }

    pub(crate) fn account(&self) -> [EventKind; 2] {
        let account = self.venue.account();
        let value = |tag, value| EventKind::AccountValue(AccountValue { tag, value });
        [
            value(AccountTag::NetLiquidation, account.net_liquidation),
            value(AccountTag::BuyingPower, account.buying_power),
        ]
    }
}

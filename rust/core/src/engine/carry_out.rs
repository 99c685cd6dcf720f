//! What a plan says becomes orders, changes and cancels.

use crate::command::{
    CancelOrder, Command, IncidentCode, Oca, OcaKind, OrderType, PlaceOrder, Reconcile, Role, Ticket,
    TimeInForce,
};
use crate::decimal::Quantity;
use crate::engine::state::State;
use crate::event::Side;
use crate::id::{ContextId, OrderId, OrderRef, SymbolId};
use crate::order::{Asked, Order, Terms};
use crate::plan::Step;

impl State {
    pub(super) fn reconcile(&mut self, reason: String) {
        let is_asked = self.snapshot.is_some()
            || self.commands.iter().any(|command| matches!(command, Command::Reconcile(_)));
        if !is_asked {
            self.commands.push(Command::Reconcile(Reconcile { reason: reason.into() }));
        }
    }

    pub(super) fn carry_out(&mut self, symbol: SymbolId, step: Step) {
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
}

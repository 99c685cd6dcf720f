//! The words of the venue as the engine hears them, and the engine's tickets as the venue takes them.

use std::collections::VecDeque;

use orderloom_core::command::{OcaKind, OrderType, Ticket, TimeInForce as CoreTif};
use orderloom_core::decimal::Price;
use orderloom_core::event::{
    Commission, EventKind, Execution as CoreExecution, OrderError, OrderOpened, OrderStatusReport,
    PositionReport,
};
use orderloom_core::id::SymbolId;

use crate::news::{Kept, Listener, News, Told};
use crate::order::WhyHeld;
use crate::request::{ClientId, ConId, OrderKey, OrderKind, OrderRequest, TimeInForce};

/// The engine's client at the venue.
pub(super) const CLIENT: ClientId = ClientId(1);

pub(super) fn con_id(index: i64) -> ConId {
    ConId(index + 1)
}

pub(super) fn symbol(con_id: ConId) -> SymbolId {
    SymbolId(u32::try_from(con_id.0 - 1).unwrap_or(u32::MAX))
}

/// What the engine is about to hear.
///
/// The venue says things twice, as TWS does, and the simulated TWS passes all of it on. Here the second
/// word, which could change nothing, is left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox(VecDeque<EventKind>);

impl Inbox {
    pub(super) fn push(&mut self, kind: EventKind) {
        self.0.push_back(kind);
    }

    pub(super) fn pop(&mut self) -> Option<EventKind> {
        self.0.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Listener for Inbox {
    fn hear(&mut self, news: News<'_>) {
        if !self.is_said(&news) {
            self.push(heard(news));
        }
    }

    fn heard(&self) -> usize {
        self.0.len()
    }

    fn give_back(&mut self, from: usize) -> Vec<Kept> {
        self.0.drain(from..).map(Kept::Engine).collect()
    }

    fn take_again(&mut self, news: Kept) {
        if let Kept::Engine(kind) = news {
            self.push(kind);
        }
    }
}

impl Inbox {
    /// Whether this was said by the word before.
    fn is_said(&self, news: &News<'_>) -> bool {
        match news {
            // A filled order is shown once more with what it cost, which the commission report tells.
            News::OpenOrder(told) => told.repeats_terms || told.commission.is_some(),
            // The same status, and nothing that only a status says.
            News::Status(Told { order, status, why_held, .. }) => {
                let held_before = order.told.and_then(|(_, why_held)| why_held);
                let is_shown = matches!(self.0.back(), Some(EventKind::OrderOpened(shown))
                    if shown.order_id == order.request.order_id && shown.status == *status);
                is_shown && order.filled.is_zero() && *why_held == held_before
            }
            // The status before it said that the order is cancelled.
            News::Error { code, .. } => *code == 202,
            News::Execution(_) | News::Commission { .. } | News::Position { .. } => false,
        }
    }
}

/// The venue's message as the engine hears it.
fn heard(news: News<'_>) -> EventKind {
    match news {
        News::OpenOrder(told) => EventKind::OrderOpened(opened(told)),
        News::Status(Told { order, status, why_held, .. }) => EventKind::OrderStatus(OrderStatusReport {
            order_id: order.request.order_id,
            perm_id: order.perm_id,
            status,
            filled: order.filled,
            remaining: order.remaining(),
            why_held: WhyHeld::text(why_held).into(),
        }),
        News::Execution(execution) => EventKind::Execution(CoreExecution {
            exec_id: execution.exec_id.clone(),
            order_id: execution.order_id,
            perm_id: execution.perm_id,
            order_ref: execution.order_ref.clone(),
            symbol: symbol(execution.con_id),
            side: execution.side,
            quantity: execution.quantity,
            price: execution.price,
            executed_at: execution.at,
        }),
        News::Commission { execution, amount, currency, .. } => EventKind::Commission(Commission {
            exec_id: execution.exec_id.clone(),
            amount,
            currency: currency.clone(),
        }),
        News::Error { key, code, text } => {
            EventKind::OrderError(OrderError { order_id: key.order_id, code, text })
        }
        News::Position { con_id, holding, .. } => EventKind::PositionReport(PositionReport {
            symbol: symbol(con_id),
            quantity: holding.quantity,
            average_cost: None,
        }),
    }
}

fn opened(Told { order, status, .. }: Told<'_>) -> OrderOpened {
    let request = &order.request;
    let stop_price = match request.order_type {
        OrderKind::Trail | OrderKind::TrailLimit => order.terms.trail_stop().or(request.trail_stop_price),
        _ => request.stop_price,
    };
    OrderOpened {
        order_id: request.order_id,
        perm_id: order.perm_id,
        order_ref: request.order_ref.clone(),
        symbol: Some(order.symbol),
        side: request.action,
        quantity: order.total(),
        limit_price: request.limit_price,
        stop_price,
        status,
    }
}

/// The engine's order as the venue takes it.
#[must_use]
pub fn to_request(ticket: &Ticket) -> OrderRequest {
    let key = OrderKey { client_id: CLIENT, order_id: ticket.order_id };
    let order_type = match ticket.order_type {
        OrderType::Market => OrderKind::Market,
        OrderType::Limit { .. } => OrderKind::Limit,
        OrderType::Stop { .. } => OrderKind::Stop,
        OrderType::StopLimit { .. } => OrderKind::StopLimit,
        OrderType::TrailAmount { .. } | OrderType::TrailPercent { .. } => OrderKind::Trail,
    };
    let contract = con_id(i64::from(ticket.symbol.0));
    let order_ref = ticket.order_ref.clone();
    let mut request = OrderRequest::new(key, contract, ticket.side, ticket.quantity, order_type, order_ref);
    request.limit_price = ticket.order_type.limit_price();
    match ticket.order_type {
        OrderType::TrailAmount { trail_amount, stop_price } => {
            request.stop_price = Some(trail_amount);
            request.trail_stop_price = Some(stop_price);
        }
        OrderType::TrailPercent { basis_points, stop_price } => {
            // Hundredths of a percent are 10⁶ counts each.
            request.trail_percent = Some(Price::from_counts(basis_points * 1_000_000));
            request.trail_stop_price = Some(stop_price);
        }
        other => request.stop_price = other.stop_price(),
    }
    request.tif = match ticket.tif {
        CoreTif::Day => TimeInForce::Day,
        CoreTif::Gtc => TimeInForce::Gtc,
        CoreTif::Ioc => TimeInForce::Ioc,
    };
    if let Some(parent) = ticket.parent {
        request.parent_id = parent;
    }
    if let Some(oca) = &ticket.oca {
        request.oca_group.clone_from(&oca.name);
        request.oca_type = match oca.kind {
            OcaKind::Cancel => 1,
            OcaKind::ReduceWithBlock => 2,
            OcaKind::Reduce => 3,
        };
    }
    request.transmit = ticket.transmit;
    request.outside_rth = ticket.outside_rth;
    request
}

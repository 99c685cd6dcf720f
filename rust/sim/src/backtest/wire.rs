//! The words of the venue as the engine hears them, and the engine's tickets as the venue takes them.

use orderloom_core::command::{OcaKind, OrderType, Ticket, TimeInForce as CoreTif};
use orderloom_core::decimal::Price;
use orderloom_core::event::{
    EventKind, Execution as CoreExecution, OrderError as CoreOrderError, OrderOpened, OrderStatusReport,
    PositionReport as CorePosition,
};
use orderloom_core::id::SymbolId;

use crate::event::{OpenOrder, VenueEvent};
use crate::request::{ClientId, ConId, OrderKey, OrderKind, OrderRequest, TimeInForce};

/// The engine's client at the venue.
pub(super) const CLIENT: ClientId = ClientId(1);

pub(super) fn con_id(index: i64) -> ConId {
    ConId(index + 1)
}

pub(super) fn symbol(con_id: ConId) -> SymbolId {
    SymbolId(u32::try_from(con_id.0 - 1).unwrap_or(u32::MAX))
}

/// The venue's message as the engine hears it.
#[must_use]
pub fn to_core(event: VenueEvent) -> EventKind {
    match event {
        VenueEvent::OpenOrder(order) => EventKind::OrderOpened(Box::new(to_opened(*order))),
        VenueEvent::Status(status) => EventKind::OrderStatus(Box::new(OrderStatusReport {
            order_id: status.order_id,
            perm_id: status.perm_id,
            status: status.status,
            filled: status.filled,
            remaining: status.remaining,
            why_held: status.why_held,
        })),
        VenueEvent::Execution(execution) => EventKind::Execution(Box::new(CoreExecution {
            exec_id: execution.exec_id,
            order_id: execution.order_id,
            perm_id: execution.perm_id,
            order_ref: execution.order_ref,
            symbol: symbol(execution.con_id),
            side: execution.side,
            quantity: execution.quantity,
            price: execution.price,
            executed_at: execution.at,
        })),
        VenueEvent::Commission(commission) => {
            EventKind::Commission(Box::new(orderloom_core::event::Commission {
                exec_id: commission.exec_id,
                amount: commission.amount,
                currency: commission.currency,
            }))
        }
        VenueEvent::Error(error) => EventKind::OrderError(CoreOrderError {
            order_id: error.order_id,
            code: error.code,
            text: error.text,
        }),
        VenueEvent::Position(report) => EventKind::PositionReport(CorePosition {
            symbol: symbol(report.con_id),
            quantity: report.quantity,
            average_cost: None,
        }),
    }
}

/// The venue's order as the engine hears of it.
#[must_use]
pub fn to_opened(order: OpenOrder) -> OrderOpened {
    let stop_price = match order.order_type {
        OrderKind::Trail | OrderKind::TrailLimit => order.trail_stop_price,
        _ => order.stop_price,
    };
    OrderOpened {
        order_id: order.order_id,
        perm_id: order.perm_id,
        order_ref: order.order_ref,
        symbol: Some(symbol(order.con_id)),
        side: order.action,
        quantity: order.quantity,
        limit_price: order.limit_price,
        stop_price,
        status: order.status,
    }
}

/// Where the venue's order stands, as the engine hears of it.
#[must_use]
pub fn to_status(order: &OpenOrder) -> OrderStatusReport {
    OrderStatusReport {
        order_id: order.order_id,
        perm_id: order.perm_id,
        status: order.status,
        filled: order.filled,
        remaining: order.remaining,
        why_held: order.why_held.clone(),
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
    let mut request = OrderRequest::new(key, contract, ticket.side, ticket.quantity, order_type);
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
    request.order_ref = ticket.order_ref.clone();
    request
}

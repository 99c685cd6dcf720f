//! The venue's messages, as they were or would be on the wire, as the engine hears them.

use orderloom_core::event::{
    EventKind, Execution as CoreExecution, OrderError as CoreOrderError, OrderOpened, OrderStatusReport,
    PositionReport as CorePosition,
};

use super::wire::symbol;
use crate::event::{OpenOrder, VenueEvent};
use crate::request::OrderKind;

/// The venue's message as the engine hears it.
#[must_use]
pub fn to_core(event: VenueEvent) -> EventKind {
    match event {
        VenueEvent::OpenOrder(order) => EventKind::OrderOpened(to_opened(*order)),
        VenueEvent::Status(status) => EventKind::OrderStatus(OrderStatusReport {
            order_id: status.order_id,
            perm_id: status.perm_id,
            status: status.status,
            filled: status.filled,
            remaining: status.remaining,
            why_held: status.why_held.into_string().into(),
        }),
        VenueEvent::Execution(execution) => EventKind::Execution(CoreExecution {
            exec_id: execution.exec_id,
            order_id: execution.order_id,
            perm_id: execution.perm_id,
            order_ref: execution.order_ref,
            symbol: symbol(execution.con_id),
            side: execution.side,
            quantity: execution.quantity,
            price: execution.price,
            executed_at: execution.at,
        }),
        VenueEvent::Commission(commission) => EventKind::Commission(orderloom_core::event::Commission {
            exec_id: commission.exec_id,
            amount: commission.amount,
            currency: commission.currency.into(),
        }),
        VenueEvent::Error(error) => EventKind::OrderError(CoreOrderError {
            order_id: error.order_id,
            code: error.code,
            text: error.text.into_string().into(),
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
        why_held: order.why_held.clone().into_string().into(),
    }
}

//! What the venue says, borrowed from its books.
//!
//! Who listens takes what it needs: the wire everything (`VenueEvent`), a back-test a little.

use std::borrow::Cow;

use orderloom_core::decimal::Money;
use orderloom_core::event::{EventKind, OrderStatus};

use crate::event::{Commission, Execution, OpenOrder, OrderError, PositionReport, Status, VenueEvent};
use crate::ledger::Holding;
use crate::oca::Name;
use crate::order::{Order, WhyHeld};
use crate::request::{ConId, OrderKey};

/// One message of the venue, in the order of TWS.
#[derive(Debug, Clone)]
pub enum News<'a> {
    /// TWS openOrder.
    OpenOrder(Told<'a>),
    /// TWS orderStatus.
    Status(Told<'a>),
    /// TWS execDetails.
    Execution(&'a Execution),
    /// TWS commissionReport.
    Commission {
        /// The fill.
        execution: &'a Execution,
        /// What it cost.
        amount: Money,
        /// ISO currency.
        currency: &'a std::sync::Arc<str>,
        /// Profit of the part that closed a position; `None` when nothing closed.
        realized_pnl: Option<Money>,
    },
    /// TWS error that names an order.
    Error {
        /// Which order.
        key: OrderKey,
        /// TWS error code.
        code: i32,
        /// For a person.
        text: Cow<'static, str>,
    },
    /// TWS position.
    Position {
        /// Whose.
        account: &'a str,
        /// In what.
        con_id: ConId,
        /// What is held.
        holding: &'a Holding,
    },
}

/// An order as it is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub(crate) order: &'a Order,
    pub(crate) status: OrderStatus,
    pub(crate) why_held: Option<WhyHeld>,
    pub(crate) oca_group: Option<&'a Name>,
    pub(crate) account: &'a str,
    /// What its fills have cost, in messages that tell it.
    pub(crate) commission: Option<Money>,
    /// Whether an openOrder tells nothing but the status, which the orderStatus after it tells, too.
    pub(crate) repeats_terms: bool,
}

/// Who hears a venue, and keeps what it heard in order until it hands it on.
pub trait Listener {
    /// Takes one message.
    fn hear(&mut self, news: News<'_>);

    /// How many messages it keeps.
    fn heard(&self) -> usize;

    /// Gives up those after the first `from`: they are still on their way.
    fn give_back(&mut self, from: usize) -> Vec<Kept>;

    /// Takes a message that it gave up: it has arrived.
    fn take_again(&mut self, news: Kept);
}

/// A message as its listener keeps it.
#[derive(Debug, Clone)]
pub enum Kept {
    /// For the wire.
    Wire(VenueEvent),
    /// For an engine.
    Engine(EventKind),
}

impl Listener for Vec<VenueEvent> {
    fn hear(&mut self, news: News<'_>) {
        self.push(news.into());
    }

    fn heard(&self) -> usize {
        self.len()
    }

    fn give_back(&mut self, from: usize) -> Vec<Kept> {
        self.drain(from..).map(Kept::Wire).collect()
    }

    fn take_again(&mut self, news: Kept) {
        if let Kept::Wire(event) = news {
            self.push(event);
        }
    }
}

impl From<News<'_>> for VenueEvent {
    fn from(news: News<'_>) -> Self {
        match news {
            News::OpenOrder(told) => Self::OpenOrder(Box::new(told.into())),
            News::Status(told) => Self::Status(told.into()),
            News::Execution(execution) => Self::Execution(Box::new(execution.clone())),
            News::Commission { execution, amount, currency, realized_pnl } => Self::Commission(Commission {
                client_id: execution.client_id,
                exec_id: execution.exec_id.clone(),
                amount,
                currency: (**currency).into(),
                realized_pnl,
            }),
            News::Error { key, code, text } => Self::Error(OrderError {
                client_id: key.client_id,
                order_id: key.order_id,
                code,
                text: text.into(),
            }),
            News::Position { account, con_id, holding } => Self::Position(PositionReport {
                account: account.into(),
                con_id,
                quantity: holding.quantity,
                avg_cost: holding.average_cost(),
            }),
        }
    }
}

impl From<Told<'_>> for OpenOrder {
    fn from(told: Told<'_>) -> Self {
        let Told { order, .. } = told;
        let request = &order.request;
        Self {
            client_id: request.client_id,
            order_id: request.order_id,
            perm_id: order.perm_id,
            con_id: request.con_id,
            account: told.account.into(),
            action: request.action,
            quantity: order.total(),
            order_type: request.order_type.clone(),
            limit_price: request.limit_price,
            stop_price: request.stop_price,
            trail_percent: request.trail_percent,
            trail_stop_price: order.terms.trail_stop().or(request.trail_stop_price),
            limit_offset: request.limit_offset,
            tif: request.tif.clone(),
            good_till: request.good_till,
            parent_id: request.parent_id,
            oca_group: told.oca_group.map(Name::text).unwrap_or_default().into(),
            oca_type: if request.oca_type == 0 { 3 } else { request.oca_type },
            outside_rth: request.outside_rth,
            trigger_method: request.trigger_method,
            order_ref: request.order_ref.clone(),
            status: told.status,
            filled: order.filled,
            remaining: order.remaining(),
            avg_fill_price: order.average_price(),
            last_fill_price: order.last_fill_price,
            why_held: WhyHeld::text(told.why_held).into(),
            commission: told.commission,
        }
    }
}

impl From<Told<'_>> for Status {
    fn from(told: Told<'_>) -> Self {
        let Told { order, .. } = told;
        Self {
            client_id: order.request.client_id,
            order_id: order.request.order_id,
            perm_id: order.perm_id,
            status: told.status,
            filled: order.filled,
            remaining: order.remaining(),
            avg_fill_price: order.average_price(),
            last_fill_price: order.last_fill_price,
            parent_id: order.request.parent_id,
            why_held: WhyHeld::text(told.why_held).into(),
        }
    }
}

//! Engine and venue in one loop: the world of a back-test, and of every scenario test.
//!
//! The venue is told first, so that its fills belong to the same moment as the price that made them;
//! the engine hears the price, then what the venue did. Every command is carried out before the next
//! event, as the contract asks.

use std::collections::VecDeque;

use orderloom_core::command::{Command, Notice, OcaKind, OrderType, Ticket, TimeInForce as CoreTif};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::error::ConfigError;
use orderloom_core::event::{
    AccountTag, AccountValue, Bar, Connection, Event, EventKind, Execution as CoreExecution, NextOrderId,
    OrderCompleted, OrderError as CoreOrderError, OrderOpened, OrderStatusReport,
    PositionReport as CorePosition, Quote, SessionKnown, SnapshotMark, Trade,
};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::{Session, Timestamp};

use crate::config::VenueConfig;
use crate::event::{OpenOrder, VenueEvent};
use crate::market::{Listing, SecType};
use crate::request::{ClientId, ConId, OrderKey, OrderKind, OrderRequest, TimeInForce};
use crate::venue::Venue;

const CLIENT: ClientId = ClientId(1);

/// Hears everything that passes between engine and venue.
pub trait Observer {
    /// An event, and what the engine made of it.
    fn on_event(&mut self, event: &Event, commands: &[Command], notices: &[Notice]);
}

/// Hears nothing.
impl Observer for () {
    fn on_event(&mut self, _: &Event, _: &[Command], _: &[Notice]) {}
}

/// An engine and the venue that it trades at.
#[derive(Debug, Clone)]
pub struct Backtest<O> {
    /// The engine.
    pub engine: Engine,
    /// The venue; its ledger is the oracle.
    pub venue: Venue,
    /// Who listens.
    pub observer: O,
    seq: u64,
    at: Timestamp,
    inbox: VecDeque<EventKind>,
    outbox: Vec<VenueEvent>,
    commands: Vec<Command>,
}

impl<O: Observer> Backtest<O> {
    /// Connects an engine to a new venue at `at`: order ids, an empty snapshot, account values.
    ///
    /// # Errors
    /// The first part of the engine's configuration that cannot run.
    ///
    /// # Panics
    /// When the venue refuses an instrument that the engine took: both ask the same of it.
    pub fn new(
        config: EngineConfig,
        venue: VenueConfig,
        at: Timestamp,
        observer: O,
    ) -> Result<Self, ConfigError> {
        let mut venue = Venue::new(venue);
        let engine = Engine::new(config)?;
        for (index, instrument) in (0_i64..).zip(&engine.config().instruments) {
            venue
                .add_instrument(Listing {
                    con_id: con_id(index),
                    symbol: instrument.symbol.clone(),
                    sec_type: SecType::Stock,
                    currency: instrument.currency.clone(),
                    tick: instrument.tick,
                    multiplier: instrument.multiplier,
                })
                .expect("the engine checked symbol, tick and multiplier");
        }
        let mut backtest = Self {
            engine,
            venue,
            observer,
            seq: 0,
            at,
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            commands: Vec::new(),
        };
        backtest.tell(EventKind::Connection(Connection::Up));
        backtest.tell(EventKind::NextOrderId(NextOrderId { order_id: OrderId(1) }));
        backtest.snapshot();
        backtest.drain();
        Ok(backtest)
    }

    /// The time of the last event.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.at
    }

    /// A new best bid and ask.
    pub fn quote(&mut self, at: Timestamp, quote: Quote) {
        self.advance_to(at);
        self.tell(EventKind::Quote(quote));
        let side = |price: Option<Price>, size: Quantity| price.map(|price| (price, size));
        self.venue.quote(
            at,
            quote.symbol,
            side(quote.bid, quote.bid_size),
            side(quote.ask, quote.ask_size),
            &mut self.outbox,
        );
        self.drain();
    }

    /// A print of the tape.
    pub fn trade(&mut self, at: Timestamp, trade: Trade) {
        self.advance_to(at);
        self.tell(EventKind::Trade(trade));
        self.venue.trade(at, trade.symbol, trade.price, trade.size, &mut self.outbox);
        self.drain();
    }

    /// A complete bar, for indicators and rules; its prices went through `trade` before.
    pub fn bar(&mut self, at: Timestamp, bar: Bar) {
        self.advance_to(at);
        self.tell(EventKind::Bar(bar));
        self.drain();
    }

    /// A session is known; `is_open` says whether the venue's regular session begins or ends with it.
    pub fn session(&mut self, at: Timestamp, symbol: SymbolId, session: Session, is_open: Option<bool>) {
        self.advance_to(at);
        self.tell(EventKind::Session(SessionKnown { symbol, session }));
        if let Some(is_open) = is_open {
            self.venue.session(at, symbol, is_open, &mut self.outbox);
        }
        self.drain();
    }

    /// Anything else that happens: signals, readings, an operator's word.
    pub fn event(&mut self, at: Timestamp, kind: EventKind) {
        self.advance_to(at);
        self.tell(kind);
        self.drain();
    }

    /// Lets time pass up to `at`, sending `Clock` whenever the engine asked for it.
    pub fn advance_to(&mut self, at: Timestamp) {
        while let Some(due) = self.engine.next_deadline().filter(|due| *due < at) {
            self.at = self.at.max(due);
            self.venue.advance(self.at, &mut self.outbox);
            self.tell(EventKind::Clock);
            self.drain();
        }
        self.at = self.at.max(at);
        self.venue.advance(self.at, &mut self.outbox);
        self.drain();
    }

    fn tell(&mut self, kind: EventKind) {
        self.inbox.push_back(kind);
    }

    /// Hands over everything that is waiting, and everything that follows from it.
    fn drain(&mut self) {
        loop {
            let heard: Vec<EventKind> = self.outbox.drain(..).map(to_core).collect();
            self.inbox.extend(heard);
            let Some(kind) = self.inbox.pop_front() else { return };
            self.seq += 1;
            let event = Event { seq: self.seq, at: self.at, kind };
            let output = self.engine.on_event(&event);
            self.observer.on_event(&event, output.commands, output.notices);
            self.commands.extend_from_slice(output.commands);
            for command in std::mem::take(&mut self.commands) {
                self.carry_out(command);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Place(order) | Command::Modify(order) => {
                self.venue.place(self.at, to_request(&order.ticket), &mut self.outbox);
            }
            Command::Cancel(order) => {
                let key = OrderKey { client_id: CLIENT, order_id: order.order_id };
                self.venue.cancel(self.at, key, &mut self.outbox);
            }
            Command::Reconcile(_) => self.snapshot(),
            // Nobody answers in a back-test without Python: the question expires as unknown.
            Command::Ask(_) | Command::Alert(_) | Command::Log(_) | Command::Notify(_) => {}
        }
    }

    fn snapshot(&mut self) {
        self.tell(EventKind::Snapshot(SnapshotMark::Began));
        let orders: Vec<OpenOrder> = self.venue.live_orders().collect();
        for order in orders {
            let status = to_status(&order);
            self.tell(EventKind::OrderOpened(Box::new(to_opened(order))));
            self.tell(EventKind::OrderStatus(Box::new(status)));
        }
        let completed: Vec<OpenOrder> =
            self.venue.completed_orders().map(|completed| completed.order).collect();
        for order in completed {
            self.tell(EventKind::OrderCompleted(Box::new(OrderCompleted {
                perm_id: order.perm_id,
                order_ref: order.order_ref,
                status: order.status,
                filled: order.filled,
            })));
        }
        let executions: Vec<_> =
            self.venue.executions().iter().map(|reported| reported.execution.clone()).collect();
        for execution in executions {
            self.tell(to_core(VenueEvent::Execution(Box::new(execution))));
        }
        let positions: Vec<_> = self.venue.positions().map(|value| (value.con_id, value.quantity)).collect();
        for (con_id, quantity) in positions {
            let symbol = symbol(con_id);
            self.tell(EventKind::PositionReport(CorePosition { symbol, quantity, average_cost: None }));
        }
        self.account_values();
        self.tell(EventKind::Snapshot(SnapshotMark::Ended));
    }

    /// Tells the account's values as they stand now.
    pub fn account_values(&mut self) {
        let account = self.venue.account();
        let values = [
            (AccountTag::NetLiquidation, account.net_liquidation),
            (AccountTag::BuyingPower, account.buying_power),
        ];
        for (tag, value) in values {
            self.tell(EventKind::AccountValue(AccountValue { tag, value }));
        }
    }

    /// What the venue's ledger says the symbol's position is.
    #[must_use]
    pub fn venue_position(&self, symbol: SymbolId) -> Quantity {
        self.venue.holdings()[symbol.index()].quantity
    }

    /// Cash that the venue's fills and commissions have moved since the start.
    #[must_use]
    pub fn venue_commissions(&self) -> Money {
        self.venue.executions().iter().map(|reported| reported.commission).sum()
    }
}

fn con_id(index: i64) -> ConId {
    ConId(index + 1)
}

fn symbol(con_id: ConId) -> SymbolId {
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

fn to_opened(order: OpenOrder) -> OrderOpened {
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

fn to_status(order: &OpenOrder) -> OrderStatusReport {
    OrderStatusReport {
        order_id: order.order_id,
        perm_id: order.perm_id,
        status: order.status,
        filled: order.filled,
        remaining: order.remaining,
        why_held: order.why_held.clone(),
    }
}

fn to_request(ticket: &Ticket) -> OrderRequest {
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

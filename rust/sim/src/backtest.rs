//! Engine and venue in one loop: the world of a back-test, and of every scenario test.
//!
//! The venue is told first, so that its fills belong to the same moment as the price that made them;
//! the engine hears the price, then what the venue did. Every command is carried out before the next
//! event, as the contract asks. `player` plays a whole history through it.

mod history;
mod message;
mod player;
mod record;
mod wire;

pub use history::{Bars, Detail, History, HistoryError, Ticks, usual_span};
pub use message::{to_core, to_opened, to_status};
pub use record::{Blocked, Record};
pub use wire::to_request;

use orderloom_core::command::{Ask, Command, Notice};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::engine::Engine;
use orderloom_core::error::ConfigError;
use orderloom_core::event::{
    AccountTag, AccountValue, Answer, Bar, Connection, Event, EventKind, NextOrderId, OrderCompleted,
    PositionReport, Quote, SessionKnown, SnapshotMark, Trade,
};
use orderloom_core::id::{OrderId, SymbolId};
use orderloom_core::time::{Session, Timestamp};

use crate::config::VenueConfig;
use crate::market::{Listing, SecType};
use crate::news::{Listener, News};
use crate::request::OrderKey;
use crate::venue::Venue;
use wire::{CLIENT, Inbox, con_id, symbol};

/// TWS triggerMethod: the bid triggers what buys, the ask what sells.
const BY_QUOTES: u8 = 4;

/// Hears what passes between engine and venue.
pub trait Observer {
    /// Whether it has to hear of quotes that lead to nothing, too.
    fn hears_everything(&self) -> bool {
        true
    }

    /// An event, and what the engine made of it.
    fn on_event(&mut self, event: &Event, commands: &[Command], notices: &[Notice]);

    /// Answers what a rule asks a script; `None` is no answer, and the question expires.
    fn answer(&mut self, _ask: &Ask, _engine: &Engine, _at: Timestamp) -> Option<Answer> {
        None
    }

    /// Every symbol's prices of one moment are in: the time to look at the account.
    fn on_moment(&mut self, _at: Timestamp, _engine: &Engine) {}

    /// Whether to end before the data does; asked from time to time.
    fn wants_to_stop(&mut self) -> bool {
        false
    }
}

/// Hears nothing.
impl Observer for () {
    fn hears_everything(&self) -> bool {
        false
    }

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
    inbox: Inbox,
    asks: Vec<Ask>,
    /// Symbols that nothing is known of but quotes: they trigger their stops, too.
    has_quotes_alone: Vec<bool>,
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
        // Nobody here reads whose account it is.
        let mut venue = Venue::new(VenueConfig { account: "".into(), ..venue });
        let engine = Engine::new(config)?;
        for (index, instrument) in (0_i64..).zip(&engine.config().instruments) {
            venue
                .add_instrument(Listing {
                    con_id: con_id(index),
                    symbol: instrument.symbol.clone(),
                    sec_type: SecType::Stock,
                    currency: (*instrument.currency).into(),
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
            inbox: Inbox::default(),
            asks: Vec::new(),
            has_quotes_alone: Vec::new(),
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

    /// Events that the engine has heard.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.seq
    }

    /// A new best bid and ask.
    pub fn quote(&mut self, at: Timestamp, quote: Quote) {
        self.advance_to(at);
        let side = |price: Option<Price>, size: Quantity| price.map(|price| (price, size));
        self.venue.quote(
            at,
            quote.symbol,
            side(quote.bid, quote.bid_size),
            side(quote.ask, quote.ask_size),
            &mut self.inbox,
        );
        self.hear(EventKind::Quote(quote));
    }

    /// A print of the tape.
    pub fn trade(&mut self, at: Timestamp, trade: Trade) {
        self.advance_to(at);
        self.venue.trade(at, trade.symbol, trade.price, trade.size, &mut self.inbox);
        self.hear(EventKind::Trade(trade));
    }

    /// A complete bar, for indicators and rules; its prices went through `trade` before.
    pub fn bar(&mut self, at: Timestamp, bar: Bar) {
        self.advance_to(at);
        self.hear(EventKind::Bar(bar));
    }

    /// A session is known; `is_open` says whether the venue's regular session begins or ends with it.
    pub fn session(&mut self, at: Timestamp, symbol: SymbolId, session: Session, is_open: Option<bool>) {
        self.advance_to(at);
        if let Some(is_open) = is_open {
            self.venue.session(at, symbol, is_open, &mut self.inbox);
        }
        self.hear(EventKind::Session(SessionKnown { symbol, session }));
    }

    /// Anything else that happens: signals, readings, an operator's word.
    pub fn event(&mut self, at: Timestamp, kind: EventKind) {
        self.advance_to(at);
        self.hear(kind);
    }

    /// Lets time pass up to `at`, sending `Clock` whenever the engine asked for it.
    #[inline]
    pub fn advance_to(&mut self, at: Timestamp) {
        while let Some(due) = self.engine.next_deadline().filter(|due| *due < at) {
            self.at = self.at.max(due);
            self.venue.advance(self.at, &mut self.inbox);
            self.hear(EventKind::Clock);
        }
        self.at = self.at.max(at);
        if self.venue.has_due(self.at) {
            self.venue.advance(self.at, &mut self.inbox);
            self.drain();
        }
    }

    fn tell(&mut self, kind: EventKind) {
        self.inbox.push(kind);
    }

    /// Hands over one event, and everything that follows from it.
    #[inline]
    fn hear(&mut self, kind: EventKind) {
        let event = self.next(kind);
        self.hand_over(&event);
        if !self.inbox.is_empty() {
            self.drain();
        }
    }

    /// Hands over everything that is waiting, and everything that follows from it.
    fn drain(&mut self) {
        while let Some(kind) = self.inbox.pop() {
            let event = self.next(kind);
            self.hand_over(&event);
        }
    }

    #[inline]
    fn next(&mut self, kind: EventKind) -> Event {
        self.seq += 1;
        Event { seq: self.seq, at: self.at, kind }
    }

    #[inline]
    fn hand_over(&mut self, event: &Event) {
        let output = self.engine.on_event(event);
        self.observer.on_event(event, output.commands, output.notices);
        if output.commands.is_empty() {
            return;
        }
        let mut wants_snapshot = false;
        for command in output.commands {
            match command {
                Command::Place(order) | Command::Modify(order) => {
                    let mut request = to_request(&order.ticket);
                    if self.has_quotes_alone.get(order.ticket.symbol.index()) == Some(&true) {
                        request.trigger_method = BY_QUOTES;
                    }
                    self.venue.place(self.at, request, &mut self.inbox);
                }
                Command::Cancel(order) => {
                    let key = OrderKey { client_id: CLIENT, order_id: order.order_id };
                    self.venue.cancel(self.at, key, &mut self.inbox);
                }
                Command::Reconcile(_) => wants_snapshot = true,
                Command::Ask(ask) => self.asks.push(ask.clone()),
                Command::Alert(_) | Command::Log(_) | Command::Notify(_) => {}
            }
        }
        if wants_snapshot {
            self.snapshot();
        }
        for ask in std::mem::take(&mut self.asks) {
            if let Some(answer) = self.observer.answer(&ask, &self.engine, self.at) {
                self.tell(EventKind::Answer(answer));
            }
        }
    }

    /// Tells what stands at the venue, without orders and executions that the engine knows to be over.
    fn snapshot(&mut self) {
        self.tell(EventKind::Snapshot(SnapshotMark::Began));
        self.venue.tell_live_orders(&mut self.inbox);
        let orders = self.engine.orders();
        for order in self.venue.ended_orders() {
            if orders.find(order.request.order_id).is_some_and(|known| known.is_done()) {
                continue;
            }
            self.inbox.push(EventKind::OrderCompleted(Box::new(OrderCompleted {
                perm_id: order.perm_id,
                order_ref: order.request.order_ref.clone(),
                status: self.venue.status(order),
                filled: order.filled,
            })));
        }
        let ledger = self.engine.ledger();
        for reported in self.venue.executions().iter().filter(|each| !ledger.has(&each.execution.exec_id)) {
            self.inbox.hear(News::Execution(&reported.execution));
        }
        for value in self.venue.positions() {
            let report =
                PositionReport { symbol: symbol(value.con_id), quantity: value.quantity, average_cost: None };
            self.inbox.push(EventKind::PositionReport(report));
        }
        self.account_values();
        self.tell(EventKind::Snapshot(SnapshotMark::Ended));
    }

    /// Tells the account's values as they stand now.
    pub fn account_values(&mut self) {
        let (net_liquidation, buying_power) = self.venue.net_and_buying_power();
        let values = [(AccountTag::NetLiquidation, net_liquidation), (AccountTag::BuyingPower, buying_power)];
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

//! Everything that can happen, as the engine hears it.
//!
//! An event lives for one call of `Engine::on_event`. Facts about orders are kept as the broker said
//! them; what they mean is computed in `order.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::EngineConfig;
use crate::decimal::{Money, Price, Quantity};
use crate::id::{AskId, ExecId, OrderId, OrderRef, PermId, SymbolId};
use crate::rule::Action;
use crate::time::{Session, Span, Timestamp};

/// One thing that happened: its place in the order of all events, its time, and what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Rises by one per event of a run.
    pub seq: u64,
    /// When the shell learned of it; never moves back (the engine keeps the latest).
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// Best bid and ask changed. A missing side means that nobody quotes it.
    Quote(Quote),
    /// A trade printed.
    Trade(Trade),
    /// A bar is complete.
    Bar(Bar),
    /// The symbol's next or current session is known.
    Session(SessionKnown),
    /// A prediction was received, for the first time or again.
    Signal(Box<Signal>),
    /// A prediction source gave something that is no prediction.
    SignalRejected(SignalRejected),
    /// The broker showed an order: TWS openOrder.
    OrderOpened(OrderOpened),
    /// The broker told an order's status: TWS orderStatus.
    OrderStatus(OrderStatusReport),
    /// The broker showed an ended order: TWS completedOrder.
    OrderCompleted(Box<OrderCompleted>),
    /// A fill, a correction of one, or a fill shown again: TWS execDetails.
    Execution(Execution),
    /// What a fill cost: TWS commissionReport.
    Commission(Commission),
    /// An error or notice that names one of our orders.
    OrderError(OrderError),
    /// The broker's word on a position: TWS position.
    PositionReport(PositionReport),
    /// One value of the account, in its base currency.
    AccountValue(AccountValue),
    /// Start or end of a full snapshot of orders, executions, positions and account.
    Snapshot(SnapshotMark),
    /// The smallest order id that the broker accepts next: TWS nextValidId.
    NextOrderId(NextOrderId),
    /// State of the line to the broker or of its data.
    Connection(Connection),
    /// Time passed and nothing else happened.
    Clock,
    /// The shell found a reason to hold entries back, or it is gone.
    Hold(Hold),
    /// A person's word.
    Operator(Operator),
    /// A value pushed in by a script, for conditions to compare.
    Reading(Reading),
    /// Custom Python code answered an `Ask`.
    Answer(Answer),
    /// A new process goes on where the journal ends, under this configuration.
    Restarted(Box<EngineConfig>),
    /// A person had other rules and settings taken up under way.
    Reloaded(Box<EngineConfig>),
}

/// Best bid and ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Which instrument.
    pub symbol: SymbolId,
    /// Best bid; `None` when there is none.
    pub bid: Option<Price>,
    /// Best ask; `None` when there is none.
    pub ask: Option<Price>,
    /// Shares or contracts at the bid.
    pub bid_size: Quantity,
    /// Shares or contracts at the ask.
    pub ask_size: Quantity,
}

/// A print of the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Which instrument.
    pub symbol: SymbolId,
    /// Price of the print.
    pub price: Price,
    /// Shares or contracts.
    pub size: Quantity,
}

/// A complete bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Which instrument.
    pub symbol: SymbolId,
    /// First moment that the bar covers.
    pub start: Timestamp,
    /// How long it lasts.
    pub span: Span,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares or contracts traded.
    pub volume: Quantity,
    /// From before the start of the run: warms indicators and triggers no rule.
    #[serde(default)]
    pub is_history: bool,
}

/// A session of the symbol's exchange became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKnown {
    /// Which instrument.
    pub symbol: SymbolId,
    /// Its current session, or the next one when the exchange is closed.
    pub session: Session,
}

/// What a prediction says to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SignalSide {
    /// Buy.
    Buy,
    /// Sell what is held.
    Sell,
    /// Sell short.
    Short,
    /// Nothing.
    Neutral,
}

impl SignalSide {
    /// The word of the prediction API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
            Self::Short => "SHORT",
            Self::Neutral => "NEUTRAL",
        }
    }
}

/// A prediction as received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Identity: the source's id, else ticker, prediction time and side.
    pub key: Box<str>,
    /// The ticker as the source wrote it.
    pub ticker: Box<str>,
    /// The instrument, when the ticker is one of ours.
    pub symbol: Option<SymbolId>,
    /// What it says.
    pub side: SignalSide,
    /// 0..=1 when the source gives one.
    pub confidence: Option<f64>,
    /// The source's number for the side.
    #[serde(default)]
    pub numeric: Option<i64>,
    /// The model's three probabilities; empty when the source gives none.
    #[serde(default)]
    pub probabilities: Box<[f64]>,
    /// When the prediction was made.
    pub predicted_at: Timestamp,
    /// The price that the model saw.
    #[serde(default)]
    pub price: Option<Price>,
    /// The model's inputs by name.
    #[serde(default)]
    pub features: Box<[(Box<str>, f64)]>,
}

/// An answer of a prediction source that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRejected {
    /// Which source and ticker.
    pub source: Box<str>,
    /// Stable reason code.
    pub reason: Box<str>,
    /// For the operator.
    pub detail: Box<str>,
}

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Buy.
    Buy,
    /// Sell, also short.
    Sell,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `quantity` signed as this side moves a position.
    #[must_use]
    pub const fn signed(self, quantity: Quantity) -> Quantity {
        match self {
            Self::Buy => quantity,
            Self::Sell => Quantity::from_counts(-quantity.counts()),
        }
    }

    /// TWS `action`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }
}

/// The nine words of TWS for an order's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Known to the API only.
    ApiPending,
    /// Sent, not acknowledged.
    PendingSubmit,
    /// Accepted and held: a simulated stop, outside the session, or a child waiting for its parent.
    PreSubmitted,
    /// Working.
    Submitted,
    /// Cancel sent, not confirmed.
    PendingCancel,
    /// Cancelled before it was acknowledged.
    ApiCancelled,
    /// Cancel confirmed; also after a reject.
    Cancelled,
    /// Filled, says the status; only executions prove it.
    Filled,
    /// Rejected, or not working and still alive (`whyHeld` locate).
    Inactive,
}

/// TWS openOrder: the broker's copy of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderOpened {
    /// The id under which this client knows it; 0 or negative for orders of others.
    pub order_id: OrderId,
    /// The broker's key; 0 until assigned.
    pub perm_id: PermId,
    /// Our intent, when the order is ours.
    pub order_ref: OrderRef,
    /// The instrument, when it is one of ours.
    pub symbol: Option<SymbolId>,
    /// Buy or sell.
    pub side: Side,
    /// Total quantity.
    pub quantity: Quantity,
    /// TWS lmtPrice; `None` when unset or meaningless for the type.
    pub limit_price: Option<Price>,
    /// TWS auxPrice of a stop, or trailStopPrice of a trailing one.
    pub stop_price: Option<Price>,
    /// Its status.
    pub status: OrderStatus,
}

/// TWS orderStatus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStatusReport {
    /// Which order.
    pub order_id: OrderId,
    /// The broker's key; 0 until assigned.
    pub perm_id: PermId,
    /// Its status.
    pub status: OrderStatus,
    /// Filled so far, says the status. FIX CumQty 14.
    pub filled: Quantity,
    /// Not filled yet. FIX LeavesQty 151.
    pub remaining: Quantity,
    /// TWS whyHeld: `locate`, `child`, … or empty.
    #[serde(default)]
    pub why_held: Cow<'static, str>,
}

/// TWS completedOrder: it carries no order id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCompleted {
    /// The broker's key.
    pub perm_id: PermId,
    /// Our intent, when the order is ours.
    pub order_ref: OrderRef,
    /// How it ended.
    pub status: OrderStatus,
    /// Filled in its life.
    pub filled: Quantity,
}

/// TWS execDetails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// De-duplication key.
    pub exec_id: ExecId,
    /// Which order; 0 or negative for orders of others.
    pub order_id: OrderId,
    /// The broker's key.
    pub perm_id: PermId,
    /// Our intent, when the order is ours.
    pub order_ref: OrderRef,
    /// Which instrument.
    pub symbol: SymbolId,
    /// Bought or sold.
    pub side: Side,
    /// Shares or contracts of this fill.
    pub quantity: Quantity,
    /// Price of this fill.
    pub price: Price,
    /// The broker's time of the fill.
    pub executed_at: Timestamp,
}

/// TWS commissionReport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commission {
    /// Which fill.
    pub exec_id: ExecId,
    /// What it cost, in `currency`.
    pub amount: Money,
    /// ISO currency.
    pub currency: Arc<str>,
}

/// A TWS error that names an order. Evidence, never a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderError {
    /// Which order.
    pub order_id: OrderId,
    /// TWS error code.
    pub code: i32,
    /// TWS text.
    pub text: Cow<'static, str>,
}

/// TWS position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionReport {
    /// Which instrument.
    pub symbol: SymbolId,
    /// Signed: positive long, negative short.
    pub quantity: Quantity,
    /// Average cost per share.
    #[serde(default)]
    pub average_cost: Option<Price>,
}

/// An account value that limits and sizes look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountTag {
    /// Equity with loan value of everything.
    NetLiquidation,
    /// What new positions may cost.
    BuyingPower,
    /// Equity minus initial margin.
    AvailableFunds,
    /// Cash.
    TotalCashValue,
}

/// One account value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountValue {
    /// Which value.
    pub tag: AccountTag,
    /// How much, in the account's base currency.
    pub value: Money,
}

/// Start or end of a full snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "mark")]
pub enum SnapshotMark {
    /// Requests left; what follows may be part of it.
    Began,
    /// Every part has *ended* after `Began` on the same connection.
    Ended,
}

/// TWS nextValidId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextOrderId {
    /// Smallest id that TWS accepts.
    pub order_id: OrderId,
}

/// The line to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Connection {
    /// Connected and logged in; a snapshot follows.
    Up,
    /// Not connected, or TWS lost IB (1100, 2110).
    Down,
    /// Market data of every symbol is stale until it moves again (1101, farm codes, silence).
    DataStale,
}

/// Why entries are held back, found by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The broker's clock and ours differ by more than a second.
    ClockOffset,
    /// The broker's program is about to restart, or restarting: a line that is lost now is no incident.
    BrokerRestart,
}

/// A reason to hold entries back appeared or went away. Exits go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which.
    pub reason: HoldReason,
    /// Whether it holds from now on.
    pub is_on: bool,
    /// For the operator.
    pub detail: Box<str>,
}

/// A person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "word")]
pub enum Operator {
    /// Kill switch: no risk-increasing order until `Resume`.
    Halt {
        /// Why, for the journal.
        reason: Box<str>,
    },
    /// Re-arm after a halt.
    Resume,
    /// No new entries; exits go on.
    ReduceOnly {
        /// Why, for the journal.
        reason: Box<str>,
    },
    /// Close one symbol, or all.
    Flatten {
        /// Which symbol; all when absent.
        symbol: Option<SymbolId>,
    },
    /// Switch a rule on or off.
    EnableRule {
        /// The rule's name.
        rule: Box<str>,
        /// On or off.
        enabled: bool,
    },
}

/// A value pushed in by a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What it is called in conditions: `reading("name")`.
    pub name: Box<str>,
    /// Which symbol it belongs to; every symbol when absent.
    pub symbol: Option<SymbolId>,
    /// `None` withdraws it: unknown.
    pub value: Option<f64>,
}

/// What custom Python code answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// To which question.
    pub ask: AskId,
    /// Yes or no, where a condition was wanted; `None` when it came late, raised, or was no bool.
    pub value: Option<bool>,
    /// What to do, where actions were wanted; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<Action>>,
    /// Why there is no answer, with function and line; empty when there is one.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub failure: Box<str>,
}

impl EventKind {
    /// The instrument that this event is about, if it is about one.
    #[must_use]
    pub fn symbol(&self) -> Option<SymbolId> {
        match self {
            Self::Quote(quote) => Some(quote.symbol),
            Self::Trade(trade) => Some(trade.symbol),
            Self::Bar(bar) => Some(bar.symbol),
            Self::Session(known) => Some(known.symbol),
            Self::Signal(signal) => signal.symbol,
            Self::OrderOpened(order) => order.symbol,
            Self::Execution(execution) => Some(execution.symbol),
            Self::PositionReport(report) => Some(report.symbol),
            Self::Reading(reading) => reading.symbol,
            Self::SignalRejected(_)
            | Self::OrderStatus(_)
            | Self::OrderCompleted(_)
            | Self::Commission(_)
            | Self::OrderError(_)
            | Self::AccountValue(_)
            | Self::Snapshot(_)
            | Self::NextOrderId(_)
            | Self::Connection(_)
            | Self::Clock
            | Self::Hold(_)
            | Self::Operator(_)
            | Self::Answer(_)
            | Self::Restarted(_)
            | Self::Reloaded(_) => None,
        }
    }
}

//! Everything the engine can ask for, and everything it tells.
//!
//! A `Command` changes the world and is carried out before the next event. A `Notice` tells what the
//! engine made of an event; it goes to the journal and the bus and changes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decimal::{Money, Price, Quantity};
use crate::event::{Side, SignalSide};
use crate::id::{AskId, ContextId, ExecId, OrderId, OrderRef, RuleId, SymbolId};
use crate::time::{Span, Timestamp};

/// How an order executes, with the prices that its type needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderType {
    /// TWS `MKT`.
    Market,
    /// TWS `LMT`.
    Limit {
        /// TWS lmtPrice. FIX Price 44.
        limit_price: Price,
    },
    /// TWS `STP`.
    Stop {
        /// TWS auxPrice. FIX StopPx 99.
        stop_price: Price,
    },
    /// TWS `STP LMT`.
    StopLimit {
        /// TWS auxPrice.
        stop_price: Price,
        /// TWS lmtPrice.
        limit_price: Price,
    },
    /// TWS `TRAIL` by an amount.
    TrailAmount {
        /// TWS auxPrice: distance in price units.
        trail_amount: Price,
        /// TWS trailStopPrice: where it starts.
        stop_price: Price,
    },
    /// TWS `TRAIL` by a percentage.
    TrailPercent {
        /// TWS trailingPercent, in hundredths of a percent.
        basis_points: i64,
        /// TWS trailStopPrice: where it starts.
        stop_price: Price,
    },
}

impl OrderType {
    /// The limit, of types that have one.
    #[must_use]
    pub const fn limit_price(self) -> Option<Price> {
        match self {
            Self::Limit { limit_price } | Self::StopLimit { limit_price, .. } => Some(limit_price),
            Self::Market | Self::Stop { .. } | Self::TrailAmount { .. } | Self::TrailPercent { .. } => None,
        }
    }

    /// The trigger price, of types that have one.
    #[must_use]
    pub const fn stop_price(self) -> Option<Price> {
        match self {
            Self::Stop { stop_price }
            | Self::StopLimit { stop_price, .. }
            | Self::TrailAmount { stop_price, .. }
            | Self::TrailPercent { stop_price, .. } => Some(stop_price),
            Self::Market | Self::Limit { .. } => None,
        }
    }

    /// The same type with other prices, where it has them and they are given.
    #[must_use]
    pub fn with_prices(self, limit: Option<Price>, stop: Option<Price>) -> Self {
        let limit_or = |asked: Price| limit.unwrap_or(asked);
        let stop_or = |asked: Price| stop.unwrap_or(asked);
        match self {
            Self::Market => Self::Market,
            Self::Limit { limit_price } => Self::Limit { limit_price: limit_or(limit_price) },
            Self::Stop { stop_price } => Self::Stop { stop_price: stop_or(stop_price) },
            Self::StopLimit { stop_price, limit_price } => {
                Self::StopLimit { stop_price: stop_or(stop_price), limit_price: limit_or(limit_price) }
            }
            Self::TrailAmount { trail_amount, stop_price } => {
                Self::TrailAmount { trail_amount, stop_price: stop_or(stop_price) }
            }
            Self::TrailPercent { basis_points, stop_price } => {
                Self::TrailPercent { basis_points, stop_price: stop_or(stop_price) }
            }
        }
    }

    /// Whether the broker moves the stop by itself.
    #[must_use]
    pub const fn is_trailing(self) -> bool {
        matches!(self, Self::TrailAmount { .. } | Self::TrailPercent { .. })
    }
}

/// How long an order lives. FIX TimeInForce 59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeInForce {
    /// Until the end of the session.
    Day,
    /// Until cancelled.
    Gtc,
    /// What fills at once; the rest is cancelled.
    Ioc,
}

/// What the members of a one-cancels-all group do to each other. TWS ocaType.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcaKind {
    /// 1: a fill cancels the rest, one member at the exchange at a time.
    Cancel,
    /// 2: a fill reduces the rest, one member at the exchange at a time.
    ReduceWithBlock,
    /// 3: a fill reduces the rest, without overfill protection.
    Reduce,
}

/// A one-cancels-all group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Oca {
    /// TWS ocaGroup.
    pub name: Box<str>,
    /// TWS ocaType.
    pub kind: OcaKind,
}

/// An order as we ask for it: everything that `placeOrder` needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ticket {
    /// TWS orderId.
    pub order_id: OrderId,
    /// TWS orderRef: the intent.
    pub order_ref: OrderRef,
    /// Which instrument.
    pub symbol: SymbolId,
    /// Buy or sell.
    pub side: Side,
    /// Total quantity, positive.
    pub quantity: Quantity,
    /// How it executes.
    pub order_type: OrderType,
    /// How long it lives.
    pub tif: TimeInForce,
    /// The entry that this child waits for; absent once the entry has ended (else TWS error 135).
    pub parent: Option<OrderId>,
    /// Its group, when we name one; children of a parent get one from TWS.
    pub oca: Option<Oca>,
    /// False holds it at TWS until a later member of its family comes with true.
    pub transmit: bool,
    /// Whether it may work and trigger outside regular hours.
    pub outside_rth: bool,
}

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Opens or adds to a position.
    Entry,
    /// Limits its loss.
    Stop,
    /// Takes its profit.
    Target,
    /// Ends it at the market, when no exit of its bracket lives any more.
    Close,
    /// Stands alone: placed by a rule outside any bracket.
    Single,
}

/// Something that the shell must do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Command {
    /// Send a new order.
    Place(PlaceOrder),
    /// Send the same order again with other price or quantity, or once more because no answer came.
    Modify(PlaceOrder),
    /// Cancel an order.
    Cancel(CancelOrder),
    /// Ask the broker for everything: open and completed orders, executions, positions, account.
    Reconcile(Reconcile),
    /// Run a custom Python function and answer with an `Answer` event.
    Ask(Ask),
    /// Tell a person.
    Alert(Incident),
    /// Write a line to the log.
    Log(LogLine),
    /// Send a message to the user's notification targets.
    Notify(LogLine),
}

/// An order to be sent, and why it exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// What to send.
    pub ticket: Ticket,
    /// What it is for.
    pub role: Role,
    /// The trade it belongs to; none for a single order.
    pub context: Option<ContextId>,
}

/// An order to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CancelOrder {
    /// Which order.
    pub order_id: OrderId,
    /// Whose.
    pub symbol: SymbolId,
}

/// Why a full snapshot is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reconcile {
    /// For the log.
    pub reason: Box<str>,
}

/// What a question to custom Python code is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A yes or no, for a rule's condition.
    #[default]
    Condition,
    /// What to do, for a rule's actions.
    Actions,
}

impl Wanted {
    /// The word of messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::Actions => "action",
        }
    }
}

/// A question to custom Python code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// To be named in the answer.
    pub ask: AskId,
    /// Name of the registered function.
    pub name: Box<str>,
    /// What it is asked for.
    #[serde(default)]
    pub wanted: Wanted,
    /// The rule that asks.
    pub rule: RuleId,
    /// The symbol it asks about.
    pub symbol: Option<SymbolId>,
    /// An answer after this counts as unknown.
    pub deadline: Timestamp,
}

/// A line for the log or a notification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogLine {
    /// The rule that wrote it.
    pub rule: RuleId,
    /// About which symbol.
    pub symbol: Option<SymbolId>,
    /// The text, shared with the rule that says it.
    pub text: Arc<str>,
}

/// Something that an operator must know. The symbol, if any, is reduce-only from here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incident {
    /// Stable code.
    pub code: IncidentCode,
    /// The symbol concerned.
    pub symbol: Option<SymbolId>,
    /// The order concerned.
    pub order_id: Option<OrderId>,
    /// What was expected, what was found.
    pub text: Box<str>,
}

/// The kinds of incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentCode {
    /// More was filled than ordered, or both exits of a bracket filled.
    Overfill,
    /// Shares without a live stop for longer than allowed.
    Uncovered,
    /// An order's fate stayed unknown for longer than allowed.
    OrderUnknown,
    /// A change was asked for several times and not confirmed.
    ChangeUnconfirmed,
    /// An exit was refused.
    ExitRefused,
    /// The broker's position differs from the sum of executions.
    PositionMismatch,
    /// Somebody else traded a symbol of ours.
    ForeignTrade,
    /// One intent owns two live broker orders.
    OrderForked,
    /// The line to the broker is down.
    Disconnected,
    /// Our clock and the broker's differ by more than a second: no entries.
    ClockOffset,
    /// Shares are held over a time in which their exits cannot fire.
    ExitsAsleep,
    /// A split changed what is held: its exits follow, prices of the past do not.
    Split,
    /// A loss limit was reached.
    LossLimit,
    /// An adapter or a script failed.
    Adapter,
    /// Custom Python code was late, raised, or answered with a wrong type.
    ScriptFailed,
}

/// Why an entry was not sent, or a signal or rule had no effect. Stable: scripts compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The same prediction was received before.
    Duplicate,
    /// The prediction is older than its age limit.
    Expired,
    /// The prediction claims to come from the future.
    FromFuture,
    /// The ticker is none of ours.
    UnknownSymbol,
    /// The rule's condition is known to be false.
    ConditionFalse,
    /// A value that the condition needs is unknown.
    ConditionUnknown,
    /// The rule is switched off.
    Disabled,
    /// The rule acted on this symbol too recently.
    Cooldown,
    /// The rule has used up its daily cap.
    DailyCap,
    /// Outside the rule's time window.
    TimeWindow,
    /// Another rule entered this symbol on the same event.
    AlreadyEntered,
    /// The symbol has an open context on the same side.
    ContextOpen,
    /// The symbol has an open context on the other side.
    OppositeContext,
    /// The symbol has no open context to act on.
    NoContext,
    /// An order of the symbol is in an unknown state.
    OrderUnknown,
    /// The exchange is closed, or the end-of-day close has begun.
    SessionClosed,
    /// Mode is `ReduceOnly`.
    ReduceOnly,
    /// Mode is `Halted`.
    Halted,
    /// The symbol is quarantined after an incident.
    Quarantined,
    /// Our clock and the broker's differ by more than a second.
    ClockOffset,
    /// The broker's program restarts about now: shortly before a known time, and until it is over.
    BrokerRestart,
    /// No usable quote: missing, crossed, not positive, stale or delayed.
    NoPrice,
    /// Equity is unknown.
    NoEquity,
    /// None of the stop's levels is available, or the broker trails it.
    NoStop,
    /// None of the target's levels is available.
    NoTarget,
    /// A level lies on the wrong side of the entry price.
    WrongSide,
    /// The size rounds to zero.
    SizeZero,
    /// Order value limit.
    MaxOrderValue,
    /// Order shares limit.
    MaxOrderShares,
    /// Position value limit.
    MaxPositionValue,
    /// Position shares limit.
    MaxPositionShares,
    /// Open contexts limit.
    MaxOpenContexts,
    /// Gross exposure limit.
    MaxGrossExposure,
    /// Net exposure limit.
    MaxNetExposure,
    /// Orders per minute limit.
    MaxOrdersPerMinute,
    /// Limit price too far from the quote.
    PriceCollar,
    /// Daily loss limit.
    MaxDailyLoss,
    /// Drawdown limit.
    MaxDrawdown,
    /// The symbol may not be sold short.
    NoShort,
    /// Buying power does not suffice.
    BuyingPower,
}

/// Why a context ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExitReason {
    /// The target filled.
    Target,
    /// The stop filled.
    Stop,
    /// A trailing stop filled.
    Trail,
    /// A rule or an operator closed it.
    CloseAll,
    /// Closed to enter the other side.
    Reversal,
    /// Closed before the session's end.
    EndOfDay,
    /// Somebody closed it outside orderloom.
    Manual,
    /// Flattened because it could not be protected, or after an overfill.
    Recovery,
}

impl ExitReason {
    /// The word of reports and conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "TARGET",
            Self::Stop => "STOP",
            Self::Trail => "TRAIL",
            Self::CloseAll => "CLOSE_ALL",
            Self::Reversal => "REVERSAL",
            Self::EndOfDay => "END_OF_DAY",
            Self::Manual => "MANUAL",
            Self::Recovery => "RECOVERY",
        }
    }
}

/// One side of the market that a context holds for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PositionSide {
    /// Bought first.
    Long,
    /// Sold first.
    Short,
}

impl PositionSide {
    /// Side of the orders that open or add.
    #[must_use]
    pub const fn entry(self) -> Side {
        match self {
            Self::Long => Side::Buy,
            Self::Short => Side::Sell,
        }
    }

    /// Side of the orders that reduce.
    #[must_use]
    pub const fn exit(self) -> Side {
        self.entry().opposite()
    }

    /// The side that an entry order opens.
    #[must_use]
    pub const fn of_entry(side: Side) -> Self {
        match side {
            Side::Buy => Self::Long,
            Side::Sell => Self::Short,
        }
    }

    /// The word of reports and conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "LONG",
            Self::Short => "SHORT",
        }
    }
}

/// What the engine may send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Everything that passes the limits.
    Active,
    /// Reducing orders only: start-up, reconnect, or an operator's word.
    #[default]
    ReduceOnly,
    /// Reducing orders only, until a person resumes; survives restarts.
    Halted,
}

impl Mode {
    /// The word of reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::ReduceOnly => "ReduceOnly",
            Self::Halted => "Halted",
        }
    }
}

/// What the engine made of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// A received prediction was taken or dropped.
    SignalJudged {
        /// Its identity.
        key: Box<str>,
        /// Its ticker.
        ticker: Box<str>,
        /// What it says.
        side: SignalSide,
        /// `None` when it was new and went to the rules.
        dropped: Option<Reason>,
    },
    /// A rule's condition held and its actions were carried out.
    RuleFired {
        /// Which rule.
        rule: RuleId,
        /// For which symbol.
        symbol: Option<SymbolId>,
    },
    /// A rule's condition held, and something else kept it from acting.
    RuleBlocked {
        /// Which rule.
        rule: RuleId,
        /// For which symbol.
        symbol: Option<SymbolId>,
        /// What kept it.
        reason: Reason,
        /// Both numbers, or what was missing.
        detail: Box<str>,
    },
    /// One of our fills was applied.
    Filled {
        /// The fill.
        exec_id: ExecId,
        /// Its order.
        order_id: OrderId,
        /// What the order is for.
        role: Option<Role>,
        /// Which instrument.
        symbol: SymbolId,
        /// Bought or sold.
        side: Side,
        /// How much.
        quantity: Quantity,
        /// At which price.
        price: Price,
    },
    /// The commission of a fill became known.
    CommissionPaid {
        /// The fill.
        exec_id: ExecId,
        /// Which instrument.
        symbol: SymbolId,
        /// How much.
        amount: Money,
    },
    /// A position changed.
    PositionChanged {
        /// Which instrument.
        symbol: SymbolId,
        /// Signed quantity before.
        was: Quantity,
        /// Signed quantity now.
        quantity: Quantity,
        /// Average price of what is held.
        average_price: Option<Price>,
        /// Profit realised since the start, before commissions.
        realized: Money,
    },
    /// A trade began.
    ContextOpened {
        /// Its number.
        context: ContextId,
        /// Which instrument.
        symbol: SymbolId,
        /// Long or short.
        side: PositionSide,
        /// The rule that entered.
        rule: RuleId,
    },
    /// A tranche was added to a trade.
    ContextScaled {
        /// Its number.
        context: ContextId,
        /// Which instrument.
        symbol: SymbolId,
        /// How many tranches it has now.
        tranches: u32,
    },
    /// A trade is over: flat at the broker, nothing live or unknown.
    ContextConcluded(Box<Conclusion>),
    /// An order's computed phase changed.
    OrderChanged {
        /// Which order.
        order_id: OrderId,
        /// Its intent.
        order_ref: OrderRef,
        /// Which instrument.
        symbol: SymbolId,
        /// What it is for.
        role: Role,
        /// Where it stands now.
        phase: crate::order::Phase,
    },
    /// The mode changed.
    ModeChanged {
        /// From here on.
        mode: Mode,
        /// Why.
        reason: Box<str>,
    },
    /// Other rules and settings were taken up under way.
    Reloaded(Box<Reload>),
}

/// What a reload did to the rules, by their names in the order of definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Rules that were not there.
    pub added: Vec<Box<str>>,
    /// Rules that are there no more.
    pub removed: Vec<Box<str>>,
    /// Rules that say something else under the same name.
    pub changed: Vec<Box<str>>,
    /// Indicators that no rule used before: unknown until enough bars are complete.
    pub cold: Vec<Box<str>>,
}

/// A trade that is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Conclusion {
    /// Its number.
    pub context: ContextId,
    /// Which instrument.
    pub symbol: SymbolId,
    /// Long or short.
    pub side: PositionSide,
    /// The rule that entered.
    pub rule: RuleId,
    /// Why it ended; `None` when nothing was ever filled.
    pub exit_reason: Option<ExitReason>,
    /// How much was bought (long) or sold (short) in all.
    pub quantity: Quantity,
    /// Average price of the entries.
    pub entry_price: Option<Price>,
    /// Average price of the exits.
    pub exit_price: Option<Price>,
    /// How many tranches had fills.
    pub tranches: u32,
    /// Profit before commissions.
    pub pnl: Money,
    /// Commissions known so far.
    pub commission: Money,
    /// First fill, or the time of sending when nothing filled.
    pub opened_at: Timestamp,
    /// When it was concluded.
    pub closed_at: Timestamp,
    /// Longest time that filled shares had no live stop at the broker.
    pub uncovered_max: Span,
}

//! A simulated exchange and account: one command in, its events out, from a seed.
//!
//! The mirror of the engine: it reads no clock, file or socket, so the same seed and the same commands
//! give the same bytes. It stands behind the simulated TWS and behind back-tests alike. It models IBKR
//! and is not IBKR: where two readings of TWS exist, `config` has a switch for each.
//!
//! Reading order: `config`, `request` and `event` are the border; `venue` takes the commands; `news` is
//! what it says, which a `Listener` makes messages of;
//! `reading` names what TWS leaves open; `manual` and `corporate` are what happens without a client;
//! `latency` keeps orders and news on their way; `admission` judges orders, `matching` fills them, `watch` finds those that a price may touch, `family` and `oca` carry a fill to other orders.

mod account;
mod admission;
mod backtest;
mod bars;
mod config;
mod corporate;
mod costs;
mod event;
mod family;
mod latency;
mod ledger;
mod manual;
mod market;
mod matching;
mod measures;
mod news;
mod oca;
mod order;
mod order_types;
mod random;
mod reading;
mod request;
mod venue;
mod watch;

pub use account::{AccountValues, PositionValue, WhatIf};
pub use backtest::{
    Backtest, Bars, Blocked, Detail, History, HistoryError, Observer, Record, Ticks, to_core, to_opened,
    to_request, to_status, usual_span,
};
pub use bars::bar_path;
pub use config::{
    AccountType, ChildrenAfterPartialCancel, ChildrenStart, CommissionPlan, FillConfig, Fraction,
    FractionError, OcaMemberCancel, OcaReduction, RejectStatus, VenueConfig,
};
pub use event::{Commission, Execution, OpenOrder, OrderError, PositionReport, Status, VenueEvent};
pub use latency::Latency;
pub use ledger::Holding;
pub use market::{Listing, SecType};
pub use measures::Measures;
pub use news::{Kept, Listener, News, Told};
pub use reading::{
    AutoCancelParent, BustNews, CancelNews, ChangeNews, ChildWhyHeld, HeldStatus, LocateStatus,
    OcaReductionSize, OcaRevision, OrderNews, QuantityBelowFilled, TriggerWhyHeld, UnfilledNews,
};
pub use request::{ClientId, ConId, OrderKey, OrderKind, OrderRequest, TimeInForce};
pub use venue::{Completed, ReportedExecution, Venue, VenueError};

//! What comes out of a venue, in the words and in the order of TWS messages.

use orderloom_core::decimal::{Money, Price, Quantity};
use orderloom_core::event::{OrderStatus, Side};
use orderloom_core::id::{ExecId, OrderId, OrderRef, PermId};
use orderloom_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::request::{ClientId, ConId, OrderKind, TimeInForce};

/// One message of the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VenueEvent {
    /// TWS openOrder.
    OpenOrder(Box<OpenOrder>),
    /// TWS orderStatus.
    Status(Status),
    /// TWS execDetails.
    Execution(Box<Execution>),
    /// TWS commissionReport.
    Commission(Commission),
    /// TWS error that names an order.
    Error(OrderError),
    /// TWS position.
    Position(PositionReport),
}

/// The venue's copy of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Whose.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
    /// The venue's key.
    pub perm_id: PermId,
    /// What is traded.
    pub con_id: ConId,
    /// For which account.
    pub account: Box<str>,
    /// Buy or sell.
    pub action: Side,
    /// Total quantity as it stands, after reductions by its OCA group.
    pub quantity: Quantity,
    /// How it executes.
    pub order_type: OrderKind,
    /// TWS lmtPrice, as asked.
    pub limit_price: Option<Price>,
    /// TWS auxPrice, as asked.
    pub stop_price: Option<Price>,
    /// TWS trailingPercent, as asked.
    pub trail_percent: Option<Price>,
    /// Where a trailing stop stands now.
    pub trail_stop_price: Option<Price>,
    /// TWS lmtPriceOffset, as asked.
    pub limit_offset: Option<Price>,
    /// How long it lives.
    pub tif: TimeInForce,
    /// When a `GTD` order ends.
    pub good_till: Option<Timestamp>,
    /// The entry that it belongs to; 0 for none.
    pub parent_id: OrderId,
    /// Its group; children of one parent get one from the venue.
    pub oca_group: Box<str>,
    /// 1, 2 or 3; ungrouped orders show 3.
    pub oca_type: u8,
    /// Whether it may work outside regular hours.
    pub outside_rth: bool,
    /// As asked.
    pub trigger_method: u8,
    /// The client's free text.
    pub order_ref: OrderRef,
    /// Where it stands.
    pub status: OrderStatus,
    /// Filled so far.
    pub filled: Quantity,
    /// Not filled yet.
    pub remaining: Quantity,
    /// Average price of its fills; 0 when none.
    pub avg_fill_price: Price,
    /// Price of its latest fill; 0 when none.
    pub last_fill_price: Price,
    /// Why it does not work: `child` or nothing.
    pub why_held: Box<str>,
    /// What its fills have cost, in messages that tell it.
    pub commission: Option<Money>,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whose.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
    /// The venue's key.
    pub perm_id: PermId,
    /// One of the nine words.
    pub status: OrderStatus,
    /// Filled so far.
    pub filled: Quantity,
    /// Not filled yet.
    pub remaining: Quantity,
    /// Average price of its fills; 0 when none.
    pub avg_fill_price: Price,
    /// Price of its latest fill; 0 when none.
    pub last_fill_price: Price,
    /// The entry that it belongs to; 0 for none.
    pub parent_id: OrderId,
    /// Why it does not work: `child` or nothing.
    pub why_held: Box<str>,
}

/// A fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Whose order.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
    /// The venue's key.
    pub perm_id: PermId,
    /// The fill's own key.
    pub exec_id: ExecId,
    /// What was traded.
    pub con_id: ConId,
    /// For which account.
    pub account: Box<str>,
    /// Bought or sold.
    pub side: Side,
    /// Of this fill.
    pub quantity: Quantity,
    /// Of this fill.
    pub price: Price,
    /// When.
    pub at: Timestamp,
    /// Filled so far, this fill included.
    pub cum_quantity: Quantity,
    /// Average price so far, this fill included.
    pub avg_price: Price,
    /// The client's free text.
    pub order_ref: OrderRef,
    /// 1 added liquidity, 2 removed it.
    pub liquidity: u8,
}

/// What a fill cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commission {
    /// Whose order.
    pub client_id: ClientId,
    /// Which fill.
    pub exec_id: ExecId,
    /// How much.
    pub amount: Money,
    /// ISO currency.
    pub currency: Box<str>,
    /// Profit of the part that closed a position, after commissions; `None` when nothing closed.
    pub realized_pnl: Option<Money>,
}

/// An error or a notice that names an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderError {
    /// Whose.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
    /// TWS error code.
    pub code: i32,
    /// For a person.
    pub text: Box<str>,
}

/// A position after a fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionReport {
    /// Whose.
    pub account: Box<str>,
    /// In what.
    pub con_id: ConId,
    /// Signed: positive long, negative short.
    pub quantity: Quantity,
    /// Average cost per contract with commissions and multiplier; 0 when flat.
    pub avg_cost: Money,
}

//! An order as a client asks for it, field by field as TWS names them.

use std::fmt;

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::event::Side;
use orderloom_core::id::{OrderId, OrderRef};
use orderloom_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// TWS conId: a contract's number, the same for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConId(pub i64);

/// TWS clientId: one connection's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub i64);

impl fmt::Display for ConId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What names an order: order ids of different clients are different orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Whose.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
}

/// A new order, or a live one with other values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// Whose.
    pub client_id: ClientId,
    /// Which of theirs.
    pub order_id: OrderId,
    /// What to trade.
    pub con_id: ConId,
    /// For which account; the venue's one when empty.
    #[serde(default)]
    pub account: Box<str>,
    /// Buy or sell.
    pub action: Side,
    /// Total quantity.
    pub quantity: Quantity,
    /// How it executes.
    pub order_type: OrderKind,
    /// TWS lmtPrice.
    #[serde(default)]
    pub limit_price: Option<Price>,
    /// TWS auxPrice: trigger price, or the distance of a trailing stop.
    #[serde(default)]
    pub stop_price: Option<Price>,
    /// TWS trailingPercent.
    #[serde(default)]
    pub trail_percent: Option<Price>,
    /// TWS trailStopPrice: where a trailing stop starts.
    #[serde(default)]
    pub trail_stop_price: Option<Price>,
    /// TWS lmtPriceOffset: distance of the limit from a trailing stop.
    #[serde(default)]
    pub limit_offset: Option<Price>,
    /// How long it lives.
    #[serde(default)]
    pub tif: TimeInForce,
    /// When a `GTD` order ends.
    #[serde(default)]
    pub good_till: Option<Timestamp>,
    /// The entry that this child waits for; 0 for none.
    #[serde(default = "no_order")]
    pub parent_id: OrderId,
    /// False holds it until a later member of its family comes with true.
    #[serde(default = "yes")]
    pub transmit: bool,
    /// One-cancels-all group; empty for none.
    #[serde(default)]
    pub oca_group: Box<str>,
    /// 1 cancel with block, 2 reduce with block, 3 reduce; 0 for the default, 3.
    #[serde(default)]
    pub oca_type: u8,
    /// Whether it may work and trigger outside regular hours.
    #[serde(default)]
    pub outside_rth: bool,
    /// 0 default, 1 double bid/ask, 2 last, 3 double last, 4 bid/ask, 7 last or bid/ask, 8 middle.
    #[serde(default)]
    pub trigger_method: u8,
    /// Free text that comes back with everything about the order.
    #[serde(default = "no_ref")]
    pub order_ref: OrderRef,
    /// Least quantity of its first fill.
    #[serde(default)]
    pub min_quantity: Option<Quantity>,
    /// Whether it fills in one piece or not at all.
    #[serde(default)]
    pub all_or_none: bool,
    /// Whether its cancel cancels its parent.
    #[serde(default)]
    pub auto_cancel_parent: bool,
}

fn no_order() -> OrderId {
    OrderId(0)
}

fn yes() -> bool {
    true
}

pub(crate) fn no_ref() -> OrderRef {
    OrderRef("".into())
}

impl OrderRequest {
    /// An order with every other field at its default.
    #[must_use]
    pub fn new(
        key: OrderKey,
        con_id: ConId,
        action: Side,
        quantity: Quantity,
        order_type: OrderKind,
        order_ref: OrderRef,
    ) -> Self {
        Self {
            client_id: key.client_id,
            order_id: key.order_id,
            con_id,
            account: "".into(),
            action,
            quantity,
            order_type,
            limit_price: None,
            stop_price: None,
            trail_percent: None,
            trail_stop_price: None,
            limit_offset: None,
            tif: TimeInForce::default(),
            good_till: None,
            parent_id: no_order(),
            transmit: true,
            oca_group: "".into(),
            oca_type: 0,
            outside_rth: false,
            trigger_method: 0,
            order_ref,
            min_quantity: None,
            all_or_none: false,
            auto_cancel_parent: false,
        }
    }

    /// What names it.
    #[must_use]
    pub const fn key(&self) -> OrderKey {
        OrderKey { client_id: self.client_id, order_id: self.order_id }
    }

    /// The limit, where it is a price; clients write 0 for none.
    pub(crate) fn positive_limit(&self) -> Option<Price> {
        self.limit_price.filter(|price| price.is_positive())
    }

    /// The parent's name, of an order that names one.
    #[must_use]
    pub fn parent_key(&self) -> Option<OrderKey> {
        (self.parent_id != no_order())
            .then_some(OrderKey { client_id: self.client_id, order_id: self.parent_id })
    }
}

/// TWS orderType.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderKind {
    /// At the market.
    #[serde(rename = "MKT")]
    Market,
    /// At a price or better.
    #[serde(rename = "LMT")]
    Limit,
    /// At the market, once the stop price is reached.
    #[serde(rename = "STP")]
    Stop,
    /// At a price or better, once the stop price is reached.
    #[serde(rename = "STP LMT")]
    StopLimit,
    /// A stop that follows the market.
    #[serde(rename = "TRAIL")]
    Trail,
    /// A stop that follows the market and ends in a limit.
    #[serde(rename = "TRAIL LIMIT")]
    TrailLimit,
    /// At the market, once a better price is touched.
    #[serde(rename = "MIT")]
    MarketIfTouched,
    /// At a limit, once a better price is touched.
    #[serde(rename = "LIT")]
    LimitIfTouched,
    /// At the close's price.
    #[serde(rename = "MOC")]
    MarketOnClose,
    /// At the close's price, if that is a limit or better.
    #[serde(rename = "LOC")]
    LimitOnClose,
    /// At the market; what is left becomes a limit at the price of the first fill.
    #[serde(rename = "MTL")]
    MarketToLimit,
    /// A limit that follows its own side of the quote, better by the offset in auxPrice.
    #[serde(rename = "REL", alias = "PEG PRI")]
    Relative,
    /// A limit that follows the middle of the quote, up to its own limit.
    #[serde(rename = "PEG MID", alias = "MIDPRICE")]
    PeggedToMiddle,
    /// A word that this venue does not trade; refused with error 387.
    #[serde(untagged)]
    Other(Box<str>),
}

/// TWS tif.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Until the end of the session.
    #[default]
    #[serde(rename = "DAY")]
    Day,
    /// Until cancelled.
    #[serde(rename = "GTC")]
    Gtc,
    /// What fills at once; the rest is cancelled.
    #[serde(rename = "IOC")]
    Ioc,
    /// All at once or nothing.
    #[serde(rename = "FOK")]
    Fok,
    /// Until a moment.
    #[serde(rename = "GTD")]
    Gtd,
    /// In the opening of the next session, or not at all.
    #[serde(rename = "OPG")]
    Opening,
    /// A word that this venue does not know; refused with error 10052.
    #[serde(untagged)]
    Other(Box<str>),
}

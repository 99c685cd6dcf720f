//! What is traded: tick, multiplier, currency. One record per symbol, known before the first order.

use serde::{Deserialize, Serialize};

use crate::decimal::{Price, Rounding};

/// A tradable contract as the engine needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instrument {
    /// The name that configuration and reports use.
    pub symbol: Box<str>,
    /// Smallest price step; positive.
    pub tick: Price,
    /// Units of the underlying per contract: 1 for shares.
    #[serde(default = "one")]
    pub multiplier: i64,
    /// ISO currency of price and value.
    #[serde(default = "dollars")]
    pub currency: Box<str>,
}

fn one() -> i64 {
    1
}

fn dollars() -> Box<str> {
    "USD".into()
}

impl Instrument {
    /// `price` on this instrument's tick grid.
    #[must_use]
    pub const fn round(&self, price: Price, rounding: Rounding) -> Price {
        price.rounded_to(self.tick, rounding)
    }
}

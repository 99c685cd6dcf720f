//! Indicators: floats computed from complete bars, one file each.
//!
//! Every indicator is one recursion, `update`, that takes the next bar's values and gives `None` until
//! it is warm. `batch` runs the same recursion over arrays and puts NaN where `update` gives `None`, so
//! that the two can never disagree. Knows nothing of prices in ticks: rounding is the order's business.

pub mod adx;
pub mod atr;
pub mod bollinger;
mod catalogue;
pub mod cci;
pub mod chandelier;
pub mod donchian;
pub mod ema;
pub mod extreme;
pub mod frame;
pub mod keltner;
pub mod macd;
pub mod obv;
pub mod roc;
pub mod rsi;
pub mod sma;
pub mod stdev;
pub mod stochastic;
pub mod supertrend;
mod table;
pub mod vwap;
mod window;

use serde::{Deserialize, Serialize};

use crate::event::Bar;

pub use catalogue::{Indicator, NAMES};
pub use table::{IndicatorSlot, IndicatorTable};

/// A complete bar as floats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Candle {
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Shares or contracts traded.
    pub volume: f64,
}

impl From<&Bar> for Candle {
    fn from(bar: &Bar) -> Self {
        Self {
            open: bar.open.to_f64(),
            high: bar.high.to_f64(),
            low: bar.low.to_f64(),
            close: bar.close.to_f64(),
            volume: bar.volume.to_f64(),
        }
    }
}

/// A column of a table of bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// First prices.
    Open,
    /// Highest prices.
    High,
    /// Lowest prices.
    Low,
    /// Last prices.
    Close,
    /// Volumes.
    Volume,
}

impl Column {
    /// Every column, in the order of their discriminants.
    pub const ALL: [Self; 5] = [Self::Open, Self::High, Self::Low, Self::Close, Self::Volume];

    /// Its name in data frames.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        }
    }
}

/// Bars as columns of one length, by the discriminant of `Column`; `None` for one that is not needed.
pub type Columns<'a> = [Option<&'a [f64]>; 5];

/// How many bars an indicator looks back on: 1..=100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period(u32);

impl Period {
    /// Beyond this a window would cost more memory than a typing error deserves.
    pub const MAX: usize = 100_000;

    /// `None` outside 1..=100,000.
    #[must_use]
    pub const fn new(bars: usize) -> Option<Self> {
        if bars >= 1 && bars <= Self::MAX { Some(Self(bars as u32)) } else { None }
    }

    /// As a count of bars.
    #[must_use]
    pub const fn bars(self) -> usize {
        self.0 as usize
    }

    /// As a divisor.
    #[must_use]
    pub fn divisor(self) -> f64 {
        f64::from(self.0)
    }
}

/// What an indicator with up to three lines says after a bar; lines that it does not have stay `None`.
pub type Lines = [Option<f64>; 3];

/// An indicator fed bar by bar.
trait Streaming {
    /// What it reads of a bar.
    const COLUMNS: &'static [Column];

    /// Takes the next complete bar.
    fn on_candle(&mut self, candle: &Candle) -> Lines;

    /// Bars needed until every line has its first value.
    fn warmup(&self) -> usize;

    /// A new exchange session begins before the next bar; matters to those that restart with it.
    fn begin_session(&mut self) {}
}

/// The one line of a plain indicator.
const fn single(value: Option<f64>) -> Lines {
    [value, None, None]
}

/// NaN where a streaming indicator is not warm yet, as arrays expect it.
fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

//! Keltner channel.

use serde::{Deserialize, Serialize};

use super::atr::{Atr, Smoothing};
use super::ema::Ema;
use super::{Candle, Column, Lines, Period, Streaming};

/// A band around an exponential average: `[mid, upper, lower]`, in price units.
///
/// Mid is the EMA of `period` closes, the others lie `multiple` times the ATR over `atr_period` bars
/// (Wilder's smoothing) above and below. `None` until both are warm: after the larger of `period` and
/// `atr_period + 1` bars. Source: L. Bradford Raschke's form of C. Keltner's channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keltner {
    period: Period,
    multiple: f64,
    atr_period: Period,
    ema: Ema,
    atr: Atr,
}

impl Keltner {
    /// Usually 20, 2 and 10; `multiple` above 0.
    #[must_use]
    pub fn new(period: Period, multiple: f64, atr_period: Period) -> Self {
        let (ema, atr) = (Ema::new(period), Atr::new(atr_period, Smoothing::Wilder));
        Self { period, multiple, atr_period, ema, atr }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<[f64; 3]> {
        let (mid, range) = (self.ema.update(close), self.atr.update(high, low, close));
        let (mid, width) = (mid?, range? * self.multiple);
        Some([mid, mid + width, mid - width])
    }
}

impl Streaming for Keltner {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        self.update(candle.high, candle.low, candle.close).map_or([None; 3], |lines| lines.map(Some))
    }

    fn warmup(&self) -> usize {
        self.period.bars().max(self.atr_period.bars() + 1)
    }
}

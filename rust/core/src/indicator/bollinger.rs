//! Bollinger bands.

use serde::{Deserialize, Serialize};

use super::stdev::Stdev;
use super::{Candle, Column, Lines, Period, Streaming};

/// A band around a plain mean: `[mid, upper, lower]`, in price units.
///
/// Mid is the mean of the last `period` closes, the others lie `deviations` population standard
/// deviations above and below. `None` until `period` bars have been seen. Convention: as TA-Lib's
/// `BBANDS` with a simple average. Source: J. Bollinger, *Bollinger on Bollinger Bands* (2001).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bollinger {
    period: Period,
    deviations: f64,
    stdev: Stdev,
}

impl Bollinger {
    /// `deviations` above 0.
    #[must_use]
    pub fn new(period: Period, deviations: f64) -> Self {
        Self { period, deviations, stdev: Stdev::new(period) }
    }

    /// Takes the next value: `[mid, upper, lower]`.
    pub fn update(&mut self, value: f64) -> Option<[f64; 3]> {
        let width = self.deviations * self.stdev.update(value)?;
        let mid = self.stdev.mean()?;
        Some([mid, mid + width, mid - width])
    }
}

impl Streaming for Bollinger {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        self.update(candle.close).map_or([None; 3], |lines| lines.map(Some))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

//! Simple moving average.

use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{Candle, Column, Lines, Period, Streaming, or_nan, single};

/// Plain mean of the last `period` values, in their units.
///
/// `None` until `period` values have been seen. The running sum is computed afresh once per window, so
/// rounding errors do not pile up. Convention: as TA-Lib's `SMA`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sma {
    period: Period,
    window: Window,
    sum: f64,
}

impl Sma {
    /// Over `period` values.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, window: Window::new(period), sum: 0.0 }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let fallen = self.window.push(value);
        self.sum = if self.window.has_come_round() {
            self.window.values().iter().sum()
        } else {
            self.sum + value - fallen.unwrap_or(0.0)
        };
        self.window.is_full().then(|| self.sum / self.period.divisor())
    }

    /// Over a whole series; NaN until warm.
    #[must_use]
    pub fn batch(values: &[f64], period: Period) -> Vec<f64> {
        let mut sma = Self::new(period);
        values.iter().map(|&value| or_nan(sma.update(value))).collect()
    }
}

impl Streaming for Sma {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

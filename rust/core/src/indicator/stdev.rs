//! Rolling standard deviation.

use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{Candle, Column, Lines, Period, Streaming, or_nan, single};

/// Population standard deviation of the last `period` values, in their units.
///
/// `None` until `period` values have been seen. Mean and sum of squares slide with the window
/// (B. P. Welford's recurrence, 1962, with one value in and one out) and are computed afresh once per
/// window: small deviations of large prices keep their digits. Convention: as TA-Lib's `STDDEV` with
/// one deviation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stdev {
    period: Period,
    window: Window,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Stdev {
    /// Over `period` values.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, window: Window::new(period), mean: 0.0, squares: 0.0 }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let fallen = self.window.push(value);
        if self.window.has_come_round() {
            let values = self.window.values();
            self.mean = values.iter().sum::<f64>() / self.period.divisor();
            self.squares = values.iter().map(|value| (value - self.mean).powi(2)).sum();
        } else if let Some(fallen) = fallen {
            let mean_before = self.mean;
            self.mean += (value - fallen) / self.period.divisor();
            self.squares += (value - fallen) * (value - self.mean + fallen - mean_before);
        }
        // Rounding may leave a window of equal values a hair below zero.
        self.window.is_full().then(|| (self.squares.max(0.0) / self.period.divisor()).sqrt())
    }

    /// The mean of the same window, once full.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.window.is_full().then_some(self.mean)
    }

    /// Over a whole series; NaN until warm.
    #[must_use]
    pub fn batch(values: &[f64], period: Period) -> Vec<f64> {
        let mut stdev = Self::new(period);
        values.iter().map(|&value| or_nan(stdev.update(value))).collect()
    }
}

impl Streaming for Stdev {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

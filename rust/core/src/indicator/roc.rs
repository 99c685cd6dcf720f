//! Rate of change.

use serde::{Deserialize, Serialize};

use super::window::Window;
use super::{Candle, Column, Lines, Period, Streaming, single};

/// Change against the value `period` values ago, in percent.
///
/// `None` until `period + 1` values have been seen, and when that value is zero. Convention: as
/// TA-Lib's `ROC`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Roc {
    period: Period,
    window: Window,
}

impl Roc {
    /// Against `period` values ago.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, window: Window::new(period) }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let earlier = self.window.push(value)?;
        (earlier != 0.0).then(|| (value / earlier - 1.0) * 100.0)
    }
}

impl Streaming for Roc {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

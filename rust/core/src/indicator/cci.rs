//! Commodity Channel Index.

use serde::{Deserialize, Serialize};

use super::sma::Sma;
use super::window::Window;
use super::{Candle, Column, Lines, Period, Streaming, single};

/// Distance of the typical price, (high + low + close) / 3, from its mean, in 0.015 mean deviations.
///
/// `None` until `period` bars have been seen, and while all of them have one price. Convention
/// otherwise: as TA-Lib's `CCI`. Source: D. Lambert, *Commodities* (1980).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cci {
    period: Period,
    window: Window,
    mean: Sma,
}

impl Cci {
    /// Over `period` bars.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, window: Window::new(period), mean: Sma::new(period) }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let typical = (high + low + close) / 3.0;
        self.window.push(typical);
        let mean = self.mean.update(typical)?;
        let distances: f64 = self.window.values().iter().map(|value| (value - mean).abs()).sum();
        let deviation = distances / self.period.divisor();
        (deviation > 0.0).then(|| (typical - mean) / (0.015 * deviation))
    }
}

impl Streaming for Cci {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high, candle.low, candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

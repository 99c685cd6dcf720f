//! Volume-weighted average price of the session.

use serde::{Deserialize, Serialize};

use super::{Candle, Column, Lines, Streaming, single};

/// Mean of the session's typical prices, (high + low + close) / 3, weighted by volume, in price units.
///
/// `None` until something was traded; starts afresh with `begin_session`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Vwap {
    value: f64,
    volume: f64,
}

impl Vwap {
    /// Before the first bar of a session.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        self.value += (high + low + close) / 3.0 * volume;
        self.volume += volume;
        (self.volume > 0.0).then(|| self.value / self.volume)
    }
}

impl Streaming for Vwap {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close, Column::Volume];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high, candle.low, candle.close, candle.volume))
    }

    fn warmup(&self) -> usize {
        1
    }

    fn begin_session(&mut self) {
        *self = Self::new();
    }
}

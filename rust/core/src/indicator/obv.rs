//! On-Balance Volume.

use serde::{Deserialize, Serialize};

use super::{Candle, Column, Lines, Streaming, single};

/// Volume added up with the sign of each bar's change of close, in shares or contracts.
///
/// Starts with the first bar's volume. Convention: as TA-Lib's `OBV`.
/// Source: J. Granville, *New Key to Stock Market Profits* (1963).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Obv {
    previous_close: Option<f64>,
    sum: f64,
}

impl Obv {
    /// Before the first bar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, close: f64, volume: f64) -> f64 {
        match self.previous_close.replace(close) {
            Some(previous) if close < previous => self.sum -= volume,
            Some(previous) if close > previous => self.sum += volume,
            Some(_) => {}
            None => self.sum = volume,
        }
        self.sum
    }
}

impl Streaming for Obv {
    const COLUMNS: &'static [Column] = &[Column::Close, Column::Volume];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(Some(self.update(candle.close, candle.volume)))
    }

    fn warmup(&self) -> usize {
        1
    }
}

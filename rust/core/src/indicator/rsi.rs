//! Relative Strength Index.

use serde::{Deserialize, Serialize};

use super::ema::Ema;
use super::{Candle, Column, Lines, Period, Streaming, or_nan, single};

/// Relative Strength Index over `period` changes, 0..=100.
///
/// `None` until `period + 1` values have been seen, and while nothing has ever moved: a share of
/// nothing is unknown (TA-Lib says 0 there, which reads as oversold). Gains and losses are averaged by
/// Wilder's smoothing. Convention otherwise: as TA-Lib's `RSI`.
/// Source: J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rsi {
    period: Period,
    previous: Option<f64>,
    gain: Ema,
    loss: Ema,
}

impl Rsi {
    /// Over `period` changes.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, previous: None, gain: Ema::wilder(period), loss: Ema::wilder(period) }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let change = value - self.previous.replace(value)?;
        let gain = self.gain.update(change.max(0.0));
        let loss = self.loss.update((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        (gain + loss > 0.0).then(|| 100.0 * gain / (gain + loss))
    }

    /// Over a whole series; NaN until warm.
    #[must_use]
    pub fn batch(values: &[f64], period: Period) -> Vec<f64> {
        let mut rsi = Self::new(period);
        values.iter().map(|&value| or_nan(rsi.update(value))).collect()
    }
}

impl Streaming for Rsi {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

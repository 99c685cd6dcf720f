//! Stochastic oscillator.

use serde::{Deserialize, Serialize};

use super::extreme::{Highest, Lowest};
use super::sma::Sma;
use super::{Candle, Column, Lines, Period, Streaming};

/// Where the close lies within the range of the last bars: `[k, d]`, each 0..=100.
///
/// K is the plain mean of `smooth` raw values, D that of `signal` values of K. `None` until
/// `period + smooth + signal - 2` bars have been seen, both at once, and on a bar whose `period` bars
/// all have one price (TA-Lib says 0 there, which reads as oversold); such a bar is left out of the
/// means. Convention otherwise: as TA-Lib's `STOCH` with plain averages. Source: G. Lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stochastic {
    bars: usize,
    highest: Highest,
    lowest: Lowest,
    k: Sma,
    d: Sma,
}

impl Stochastic {
    /// Usually 14, 3 and 3.
    #[must_use]
    pub fn new(period: Period, smooth: Period, signal: Period) -> Self {
        Self {
            bars: period.bars() + smooth.bars() + signal.bars() - 2,
            highest: Highest::new(period),
            lowest: Lowest::new(period),
            k: Sma::new(smooth),
            d: Sma::new(signal),
        }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<[f64; 2]> {
        let (highest, lowest) = (self.highest.update(high), self.lowest.update(low));
        let (highest, lowest) = (highest?, lowest?);
        if highest <= lowest {
            return None;
        }
        let k = self.k.update(100.0 * (close - lowest) / (highest - lowest))?;
        let d = self.d.update(k)?;
        Some([k, d])
    }
}

impl Streaming for Stochastic {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        match self.update(candle.high, candle.low, candle.close) {
            Some([k, d]) => [Some(k), Some(d), None],
            None => [None; 3],
        }
    }

    fn warmup(&self) -> usize {
        self.bars
    }
}

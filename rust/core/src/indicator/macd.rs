//! Moving Average Convergence Divergence.

use serde::{Deserialize, Serialize};

use super::ema::Ema;
use super::sma::Sma;
use super::{Candle, Column, Lines, Period, Streaming};

/// Fast minus slow exponential average, its own average, and the difference:
/// `[line, signal, histogram]`, in price units.
///
/// `None` until `slow + signal - 1` values have been seen, all three at once. Convention: as TA-Lib's
/// `MACD`, whose fast average starts together with the slow one, from the plain mean of the `fast`
/// values up to there. Source: G. Appel, *The Moving Average Convergence-Divergence Method* (1979).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Macd {
    slow_period: Period,
    signal_period: Period,
    /// Mean of the last `fast` values, until the slow average is warm.
    start: Sma,
    fast: Option<f64>,
    fast_weight: f64,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// Usually 12, 26 and 9; the shorter of the first two is the fast one.
    #[must_use]
    pub fn new(fast: Period, slow: Period, signal: Period) -> Self {
        let (fast, slow) = if fast.bars() <= slow.bars() { (fast, slow) } else { (slow, fast) };
        Self {
            slow_period: slow,
            signal_period: signal,
            start: Sma::new(fast),
            fast: None,
            fast_weight: 2.0 / (fast.divisor() + 1.0),
            slow: Ema::new(slow),
            signal: Ema::new(signal),
        }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<[f64; 3]> {
        let slow = self.slow.update(value);
        let fast = match self.fast {
            Some(fast) => fast * (1.0 - self.fast_weight) + value * self.fast_weight,
            None => {
                let start = self.start.update(value);
                slow.and(start)?
            }
        };
        self.fast = Some(fast);
        let line = fast - slow?;
        let signal = self.signal.update(line)?;
        Some([line, signal, line - signal])
    }
}

impl Streaming for Macd {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        self.update(candle.close).map_or([None; 3], |lines| lines.map(Some))
    }

    fn warmup(&self) -> usize {
        self.slow_period.bars() + self.signal_period.bars() - 1
    }
}

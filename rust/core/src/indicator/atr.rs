//! Average True Range.

use super::ema::Ema;
use super::sma::Sma;
use super::{Candle, Lines, Period, Streaming, or_nan, single};

/// How true ranges are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smoothing {
    /// Wilder's: the first value is a plain mean, each later one moves by `1 / period`.
    Wilder,
    /// The plain mean of the last `period` true ranges.
    Simple,
}

/// The largest of high − low, |high − previous close| and |low − previous close|, in price units.
#[must_use]
#[inline]
pub fn true_range(high: f64, low: f64, previous_close: f64) -> f64 {
    // Equals the largest of the three distances, with one subtraction.
    high.max(previous_close) - low.min(previous_close)
}

/// Average True Range over `period` bars, in price units.
///
/// `None` until `period + 1` bars have been seen; the first true range needs a previous close, so the
/// first bar has none. Convention: as TA-Lib's `ATR`.
/// Source: J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978).
#[derive(Debug, Clone)]
pub struct Atr {
    period: Period,
    previous_close: Option<f64>,
    average: Average,
}

#[derive(Debug, Clone)]
enum Average {
    Wilder(Ema),
    Simple(Sma),
}

impl Atr {
    /// Over `period` true ranges.
    #[must_use]
    pub fn new(period: Period, smoothing: Smoothing) -> Self {
        let average = match smoothing {
            Smoothing::Wilder => Average::Wilder(Ema::wilder(period)),
            Smoothing::Simple => Average::Simple(Sma::new(period)),
        };
        Self { period, previous_close: None, average }
    }

    /// Takes the next complete bar.
    #[inline]
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let range = true_range(high, low, self.previous_close.replace(close)?);
        match &mut self.average {
            Average::Wilder(ema) => ema.update(range),
            Average::Simple(sma) => sma.update(range),
        }
    }

    /// Over whole series of one length; NaN until warm.
    ///
    /// # Panics
    /// When the lengths differ; callers convert user input and check there.
    #[must_use]
    pub fn batch(high: &[f64], low: &[f64], close: &[f64], period: Period, smoothing: Smoothing) -> Vec<f64> {
        assert!(high.len() == low.len() && low.len() == close.len(), "three series of one length");
        let mut atr = Self::new(period, smoothing);
        high.iter().zip(low).zip(close).map(|((&h, &l), &c)| or_nan(atr.update(h, l, c))).collect()
    }
}

impl Streaming for Atr {
    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high, candle.low, candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

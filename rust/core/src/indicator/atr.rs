//! Average True Range.

use super::ema::Ema;
use super::sma::Sma;
use super::{Candle, Column, Lines, Period, Streaming, single};

/// How true ranges are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smoothing {
    /// Wilder's: the first value is a plain mean, each later one moves by `1 / period`.
    Wilder,
    /// The plain mean of the last `period` true ranges.
    Simple,
}

/// The largest of high − low, |high − previous close| and |low − previous close|, in price units.
///
/// NaN when high or low is.
#[must_use]
#[inline]
pub fn true_range(high: f64, low: f64, previous_close: f64) -> f64 {
    // Equals the largest of the three distances, with one subtraction. Written with `if`, because
    // `f64::max` would take the previous close in place of a NaN.
    let top = if previous_close > high { previous_close } else { high };
    let bottom = if previous_close < low { previous_close } else { low };
    top - bottom
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
        let mut out = vec![0.0; close.len()];
        Self::batch_into(high, low, close, period, smoothing, &mut out);
        out
    }

    /// As `batch`, into `out`, which has the same length.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn batch_into(
        high: &[f64],
        low: &[f64],
        close: &[f64],
        period: Period,
        smoothing: Smoothing,
        out: &mut [f64],
    ) {
        let length = out.len();
        assert!([high.len(), low.len(), close.len()] == [length; 3], "series of one length");
        let Some((first, out)) = out.split_first_mut() else { return };
        *first = f64::NAN;
        let mut average = Self::new(period, smoothing).average;
        // Block by block, so that the true ranges are still in the nearest cache when they are averaged.
        for (block, out) in out.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            let bars = high[start + 1..].iter().zip(&low[start + 1..]).zip(&close[start..]);
            for (range, ((&high, &low), &previous_close)) in out.iter_mut().zip(bars) {
                *range = true_range(high, low, previous_close);
            }
            match &mut average {
                Average::Wilder(ema) => ema.replace(out),
                Average::Simple(sma) => sma.replace(out),
            }
        }
    }
}

/// Bars whose true ranges are computed at once, without waiting for their average.
const BLOCK: usize = 512;

impl Streaming for Atr {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high, candle.low, candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

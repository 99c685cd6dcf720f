//! Average True Range.

use serde::{Deserialize, Serialize};

use super::ema::Ema;
use super::sma::Sma;
use super::{Candle, Column, Lines, Period, Streaming, or_nan, single};

/// How true ranges are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Atr {
    period: Period,
    previous_close: Option<f64>,
    average: Average,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
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
        let mut atr = Self::new(period, smoothing);
        // Until warm, one bar at a time; a plain mean has no shorter way at all.
        let cold = match &atr.average {
            Average::Wilder(_) => length.min(period.bars() + 1),
            Average::Simple(_) => length,
        };
        for index in 0..cold {
            out[index] = or_nan(atr.update(high[index], low[index], close[index]));
        }
        let mut done = cold;
        if let (Average::Wilder(ema), true) = (&mut atr.average, length > cold) {
            let mut steps = ema.steps();
            let (fours, _) = out[cold..].as_chunks_mut::<4>();
            let (highs, _) = high[cold..].as_chunks::<4>();
            let (lows, _) = low[cold..].as_chunks::<4>();
            let (closes_before, _) = close[cold - 1..length - 1].as_chunks::<4>();
            done += 4 * fours.len();
            for (((four, high), low), before) in fours.iter_mut().zip(highs).zip(lows).zip(closes_before) {
                *four = steps.four(std::array::from_fn(|bar| true_range(high[bar], low[bar], before[bar])));
            }
            ema.resume(&steps);
            atr.previous_close = Some(close[done - 1]);
        }
        for index in done..length {
            out[index] = or_nan(atr.update(high[index], low[index], close[index]));
        }
    }
}

impl Streaming for Atr {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high, candle.low, candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

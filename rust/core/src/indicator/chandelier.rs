//! Chandelier exit.

use serde::{Deserialize, Serialize};

use super::atr::{Atr, Smoothing};
use super::extreme::{Highest, Lowest};
use super::{Candle, Column, Lines, Period, Streaming};

/// Stops that hang from the extremes: `[long, short]`, in price units.
///
/// Long is the highest high of `period` bars minus `multiple` times the ATR, short the lowest low plus
/// it; ATR by Wilder's smoothing. `None` until `period + 1` bars have been seen.
/// Source: C. Le Beau; A. Elder, *Come Into My Trading Room* (2002).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chandelier {
    period: Period,
    multiple: f64,
    highest: Highest,
    lowest: Lowest,
    atr: Atr,
}

impl Chandelier {
    /// Usually 22 and 3; `multiple` above 0.
    #[must_use]
    pub fn new(period: Period, multiple: f64) -> Self {
        Self {
            period,
            multiple,
            highest: Highest::new(period),
            lowest: Lowest::new(period),
            atr: Atr::new(period, Smoothing::Wilder),
        }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<[f64; 2]> {
        let (highest, lowest) = (self.highest.update(high), self.lowest.update(low));
        let width = self.atr.update(high, low, close)? * self.multiple;
        Some([highest? - width, lowest? + width])
    }
}

impl Streaming for Chandelier {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        match self.update(candle.high, candle.low, candle.close) {
            Some([long, short]) => [Some(long), Some(short), None],
            None => [None; 3],
        }
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

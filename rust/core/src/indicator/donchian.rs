//! Donchian channel.

use serde::{Deserialize, Serialize};

use super::extreme::{Highest, Lowest};
use super::{Candle, Column, Lines, Period, Streaming};

/// Highest high and lowest low of the `period` bars *before* the current one, and their middle:
/// `[mid, upper, lower]`, in price units.
///
/// `None` until `period + 1` bars have been seen. The current bar is left out so that a close beyond
/// the channel is a breakout; `highest` and `lowest` include it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Donchian {
    period: Period,
    highest: Highest,
    lowest: Lowest,
}

impl Donchian {
    /// Over `period` bars.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, highest: Highest::new(period), lowest: Lowest::new(period) }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64) -> Option<[f64; 3]> {
        let before = self.highest.value().zip(self.lowest.value());
        self.highest.update(high);
        self.lowest.update(low);
        before.map(|(upper, lower)| [f64::midpoint(upper, lower), upper, lower])
    }
}

impl Streaming for Donchian {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        self.update(candle.high, candle.low).map_or([None; 3], |lines| lines.map(Some))
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

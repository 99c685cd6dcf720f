//! Supertrend.

use serde::{Deserialize, Serialize};

use super::atr::{Atr, Smoothing};
use super::{Candle, Column, Lines, Period, Streaming};

/// A stop that trails the bar's middle by `multiple` times the ATR and changes sides when a close
/// passes it: `[line, direction]`, the line in price units, the direction 1 upwards and -1 downwards.
///
/// `None` until `period + 1` bars have been seen. The first direction is up when the close is at or
/// above the bar's middle. ATR by Wilder's smoothing. Source: O. Seban's Supertrend.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Supertrend {
    period: Period,
    multiple: f64,
    atr: Atr,
    previous_close: Option<f64>,
    bands: Option<Bands>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Bands {
    upper: f64,
    lower: f64,
    is_up: bool,
}

impl Supertrend {
    /// Usually 10 and 3; `multiple` above 0.
    #[must_use]
    pub fn new(period: Period, multiple: f64) -> Self {
        let atr = Atr::new(period, Smoothing::Wilder);
        Self { period, multiple, atr, previous_close: None, bands: None }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<[f64; 2]> {
        let range = self.atr.update(high, low, close);
        let previous_close = self.previous_close.replace(close);
        let (mid, width) = (f64::midpoint(high, low), range? * self.multiple);
        let (upper, lower) = (mid + width, mid - width);
        let bands = match self.bands {
            None => Bands { upper, lower, is_up: close >= mid },
            // A band only tightens, unless the previous close had passed it.
            Some(bands) => Bands {
                upper: if upper < bands.upper || previous_close.is_some_and(|close| close > bands.upper) {
                    upper
                } else {
                    bands.upper
                },
                lower: if lower > bands.lower || previous_close.is_some_and(|close| close < bands.lower) {
                    lower
                } else {
                    bands.lower
                },
                is_up: bands.is_up,
            },
        };
        let is_up = close > if bands.is_up { bands.lower } else { bands.upper };
        self.bands = Some(Bands { is_up, ..bands });
        Some(if is_up { [bands.lower, 1.0] } else { [bands.upper, -1.0] })
    }
}

impl Streaming for Supertrend {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        match self.update(candle.high, candle.low, candle.close) {
            Some([line, direction]) => [Some(line), Some(direction), None],
            None => [None; 3],
        }
    }

    fn warmup(&self) -> usize {
        self.period.bars() + 1
    }
}

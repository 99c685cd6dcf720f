//! Average Directional Index and its directional indicators.

use serde::{Deserialize, Serialize};

use super::atr::true_range;
use super::ema::Ema;
use super::{Candle, Column, Lines, Period, Streaming};

/// Strength and direction of a trend: `[adx, plus_di, minus_di]`, each 0..=100.
///
/// The directional indicators are `None` until `period + 1` bars have been seen, the index until
/// `2 × period` bars. A bar without any movement keeps the last directional index. Convention: as
/// TA-Lib's `ADX`, `PLUS_DI` and `MINUS_DI`, whose sums start with `period - 1` bars.
/// Source: J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Adx {
    period: Period,
    previous: Option<[f64; 3]>,
    moves: usize,
    /// Wilder's running sums.
    range: f64,
    plus: f64,
    minus: f64,
    index: f64,
    average: Ema,
}

impl Adx {
    /// Over `period` bars, 2 or more.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self {
            period,
            previous: None,
            moves: 0,
            range: 0.0,
            plus: 0.0,
            minus: 0.0,
            index: 0.0,
            average: Ema::wilder(period),
        }
    }

    /// Takes the next complete bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Lines {
        let Some([previous_high, previous_low, previous_close]) = self.previous.replace([high, low, close])
        else {
            return [None; 3];
        };
        let (up, down) = (high - previous_high, previous_low - low);
        let plus = if up > down && up > 0.0 { up } else { 0.0 };
        let minus = if down > up && down > 0.0 { down } else { 0.0 };
        self.moves += 1;
        if self.moves >= self.period.bars() {
            for sum in [&mut self.range, &mut self.plus, &mut self.minus] {
                *sum -= *sum / self.period.divisor();
            }
        }
        self.range += true_range(high, low, previous_close);
        self.plus += plus;
        self.minus += minus;
        if self.moves < self.period.bars() {
            return [None; 3];
        }
        if self.range <= 0.0 {
            return [self.average.update(self.index), None, None];
        }
        let (plus_di, minus_di) = (100.0 * self.plus / self.range, 100.0 * self.minus / self.range);
        if plus_di + minus_di > 0.0 {
            self.index = 100.0 * (plus_di - minus_di).abs() / (plus_di + minus_di);
        }
        [self.average.update(self.index), Some(plus_di), Some(minus_di)]
    }
}

impl Streaming for Adx {
    const COLUMNS: &'static [Column] = &[Column::High, Column::Low, Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        self.update(candle.high, candle.low, candle.close)
    }

    fn warmup(&self) -> usize {
        2 * self.period.bars()
    }
}

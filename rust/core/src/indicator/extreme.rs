//! The highest high and the lowest low of the last bars.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Candle, Column, Lines, Period, Streaming, single};

/// The largest of the last `period` values: amortised constant time, whatever the period.
///
/// `None` until `period` values have been seen. Only values that can still become the largest are kept,
/// in falling order (a monotonic queue).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Largest {
    period: Period,
    seen: usize,
    /// Index and value.
    candidates: VecDeque<(usize, f64)>,
}

impl Largest {
    /// Over `period` values.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, seen: 0, candidates: VecDeque::new() }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        while self.candidates.back().is_some_and(|(_, last)| *last <= value) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.seen, value));
        self.seen += 1;
        if self.candidates.front().is_some_and(|(index, _)| index + self.period.bars() < self.seen) {
            self.candidates.pop_front();
        }
        self.value()
    }

    /// The largest so far, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let (_, largest) = self.candidates.front()?;
        (self.seen >= self.period.bars()).then_some(*largest)
    }
}

/// Highest high of the last `period` bars, the current one included, in price units.
///
/// `None` until `period` bars have been seen. Convention: as TA-Lib's `MAX` over highs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Highest {
    period: Period,
    largest: Largest,
}

impl Highest {
    /// Over `period` bars.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, largest: Largest::new(period) }
    }

    /// Takes the next bar's high.
    pub fn update(&mut self, high: f64) -> Option<f64> {
        self.largest.update(high)
    }

    /// The highest so far, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.largest.value()
    }
}

/// Lowest low of the last `period` bars, the current one included, in price units.
///
/// `None` until `period` bars have been seen. Convention: as TA-Lib's `MIN` over lows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lowest {
    period: Period,
    /// Of the negated lows.
    largest: Largest,
}

impl Lowest {
    /// Over `period` bars.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self { period, largest: Largest::new(period) }
    }

    /// Takes the next bar's low.
    pub fn update(&mut self, low: f64) -> Option<f64> {
        self.largest.update(-low).map(|value| -value)
    }

    /// The lowest so far, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.largest.value().map(|value| -value)
    }
}

impl Streaming for Highest {
    const COLUMNS: &'static [Column] = &[Column::High];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.high))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

impl Streaming for Lowest {
    const COLUMNS: &'static [Column] = &[Column::Low];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.low))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

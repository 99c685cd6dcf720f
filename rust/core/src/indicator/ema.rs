//! Exponential moving averages: the usual one, and Wilder's.

use serde::{Deserialize, Serialize};

use super::{Candle, Column, Lines, Period, Streaming, or_nan, single};

/// Exponential moving average of values, in their units.
///
/// `None` until `period` values have been seen; the first value is their plain mean, each later one
/// moves towards the new value by `2 / (period + 1)` of the difference, or by `1 / period` in Wilder's
/// variant. Convention: as TA-Lib's `EMA` with its default compatibility. Source of the variant:
/// J. Welles Wilder, *New Concepts in Technical Trading Systems* (1978).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ema {
    period: Period,
    weight: f64,
    seen: usize,
    /// Sum of the values until warm, the average from then on.
    state: f64,
}

impl Ema {
    /// Weight `2 / (period + 1)`.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self::weighted(period, 2.0 / (period.divisor() + 1.0))
    }

    /// Weight `1 / period`: Wilder's smoothing, also called RMA or SMMA.
    #[must_use]
    pub fn wilder(period: Period) -> Self {
        Self::weighted(period, 1.0 / period.divisor())
    }

    fn weighted(period: Period, weight: f64) -> Self {
        Self { period, weight, seen: 0, state: 0.0 }
    }

    /// Takes the next value.
    #[inline]
    pub fn update(&mut self, value: f64) -> Option<f64> {
        if self.seen == self.period.bars() {
            // The two products do not wait for each other: one multiplication and one addition per
            // value is all that the recursion costs.
            self.state = self.state * (1.0 - self.weight) + value * self.weight;
            return Some(self.state);
        }
        self.seen += 1;
        self.state += value;
        if self.seen < self.period.bars() {
            return None;
        }
        self.state /= self.period.divisor();
        Some(self.state)
    }

    /// The average so far, once warm.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.seen == self.period.bars()).then_some(self.state)
    }

    /// Over a whole series; NaN until warm.
    #[must_use]
    pub fn batch(values: &[f64], period: Period) -> Vec<f64> {
        let mut values = values.to_vec();
        Self::new(period).replace(&mut values);
        values
    }

    /// Wilder's variant over a whole series; NaN until warm.
    #[must_use]
    pub fn batch_wilder(values: &[f64], period: Period) -> Vec<f64> {
        let mut values = values.to_vec();
        Self::wilder(period).replace(&mut values);
        values
    }

    /// Takes `values` one after the other and puts the averages in their places.
    fn replace(&mut self, values: &mut [f64]) {
        let cold = self.missing().min(values.len());
        let (cold, warm) = values.split_at_mut(cold);
        for value in cold {
            *value = or_nan(self.update(*value));
        }
        let (fours, rest) = warm.as_chunks_mut::<4>();
        let mut steps = self.steps();
        for four in fours {
            *four = steps.four(*four);
        }
        self.resume(&steps);
        for value in rest {
            *value = or_nan(self.update(*value));
        }
    }

    /// How many values it still needs, the one that makes it warm included.
    pub(super) const fn missing(&self) -> usize {
        self.period.bars() - self.seen
    }

    /// The recursion from here on, four values at a time; for a warm average.
    pub(super) fn steps(&self) -> Steps {
        let keep = 1.0 - self.weight;
        let powers = [keep, keep * keep, keep * keep * keep, keep * keep * keep * keep];
        Steps { weight: self.weight, powers, sum: self.state / self.weight }
    }

    /// Goes on where `steps` ended.
    pub(super) fn resume(&mut self, steps: &Steps) {
        if self.missing() == 0 {
            self.state = steps.sum * self.weight;
        }
    }
}

/// Four steps of the recursion at once.
///
/// Each average is the one four steps back times a power of what is kept, plus a share that does not
/// depend on it: a processor waits for one multiplication and one addition per four values instead of
/// per value. Results differ from `Ema::update` by rounding only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    weight: f64,
    /// What is kept after one to four steps.
    powers: [f64; 4],
    /// The average over the weight, so that values need no multiplication on their way in.
    sum: f64,
}

impl Steps {
    #[inline]
    pub(super) fn four(&mut self, values: [f64; 4]) -> [f64; 4] {
        let [keep, keep2, keep3, keep4] = self.powers;
        let [first, second, third, fourth] = values;
        let second = first * keep + second;
        let third = second * keep + third;
        let fourth = third * keep + fourth;
        let sums = [
            self.sum * keep + first,
            self.sum * keep2 + second,
            self.sum * keep3 + third,
            self.sum * keep4 + fourth,
        ];
        self.sum = sums[3];
        sums.map(|sum| sum * self.weight)
    }
}

impl Streaming for Ema {
    const COLUMNS: &'static [Column] = &[Column::Close];

    fn on_candle(&mut self, candle: &Candle) -> Lines {
        single(self.update(candle.close))
    }

    fn warmup(&self) -> usize {
        self.period.bars()
    }
}

//! The last `period` values, oldest first to fall out.

use serde::{Deserialize, Serialize};

use super::Period;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Window {
    values: Box<[f64]>,
    next: usize,
    is_full: bool,
}

impl Window {
    pub(super) fn new(period: Period) -> Self {
        Self { values: vec![0.0; period.bars()].into_boxed_slice(), next: 0, is_full: false }
    }

    /// Takes `value` in and gives what fell out, once the window is full.
    pub(super) fn push(&mut self, value: f64) -> Option<f64> {
        let fallen = std::mem::replace(&mut self.values[self.next], value);
        let was_full = self.is_full;
        self.next += 1;
        if self.next == self.values.len() {
            self.next = 0;
            self.is_full = true;
        }
        was_full.then_some(fallen)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether every value was replaced since this last held: the moment to compute running sums
    /// afresh, which bounds their rounding error by one window at a constant price per bar.
    pub(super) const fn has_come_round(&self) -> bool {
        self.is_full && self.next == 0
    }

    /// The values in no particular order; zeros where none came yet.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

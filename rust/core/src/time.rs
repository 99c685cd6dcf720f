//! Time as it arrives inside events: UTC nanoseconds, spans, and exchange sessions as data.
//!
//! Knows no clock and no time zone: a session brings its own offset from UTC.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: nanoseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in nanoseconds; negative where it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Timestamp {
    /// Before every event.
    pub const MIN: Self = Self(i64::MIN);
    /// After every event.
    pub const MAX: Self = Self(i64::MAX);
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000_000)
    }

    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000_000)
    }

    /// As seconds, for conditions and messages.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.as_secs_f64())
    }
}

/// A calendar day of an exchange as the number `YYYYMMDD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(pub u32);

impl Date {
    /// 0 Monday … 6 Sunday.
    #[must_use]
    pub const fn weekday(self) -> u8 {
        // Zeller's congruence on the Gregorian calendar, shifted so that Monday is 0.
        let (mut year, mut month, day) = (self.0 / 10_000, self.0 / 100 % 100, self.0 % 100);
        if month < 3 {
            month += 12;
            year -= 1;
        }
        let (century, of_century) = (year / 100, year % 100);
        ((day + 13 * (month + 1) / 5 + of_century + of_century / 4 + century / 4 + 5 * century + 5) % 7) as u8
    }
}

/// One regular trading session of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The exchange's date.
    pub date: Date,
    /// Local time minus UTC at the open, so that local time of day needs no zone data here.
    pub utc_offset: Span,
    /// First moment of regular trading.
    pub open: Timestamp,
    /// End of regular trading; earlier than usual on a half day.
    pub close: Timestamp,
}

impl Session {
    /// Whether regular trading goes on at `at`.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.open <= at && at < self.close
    }

    /// Seconds since local midnight at `at`, in 0..86,400.
    #[must_use]
    pub fn second_of_day(&self, at: Timestamp) -> i64 {
        (at.0 + self.utc_offset.0).div_euclid(1_000_000_000).rem_euclid(86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_of_known_dates() {
        assert_eq!(Date(2026_03_10).weekday(), 1);
        assert_eq!(Date(2000_01_01).weekday(), 5);
        assert_eq!(Date(2024_02_29).weekday(), 3);
        assert_eq!(Date(2014_06_09).weekday(), 0);
    }
}

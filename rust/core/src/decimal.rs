//! Prices, quantities and money as exact fixed-point counts of 10⁻⁸.
//!
//! Knows nothing of instruments: rounding to a tick takes the tick as an argument.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Decimal places kept by every number of this module.
pub const SCALE: u32 = 8;
/// Counts in one unit: `1.0` is `ONE` counts.
pub const ONE: i64 = 100_000_000;

/// A text or float that is not a number this module can hold exactly.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a decimal number with at most 8 decimal places within ±92 billion, found `{found}`")]
pub struct DecimalError {
    /// What was given.
    pub found: String,
}

fn parse_counts(text: &str) -> Result<i128, DecimalError> {
    let error = || DecimalError { found: text.to_owned() };
    let decimal =
        Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).map_err(|_| error())?.normalize();
    if decimal.scale() > SCALE {
        return Err(error());
    }
    let mantissa = decimal.mantissa();
    mantissa.checked_mul(10_i128.pow(SCALE - decimal.scale())).ok_or_else(error)
}

fn format_counts(counts: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if counts < 0 { "-" } else { "" };
    let magnitude = counts.unsigned_abs();
    let (whole, fraction) = (magnitude / ONE as u128, (magnitude % ONE as u128) as u64);
    if fraction == 0 {
        return write!(f, "{sign}{whole}");
    }
    let mut places = 8_usize;
    let mut digits = fraction;
    while digits.is_multiple_of(10) {
        digits /= 10;
        places -= 1;
    }
    write!(f, "{sign}{whole}.{digits:0places$}")
}

/// Divides, rounding half away from zero: `divisor` must not be zero.
#[must_use]
pub const fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let half = divisor.abs() / 2;
    if (value < 0) == (divisor < 0) {
        (value + if value < 0 { -half } else { half }) / divisor
    } else {
        (value - if value < 0 { half } else { -half }) / divisor
    }
}

macro_rules! fixed_point {
    ($(#[$meta:meta])* $name:ident, $repr:ty) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($repr);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// From counts of 10⁻⁸.
            #[must_use]
            pub const fn from_counts(counts: $repr) -> Self {
                Self(counts)
            }

            /// From a whole number of units.
            #[must_use]
            pub const fn from_units(units: i64) -> Self {
                Self(units as $repr * ONE as $repr)
            }

            /// Counts of 10⁻⁸.
            #[must_use]
            pub const fn counts(self) -> $repr {
                self.0
            }

            /// The nearest float; for indicators, conditions and display only.
            #[must_use]
            #[inline]
            pub fn to_f64(self) -> f64 {
                // The same float, and 128 bits are slow to convert: a function of its own, or the compiler
                // finds that converting those alone would do.
                #[cold]
                #[inline(never)]
                fn wide(counts: $repr) -> f64 {
                    counts as f64
                }
                i64::try_from(self.0).map_or_else(|_| wide(self.0), |counts| counts as f64) / ONE as f64
            }

            /// The nearest count to a float, or `None` when it is not finite or out of range.
            #[must_use]
            #[inline]
            pub fn from_f64(value: f64) -> Option<Self> {
                let counts = value * ONE as f64;
                // The bound keeps the casts below exact for i64 as well as for i128; NaN fails it.
                if counts.abs() < 9.2e18 {
                    // Half away from zero, as `round` does it, without its call.
                    let whole = counts as i64;
                    let rest = counts - whole as f64;
                    Some(Self((whole + i64::from(rest >= 0.5) - i64::from(rest <= -0.5)) as $repr))
                } else {
                    None
                }
            }

            /// Whether this is exactly zero.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether this is above zero.
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// Whether this is below zero.
            #[must_use]
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }

            /// The magnitude.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                format_counts(i128::from(self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = DecimalError;

            fn from_str(text: &str) -> Result<Self, DecimalError> {
                let counts = parse_counts(text)?;
                <$repr>::try_from(counts).map(Self).map_err(|_| DecimalError { found: text.to_owned() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }
    };
}

fixed_point!(
    /// A price in the instrument's currency per share or contract.
    Price, i64
);
fixed_point!(
    /// Shares or contracts. Signed where it says so; orders carry positive quantities.
    Quantity, i64
);
fixed_point!(
    /// An amount of money in the account's currency.
    Money, i128
);

/// Which way a price is rounded to its tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the tick below.
    Down,
    /// To the tick above.
    Up,
    /// To the nearest tick, half away from zero.
    Nearest,
}

impl Price {
    /// This price on the grid of `tick`, which must be positive.
    #[must_use]
    pub const fn rounded_to(self, tick: Self, rounding: Rounding) -> Self {
        debug_assert!(tick.0 > 0, "a tick is positive");
        let (below, rest) = (self.0.div_euclid(tick.0), self.0.rem_euclid(tick.0));
        let steps = match rounding {
            Rounding::Down => below,
            Rounding::Up => below + (rest > 0) as i64,
            Rounding::Nearest => below + (rest >= tick.0 - rest) as i64,
        };
        Self(steps * tick.0)
    }

    /// Whether this price lies on the grid of `tick`.
    #[must_use]
    pub const fn is_on_tick(self, tick: Self) -> bool {
        self.0 % tick.0 == 0
    }

    /// Price × quantity × contract multiplier, rounded to the nearest count.
    #[must_use]
    #[inline]
    pub const fn value(self, quantity: Quantity, multiplier: i64) -> Money {
        // Whole shares need no division, which is slow on 128 bits.
        if quantity.0 % ONE == 0 {
            return Money(self.0 as i128 * (quantity.0 / ONE) as i128 * multiplier as i128);
        }
        Money(divide_rounded(self.0 as i128 * quantity.0 as i128 * multiplier as i128, ONE as i128))
    }
}

impl Money {
    /// This amount per share: money / quantity / multiplier, rounded to the nearest count.
    /// `None` for a zero quantity or a price out of range.
    #[must_use]
    pub fn per_share(self, quantity: Quantity, multiplier: i64) -> Option<Price> {
        if quantity.0 == 0 || multiplier == 0 {
            return None;
        }
        // Whole shares of an ordinary amount: division on 128 bits is slow.
        if quantity.0 % ONE == 0
            && let Ok(counts) = i64::try_from(self.0)
            && let Some(shares) = (quantity.0 / ONE).checked_mul(multiplier)
            && let Some(whole) = counts.checked_div(shares)
        {
            let rest = (counts - whole * shares).unsigned_abs();
            let away = if (counts < 0) == (shares < 0) { 1 } else { -1 };
            return Some(Price(whole + if rest >= shares.unsigned_abs() - rest { away } else { 0 }));
        }
        let divisor = i128::from(quantity.0) * i128::from(multiplier);
        i64::try_from(divide_rounded(self.0.checked_mul(i128::from(ONE))?, divisor)).ok().map(Price)
    }
}

impl Quantity {
    /// Whole units, rounded towards zero.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self(self.0 / ONE * ONE)
    }

    /// `now` for every `then`, rounded to the nearest count; unchanged where that cannot be held.
    #[must_use]
    pub fn scaled(self, now: Self, then: Self) -> Self {
        if then.0 == 0 {
            return self;
        }
        let counts = divide_rounded(i128::from(self.0) * i128::from(now.0), i128::from(then.0));
        i64::try_from(counts).map_or(self, Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn text_round_trips_without_trailing_zeros() {
        for text in ["0", "150.02", "-0.00000001", "92233720368", "0.1", "-3"] {
            assert_eq!(price(text).to_string(), text);
        }
        assert_eq!(price("1.500").to_string(), "1.5");
    }

    #[test]
    fn a_number_that_cannot_be_held_is_refused_with_its_text() {
        for text in ["", "1.000000001", "abc", "NaN", "1e30", "92233720369"] {
            assert_eq!(text.parse::<Price>(), Err(DecimalError { found: text.to_owned() }));
        }
        assert_eq!(Price::from_f64(f64::NAN), None);
        assert_eq!(Price::from_f64(f64::MAX), None);
    }

    #[test]
    fn rounding_follows_its_direction_also_below_zero() {
        let tick = price("0.05");
        assert_eq!(price("1.07").rounded_to(tick, Rounding::Down), price("1.05"));
        assert_eq!(price("1.07").rounded_to(tick, Rounding::Up), price("1.1"));
        assert_eq!(price("1.075").rounded_to(tick, Rounding::Nearest), price("1.1"));
        assert_eq!(price("-1.07").rounded_to(tick, Rounding::Down), price("-1.1"));
    }

    proptest! {
        #[test]
        fn value_and_per_share_undo_each_other(counts in 1_i64..10_000_000_000_000, shares in 1_i64..1_000_000) {
            let (price, quantity) = (Price::from_counts(counts), Quantity::from_units(shares));
            prop_assert_eq!(price.value(quantity, 1).per_share(quantity, 1), Some(price));
        }

        #[test]
        fn whole_shares_are_divided_like_others(
            counts in -1_000_000_000_000_i128..1_000_000_000_000, shares in -1_000_i64..1_000, multiplier in 1_i64..100,
        ) {
            let quantity = Quantity::from_units(shares);
            let divisor = i128::from(quantity.counts()) * i128::from(multiplier);
            let expected = (divisor != 0)
                .then(|| Price::from_counts(divide_rounded(counts * i128::from(ONE), divisor) as i64));
            prop_assert_eq!(Money::from_counts(counts).per_share(quantity, multiplier), expected);
            let price = Price::from_counts(counts as i64);
            let value = i128::from(price.counts()) * divisor;
            prop_assert_eq!(price.value(quantity, multiplier).counts(), divide_rounded(value, i128::from(ONE)));
        }

        #[test]
        fn division_rounds_half_away_from_zero(value in -1_000_000_i128..1_000_000, divisor in prop::sample::select(vec![-7_i128, -2, 2, 3, 10])) {
            let exact = value as f64 / divisor as f64;
            prop_assert_eq!(divide_rounded(value, divisor), exact.round() as i128);
        }

        #[test]
        fn display_agrees_with_a_decimal_library(counts in any::<i64>()) {
            let expected = Decimal::from_i128_with_scale(i128::from(counts), SCALE).normalize().to_string();
            prop_assert_eq!(Price::from_counts(counts).to_string(), expected);
        }
    }
}

//! A bar as the prints that could have made it.

use orderloom_core::decimal::{Price, Quantity};
use orderloom_core::time::{Span, Timestamp};

/// Four prints of a bar: open, the extreme that came first, the other one, close.
///
/// A bar that did not fall is taken to have gone to its low before its high; a falling one the other
/// way round. The prints come at the start, after a quarter and a half of the span, and one
/// millisecond before its end. Each carries a quarter of the volume, rounded down to whole units; the
/// last one also carries the remainder.
///
/// The first print is a jump from the previous bar (`Venue::trade`). Within the bar the price is taken
/// to move continuously (`Venue::sweep`).
#[must_use]
pub fn bar_path(
    [open, high, low, close]: [Price; 4],
    volume: Quantity,
    start: Timestamp,
    span: Span,
) -> [(Timestamp, Price, Quantity); 4] {
    let (first, second) = if close >= open { (low, high) } else { (high, low) };
    let quarter = Quantity::from_counts(volume.counts() / 4).whole();
    let rest = volume - quarter - quarter - quarter;
    [
        (start, open, quarter),
        (start + Span(span.0 / 4), first, quarter),
        (start + Span(span.0 / 2), second, quarter),
        (start + Span(span.0 - Span::from_millis(1).0), close, rest),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(values: [i64; 4]) -> [Price; 4] {
        values.map(Price::from_units)
    }

    #[test]
    fn a_rising_bar_visits_its_low_first_and_keeps_every_share() {
        let path =
            bar_path(prices([10, 12, 9, 11]), Quantity::from_units(10), Timestamp(0), Span::from_secs(60));
        assert_eq!(path.map(|(_, price, _)| price), prices([10, 9, 12, 11]));
        assert_eq!(path.map(|(_, _, size)| size), [2, 2, 2, 4].map(Quantity::from_units));
        assert_eq!(path.map(|(at, ..)| at.0 / 1_000_000), [0, 15_000, 30_000, 59_999]);
    }

    #[test]
    fn a_falling_bar_visits_its_high_first() {
        let path = bar_path(prices([11, 12, 9, 10]), Quantity::ZERO, Timestamp(0), Span::from_secs(60));
        assert_eq!(path.map(|(_, price, _)| price), prices([11, 12, 9, 10]));
    }
}

//! Indicators against values worked out by hand, and streaming against batch.

use orderloom_core::indicator::Period;
use orderloom_core::indicator::atr::{Atr, Smoothing};
use orderloom_core::indicator::{ema::Ema, rsi::Rsi, sma::Sma, stdev::Stdev};
use proptest::prelude::*;

fn period(bars: usize) -> Period {
    Period::new(bars).unwrap()
}

fn close_to(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-12 * left.abs().max(right.abs()).max(1.0)
}

#[test]
fn atr_is_unknown_for_as_many_bars_as_its_period_and_then_smooths() {
    // High, low, close; true ranges from the second bar on: 3, 4, 2, 6.
    let bars =
        [(11.0, 9.0, 10.0), (13.0, 11.0, 12.0), (12.0, 8.0, 9.0), (10.0, 8.0, 10.0), (16.0, 12.0, 15.0)];
    let mut wilder = Atr::new(period(2), Smoothing::Wilder);
    let mut simple = Atr::new(period(2), Smoothing::Simple);
    let values: Vec<_> = bars.iter().map(|&(h, l, c)| wilder.update(h, l, c)).collect();
    assert_eq!(values, [None, None, Some(3.5), Some(2.75), Some(4.375)]);
    let values: Vec<_> = bars.iter().map(|&(h, l, c)| simple.update(h, l, c)).collect();
    assert_eq!(values, [None, None, Some(3.5), Some(3.0), Some(4.0)]);
}

#[test]
fn a_market_that_never_moved_has_no_relative_strength() {
    let mut rsi = Rsi::new(period(2));
    assert_eq!([5.0, 5.0, 5.0, 5.0].map(|value| rsi.update(value)), [None; 4]);
    assert_eq!(rsi.update(6.0), Some(100.0));
}

proptest! {
    #[test]
    fn sliding_windows_agree_with_sums_taken_afresh(
        values in prop::collection::vec(-1e6_f64..1e6, 1..200), bars in 1_usize..30,
    ) {
        let sma = Sma::batch(&values, period(bars));
        let stdev = Stdev::batch(&values, period(bars));
        for index in 0..values.len() {
            if index + 1 < bars {
                prop_assert!(sma[index].is_nan() && stdev[index].is_nan());
                continue;
            }
            let window = &values[index + 1 - bars..=index];
            let mean = window.iter().sum::<f64>() / bars as f64;
            let squares = window.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            prop_assert!((sma[index] - mean).abs() < 1e-8);
            prop_assert!((stdev[index] - (squares / bars as f64).sqrt()).abs() < 1e-2_f64.max(1e-8));
        }
    }

    #[test]
    fn batch_equals_streaming(
        bars in prop::collection::vec((1.0_f64..1e4, 0.0_f64..10.0, 0.0_f64..=1.0), 1..200), length in 1_usize..30,
    ) {
        let high: Vec<f64> = bars.iter().map(|(low, range, _)| low + range).collect();
        let low: Vec<f64> = bars.iter().map(|(low, ..)| *low).collect();
        let close: Vec<f64> = bars.iter().map(|(low, range, place)| low + range * place).collect();
        for smoothing in [Smoothing::Wilder, Smoothing::Simple] {
            let batch = Atr::batch(&high, &low, &close, period(length), smoothing);
            let mut atr = Atr::new(period(length), smoothing);
            for index in 0..bars.len() {
                let streamed = atr.update(high[index], low[index], close[index]);
                prop_assert_eq!(streamed.is_none(), batch[index].is_nan());
                prop_assert!(streamed.is_none_or(|value| close_to(value, batch[index])));
                prop_assert_eq!(streamed.is_none(), index < length);
            }
        }
        let mut ema = Ema::new(period(length));
        let streamed: Vec<_> = close.iter().map(|&value| ema.update(value)).collect();
        for (value, batch) in streamed.into_iter().zip(Ema::batch(&close, period(length))) {
            prop_assert!(value.map_or(batch.is_nan(), |value| close_to(value, batch)));
        }
    }
}

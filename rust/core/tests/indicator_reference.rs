//! Indicators against values worked out by hand, and streaming against batch.

use orderloom_core::indicator::atr::{Atr, Smoothing};
use orderloom_core::indicator::extreme::Largest;
use orderloom_core::indicator::{Candle, Column, Indicator, NAMES, Period};
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

/// A random walk that never stands still.
fn candles(count: usize) -> Vec<Candle> {
    let mut seed = 7_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut close = 100.0;
    (0..count)
        .map(|_| {
            let open = close;
            close += random() - 0.5;
            let (top, bottom) = (f64::max(open, close), f64::min(open, close));
            Candle { open, high: top + random(), low: bottom - random(), close, volume: 1.0 + random() }
        })
        .collect()
}

/// The parameters without a default are periods.
fn indicator(name: &str) -> (Indicator, usize) {
    Indicator::new(name, &[]).or_else(|_| Indicator::new(name, &[5.0])).unwrap()
}

#[test]
fn every_indicator_is_warm_when_it_says_and_its_batch_equals_its_stream() {
    let bars = candles(200);
    let column = |of: fn(&Candle) -> f64| bars.iter().map(of).collect::<Vec<_>>();
    let columns = [
        column(|b| b.open),
        column(|b| b.high),
        column(|b| b.low),
        column(|b| b.close),
        column(|b| b.volume),
    ];
    for name in NAMES {
        let (fresh, line) = indicator(name);
        let mut running = fresh.clone();
        let streamed: Vec<_> = bars.iter().map(|bar| running.update(bar)).collect();
        let values: Vec<_> = streamed.iter().map(|lines| lines[line]).collect();
        let first = values.iter().position(Option::is_some).unwrap();
        assert!(values[first..].iter().all(Option::is_some), "{name} has a gap");
        let all_lines = |lines: &[Option<f64>; 3]| {
            lines.iter().flatten().count() == streamed.last().unwrap().iter().flatten().count()
        };
        assert_eq!(streamed.iter().position(all_lines), Some(fresh.warmup() - 1), "{name}");

        let needed = Column::ALL
            .map(|column| fresh.columns().contains(&column).then(|| &columns[column as usize][..]));
        let mut batch = vec![0.0; bars.len()];
        fresh.clone().batch_into(line, needed, &mut batch);
        let as_options: Vec<_> = batch.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect();
        assert_eq!(as_options, values, "{name}");
    }
}

#[test]
fn an_unknown_name_and_bad_parameters_are_refused() {
    let refusal = |name, parameters: &[f64]| Indicator::new(name, parameters).unwrap_err().to_string();
    assert!(refusal("art", &[]).starts_with("`` must be one of atr, "));
    assert_eq!(refusal("sma", &[]), "`sma.period` must be given, was `nothing`");
    assert_eq!(
        refusal("adx", &[1.0]),
        "`adx.period` must be a whole number of bars from 2 to 100000, was `1`"
    );
    assert_eq!(
        refusal("bollinger_mid", &[20.0, -1.0]),
        "`bollinger_mid.deviations` must be greater than 0, was `-1`"
    );
    assert_eq!(refusal("obv", &[1.0]), "`obv` must have at most 0 parameters, was `1`");
    assert!(Indicator::new("sma", &[f64::NAN]).is_err());
    assert!(Indicator::new("sma", &[f64::INFINITY]).is_err());
}

proptest! {
    #[test]
    fn the_largest_of_a_window_is_found_without_looking_at_all_of_it(
        values in prop::collection::vec(-5_i8..5, 1..80), bars in 1_usize..10,
    ) {
        let mut largest = Largest::new(period(bars));
        for end in 1..=values.len() {
            let found = largest.update(f64::from(values[end - 1]));
            let expected = (end >= bars).then(|| f64::from(*values[end - bars..end].iter().max().unwrap()));
            prop_assert_eq!(found, expected);
        }
    }

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

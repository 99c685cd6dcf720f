//! What does a bar cost an indicator, one by one and over an array, and a minute a longer bar?
//!
//! Run with `cargo bench -p orderloom-core --bench indicators`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use orderloom_core::indicator::atr::{Atr, Smoothing};
use orderloom_core::indicator::frame::{Frame, Resampler, Source};
use orderloom_core::indicator::{Candle, Indicator, Period};
use orderloom_core::time::{Span, Timestamp};

const BARS: usize = 97_500;
const MINUTE: i64 = 60_000_000_000;

/// High, low and close of a walk that is the same in every run.
fn columns() -> [Vec<f64>; 3] {
    let (mut seed, mut price) = (1_u64, 100.0_f64);
    let mut columns: [Vec<f64>; 3] = Default::default();
    for _ in 0..BARS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        price = (price + (seed >> 40) as f64 / f64::from(1 << 24) - 0.5).max(5.0);
        for (column, value) in columns.iter_mut().zip([price + 0.3, price - 0.4, price]) {
            column.push(value);
        }
    }
    columns
}

fn atr(criterion: &mut Criterion) {
    let [high, low, close] = columns();
    let period = Period::new(14).expect("above 0");
    let mut group = criterion.benchmark_group("atr");
    group.throughput(Throughput::Elements(BARS as u64));
    let mut out = vec![0.0; BARS];
    group.bench_function("batch", |bencher| {
        bencher.iter(|| Atr::batch_into(&high, &low, &close, period, Smoothing::Wilder, black_box(&mut out)));
    });
    group.bench_function("bar by bar", |bencher| {
        bencher.iter(|| {
            let mut atr = Atr::new(period, Smoothing::Wilder);
            for bar in 0..BARS {
                black_box(atr.update(high[bar], low[bar], close[bar]));
            }
            assert!(atr.update(1.0, 1.0, 1.0).is_some());
        });
    });
    group.finish();
}

fn candles() -> Vec<Candle> {
    let [high, low, close] = columns();
    let bar = |bar: usize| Candle {
        open: close[bar.saturating_sub(1)],
        high: high[bar],
        low: low[bar],
        close: close[bar],
        volume: 100.0,
    };
    (0..BARS).map(bar).collect()
}

fn others(criterion: &mut Criterion) {
    let candles = candles();
    let mut group = criterion.benchmark_group("bar by bar");
    group.throughput(Throughput::Elements(BARS as u64)).sample_size(30);
    for name in
        ["sma", "ema", "rsi", "stdev", "macd", "keltner_mid", "supertrend", "adx", "cci", "donchian_mid"]
    {
        let fresh = Indicator::new(name, &[14.0]).or_else(|_| Indicator::new(name, &[])).expect("a name").0;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let mut indicator = fresh.clone();
                for candle in &candles {
                    black_box(indicator.update(candle));
                }
            });
        });
    }
    group.finish();
}

fn longer_bars(criterion: &mut Criterion) {
    let candles = candles();
    let frame = Frame { span: Span(5 * MINUTE), of: Source::Bars };
    let mut group = criterion.benchmark_group("five minutes from minutes");
    group.throughput(Throughput::Elements(BARS as u64));
    group.bench_function("bar by bar", |bencher| {
        bencher.iter(|| {
            let (mut resampler, mut built) = (Resampler::new(frame), 0);
            for (place, candle) in candles.iter().enumerate() {
                let start = Timestamp(place as i64 * MINUTE);
                resampler.bar(start, Span(MINUTE), candle, None, |_| built += 1);
            }
            assert_eq!(built, BARS / 5);
        });
    });
    group.finish();
}

criterion_group!(benches, atr, others, longer_bars);
criterion_main!(benches);

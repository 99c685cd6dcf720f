//! Longer bars over whole columns, with the interpreter free for others.

use orderloom_core::indicator::Candle;
use orderloom_core::indicator::frame::{Built, Frame, Resampler, Sessions, Source};
use orderloom_core::time::{Span, Timestamp};
use orderloom_sim::usual_span;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::backtest::{session, view};
use crate::column::Column;

type Item<'py> = Bound<'py, PyAny>;
type Of = fn(&Candle) -> f64;

/// Prints, where there is one column of prices, or bars of `base` ns as bars of `span` ns.
#[pyfunction]
#[pyo3(signature = (times, prices, sizes, *, span, base, sessions))]
fn resample<'py>(
    py: Python<'py>,
    times: &Item<'py>,
    prices: Vec<Item<'py>>,
    sizes: Option<&Item<'py>>,
    span: i64,
    base: Option<i64>,
    sessions: Vec<(u32, i64, i64, i64)>,
) -> PyResult<Bound<'py, PyDict>> {
    let (of, names): (_, &[&str]) = match prices.len() {
        1 => (Source::Trades, &["price"]),
        _ => (Source::Bars, &["open", "high", "low", "close"]),
    };
    let frame = Frame { span: Span(span), of };
    let frame = frame.checked().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let times = Column::<i64>::new("ts_utc", times)?;
    let prices: Vec<Column<f64>> =
        names.iter().zip(&prices).map(|(name, prices)| Column::new(name, prices)).collect::<PyResult<_>>()?;
    let sizes = sizes.map(|sizes| Column::<f64>::new("volume", sizes)).transpose()?;
    let (times, sizes) = (times.values(), sizes.as_ref().map(Column::values));
    let prices: Vec<&[f64]> = prices.iter().map(Column::values).collect();
    let base = base.map(Span).or_else(|| usual_span(std::iter::once(times))).unwrap_or(frame.span);
    if !frame.fits(base) {
        let message = format!("bars of {} cannot be built from bars of {base}", frame.span);
        return Err(PyValueError::new_err(message));
    }
    if prices.len() != names.len() {
        return Err(PyValueError::new_err(format!("expected the columns {}", names.join(", "))));
    }
    if prices.iter().copied().chain(sizes).any(|column| column.len() != times.len()) {
        return Err(PyValueError::new_err("columns must be of one length"));
    }
    if let Some(row) = times.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(PyValueError::new_err(format!("row {}: times must not go back", row + 1)));
    }
    let size_name = if of == Source::Trades { "size" } else { "volume" };
    refuse_bad_rows(names, &prices, size_name, sizes)?;
    let sessions: Vec<_> = sessions.iter().map(session).collect();
    let size = |row: usize| sizes.map_or(0.0, |sizes| sizes[row]);
    let built: Vec<Built> = py.detach(|| {
        let mut resampler = Resampler::new(frame);
        let mut sessions = Sessions::new(&sessions);
        let mut found = Vec::new();
        for (row, at) in times.iter().copied().map(Timestamp).enumerate() {
            let (session, keep) = (sessions.at(at), |built| found.push(built));
            if let [open, high, low, close] = &prices[..] {
                let (open, high, low, close) = (open[row], high[row], low[row], close[row]);
                let candle = Candle { open, high, low, close, volume: size(row) };
                resampler.bar(at, base, &candle, session, keep);
            } else {
                resampler.trade(at, prices[0][row], size(row), session, keep);
            }
        }
        found.extend(resampler.rest());
        found
    });
    let table = PyDict::new(py);
    let starts: Vec<i64> = built.iter().map(|built| built.bounds.start.0).collect();
    table.set_item("ts_utc", view(py, &starts, "q")?)?;
    let columns: [(&str, Of); 5] = [
        ("open", |candle| candle.open),
        ("high", |candle| candle.high),
        ("low", |candle| candle.low),
        ("close", |candle| candle.close),
        ("volume", |candle| candle.volume),
    ];
    for (name, of) in columns {
        let values: Vec<f64> = built.iter().map(|built| of(&built.candle)).collect();
        table.set_item(name, view(py, &values, "d")?)?;
    }
    Ok(table)
}

/// What a back-test refuses of bars and prints: high and low would come out sound beside a NaN, since
/// the larger of it and a number is the number.
fn refuse_bad_rows(
    names: &[&str],
    prices: &[&[f64]],
    size_name: &str,
    sizes: Option<&[f64]>,
) -> PyResult<()> {
    let refuse = |row: usize, name: &str, expected: &str, found: f64| {
        Err(PyValueError::new_err(format!("row {row}: `{name}` must be {expected}, was `{found}`")))
    };
    for (name, column) in names.iter().zip(prices) {
        let is_good = |value: &f64| *value > 0.0 && value.is_finite();
        if let Some(row) = column.iter().position(|value| !is_good(value)) {
            return refuse(row, name, "a price above 0", column[row]);
        }
    }
    if let [open, high, low, close] = prices {
        for row in 0..open.len() {
            if high[row] < open[row].max(close[row]) {
                return refuse(row, "high", "at least open and close", high[row]);
            }
            if low[row] > open[row].min(close[row]) {
                return refuse(row, "low", "at most open and close", low[row]);
            }
        }
    }
    let is_good = |value: &f64| *value >= 0.0 && value.is_finite();
    match sizes.and_then(|sizes| sizes.iter().position(|size| !is_good(size)).map(|row| (row, sizes[row]))) {
        Some((row, size)) => refuse(row, size_name, "a size of 0 or more", size),
        None => Ok(()),
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(resample, module)?)
}

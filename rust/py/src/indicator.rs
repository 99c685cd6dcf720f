//! Indicators for Python: bar by bar, and over whole arrays with the interpreter free for others.

use orderloom_core::error::ConfigError;
use orderloom_core::indicator::atr::{Atr, Smoothing};
use orderloom_core::indicator::{Candle, Column, Indicator, NAMES, Period};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyMemoryView, PySequence, PyString, PyTuple};

use crate::column::{native_buffer, refuse_masked};

/// Average True Range in price units, bar by bar or over whole arrays (`ATR.batch`).
///
/// `None` for the first `period` bars: the first true range needs a previous close. `wilder` is
/// smoothed as its inventor and TA-Lib do it, `sma` is the plain mean of the last true ranges.
///
/// Example:
///     >>> atr = ATR(2)
///     >>> [atr.update(high, low, high - 1) for high, low in ((10, 8), (11, 9), (13, 10))]
///     [None, None, 2.5]
#[pyclass(name = "ATR", module = "orderloom._core")]
struct PyAtr {
    atr: Atr,
    value: Option<f64>,
    period: usize,
}

fn period(bars: usize) -> PyResult<Period> {
    Period::new(bars).ok_or_else(|| {
        PyValueError::new_err(format!("`period` must be from 1 to {}, was `{bars}`", Period::MAX))
    })
}

fn smoothing(word: &str) -> PyResult<Smoothing> {
    match word {
        "wilder" => Ok(Smoothing::Wilder),
        "sma" => Ok(Smoothing::Simple),
        other => Err(PyValueError::new_err(format!("`smoothing` must be wilder or sma, was `{other}`"))),
    }
}

fn config_error(error: &ConfigError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

#[pymethods]
impl PyAtr {
    #[new]
    #[pyo3(signature = (period = 14, smoothing = "wilder"))]
    fn new(period: usize, smoothing: &str) -> PyResult<Self> {
        let atr = Atr::new(self::period(period)?, self::smoothing(smoothing)?);
        Ok(Self { atr, value: None, period })
    }

    fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        self.value = self.atr.update(high, low, close);
        self.value
    }

    #[getter]
    const fn value(&self) -> Option<f64> {
        self.value
    }

    #[getter]
    const fn is_warm(&self) -> bool {
        self.value.is_some()
    }

    #[getter]
    const fn period(&self) -> usize {
        self.period
    }

    #[staticmethod]
    #[pyo3(signature = (high, low, close, period = 14, smoothing = "wilder"))]
    fn batch<'py>(
        high: &Bound<'py, PyAny>,
        low: &Bound<'py, PyAny>,
        close: &Bound<'py, PyAny>,
        period: usize,
        smoothing: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (period, smoothing) = (self::period(period)?, self::smoothing(smoothing)?);
        let (high, low, close) =
            (Series::new("high", high)?, Series::new("low", low)?, Series::new("close", close)?);
        let (py, high, low, close) = (high.py, high.values(), low.values(), close.values());
        one_length(&[("high", high), ("low", low), ("close", close)])?;
        array(py, high.len(), |out| Atr::batch_into(high, low, close, period, smoothing, out))
    }

    fn __repr__(&self) -> String {
        let value = self.value.map_or_else(|| "None".to_owned(), |value| value.to_string());
        format!("ATR(period={}, value={value})", self.period)
    }
}

/// Any indicator by its name in conditions.
#[pyclass(name = "Indicator", module = "orderloom._core")]
struct PyIndicator {
    name: Box<str>,
    /// As it stands before the first bar.
    fresh: Indicator,
    running: Indicator,
    line: usize,
    value: Option<f64>,
}

#[pymethods]
impl PyIndicator {
    #[new]
    #[pyo3(signature = (name, *parameters))]
    fn new(name: &str, parameters: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let parameters: Vec<f64> = parameters.extract()?;
        let (fresh, line) = Indicator::new(name, &parameters).map_err(|error| {
            // The core has no place for a name that stands by itself.
            config_error(&if error.field.is_empty() { error.under("name") } else { error })
        })?;
        Ok(Self { name: name.into(), running: fresh.clone(), fresh, line, value: None })
    }

    #[pyo3(signature = (open, high, low, close, volume = 0.0))]
    fn update(&mut self, open: f64, high: f64, low: f64, close: f64, volume: f64) -> Option<f64> {
        self.value = self.running.update(&Candle { open, high, low, close, volume })[self.line];
        self.value
    }

    fn begin_session(&mut self) {
        self.running.begin_session();
    }

    #[getter]
    const fn value(&self) -> Option<f64> {
        self.value
    }

    #[getter]
    const fn is_warm(&self) -> bool {
        self.value.is_some()
    }

    #[getter]
    fn warmup(&self) -> usize {
        self.fresh.warmup()
    }

    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.fresh.parameters())
    }

    /// The columns of a bar that `batch` needs.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.fresh.columns().iter().map(|column| column.as_str()))
    }

    #[pyo3(signature = (**columns))]
    fn batch<'py>(
        &self,
        py: Python<'py>,
        columns: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut given: Vec<(Column, Series<'py>)> = Vec::new();
        for (name, values) in columns.into_iter().flatten() {
            let name: String = name.extract()?;
            let column = Column::ALL.into_iter().find(|column| column.as_str() == name);
            let column = column.ok_or_else(|| {
                PyTypeError::new_err(format!("`batch` takes columns of a bar, was given `{name}`"))
            })?;
            given.push((column, Series::new(column.as_str(), &values)?));
        }
        let values: Vec<(&str, &[f64])> =
            given.iter().map(|(column, series)| (column.as_str(), series.values())).collect();
        one_length(&values)?;
        for column in self.fresh.columns() {
            if !given.iter().any(|(other, _)| other == column) {
                let message = format!("`{}` needs the column `{}`", self.name, column.as_str());
                return Err(PyTypeError::new_err(message));
            }
        }
        let length = values.first().map_or(0, |(_, values)| values.len());
        let find = |wanted: Column| {
            let place = given.iter().position(|(column, _)| *column == wanted);
            place.map(|place| values[place].1)
        };
        let bars = Column::ALL.map(find);
        array(py, length, |out| self.fresh.clone().batch_into(self.line, bars, out))
    }

    fn __repr__(&self) -> String {
        let parameters: Vec<String> = self.fresh.parameters().iter().map(f64::to_string).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

/// A column of floats: borrowed from whoever exports a buffer of them, else copied.
enum Column64 {
    Borrowed(PyBuffer<f64>),
    Copied(Vec<f64>),
}

struct Series<'py> {
    py: Python<'py>,
    column: Column64,
}

impl<'py> Series<'py> {
    fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        refuse_masked(name, object)?;
        // Columns of data frames hand out an array that shares their memory.
        let exported = match object.hasattr("__array__")? && !object.hasattr("__array_interface__")? {
            true => object.call_method0("__array__")?,
            false => object.clone(),
        };
        let column = match native_buffer::<f64>(&exported) {
            Some(buffer) if buffer.dimensions() != 1 => {
                let found = buffer.dimensions();
                let message = format!("`{name}` must have one dimension, has {found}");
                return Err(PyValueError::new_err(message));
            }
            Some(buffer) if buffer.is_c_contiguous() => Column64::Borrowed(buffer),
            Some(buffer) => Column64::Copied(buffer.to_vec(py)?),
            None => Column64::Copied(exported.extract().map_err(|_| no_floats(name, object, &exported))?),
        };
        Ok(Self { py, column })
    }

    fn values(&self) -> &[f64] {
        match &self.column {
            Column64::Copied(values) => values,
            // SAFETY: the buffer is held for as long as `self`. As with every array function that frees
            // the interpreter, the caller must not write to its arrays from another thread meanwhile;
            // our stubs say so.
            Column64::Borrowed(buffer) => unsafe {
                buffer.as_slice_ptr().expect("checked to be contiguous").as_ref()
            },
        }
    }
}

/// What is wrong with a column that is none of floats: its first odd value, or all of it.
fn no_floats(name: &str, object: &Bound<'_, PyAny>, exported: &Bound<'_, PyAny>) -> PyErr {
    let odd = exported.cast::<PySequence>().ok().filter(|_| !exported.is_instance_of::<PyString>());
    let odd = odd
        .and_then(|values| values.try_iter().ok())
        .and_then(|values| values.flatten().enumerate().find(|(_, value)| value.extract::<f64>().is_err()));
    let message = match odd {
        Some((row, value)) => {
            let found = value.repr().map_or_else(|_| value.to_string(), |text| text.to_string());
            format!("`{name}`, row {row}, must be a number (NaN where there is none), was `{found}`")
        }
        None => format!("`{name}` must be a column of floats, was `{}`", object.get_type()),
    };
    PyTypeError::new_err(message)
}

fn one_length(columns: &[(&str, &[f64])]) -> PyResult<()> {
    for pair in columns.windows(2) {
        let ((left, left_values), (right, right_values)) = (pair[0], pair[1]);
        if left_values.len() != right_values.len() {
            return Err(PyValueError::new_err(format!(
                "`{right}` must be as long as `{left}` ({}), was {}",
                left_values.len(),
                right_values.len()
            )));
        }
    }
    Ok(())
}

/// A writable `memoryview` of `length` doubles, filled by `fill` while the interpreter is free.
fn array<'py>(
    py: Python<'py>,
    length: usize,
    fill: impl FnOnce(&mut [f64]) + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyByteArray::new_with(py, length * size_of::<f64>(), |bytes| {
        // SAFETY: every bit pattern is an f64; nobody else has seen these bytes yet.
        let (before, values, after) = unsafe { bytes.align_to_mut::<f64>() };
        if before.is_empty() && after.is_empty() {
            py.detach(|| fill(values));
        } else {
            let mut values = vec![0.0; length];
            py.detach(|| fill(&mut values));
            for (place, value) in bytes.chunks_exact_mut(size_of::<f64>()).zip(values) {
                place.copy_from_slice(&value.to_ne_bytes());
            }
        }
        Ok(())
    })?;
    PyMemoryView::from(&bytes)?.call_method1("cast", ("d",))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyAtr>()?;
    module.add_class::<PyIndicator>()?;
    module.add("INDICATORS", PyTuple::new(module.py(), NAMES)?)
}

//! Python bindings of the engine and the simulated venue: convert, call, convert.

mod command;
mod event;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    event::register(module)?;
    command::register(module)
}

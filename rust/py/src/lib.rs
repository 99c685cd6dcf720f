//! Python bindings of the engine and the simulated venue: convert, call, convert.

mod command;
mod engine;
mod event;
mod venue;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    event::register(module)?;
    command::register(module)?;
    engine::register(module)?;
    venue::register(module)
}

//! Python bindings of the engine and the simulated venue: convert, call, convert.

mod backtest;
mod bus;
mod column;
mod command;
mod engine;
mod entries;
mod event;
mod indicator;
mod replay;
mod resample;
mod rows;
mod snapshot;
mod ticks;
mod venue;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// What Rust allocates; Python keeps its own.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    bus::register(module)?;
    event::register(module)?;
    indicator::register(module)?;
    command::register(module)?;
    engine::register(module)?;
    entries::register(module)?;
    rows::register(module)?;
    snapshot::register(module)?;
    venue::register(module)?;
    ticks::register(module)?;
    resample::register(module)?;
    backtest::register(module)
}

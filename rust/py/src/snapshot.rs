//! Snapshots of an engine: written down, read again, compared.

use std::sync::Arc;

use orderloom_core::engine::Engine;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::command::json;
use crate::rows::hexadecimal;

/// An engine as it stood between two events.
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Snapshot {
    /// Shared with the journal, which writes it down when there is time.
    pub(crate) engine: Arc<Engine>,
}

impl Snapshot {
    pub(crate) const KIND: &str = "engine";

    pub(crate) fn of(engine: &Engine) -> Self {
        Self { engine: Arc::new(engine.clone()) }
    }
}

#[pymethods]
impl Snapshot {
    #[classattr]
    const LAYOUT: u32 = Engine::SNAPSHOT;

    #[getter]
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    /// All of it; written while the interpreter is free.
    fn json(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| json(&*self.engine))
    }
}

/// Reads a snapshot, which must come to exactly what is written: no field more, none less.
pub(crate) fn restore(text: &str) -> PyResult<Engine> {
    let engine: Engine = serde_json::from_str(text)
        .map_err(|error| PyValueError::new_err(format!("snapshot of another layout: {error}")))?;
    if json(&engine)? == text {
        Ok(engine)
    } else {
        Err(PyValueError::new_err("snapshot of another layout: it reads otherwise than it was written"))
    }
}

/// What a journal's row says of a snapshot that is kept beside it.
#[derive(Deserialize)]
struct Note<'a> {
    layout: u32,
    sha256: &'a str,
}

/// The row of a snapshot whose text is kept beside it.
pub(crate) fn note(text: &str) -> String {
    let (layout, hash) = (Engine::SNAPSHOT, hexadecimal(&Sha256::digest(text).into()));
    format!(r#"{{"layout": {layout}, "sha256": "{hash}"}}"#)
}

/// The hash of the snapshot that `engine` gives now, when a journal's row of this layout has another.
pub(crate) fn differing(engine: &Engine, note: &str) -> PyResult<Option<String>> {
    let error = |error: serde_json::Error| PyValueError::new_err(format!("snapshot: {error}"));
    let Note { layout, sha256 } = serde_json::from_str(note).map_err(error)?;
    if layout != Engine::SNAPSHOT {
        return Ok(None);
    }
    let found = hexadecimal(&Sha256::digest(json(engine)?).into());
    Ok((found != sha256).then_some(found))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Snapshot>()
}

//! Rows of a journal as one text, as SQLite puts it together: no Python object per row.
//!
//! A unit separator stands between fields and a record separator between rows. JSON escapes both.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use sha2::{Digest, Sha256};

pub(crate) const FIELD: char = '\x1f';
const ROW: char = '\x1e';

/// A journal's row, as far as the engine is concerned.
pub(crate) struct Row<'a> {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    /// `event`, `command`, `notice`, `snapshot` or `end`.
    pub(crate) what: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
}

/// The text of rows; what is no UTF-8 was never written by us and is judged as what it looks like.
pub(crate) fn text(rows: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(rows)
}

/// Yields the rows of a text.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = PyResult<Row<'_>>> {
    lines(text)
        .map(|line| Row::parse(line).ok_or_else(|| PyValueError::new_err(format!("not a row: {line}"))))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(ROW).filter(|line| !line.is_empty())
}

impl<'a> Row<'a> {
    /// From `id`, `seq`, `n`, `at`, `type`, `kind`, `body` and `hash`.
    fn parse(line: &'a str) -> Option<Self> {
        let (line, _) = line.rsplit_once(FIELD)?;
        let mut fields = line.splitn(7, FIELD).skip(1);
        // Only the closing row of a run without events counts from -1.
        let seq = fields.next()?.parse().map(|seq: i64| seq.cast_unsigned()).ok()?;
        let at = fields.nth(1)?.parse().ok()?;
        let (what, kind, body) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self { seq, at, what, kind, body })
    }
}

/// Follows a journal's hash chain from a row on; starts after row `id`, whose hash is `hash`.
#[pyclass(module = "orderloom._core")]
pub(crate) struct Chain {
    id: u64,
    hash: String,
}

#[pymethods]
impl Chain {
    #[new]
    fn new(id: u64, hash: String) -> Self {
        Self { id, hash }
    }

    /// The last row that follows from the one before it.
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    /// Its hash.
    #[getter]
    fn hash(&self) -> &str {
        &self.hash
    }

    /// Follows more rows, while the interpreter is free. Stops before the first that does not follow
    /// from the one before it, and says why.
    fn follow(&mut self, py: Python<'_>, rows: PyBackedBytes) -> Option<String> {
        py.detach(|| lines(&text(&rows)).find_map(|line| self.take(line)))
    }
}

impl Chain {
    fn take(&mut self, line: &str) -> Option<String> {
        let expected = self.id + 1;
        let (row, found) = line.rsplit_once(FIELD).unwrap_or((line, ""));
        let mut fields = row.split(FIELD);
        let (id, seq) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        if id.parse() != Ok(expected) {
            return Some(format!("row {expected}: expected it, found row {id}"));
        }
        let mut sum = Sha256::new();
        sum.update(self.hash.as_bytes());
        sum.update([FIELD as u8]);
        sum.update(row.as_bytes());
        let hash = hexadecimal(&sum.finalize());
        if hash != found {
            return Some(format!(
                "row {expected} (event {seq}): expected hash {hash}, found {found}: \
                 it or a row before it was changed"
            ));
        }
        (self.id, self.hash) = (expected, hash);
        None
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Chain>()
}

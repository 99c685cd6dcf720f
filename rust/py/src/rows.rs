//! Rows of a journal as eight texts, one for each column, as SQLite puts them together: no Python object per row.
//!
//! A record separator stands between the rows of a column; JSON escapes it. One text of whole rows takes SQLite
//! twice as long. In what a row's hash is made of, a unit separator stands between its fields.

use std::borrow::Cow;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use sha2::{Digest, Sha256};

pub(crate) const FIELD: char = '\x1f';
const ROW: u8 = b'\x1e';

/// `id`, `seq`, `n`, `at`, `type`, `kind`, `body` and `hash` of rows that follow each other.
pub(crate) type Columns = [PyBackedBytes; 8];

/// A row's fields as they were written, in the order of its columns.
type Fields<'a> = [&'a str; 8];

/// A journal's row, as far as the engine is concerned.
pub(crate) struct Row<'a> {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    /// `event`, `command`, `notice`, `snapshot` or `end`.
    pub(crate) what: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
}

/// Columns as texts; what is no UTF-8 was never written by us and is judged as what it looks like.
pub(crate) struct Texts<'a>([Cow<'a, str>; 8]);

impl<'a> Texts<'a> {
    pub(crate) fn of(columns: &'a Columns) -> Self {
        // What is made for the odd byte looks at each alone, and takes ten times as long.
        let text = |column: &'a PyBackedBytes| match str::from_utf8(column) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(column),
        };
        Self(columns.each_ref().map(text))
    }

    /// Yields the rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = PyResult<Row<'_>>> {
        self.fields().map(|fields| {
            let row = fields.and_then(Row::parse);
            row.ok_or_else(|| {
                PyValueError::new_err(format!("not a row: {}", fields.unwrap_or_default().join(" ")))
            })
        })
    }

    /// Yields the fields of each row; `None` for one that a column lacks.
    fn fields(&self) -> impl Iterator<Item = Option<Fields<'_>>> {
        let mut columns = self.0.each_ref().map(|column| Some(&**column));
        std::iter::from_fn(move || {
            let fields = columns.each_mut().map(take_field);
            fields.iter().any(Option::is_some).then(|| {
                let is_whole = fields.iter().all(Option::is_some);
                is_whole.then(|| fields.map(Option::unwrap_or_default))
            })
        })
    }
}

impl<'a> Row<'a> {
    fn parse([_, seq, _, at, what, kind, body, _]: Fields<'a>) -> Option<Self> {
        // Only the closing row of a run without events counts from -1.
        let seq = seq.parse().map(|seq: i64| seq.cast_unsigned()).ok()?;
        Some(Self { seq, at: at.parse().ok()?, what, kind, body })
    }
}

/// The next field of a column, which has none any more after the last.
#[inline]
fn take_field<'a>(column: &mut Option<&'a str>) -> Option<&'a str> {
    let rest = (*column)?;
    // Most are a few bytes long: the standard library takes longer to begin looking than to find.
    let Some(end) = memchr::memchr(ROW, rest.as_bytes()) else { return column.take() };
    *column = Some(&rest[end + 1..]);
    Some(&rest[..end])
}

/// Follows a journal's hash chain from a row on; starts after row `id`, whose hash is `hash`.
#[pyclass(module = "orderloom._core")]
pub(crate) struct Chain {
    id: u64,
    hash: String,
    events: u64,
    outcomes: u64,
}

#[pymethods]
impl Chain {
    #[new]
    fn new(id: u64, hash: String) -> Self {
        Self { id, hash, events: 0, outcomes: 0 }
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

    /// Events among the rows that were followed.
    #[getter]
    fn events(&self) -> u64 {
        self.events
    }

    /// Commands and notices among them.
    #[getter]
    fn outcomes(&self) -> u64 {
        self.outcomes
    }

    /// Follows more rows, while the interpreter is free. Stops before the first that does not follow
    /// from the one before it, and says why.
    fn follow(&mut self, py: Python<'_>, rows: Columns) -> Option<String> {
        py.detach(|| {
            let mut summed = Vec::new();
            Texts::of(&rows).fields().find_map(|fields| self.take(fields, &mut summed))
        })
    }
}

impl Chain {
    /// `summed` is reused between rows.
    fn take(&mut self, fields: Option<Fields<'_>>, summed: &mut Vec<u8>) -> Option<String> {
        let expected = self.id + 1;
        let Some([id, .., found]) = fields else {
            return Some(format!("row {expected}: expected eight columns of one length"));
        };
        if id.parse() != Ok(expected) {
            return Some(format!("row {expected}: expected it, found row {id}"));
        }
        let [row @ .., _] = fields?;
        summed.clear();
        summed.extend_from_slice(self.hash.as_bytes());
        for field in row {
            summed.push(FIELD as u8);
            summed.extend_from_slice(field.as_bytes());
        }
        let hash = digits(&Sha256::digest(summed).into());
        if hash != found.as_bytes() {
            let hash = String::from_utf8_lossy(&hash);
            return Some(format!(
                "row {expected} (event {}): expected hash {hash}, found {found}: \
                 it or a row before it was changed",
                row[1]
            ));
        }
        match row[4] {
            "event" => self.events += 1,
            "command" | "notice" => self.outcomes += 1,
            _ => {}
        }
        self.id = expected;
        self.hash.clear();
        self.hash.push_str(found);
        None
    }
}

/// Hexadecimal digits.
fn digits(bytes: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    for (pair, value) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [value >> 4, value & 15].map(|place| b"0123456789abcdef"[usize::from(place)]);
    }
    digits
}

pub(crate) fn hexadecimal(bytes: &[u8; 32]) -> String {
    digits(bytes).map(char::from).iter().collect()
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Chain>()
}

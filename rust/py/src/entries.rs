//! Entries on their way into a journal. They are kept in their order; whoever writes them turns them
//! into rows, without secrets and chained, while the interpreter is free.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orderloom_core::engine::Engine;
use orderloom_core::event::EventKind;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyList, PyString};
use sha2::{Digest, Sha256};

use crate::command::{Command, Notice, Said, command_kind, json, notice_kind};
use crate::event::{Event, event_kind};
use crate::rows::{FIELD, hexadecimal};
use crate::snapshot::Snapshot;

/// What an entry holds: ours as they are, and what else has a `kind` and `json()`.
enum Record {
    Event(EventKind),
    Command(Arc<Said>, usize),
    Notice(Arc<Said>, usize),
    Snapshot(Arc<Engine>),
    Other { kind: String, body: String },
}

impl Record {
    fn of(record: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(event) = record.cast::<Event>() {
            return Ok(Self::Event(event.get().kind.clone()));
        }
        if let Ok(command) = record.cast::<Command>() {
            let Command { said, place } = command.get();
            return Ok(Self::Command(Arc::clone(said), *place));
        }
        if let Ok(notice) = record.cast::<Notice>() {
            let Notice { said, place } = notice.get();
            return Ok(Self::Notice(Arc::clone(said), *place));
        }
        if let Ok(snapshot) = record.cast::<Snapshot>() {
            return Ok(Self::Snapshot(Arc::clone(&snapshot.get().engine)));
        }
        let kind = record.getattr("kind")?.extract()?;
        Ok(Self::Other { kind, body: record.call_method0("json")?.extract()? })
    }

    /// Its kind and its JSON.
    fn written(self) -> PyResult<(Cow<'static, str>, String)> {
        Ok(match self {
            Self::Event(kind) => (event_kind(&kind).into(), json(&kind)?),
            Self::Command(said, place) => {
                let command = &said.commands[place];
                (command_kind(command).into(), json(command)?)
            }
            Self::Notice(said, place) => {
                let notice = &said.notices[place];
                (notice_kind(notice).into(), json(notice)?)
            }
            Self::Snapshot(engine) => (Snapshot::KIND.into(), json(&*engine)?),
            Self::Other { kind, body } => (kind.into(), body),
        })
    }
}

const SNAPSHOT: &str = "snapshot";

/// The types of entries, as a journal has them.
fn known(what: &str) -> PyResult<&'static str> {
    let known = ["event", "command", "notice", SNAPSHOT, "end"].into_iter().find(|known| *known == what);
    known.ok_or_else(|| PyValueError::new_err(format!("`type`: unknown word `{what}`")))
}

struct Entry {
    /// Only the closing row of a run without events counts from -1.
    seq: i64,
    at: i64,
    /// The place among those of its event and type.
    n: usize,
    what: &'static str,
    record: Record,
}

/// A row as the journal's table has it.
struct Row {
    id: i64,
    seq: i64,
    n: usize,
    at: i64,
    what: &'static str,
    kind: Cow<'static, str>,
    body: String,
    hash: String,
}

/// Where a chain stands: id, event, time and hash of its last row.
type Link = (i64, i64, i64, String);

/// The values of rows one behind the other, texts of snapshots by their rows, and the last row.
type Written<'py> = (Bound<'py, PyList>, Vec<(i64, String)>, Link);

fn entries(seq: i64, at: i64, what: &str, records: &[Bound<'_, PyAny>]) -> PyResult<Vec<Entry>> {
    let what = known(what)?;
    let records = records.iter().enumerate();
    records.map(|(n, record)| Ok(Entry { seq, at, n, what, record: Record::of(record)? })).collect()
}

/// Entries that follow each other.
#[pyclass(module = "orderloom._core")]
struct Entries {
    left: std::vec::IntoIter<Entry>,
}

impl Entries {
    fn object(py: Python<'_>, entries: Vec<Entry>) -> PyResult<Option<Bound<'_, PyAny>>> {
        if entries.is_empty() {
            return Ok(None);
        }
        Ok(Some(Bound::new(py, Self { left: entries.into_iter() })?.into_any()))
    }
}

#[pymethods]
impl Entries {
    /// Entries of one type that belong to one event.
    #[new]
    fn new(seq: i64, at: i64, r#type: &str, records: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        Ok(Self { left: entries(seq, at, r#type, &records)?.into_iter() })
    }

    /// How many were not turned into rows yet.
    fn __len__(&self) -> usize {
        self.left.len()
    }

    /// Turns up to `most` entries into rows after `last`, while the interpreter is free. A text with one
    /// of the `spellings` in it goes through `redact`.
    fn rows<'py>(
        &mut self,
        py: Python<'py>,
        last: Link,
        most: usize,
        spellings: Vec<PyBackedStr>,
        redact: Py<PyAny>,
    ) -> PyResult<Written<'py>> {
        let clean = |body: String| -> PyResult<String> {
            if spellings.iter().any(|secret| body.contains(&**secret)) {
                return Python::attach(|py| redact.call1(py, (body,))?.extract(py));
            }
            Ok(body)
        };
        let mut chain = Writing { last, rows: Vec::new(), snapshots: Vec::new(), text: String::new() };
        let chain = py.detach(|| {
            for entry in self.left.by_ref().take(most) {
                chain.add(entry, clean)?;
            }
            PyResult::Ok(chain)
        })?;
        let values = values(py, &chain.rows)?;
        Ok((values, chain.snapshots, chain.last))
    }
}

struct Writing {
    last: Link,
    rows: Vec<Row>,
    snapshots: Vec<(i64, String)>,
    text: String,
}

impl Writing {
    fn add(&mut self, entry: Entry, clean: impl Fn(String) -> PyResult<String>) -> PyResult<()> {
        let Entry { seq, at, n, what, record } = entry;
        let (kind, body) = record.written()?;
        let (mut body, id) = (clean(body)?, self.last.0 + 1);
        if what == SNAPSHOT {
            // The chain covers the hash alone: the text may be damaged or go, the rows stay.
            let note = crate::snapshot::note(&body);
            self.snapshots.push((id, std::mem::replace(&mut body, note)));
        }
        self.text.clear();
        let (f, before) = (FIELD, &self.last.3);
        write!(self.text, "{before}{f}{id}{f}{seq}{f}{n}{f}{at}{f}{what}{f}{kind}{f}{body}")
            .expect("a text takes all");
        let hash = hexadecimal(&Sha256::digest(&self.text).into());
        self.last = (id, seq, at, hash.clone());
        self.rows.push(Row { id, seq, n, at, what, kind, body, hash });
        Ok(())
    }
}

/// What SQLite is to bind. Rows of a kind come in runs: its word is made once for each.
fn values<'py>(py: Python<'py>, rows: &[Row]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let mut words = ("", PyString::new(py, ""), Cow::Borrowed(""), PyString::new(py, ""));
    for row in rows {
        if words.0 != row.what {
            (words.0, words.1) = (row.what, PyString::new(py, row.what));
        }
        if words.2 != row.kind {
            (words.2, words.3) = (row.kind.clone(), PyString::new(py, &row.kind));
        }
        list.append(row.id)?;
        list.append(row.seq)?;
        list.append(row.n)?;
        list.append(row.at)?;
        list.append(&words.1)?;
        list.append(&words.3)?;
        list.append(&row.body)?;
        list.append(&row.hash)?;
    }
    Ok(list)
}

enum Item {
    Entry(Entry),
    Mark(Py<PyAny>),
}

#[derive(Default)]
struct Waiting {
    items: Vec<Item>,
    /// Whether somebody stands still until the last of them is taken.
    is_awaited: bool,
}

/// What waits for the thread that writes, in the order of arrival.
#[pyclass(frozen, module = "orderloom._core")]
struct Inbox {
    waiting: Mutex<Waiting>,
    came: Condvar,
}

impl Inbox {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in items; how many wait now. Only the first of many wakes whoever takes them.
    fn put(&self, items: impl Iterator<Item = Item>) -> usize {
        let mut waiting = self.waiting();
        let before = waiting.items.len();
        waiting.items.extend(items);
        let now = waiting.items.len();
        drop(waiting);
        if before == 0 && now > 0 {
            self.came.notify_one();
        }
        now
    }

    /// Waits for a first item, and then for more of them.
    fn gathered(&self, within: Option<Duration>, gather: Duration) -> Vec<Item> {
        let waiting = self.waiting();
        let is_empty = |waiting: &mut Waiting| waiting.items.is_empty();
        let mut waiting = match within {
            None => self.came.wait_while(waiting, is_empty).unwrap_or_else(PoisonError::into_inner),
            Some(within) => {
                let waited = self.came.wait_timeout_while(waiting, within, is_empty);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if !waiting.items.is_empty() {
            let waited = self.came.wait_timeout_while(waiting, gather, |waiting| !waiting.is_awaited);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.is_awaited = false;
        std::mem::take(&mut waiting.items)
    }
}

#[pymethods]
impl Inbox {
    #[new]
    fn new() -> Self {
        Self { waiting: Mutex::default(), came: Condvar::new() }
    }

    fn __len__(&self) -> usize {
        self.waiting().items.len()
    }

    /// Takes in an event; how many items wait now.
    fn event(&self, seq: i64, at: i64, event: &Bound<'_, PyAny>) -> PyResult<usize> {
        let entry = Entry { seq, at, n: 0, what: "event", record: Record::of(event)? };
        Ok(self.put(std::iter::once(Item::Entry(entry))))
    }

    /// Takes in entries of one type that belong to one event; how many items wait now.
    fn entries(&self, seq: i64, at: i64, r#type: &str, records: Vec<Bound<'_, PyAny>>) -> PyResult<usize> {
        Ok(self.put(entries(seq, at, r#type, &records)?.into_iter().map(Item::Entry)))
    }

    /// Takes in something else that is to keep its place; with `is_awaited` nobody waits for more.
    fn mark(&self, mark: Py<PyAny>, is_awaited: bool) {
        let mut waiting = self.waiting();
        waiting.items.push(Item::Mark(mark));
        waiting.is_awaited |= is_awaited;
        drop(waiting);
        self.came.notify_one();
    }

    /// Gives away all that waits, entries and the marks between them, while the interpreter is free: as
    /// soon as there is something, but `gather` seconds later unless somebody waits; nothing when
    /// nothing came `within` seconds.
    #[pyo3(signature = (within, gather))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        within: Option<f64>,
        gather: f64,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let seconds = |seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))
        };
        let (within, gather) = (within.map(seconds).transpose()?, seconds(gather)?);
        let items = py.detach(|| self.gathered(within, gather));
        let mut taken = Vec::new();
        let mut run = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Entry(entry) => run.push(entry),
                Item::Mark(mark) => {
                    taken.extend(Entries::object(py, std::mem::take(&mut run))?);
                    taken.push(mark.into_bound(py));
                }
            }
        }
        taken.extend(Entries::object(py, run)?);
        Ok(taken)
    }
}

/// Adds entries to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Entries>()?;
    module.add_class::<Inbox>()
}

//! The engine run again over a journal, in batches: each outcome is compared, byte for byte.

use orderloom_core::engine::{Engine, Output};
use orderloom_core::event::{Event, EventKind};
use orderloom_core::time::Timestamp;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::rows::{Row, Texts};
use crate::snapshot::differing;

/// Event number, place among its outcome, what the journal has, what the engine says.
pub(crate) type Difference = (u64, usize, Option<String>, Option<String>);

/// Event number, how much of its outcome the rows held, and type and JSON of the rest.
pub(crate) type Rest = (u64, usize, Vec<(&'static str, String)>);

/// What the engine made of the last event, and how much of it the rows have held so far.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    seq: u64,
    /// Commands, then notices, as the journal writes them, without anything between them.
    text: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// How many of them are commands.
    commands: usize,
    matched: usize,
}

impl Comparison {
    pub(crate) fn feed(&mut self, engine: &mut Engine, journal: &Texts<'_>) -> PyResult<Option<Difference>> {
        for row in journal.rows() {
            let row = row?;
            let Row { seq, what, body, .. } = row;
            if matches!(what, "command" | "notice") && seq == self.seq {
                if self.next().is_some_and(|next| next == body.as_bytes()) {
                    self.matched += 1;
                    continue;
                }
                let found = self.next().map(text);
                return Ok(Some((seq, self.matched, Some(body.to_owned()), found)));
            }
            if let Some(next) = self.next() {
                // The journal goes on without something that the engine said.
                return Ok(Some((self.seq, self.matched, None, Some(text(next)))));
            }
            match what {
                "event" => self.judge(engine, &row)?,
                "end" => {}
                "snapshot" => {
                    if let Some(found) = differing(engine, body)? {
                        return Ok(Some((seq, self.ends.len(), Some(body.to_owned()), Some(found))));
                    }
                }
                "command" | "notice" => {
                    return Ok(Some((seq, 0, Some(body.to_owned()), None)));
                }
                other => {
                    return Err(PyValueError::new_err(format!("event {seq}: unknown row type `{other}`")));
                }
            }
        }
        Ok(None)
    }

    /// Judges the events among the rows, and compares nothing.
    pub(crate) fn catch_up(&mut self, engine: &mut Engine, journal: &Texts<'_>) -> PyResult<()> {
        for row in journal.rows() {
            let row = row?;
            if row.what == "event" {
                self.judge(engine, &row)?;
            }
        }
        Ok(())
    }

    /// What the engine said of the last event and no row has held.
    pub(crate) fn rest(&self) -> Rest {
        let kind = |place| if place < self.commands { "command" } else { "notice" };
        let rest =
            (self.matched..self.ends.len()).map(|place| (kind(place), text(self.piece(place)))).collect();
        (self.seq, self.matched, rest)
    }

    fn judge(&mut self, engine: &mut Engine, row: &Row<'_>) -> PyResult<()> {
        let Row { seq, at, .. } = *row;
        let broken = |reason: &dyn std::fmt::Display| PyValueError::new_err(format!("event {seq}: {reason}"));
        let kind: EventKind = event_kind(row).map_err(|error| broken(&error))?;
        let symbols = engine.config().instruments.len();
        if let Some(symbol) = kind.symbol().filter(|symbol| symbols <= symbol.index()) {
            return Err(broken(&format_args!("`symbol` must be below {symbols}, was `{}`", symbol.0)));
        }
        (self.seq, self.matched) = (seq, 0);
        self.text.clear();
        self.ends.clear();
        let Output { commands, notices } = engine.on_event(&Event { seq, at: Timestamp(at), kind });
        for command in commands {
            self.push(command).map_err(|error| broken(&error))?;
        }
        self.commands = self.ends.len();
        for notice in notices {
            self.push(notice).map_err(|error| broken(&error))?;
        }
        Ok(())
    }

    fn push(&mut self, said: &impl serde::Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.text, said)?;
        self.ends.push(self.text.len());
        Ok(())
    }

    fn next(&self) -> Option<&[u8]> {
        (self.matched < self.ends.len()).then(|| self.piece(self.matched))
    }

    fn piece(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }
}

/// Reads an event. Nearly all are market data; told which it is, serde need not keep the fields until
/// it has found out, which takes twice as long.
fn event_kind(row: &Row<'_>) -> serde_json::Result<EventKind> {
    match row.kind {
        "quote" => serde_json::from_str(row.body).map(EventKind::Quote),
        "trade" => serde_json::from_str(row.body).map(EventKind::Trade),
        _ => serde_json::from_str(row.body),
    }
}

fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}

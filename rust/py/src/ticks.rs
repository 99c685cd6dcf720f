//! Level one of every subscription: TWS's ticks, a side at a time, become whole quotes and prints.
//!
//! The fields of a message come as `ib_async` split them. Bid and ask come as separate ticks: one
//! quote is told for both, before whatever follows, so that no quote mixes an old side with a new one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use rustc_hash::FxHashMap;

use crate::event::Event;

// Tick types of level one (tws-protocol: replies).
const BID_SIZE: i64 = 0;
const BID: i64 = 1;
const ASK: i64 = 2;
const ASK_SIZE: i64 = 3;
const LAST: i64 = 4;
const LAST_SIZE: i64 = 5;

/// The same types of delayed data.
const fn live_type(kind: i64) -> Option<i64> {
    match kind {
        66 => Some(BID),
        67 => Some(ASK),
        68 => Some(LAST),
        69 => Some(BID_SIZE),
        70 => Some(ASK_SIZE),
        71 => Some(LAST_SIZE),
        _ => None,
    }
}

const UNSET: f64 = 1.79e308;
const UNSET_INTEGER: f64 = 2_147_483_647.0;

fn number(value: f64) -> Option<f64> {
    (value.is_finite() && value.abs() < UNSET).then_some(value)
}

/// A quantity that TWS may leave out: none of it is 0.
fn quantity(value: f64) -> f64 {
    number(value).filter(|found| *found != UNSET_INTEGER).unwrap_or(0.0)
}

#[derive(Debug, Clone, Copy)]
struct Level {
    symbol: u32,
    wants_live: bool,
    is_withheld: bool,
    bid: Option<f64>,
    ask: Option<f64>,
    bid_size: f64,
    ask_size: f64,
    last: Option<f64>,
    /// The size that came with the last print and is repeated in a tick of its own.
    echo: Option<f64>,
    is_changed: bool,
}

/// What a tick leads to.
enum Heard {
    Nothing,
    Print(Event),
    /// Delayed data although live was asked for.
    Delayed,
}

impl Level {
    fn accept(&self, kind: i64) -> Result<Option<i64>, Heard> {
        match live_type(kind) {
            None => Ok((!self.is_withheld).then_some(kind)),
            Some(_) if self.wants_live => Err(Heard::Delayed),
            plain => Ok(plain),
        }
    }

    fn put(side: &mut Option<f64>, shares: &mut f64, price: Option<f64>, size: f64) -> bool {
        #[expect(clippy::float_cmp, reason = "whether TWS said something else than before")]
        let is_other = *side != price || *shares != size;
        (*side, *shares) = (price, size);
        is_other
    }

    fn price(&mut self, kind: i64, value: f64, size: f64) -> PyResult<Heard> {
        let side = match self.accept(kind) {
            Ok(side) => side,
            Err(heard) => return Ok(heard),
        };
        // TWS writes -1 where nobody quotes.
        let price = number(value).filter(|price| *price > 0.0);
        let shares = quantity(size);
        match side {
            Some(BID) => self.is_changed |= Self::put(&mut self.bid, &mut self.bid_size, price, shares),
            Some(ASK) => self.is_changed |= Self::put(&mut self.ask, &mut self.ask_size, price, shares),
            Some(LAST) => {
                (self.last, self.echo) = (price, Some(shares));
                if let Some(price) = price {
                    return Event::trade(self.symbol, price, shares).map(Heard::Print);
                }
            }
            _ => {}
        }
        Ok(Heard::Nothing)
    }

    #[expect(clippy::float_cmp, reason = "whether TWS repeats itself")]
    fn size(&mut self, kind: i64, value: f64) -> PyResult<Heard> {
        let side = match self.accept(kind) {
            Ok(side) => side,
            Err(heard) => return Ok(heard),
        };
        let shares = quantity(value);
        match side {
            Some(BID_SIZE) => {
                self.is_changed |= shares != self.bid_size;
                self.bid_size = shares;
            }
            Some(ASK_SIZE) => {
                self.is_changed |= shares != self.ask_size;
                self.ask_size = shares;
            }
            Some(LAST_SIZE) => {
                let echo = self.echo.take();
                if let Some(last) = self.last.filter(|_| echo != Some(shares)) {
                    return Event::trade(self.symbol, last, shares).map(Heard::Print);
                }
            }
            _ => {}
        }
        Ok(Heard::Nothing)
    }

    fn quote(&mut self) -> PyResult<Event> {
        self.is_changed = false;
        Event::quote(self.symbol, self.bid, self.ask, self.bid_size, self.ask_size)
    }

    fn withdraw(&mut self) {
        self.is_changed |= self.bid.is_some() || self.ask.is_some();
        (self.bid, self.ask, self.last) = (None, None, None);
        (self.bid_size, self.ask_size) = (0.0, 0.0);
    }
}

#[derive(Default)]
struct State {
    levels: FxHashMap<i64, Level>,
    /// Whose quote changed and was not told.
    changed: Option<i64>,
}

impl State {
    fn level(&mut self, request: i64) -> PyResult<&mut Level> {
        self.levels.get_mut(&request).ok_or_else(|| PyKeyError::new_err(format!("request {request}")))
    }

    fn flush(&mut self) -> PyResult<Option<Event>> {
        match self.changed.take().and_then(|request| self.levels.get_mut(&request)) {
            Some(level) if level.is_changed => level.quote().map(Some),
            _ => Ok(None),
        }
    }

    /// Remembers a change of `request`; a change of another one is told first.
    fn note(&mut self, request: i64) -> PyResult<Option<Event>> {
        if self.changed == Some(request) || !self.levels.get(&request).is_some_and(|level| level.is_changed) {
            return Ok(None);
        }
        let before = self.flush()?;
        self.changed = Some(request);
        Ok(before)
    }

    fn tick(&mut self, tick: &Tick) -> PyResult<Told> {
        let Some(level) = self.levels.get_mut(&tick.request) else { return Ok(Told::default()) };
        let heard = match tick.price {
            Some(price) => level.price(tick.kind, price, tick.size)?,
            None => level.size(tick.kind, tick.size)?,
        };
        self.heard(tick.request, heard)
    }

    fn heard(&mut self, request: i64, heard: Heard) -> PyResult<Told> {
        Ok(match heard {
            Heard::Delayed => Told { delayed: Some(request), ..Told::default() },
            Heard::Print(print) => Told { quote: self.flush()?, print: Some(print), delayed: None },
            Heard::Nothing => Told { quote: self.note(request)?, ..Told::default() },
        })
    }
}

/// What is told of a tick: events in this order, or a request whose data is delayed.
#[derive(Default)]
struct Told {
    quote: Option<Event>,
    print: Option<Event>,
    delayed: Option<i64>,
}

impl Told {
    /// Adds it to what Python is given; whether nothing may follow before that was heard.
    fn give<'py>(self, py: Python<'py>, found: &mut Vec<Bound<'py, PyAny>>) -> PyResult<bool> {
        for event in [self.quote, self.print].into_iter().flatten() {
            found.push(event.into_bound_py_any(py)?);
        }
        if let Some(request) = self.delayed {
            found.push(request.into_bound_py_any(py)?);
        }
        Ok(self.delayed.is_some())
    }

    fn given(self, py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
        let mut found = Vec::new();
        self.give(py, &mut found)?;
        Ok(found)
    }
}

/// The newest level one of every request, and which of them was not told yet.
#[pyclass(frozen, module = "orderloom._core")]
struct Ticks {
    state: Mutex<State>,
}

impl Ticks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the length is that stands before each message.
const PREFIX: usize = 4;

/// The message that begins at `at`, if it is whole, and where the next one begins. As `ib_async` has it,
/// something must follow a length: a message of none waits for the next one.
fn framed(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let start = at.checked_add(PREFIX).filter(|start| *start < data.len())?;
    let prefix: [u8; PREFIX] = data.get(at..start)?.try_into().expect("as long as the prefix");
    let end = start.checked_add(u32::from_be_bytes(prefix) as usize)?;
    Some((data.get(start..end)?, end))
}

/// A tick as it was written: request, kind, and price with size, or the size alone.
struct Tick {
    request: i64,
    kind: i64,
    price: Option<f64>,
    size: f64,
}

impl Tick {
    /// `None` for every other message, and for one that is not as it should be.
    fn parsed(message: &[u8]) -> Option<Self> {
        let is_price = match message {
            [b'1', 0, ..] => true,
            [b'2', 0, ..] => false,
            _ => return None,
        };
        let text = std::str::from_utf8(message).ok()?.strip_suffix('\0')?;
        let mut fields = text.split('\0').skip(2);
        let (request, kind) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let price = if is_price { Some(fields.next()?.parse().ok()?) } else { None };
        let size = match fields.next()? {
            "" => 0.0,
            size => size.parse().ok()?,
        };
        let is_over = if is_price {
            fields.next().is_some() && fields.next().is_none()
        } else {
            fields.next().is_none()
        };
        is_over.then_some(Self { request, kind, price, size })
    }
}

/// The fields of a message as text, what is not UTF-8 written with backslashes.
fn split<'py>(py: Python<'py>, message: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let bytes = PyBytes::new(py, message);
    let text = bytes.call_method1("decode", ("utf-8", "backslashreplace"))?;
    let text = text.cast::<PyString>()?.to_str()?.to_owned();
    let mut fields: Vec<&str> = text.split('\0').collect();
    fields.pop();
    PyList::new(py, fields)
}

fn field<T: std::str::FromStr + Default>(fields: &Bound<'_, PyList>, place: usize) -> PyResult<T> {
    let item = fields.get_item(place)?;
    let text = item.cast::<PyString>()?.to_str()?;
    if text.is_empty() {
        return Ok(T::default());
    }
    text.parse().map_err(|_| PyValueError::new_err(format!("expected a number, found `{text}`")))
}

#[pymethods]
impl Ticks {
    #[new]
    fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// Follow a request.
    fn add(&self, request: i64, symbol: u32, wants_live: bool) {
        let level = Level {
            symbol,
            wants_live,
            is_withheld: false,
            bid: None,
            ask: None,
            bid_size: 0.0,
            ask_size: 0.0,
            last: None,
            echo: None,
            is_changed: false,
        };
        self.state().levels.insert(request, level);
    }

    /// Follow a request no longer.
    fn remove(&self, request: i64) {
        self.state().levels.remove(&request);
    }

    /// Take a message of type 1 (price and size) or 2 (size), as split; what it led to.
    fn message<'py>(&self, fields: &Bound<'py, PyList>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let (request, kind) = (field(fields, 2)?, field(fields, 3)?);
        let state = &mut *self.state();
        let Some(level) = state.levels.get_mut(&request) else { return Ok(Vec::new()) };
        let heard = match fields.len() {
            5 => level.size(kind, field(fields, 4)?)?,
            7 if fields.get_item(4)?.cast::<PyString>()?.len()? == 0 => return Ok(Vec::new()),
            7 => level.price(kind, field(fields, 4)?, field(fields, 5)?)?,
            found => return Err(PyValueError::new_err(format!("expected 5 or 7 fields, found {found}"))),
        };
        state.heard(request, heard)?.given(fields.py())
    }

    /// Take the ticks of `data` from `at` on, up to one whose data is delayed or to another message:
    /// where the next message begins, what ticks led to, the fields of the other message, and whether no
    /// message is whole any more. When all was taken, the quote that changed last is told, too.
    #[expect(clippy::type_complexity, reason = "a tuple for Python")]
    fn take<'py>(
        &self,
        data: &Bound<'py, PyBytes>,
        at: usize,
    ) -> PyResult<(usize, Vec<Bound<'py, PyAny>>, Option<Bound<'py, PyList>>, bool)> {
        let (py, bytes) = (data.py(), data.as_bytes());
        let state = &mut *self.state();
        let (mut at, mut found) = (at, Vec::new());
        while let Some((message, next)) = framed(bytes, at) {
            at = next;
            match Tick::parsed(message).map(|tick| state.tick(&tick)) {
                Some(Ok(told)) => {
                    if told.give(py, &mut found)? {
                        return Ok((at, found, None, false));
                    }
                }
                // What cannot be taken is told with its text where every such message is.
                None | Some(Err(_)) => return Ok((at, found, Some(split(py, message)?), false)),
            }
        }
        if at == bytes.len() {
            Told { quote: state.flush()?, ..Told::default() }.give(py, &mut found)?;
        }
        Ok((at, found, None, true))
    }

    /// Take a price tick; what it led to.
    fn price<'py>(
        &self,
        py: Python<'py>,
        request: i64,
        kind: i64,
        value: f64,
        size: f64,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let state = &mut *self.state();
        let Some(level) = state.levels.get_mut(&request) else { return Ok(Vec::new()) };
        let heard = level.price(kind, value, size)?;
        state.heard(request, heard)?.given(py)
    }

    /// Take a size tick; what it led to.
    fn size<'py>(
        &self,
        py: Python<'py>,
        request: i64,
        kind: i64,
        value: f64,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let state = &mut *self.state();
        let Some(level) = state.levels.get_mut(&request) else { return Ok(Vec::new()) };
        let heard = level.size(kind, value)?;
        state.heard(request, heard)?.given(py)
    }

    /// The quote that changed and was not told yet.
    fn flush(&self) -> PyResult<Option<Event>> {
        self.state().flush()
    }

    /// Withdraw a request's prices; another's quote that was not told yet is returned.
    fn withdraw(&self, request: i64) -> PyResult<Option<Event>> {
        let state = &mut *self.state();
        state.level(request)?.withdraw();
        state.note(request)
    }

    /// Whether a request's live ticks are withheld.
    fn withhold(&self, request: i64, is_withheld: bool) -> PyResult<bool> {
        let state = &mut *self.state();
        let level = state.level(request)?;
        Ok(std::mem::replace(&mut level.is_withheld, is_withheld))
    }
}

/// Adds ticks to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Ticks>()
}

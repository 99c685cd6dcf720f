//! `run_backtest`: a whole history in one call, with the interpreter free meanwhile.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use orderloom_core::command::{Ask, Command as CoreCommand, Notice as CoreNotice};
use orderloom_core::config::EngineConfig;
use orderloom_core::decimal::{Money, Price};
use orderloom_core::engine::{Engine, Output};
use orderloom_core::event::{Answer, Event as CoreEvent, EventKind};
use orderloom_core::id::{RuleId, SymbolId};
use orderloom_core::time::{Date, Session, Span, Timestamp};
use orderloom_sim::{Backtest, Bars, Detail, History, Measures, Observer, Record, Ticks, VenueConfig};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMemoryView};
use serde::Serialize;

use crate::column::{Column, Number};
use crate::command::{Command, Said, tag};
use crate::engine::{Outcome, worth};
use crate::event::Event;

/// Starts, open, high, low, close, volume.
type BarColumns<'py> = (u32, [Bound<'py, PyAny>; 5], Option<Bound<'py, PyAny>>);
/// Times, bid, ask; sizes at both.
type QuoteColumns<'py> = (u32, [Bound<'py, PyAny>; 3], Option<[Bound<'py, PyAny>; 2]>);
/// Times, prices; sizes.
type PrintColumns<'py> = (u32, [Bound<'py, PyAny>; 2], Option<Bound<'py, PyAny>>);

/// The engine of a back-test that waits for an answer, for as long as it waits.
#[pyclass(frozen, module = "orderloom._core")]
struct Glance {
    engine: AtomicPtr<Engine>,
}

#[pymethods]
impl Glance {
    /// As `Engine.worth`.
    #[pyo3(signature = (operand, symbol=None, ask=None))]
    fn worth(
        &self,
        py: Python<'_>,
        operand: &str,
        symbol: Option<u32>,
        ask: Option<u64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        // SAFETY: the pointer is taken away, with the interpreter held, before the engine goes on; the
        // interpreter is held here from reading it until its last use.
        match unsafe { self.engine.load(Ordering::Acquire).as_ref() } {
            Some(engine) => worth(py, engine, operand, symbol, ask),
            None => Err(PyRuntimeError::new_err("the question is over")),
        }
    }
}

/// Records, asks custom conditions and tells a listener, in Python where there is one.
struct Recorder {
    record: Record,
    /// Takes an `ask` command, a glance at the engine and the time; returns an `answer` event.
    script: Option<Py<PyAny>>,
    listener: Option<Py<PyAny>>,
    /// What Python raised: the run ends.
    error: Option<PyErr>,
}

impl Recorder {
    fn listen(
        &mut self,
        event: &CoreEvent,
        commands: &[CoreCommand],
        notices: &[CoreNotice],
    ) -> PyResult<()> {
        let Some(listener) = self.listener.as_ref().filter(|_| self.error.is_none()) else { return Ok(()) };
        Python::attach(|py| {
            let told = Py::new(py, Event { kind: event.kind.clone() })?;
            let outcome = Outcome::of(Output { commands, notices });
            listener.call1(py, (event.seq, event.at.0, told, outcome)).map(|_| ())
        })
    }

    fn ask(&self, script: &Py<PyAny>, ask: &Ask, engine: &Engine, at: Timestamp) -> PyResult<Option<Answer>> {
        Python::attach(|py| {
            let glance = Glance { engine: AtomicPtr::new(ptr::from_ref(engine).cast_mut()) };
            let glance = Bound::new(py, glance)?;
            let said = Said { commands: vec![CoreCommand::Ask(ask.clone())], notices: Vec::new() };
            let command = Command { said: Arc::new(said), place: 0 };
            let said = script.call1(py, (command, &glance, at.0));
            glance.get().engine.store(ptr::null_mut(), Ordering::Release);
            let said = said?.into_bound(py);
            match &said.cast::<Event>()?.get().kind {
                EventKind::Answer(answer) => Ok(Some(answer.clone())),
                other => Err(PyTypeError::new_err(format!("expected an answer, was `{other:?}`"))),
            }
        })
    }
}

impl Observer for Recorder {
    fn hears_everything(&self) -> bool {
        self.listener.is_some()
    }

    #[inline]
    fn on_event(&mut self, event: &CoreEvent, commands: &[CoreCommand], notices: &[CoreNotice]) {
        self.record.on_event(event, commands, notices);
        if self.listener.is_some()
            && let Err(error) = self.listen(event, commands, notices)
        {
            self.error = Some(error);
        }
    }

    fn answer(&mut self, ask: &Ask, engine: &Engine, at: Timestamp) -> Option<Answer> {
        let script = self.script.as_ref().filter(|_| self.error.is_none())?;
        match self.ask(script, ask, engine, at) {
            Ok(answer) => answer,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    #[inline]
    fn on_moment(&mut self, at: Timestamp, engine: &Engine) {
        self.record.on_moment(at, engine);
    }

    fn wants_to_stop(&mut self) -> bool {
        if self.error.is_none() {
            self.error = Python::attach(|py| py.check_signals().err());
        }
        self.error.is_some()
    }
}

/// One symbol's columns, held while they are played.
struct HeldBars {
    symbol: u32,
    start: Column<i64>,
    prices: [Column<f64>; 4],
    volume: Option<Column<f64>>,
}

enum HeldTicks {
    Quotes { symbol: u32, at: Column<i64>, prices: [Column<f64>; 2], sizes: Option<[Column<f64>; 2]> },
    Prints { symbol: u32, at: Column<i64>, price: Column<f64>, size: Option<Column<f64>> },
}

fn one_length(symbol: u32, lengths: &[usize]) -> PyResult<()> {
    if lengths.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "the columns of symbol {symbol} must be of one length, are {lengths:?}"
    )))
}

impl HeldBars {
    fn new((symbol, [start, open, high, low, close], volume): &BarColumns<'_>) -> PyResult<Self> {
        let held = Self {
            symbol: *symbol,
            start: Column::new("start", start)?,
            prices: [
                Column::new("open", open)?,
                Column::new("high", high)?,
                Column::new("low", low)?,
                Column::new("close", close)?,
            ],
            volume: volume.as_ref().map(|volume| Column::new("volume", volume)).transpose()?,
        };
        let mut lengths = vec![held.start.values().len()];
        lengths.extend(held.prices.iter().chain(&held.volume).map(|column| column.values().len()));
        one_length(*symbol, &lengths)?;
        Ok(held)
    }

    fn bars(&self) -> Bars<'_> {
        Bars {
            symbol: SymbolId(self.symbol),
            start: self.start.values(),
            prices: self.prices.each_ref().map(Column::values),
            volume: self.volume.as_ref().map(Column::values),
        }
    }
}

impl HeldTicks {
    fn quotes((symbol, [at, bid, ask], sizes): &QuoteColumns<'_>) -> PyResult<Self> {
        let at = Column::new("at", at)?;
        let prices = [Column::new("bid", bid)?, Column::new("ask", ask)?];
        let sizes = match sizes {
            Some([bid, ask]) => Some([Column::new("bid_size", bid)?, Column::new("ask_size", ask)?]),
            None => None,
        };
        let mut lengths = vec![at.values().len()];
        lengths.extend(prices.iter().chain(sizes.iter().flatten()).map(|column| column.values().len()));
        one_length(*symbol, &lengths)?;
        Ok(Self::Quotes { symbol: *symbol, at, prices, sizes })
    }

    fn prints((symbol, [at, price], size): &PrintColumns<'_>) -> PyResult<Self> {
        let (at, price) = (Column::new("at", at)?, Column::new("price", price)?);
        let size = size.as_ref().map(|size| Column::new("size", size)).transpose()?;
        let mut lengths = vec![at.values().len(), price.values().len()];
        lengths.extend(size.iter().map(|column: &Column<f64>| column.values().len()));
        one_length(*symbol, &lengths)?;
        Ok(Self::Prints { symbol: *symbol, at, price, size })
    }

    fn ticks(&self) -> Ticks<'_> {
        match self {
            Self::Quotes { symbol, at, prices, sizes } => Ticks::Quotes {
                symbol: SymbolId(*symbol),
                at: at.values(),
                prices: prices.each_ref().map(Column::values),
                sizes: sizes.as_ref().map(|sizes| sizes.each_ref().map(Column::values)),
            },
            Self::Prints { symbol, at, price, size } => Ticks::Prints {
                symbol: SymbolId(*symbol),
                at: at.values(),
                price: price.values(),
                size: size.as_ref().map(Column::values),
            },
        }
    }
}

/// What a back-test left behind; tables are made when they are asked for.
#[pyclass(frozen, module = "orderloom._core")]
struct BacktestResult {
    engine: Engine,
    record: Record,
    events: u64,
}

impl BacktestResult {
    fn symbol(&self, symbol: SymbolId) -> &str {
        &self.engine.config().instruments[symbol.index()].symbol
    }

    fn rule(&self, rule: RuleId) -> &str {
        self.engine.config().rules.get(rule.0 as usize).map_or("", |rule| &rule.name)
    }
}

/// A table as a dict of columns, one closure per column.
macro_rules! table {
    ($py:expr, $rows:expr, { $($name:literal: $value:expr),* $(,)? }) => {{
        let table = PyDict::new($py);
        $(table.set_item($name, $rows.map($value).collect::<Vec<_>>())?;)*
        Ok(table)
    }};
}

#[pymethods]
impl BacktestResult {
    /// Trades that are over and held something.
    fn trades<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let price = |price: Option<Price>| price.map(Price::to_f64);
        table!(py, self.record.trades.iter(), {
            "symbol": |trade| self.symbol(trade.symbol),
            "side": |trade| trade.side.as_str(),
            "rule": |trade| self.rule(trade.rule),
            "quantity": |trade| trade.quantity.to_f64(),
            "entry_price": |trade| price(trade.entry_price),
            "exit_price": |trade| price(trade.exit_price),
            "exit_reason": |trade| trade.exit_reason.map(|reason| reason.as_str()),
            "tranches": |trade| trade.tranches,
            "pnl": |trade| trade.pnl.to_f64(),
            "commission": |trade| trade.commission.to_f64(),
            "opened_at": |trade| trade.opened_at.0,
            "closed_at": |trade| trade.closed_at.0,
        })
    }

    /// Every order as it stands at the end.
    fn orders<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let opener = |context: u64| {
            let place = usize::try_from(context).ok()?.checked_sub(1)?;
            self.record.openers.get(place).map(|rule| self.rule(*rule))
        };
        table!(py, self.engine.orders().iter(), {
            "order_id": |order| order.ticket.order_id.0,
            "order_ref": |order| &*order.ticket.order_ref.0,
            "symbol": |order| self.symbol(order.ticket.symbol),
            "rule": |order| order.context.and_then(|context| opener(context.0)),
            "role": |order| word(&order.role),
            "side": |order| order.ticket.side.as_str(),
            "quantity": |order| order.total().to_f64(),
            "order_type": |order| crate::command::order_type(&order.ticket),
            "limit_price": |order| order.ticket.order_type.limit_price().map(Price::to_f64),
            "stop_price": |order| order.ticket.order_type.stop_price().map(Price::to_f64),
            "parent_id": |order| order.ticket.parent.map(|parent| parent.0),
            "sent_at": |order| order.sent_at.0,
            "filled": |order| order.cum_qty.to_f64(),
            "average_price": |order| order.avg_price().map(Price::to_f64),
            "phase": |order| word(&order.phase()),
            "done_at": |order| order.done_at.map(|at| at.0),
        })
    }

    /// Every fill.
    fn fills<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        table!(py, self.engine.ledger().fills(), {
            "exec_id": |fill| &*fill.exec_id.0,
            "order_id": |fill| fill.order_id.map(|id| id.0),
            "symbol": |fill| self.symbol(fill.symbol),
            "side": |fill| fill.side.as_str(),
            "quantity": |fill| fill.quantity.to_f64(),
            "price": |fill| fill.price.to_f64(),
            "commission": |fill| fill.commission.map(Money::to_f64),
            "at": |fill| fill.at.0,
        })
    }

    /// What was wanted and not done.
    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        table!(py, self.record.blocked.iter(), {
            "at": |blocked| blocked.at.0,
            "rule": |blocked| blocked.rule.map(|rule| self.rule(rule)),
            "symbol": |blocked| blocked.symbol.map(|symbol| self.symbol(symbol)),
            "reason": |blocked| word(&blocked.reason),
            "detail": |blocked| &*blocked.detail,
        })
    }

    /// What an operator would have been told.
    fn incidents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        table!(py, self.record.incidents.iter(), {
            "at": |(at, _)| at.0,
            "code": |(_, incident)| word(&incident.code),
            "symbol": |(_, incident)| incident.symbol.map(|symbol| self.symbol(symbol)),
            "order_id": |(_, incident)| incident.order_id.map(|id| id.0),
            "text": |(_, incident)| &*incident.text,
        })
    }

    /// Moments (`q`) and the run's profit at them (`d`), as memory views.
    fn equity<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let moments = PyBytes::new(py, bytes_of(&self.record.moments));
        let profit = PyBytes::new(py, bytes_of(&self.record.profit));
        Ok((
            PyMemoryView::from(&moments)?.call_method1("cast", ("q",))?,
            PyMemoryView::from(&profit)?.call_method1("cast", ("d",))?,
        ))
    }

    /// Signed shares or contracts by symbol, where there are any.
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let held = PyDict::new(py);
        for (index, instrument) in (0..).zip(&self.engine.config().instruments) {
            let position = self.engine.position(SymbolId(index));
            if !position.quantity.is_zero() {
                held.set_item(&*instrument.symbol, position.quantity.to_f64())?;
            }
        }
        Ok(held)
    }

    /// The run in a few numbers.
    fn measures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = py.detach(|| Measures::of(&self.record, &self.engine));
        let table = PyDict::new(py);
        table.set_item("profit", found.profit)?;
        table.set_item("drawdown", found.drawdown)?;
        table.set_item("sharpe", found.sharpe)?;
        table.set_item("trades", found.trades)?;
        table.set_item("won", found.won)?;
        table.set_item("profit_factor", found.profit_factor)?;
        table.set_item("pnl", found.pnl)?;
        table.set_item("commission", found.commission)?;
        Ok(table)
    }

    #[getter]
    fn live_orders(&self) -> usize {
        self.engine.orders().iter().filter(|order| !order.is_done()).count()
    }

    #[getter]
    const fn events(&self) -> u64 {
        self.events
    }

    #[getter]
    const fn signals(&self) -> u64 {
        self.record.signals
    }

    #[getter]
    const fn fired(&self) -> u64 {
        self.record.fired
    }

    #[getter]
    fn profit(&self) -> f64 {
        self.engine.profit().to_f64()
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.engine.mode().as_str()
    }
}

/// A session as Python tells it: date, offset from UTC, open and close.
pub(crate) const fn session(&(date, utc_offset, open, close): &(u32, i64, i64, i64)) -> Session {
    Session { date: Date(date), utc_offset: Span(utc_offset), open: Timestamp(open), close: Timestamp(close) }
}

/// The word under which an enum is written.
fn word<T: Serialize>(value: &T) -> String {
    tag(value).unwrap_or_default()
}

fn bytes_of<T>(values: &[T]) -> &[u8] {
    // SAFETY: plain numbers without padding; every byte is initialised.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) }
}

/// A read-only `memoryview` of a copy of the values; `code` is their type.
pub(crate) fn view<'py, T>(py: Python<'py>, values: &[T], code: &str) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, bytes_of(values));
    PyMemoryView::from(&bytes)?.call_method1("cast", (code,))
}

/// Plays a history against the simulated venue.
#[pyfunction]
#[pyo3(signature = (config, venue, *, bars, quotes, prints, sessions, events, span, within, detail, is_limited_by_volume, script, listener))]
#[expect(clippy::too_many_arguments, reason = "keywords of one Python function")]
fn run_backtest(
    py: Python<'_>,
    config: &str,
    venue: &str,
    bars: Vec<BarColumns<'_>>,
    quotes: Vec<QuoteColumns<'_>>,
    prints: Vec<PrintColumns<'_>>,
    sessions: Vec<(u32, i64, i64, i64)>,
    events: Vec<(i64, Bound<'_, Event>)>,
    span: Option<i64>,
    within: (Option<i64>, Option<i64>),
    detail: &str,
    is_limited_by_volume: bool,
    script: Option<Py<PyAny>>,
    listener: Option<Py<PyAny>>,
) -> PyResult<BacktestResult> {
    let config: EngineConfig = serde_json::from_str(config)
        .map_err(|error| PyValueError::new_err(format!("engine configuration: {error}")))?;
    let venue: VenueConfig = serde_json::from_str(venue)
        .map_err(|error| PyValueError::new_err(format!("venue configuration: {error}")))?;
    let detail = match detail {
        "bars" => Detail::Bars,
        "prints" => Detail::Prints,
        "quotes" => Detail::Quotes,
        other => return Err(PyValueError::new_err(format!("`detail`: unknown word `{other}`"))),
    };
    let held_bars: Vec<_> = bars.iter().map(HeldBars::new).collect::<PyResult<_>>()?;
    let held_ticks: Vec<_> = quotes
        .iter()
        .map(HeldTicks::quotes)
        .chain(prints.iter().map(HeldTicks::prints))
        .collect::<PyResult<_>>()?;
    let count = config.instruments.len();
    let symbols =
        held_bars.iter().map(|bars| bars.symbol).chain(held_ticks.iter().map(|ticks| match ticks {
            HeldTicks::Quotes { symbol, .. } | HeldTicks::Prints { symbol, .. } => *symbol,
        }));
    let events: Vec<(Timestamp, EventKind)> =
        events.into_iter().map(|(at, event)| (Timestamp(at), event.get().kind.clone())).collect();
    let in_events = events.iter().filter_map(|(_, kind)| kind.symbol()).map(|symbol| symbol.0);
    if let Some(symbol) = symbols.chain(in_events).find(|symbol| *symbol as usize >= count) {
        return Err(PyValueError::new_err(format!("`symbol` must be below {count}, was `{symbol}`")));
    }
    let mut history = History {
        bars: held_bars.iter().map(HeldBars::bars).collect(),
        ticks: held_ticks.iter().map(HeldTicks::ticks).collect(),
        span: Span(span.unwrap_or(0)),
        detail,
        is_limited_by_volume,
        sessions: sessions.iter().map(session).collect(),
        events,
        from: within.0.map(Timestamp),
        to: within.1.map(Timestamp),
    };
    let refused = |error: String| PyValueError::new_err(error);
    let check_order = |history: &History<'_>, config: &EngineConfig| {
        history.check_order(&config.instruments).map_err(|error| refused(error.to_string()))
    };
    if span.is_none() && !history.bars.is_empty() {
        let Some(usual) = history.usual_span() else {
            check_order(&history, &config)?;
            let hint = "no two bars of a symbol, or two closer than a second: pass `span`, and whole numbers \
                        as times in nanoseconds";
            return Err(PyValueError::new_err(hint));
        };
        history.span = usual;
    }
    if history.span < Span::ZERO {
        return Err(PyValueError::new_err(format!("`span` must not be negative, was {}", history.span)));
    }
    let moments = history.bars.iter().map(|bars| bars.start.len()).max().unwrap_or(0);
    let recorder = Recorder { record: Record::with_capacity(moments), script, listener, error: None };
    let (world, played) = py.detach(|| {
        if history.from.is_some() || history.to.is_some() {
            // What is left out is found by its time, which takes the order for granted.
            check_order(&history, &config)?;
        }
        let mut world = Backtest::new(config, venue, history.first(), recorder)
            .map_err(|error| refused(error.to_string()))?;
        if let Some(spec) = world.engine.misfit(history.span).filter(|_| !history.bars.is_empty()) {
            let span = history.span;
            return Err(refused(format!(
                "`{spec}` cannot be built from bars of {span}, which do not divide it"
            )));
        }
        let played = world.play(&history).map_err(|error| refused(error.to_string()));
        PyResult::Ok((world, played))
    })?;
    let events = world.events();
    let Backtest { engine, observer: Recorder { record, error, .. }, .. } = world;
    match error {
        Some(error) => Err(error),
        None => played.map(|()| BacktestResult { engine, record, events }),
    }
}

/// A column that back-tests read in place however often: itself, or 64-bit values copied once.
#[pyfunction]
fn as_column<'py>(name: &str, column: Bound<'py, PyAny>, is_time: bool) -> PyResult<Bound<'py, PyAny>> {
    fn held<'py, T: Number>(
        name: &str,
        column: Bound<'py, PyAny>,
        code: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        match Column::<T>::new(name, &column)? {
            Column::Copied(values) => view(column.py(), &values, code),
            Column::Buffer(_) | Column::Arrow(_) => Ok(column),
        }
    }
    if is_time { held::<i64>(name, column, "q") } else { held::<f64>(name, column, "d") }
}

/// Adds back-tests to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(as_column, module)?)?;
    module.add_class::<Glance>()?;
    module.add_class::<BacktestResult>()?;
    module.add_function(wrap_pyfunction!(run_backtest, module)?)
}

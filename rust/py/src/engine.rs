//! `Engine`: the core's engine, one call per event.

use std::sync::Arc;

use orderloom_core::bracket::Bracket;
use orderloom_core::command::Notice as CoreNotice;
use orderloom_core::config::EngineConfig;
use orderloom_core::engine::{Engine as CoreEngine, Output, Worth};
use orderloom_core::event::Event as CoreEvent;
use orderloom_core::id::{AskId, OrderId, SymbolId};
use orderloom_core::order::Order;
use orderloom_core::rule::IndicatorSpec;
use orderloom_core::time::{Span, Timestamp};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{Borrowed, IntoPyObjectExt};

use crate::command::{Command, Notice, Said, json};
use crate::event::Event;
use crate::replay::{Comparison, Difference, Rest};
use crate::rows::{Columns, Texts};
use crate::snapshot::Snapshot;

/// What the engine asks for and tells after one event.
///
/// Example:
///     >>> from orderloom import Engine, Event
///     >>> engine = Engine('{"run": "one", "instruments": []}')
///     >>> outcome = engine.on_event(1, 0, Event.operator("halt", reason="by hand"))
///     >>> len(outcome.commands), [notice.kind for notice in outcome.notices], outcome.fired
///     (0, ['mode_changed'], [])
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Outcome {
    said: Arc<Said>,
}

impl Outcome {
    /// `None` when the event led to nothing.
    #[inline]
    pub(crate) fn of(output: Output<'_>) -> Option<Self> {
        (!output.commands.is_empty() || !output.notices.is_empty())
            .then(|| Self { said: Arc::new(Said::of(output)) })
    }
}

#[pymethods]
impl Outcome {
    #[getter]
    fn commands(&self) -> Vec<Command> {
        let places = 0..self.said.commands.len();
        places.map(|place| Command { said: Arc::clone(&self.said), place }).collect()
    }

    #[getter]
    fn notices(&self) -> Vec<Notice> {
        let places = 0..self.said.notices.len();
        places.map(|place| Notice { said: Arc::clone(&self.said), place }).collect()
    }

    /// The rules that acted, by their places in the configuration, in the order of judging.
    #[getter]
    fn fired(&self) -> Vec<u32> {
        let fired = self.said.notices.iter().filter_map(|notice| match notice {
            CoreNotice::RuleFired { rule, .. } => Some(rule.0),
            _ => None,
        });
        fired.collect()
    }
}

/// The items of a sequence; those of a list are taken by their places, without an iterator.
struct Items<T>(Vec<T>);

impl<'py, T: FromPyObjectOwned<'py>> FromPyObject<'_, 'py> for Items<T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(list) = object.cast::<PyList>() else { return object.extract().map(Self) };
        let mut items = Vec::with_capacity(list.len());
        for item in list.iter() {
            items.push(item.extract().map_err(Into::into)?);
        }
        Ok(Self(items))
    }
}

/// An indicator's name, parameters and value.
type IndicatorValue = (String, Vec<f64>, Option<(i64, &'static str)>, Option<f64>);

/// Rules, trades, orders and positions of one account.
///
/// Example:
///     >>> from orderloom import Engine, Event
///     >>> engine = Engine('{"run": "one", "instruments": []}')
///     >>> engine.on_event(1, 0, Event.clock()) is None, engine.mode
///     (True, 'ReduceOnly')
#[pyclass(module = "orderloom._core")]
pub(crate) struct Engine {
    engine: CoreEngine,
    comparison: Comparison,
}

impl Engine {
    fn symbol(&self, symbol: u32) -> PyResult<SymbolId> {
        checked_symbol(&self.engine, symbol)
    }

    fn event(&self, seq: u64, at: i64, event: &Event) -> PyResult<CoreEvent> {
        if let Some(symbol) = event.kind.symbol() {
            self.symbol(symbol.0)?;
        }
        Ok(CoreEvent { seq, at: Timestamp(at), kind: event.kind.clone() })
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(config: &str) -> PyResult<Self> {
        let config: EngineConfig = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("engine configuration: {error}")))?;
        let engine = CoreEngine::new(config).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { engine, comparison: Comparison::default() })
    }

    /// The engine that a snapshot's JSON tells of; the same from there on, or a `ValueError`.
    #[staticmethod]
    fn restore(py: Python<'_>, snapshot: &str) -> PyResult<Self> {
        let engine = py.detach(|| crate::snapshot::restore(snapshot))?;
        Ok(Self { engine, comparison: Comparison::default() })
    }

    /// The engine as it stands now, to be written down whenever there is time.
    fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.engine)
    }

    /// `None` when the event led to nothing.
    fn on_event(&mut self, seq: u64, at: i64, event: &Event) -> PyResult<Option<Outcome>> {
        let event = self.event(seq, at, event)?;
        Ok(Outcome::of(self.engine.on_event(&event)))
    }

    /// Takes in events that happened at the times `at`, numbered from `seq` on, while the interpreter
    /// is free. Returns what followed, each with the place of its event; no event is taken in when one
    /// of them cannot be.
    fn on_events(
        &mut self,
        py: Python<'_>,
        seq: u64,
        at: Items<i64>,
        events: Items<Py<Event>>,
    ) -> PyResult<Vec<(usize, Outcome)>> {
        let (Items(at), Items(events)) = (at, events);
        if at.len() != events.len() {
            let message = format!("`at` must be as long as `events` ({}), was {}", events.len(), at.len());
            return Err(PyValueError::new_err(message));
        }
        let known = self.engine.config().instruments.len();
        let mut symbols = events.iter().filter_map(|event| event.get().kind.symbol());
        if let Some(unknown) = symbols.find(|symbol| symbol.index() >= known) {
            self.symbol(unknown.0)?;
        }
        let engine = &mut self.engine;
        Ok(py.detach(|| {
            let mut judged = Vec::new();
            for (place, ((seq, at), event)) in (seq..).zip(&at).zip(&events).enumerate() {
                let event = CoreEvent { seq, at: Timestamp(*at), kind: event.get().kind.clone() };
                judged.extend(Outcome::of(engine.on_event(&event)).map(|outcome| (place, outcome)));
            }
            judged
        }))
    }

    /// Takes in rows of a journal in their order, as `Recording.batches` yields them, while the interpreter
    /// is free: events are judged, commands and notices compared with what the engine makes of them.
    ///
    /// Stops at the first difference and returns it as event number, place among the outcome, what
    /// the journal has and what the engine says.
    fn replay(&mut self, py: Python<'_>, rows: Columns) -> PyResult<Option<Difference>> {
        let Self { engine, comparison } = self;
        py.detach(|| comparison.feed(engine, &Texts::of(&rows)))
    }

    /// Takes in the events among a journal's rows as `replay` does, and compares nothing.
    fn catch_up(&mut self, py: Python<'_>, rows: Columns) -> PyResult<()> {
        let Self { engine, comparison } = self;
        py.detach(|| comparison.catch_up(engine, &Texts::of(&rows)))
    }

    /// What the engine made of the last replayed event and the rows did not hold: number of the event,
    /// how much of its outcome they held, and type and JSON of the rest.
    fn unmatched(&self) -> Rest {
        self.comparison.rest()
    }

    /// Takes in an event and tells why each rule that it triggers acted or did not: JSON verdicts, in
    /// the order of judging. With `rule` or `symbol`, of that one alone.
    #[pyo3(signature = (seq, at, event, *, rule=None, symbol=None))]
    fn trace(
        &mut self,
        seq: u64,
        at: i64,
        event: &Event,
        rule: Option<u32>,
        symbol: Option<u32>,
    ) -> PyResult<Vec<String>> {
        let event = self.event(seq, at, event)?;
        self.engine
            .trace(&event)
            .iter()
            .filter(|verdict| rule.is_none_or(|rule| verdict.rule.0 == rule))
            .filter(|verdict| symbol.is_none_or(|symbol| verdict.symbol == Some(SymbolId(symbol))))
            .map(json)
            .collect()
    }

    /// Why a rule would act on an event that came now, or not: JSON verdicts, one per symbol, none when
    /// the event does not trigger the rule. The engine stays as it is.
    fn explain(&self, seq: u64, at: i64, event: &Event, rule: &str) -> PyResult<Vec<String>> {
        let event = self.event(seq, at, event)?;
        let Some(found) = self.engine.rules().find(rule) else {
            return Err(PyValueError::new_err(format!("there is no rule `{rule}`")));
        };
        self.engine.explain(&event, found.id).iter().map(json).collect()
    }

    /// What the event `reloaded` with this configuration would do, as JSON: the names of rules `added`,
    /// `removed` and `changed`, and the indicators that begin `cold`. The engine stays as it is.
    fn preview(&self, config: &str) -> PyResult<String> {
        let config: EngineConfig = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("engine configuration: {error}")))?;
        let preview = self.engine.preview(&config);
        json(&preview.map_err(|error| PyValueError::new_err(error.to_string()))?)
    }

    fn next_deadline(&self) -> Option<i64> {
        self.engine.next_deadline().map(|at| at.0)
    }

    /// The configuration that is in force, as JSON.
    #[getter]
    fn config(&self) -> PyResult<String> {
        json(self.engine.config())
    }

    fn warm_up_bars(&self, span: i64) -> usize {
        self.engine.warm_up_bars(Span(span))
    }

    /// The indicator over longer bars that cannot be built from bars of `span` ns; `None` if all can.
    fn misfit(&self, span: i64) -> Option<String> {
        self.engine.misfit(Span(span)).map(ToString::to_string)
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.engine.mode().as_str()
    }

    #[getter]
    fn ordered_mode(&self) -> &'static str {
        self.engine.ordered_mode().as_str()
    }

    /// Numbers of the symbols that take no entries until a person resumes.
    fn quarantined(&self) -> Vec<u32> {
        self.engine.quarantined().map(|symbol| symbol.0).collect()
    }

    /// Signed quantity, average price, realised profit and commissions, as decimal strings.
    fn position(&self, symbol: u32) -> PyResult<(String, Option<String>, String, String)> {
        let symbol = self.symbol(symbol)?;
        let position = self.engine.position(symbol);
        let multiplier = self.engine.config().instruments[symbol.index()].multiplier;
        Ok((
            position.quantity.to_string(),
            position.average_price(multiplier).map(|price| price.to_string()),
            position.realized.to_string(),
            position.commission.to_string(),
        ))
    }

    /// Profit if the position were closed at the last price; `None` when flat or without a price.
    fn unrealized(&self, symbol: u32) -> PyResult<Option<String>> {
        let symbol = self.symbol(symbol)?;
        let (position, multiplier) =
            (self.engine.position(symbol), self.engine.config().instruments[symbol.index()].multiplier);
        Ok(self
            .engine
            .mark(symbol)
            .filter(|_| !position.quantity.is_zero())
            .map(|price| position.unrealized(price, multiplier).to_string()))
    }

    /// The last price of a symbol as a decimal string.
    fn mark(&self, symbol: u32) -> PyResult<Option<String>> {
        Ok(self.engine.mark(self.symbol(symbol)?).map(|price| price.to_string()))
    }

    /// What an operand (in the JSON of the rule tree) is worth to rules about a symbol, on the event of
    /// the question `ask` if that is waiting; `None` while it is unknown.
    #[pyo3(signature = (operand, symbol=None, ask=None))]
    fn worth(
        &self,
        py: Python<'_>,
        operand: &str,
        symbol: Option<u32>,
        ask: Option<u64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        worth(py, &self.engine, operand, symbol, ask)
    }

    /// Name, parameters, longer bars (span and what they are built of) and value of every indicator that
    /// rules use.
    fn indicators(&self, symbol: u32) -> PyResult<Vec<IndicatorValue>> {
        let indicators = self.engine.indicators(self.symbol(symbol)?);
        let row = |(spec, value): (&IndicatorSpec, _)| {
            let over = spec.over.map(|frame| (frame.span.0, frame.of.as_str()));
            (spec.name.to_string(), spec.parameters.clone(), over, value)
        };
        Ok(indicators.map(row).collect())
    }

    /// Profit of the run as a decimal string.
    fn profit(&self) -> String {
        self.engine.profit().to_string()
    }

    /// Every order that may still do something, as JSON: `order_id`, `symbol`, `role`, `side`,
    /// `quantity`, `filled`, `average_price`, `phase`, `limit_price`, `stop_price`, `context`, `oca`,
    /// `oca_kind`.
    fn live_orders(&self) -> String {
        let live: Vec<_> =
            self.engine.orders().iter().filter(|order| !order.is_done()).map(order_json).collect();
        serde_json::Value::from(live).to_string()
    }

    /// One order of this run, alive or ended, as JSON; `None` if there is none of that number.
    fn order(&self, order_id: i64) -> Option<String> {
        self.engine.orders().find(OrderId(order_id)).map(|order| order_json(order).to_string())
    }

    /// Every fill as it counts now, as JSON.
    fn fills(&self) -> String {
        let fills: Vec<_> = self
            .engine
            .ledger()
            .fills()
            .map(|fill| {
                serde_json::json!({
                    "exec_id": fill.exec_id,
                    "symbol": fill.symbol,
                    "order_id": fill.order_id,
                    "context": fill.context,
                    "side": fill.side,
                    "quantity": fill.quantity,
                    "price": fill.price,
                    "at": fill.at,
                    "commission": fill.commission,
                })
            })
            .collect();
        serde_json::Value::from(fills).to_string()
    }

    /// By symbol, what the run's orders outside any trade bought less what they sold, as decimal strings.
    fn of_single_orders(&self) -> Vec<String> {
        self.engine.ledger().of_single_orders().iter().map(ToString::to_string).collect()
    }

    /// The open trade of a symbol as JSON, or `None`: `context`, `side`, `phase`, `tranches`, `rule`,
    /// `quantity`, `brackets` (the order ids of each tranche), `uncovered` (filled shares without a live
    /// stop, and since how many nanoseconds) and `uncovered_max_ns`, the longest that lasted.
    fn context(&self, symbol: u32) -> PyResult<Option<String>> {
        Ok(self.engine.context(self.symbol(symbol)?).map(|context| {
            serde_json::json!({
                "context": context.id,
                "side": context.side,
                "phase": context.phase(self.engine.orders()).as_str(),
                "tranches": context.brackets.len(),
                "brackets": context.brackets.iter().map(bracket_json).collect::<Vec<_>>(),
                "rule": context.rule,
                "quantity": context.open_quantity(self.engine.orders()),
                "uncovered": self.engine.uncovered(context.symbol),
                "uncovered_max_ns": context.uncovered_max,
            })
            .to_string()
        }))
    }
}

fn order_json(order: &Order) -> serde_json::Value {
    serde_json::json!({
        "order_id": order.ticket.order_id,
        "order_ref": order.ticket.order_ref,
        "symbol": order.ticket.symbol,
        "role": order.role,
        "side": order.ticket.side,
        "quantity": order.total(),
        "filled": order.cum_qty,
        "average_price": order.avg_price(),
        "phase": order.phase(),
        "limit_price": order.ticket.order_type.limit_price(),
        "stop_price": order.ticket.order_type.stop_price(),
        "context": order.context,
        "oca": order.ticket.oca.as_ref().map(|oca| &oca.name),
        "oca_kind": order.ticket.oca.as_ref().map(|oca| oca.kind),
    })
}

fn bracket_json(bracket: &Bracket) -> serde_json::Value {
    bracket.orders.iter().map(|(_, id)| id.0).collect()
}

pub(crate) fn worth(
    py: Python<'_>,
    engine: &CoreEngine,
    operand: &str,
    symbol: Option<u32>,
    ask: Option<u64>,
) -> PyResult<Option<Py<PyAny>>> {
    let operand = serde_json::from_str(operand)
        .map_err(|error| PyValueError::new_err(format!("`operand`: {error}")))?;
    let symbol = symbol.map(|symbol| checked_symbol(engine, symbol)).transpose()?;
    Ok(match engine.worth(symbol, ask.map(AskId), &operand) {
        None => None,
        Some(Worth::Number(number)) => Some(number.into_py_any(py)?),
        Some(Worth::Text(word)) => Some((&*word).into_py_any(py)?),
        Some(Worth::Flag(flag)) => Some(flag.into_py_any(py)?),
    })
}

fn checked_symbol(engine: &CoreEngine, symbol: u32) -> PyResult<SymbolId> {
    let count = engine.config().instruments.len();
    if (symbol as usize) < count {
        return Ok(SymbolId(symbol));
    }
    Err(PyIndexError::new_err(format!("`symbol` must be below {count}, was `{symbol}`")))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Outcome>()?;
    module.add_class::<Engine>()
}

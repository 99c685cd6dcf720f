//! `Command`, `Ticket` and `Notice`: what the engine asks for and tells, as Python reads it.

use std::sync::Arc;

use orderloom_core::command::{
    Command as CoreCommand, Notice as CoreNotice, OcaKind, OrderType, PlaceOrder, Role, Ticket as CoreTicket,
    TimeInForce,
};
use orderloom_core::engine::Output;
use orderloom_core::id::OrderId;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;

pub(crate) fn json<T: Serialize>(value: &T) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The `kind` tag under which serde writes an enum variant.
pub(crate) fn tag<T: Serialize>(value: &T) -> PyResult<String> {
    let value = serde_json::to_value(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
    match value {
        serde_json::Value::String(word) => Ok(word),
        serde_json::Value::Object(fields) => match fields.get("kind") {
            Some(serde_json::Value::String(word)) => Ok(word.clone()),
            _ => Err(PyValueError::new_err("no kind")),
        },
        _ => Err(PyValueError::new_err("no kind")),
    }
}

/// TWS orderType.
pub(crate) const fn order_type(ticket: &CoreTicket) -> &'static str {
    match ticket.order_type {
        OrderType::Market => "MKT",
        OrderType::Limit { .. } => "LMT",
        OrderType::Stop { .. } => "STP",
        OrderType::StopLimit { .. } => "STP LMT",
        OrderType::TrailAmount { .. } | OrderType::TrailPercent { .. } => "TRAIL",
    }
}

/// All that an event led to, copied once: commands, notices, tickets and the journal share it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) commands: Vec<CoreCommand>,
    pub(crate) notices: Vec<CoreNotice>,
}

impl Said {
    pub(crate) fn of(Output { commands, notices }: Output<'_>) -> Self {
        Self { commands: commands.to_vec(), notices: notices.to_vec() }
    }
}

/// An order as it is to be sent, in the words of TWS.
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Ticket {
    said: Arc<Said>,
    place: usize,
}

impl Ticket {
    fn ticket(&self) -> &CoreTicket {
        let order = placed(&self.said.commands[self.place]);
        &order.expect("tickets are made of orders alone").ticket
    }
}

/// The order of a `place` or `modify`.
const fn placed(command: &CoreCommand) -> Option<&PlaceOrder> {
    match command {
        CoreCommand::Place(order) | CoreCommand::Modify(order) => Some(order),
        _ => None,
    }
}

#[pymethods]
impl Ticket {
    #[getter]
    fn order_id(&self) -> i64 {
        self.ticket().order_id.0
    }

    #[getter]
    fn order_ref(&self) -> &str {
        &self.ticket().order_ref.0
    }

    #[getter]
    fn symbol(&self) -> u32 {
        self.ticket().symbol.0
    }

    #[getter]
    fn side(&self) -> &'static str {
        self.ticket().side.as_str()
    }

    #[getter]
    fn quantity(&self) -> f64 {
        self.ticket().quantity.to_f64()
    }

    #[getter]
    fn order_type(&self) -> &'static str {
        order_type(self.ticket())
    }

    #[getter]
    fn limit_price(&self) -> Option<f64> {
        self.ticket().order_type.limit_price().map(|price| price.to_f64())
    }

    #[getter]
    fn stop_price(&self) -> Option<f64> {
        self.ticket().order_type.stop_price().map(|price| price.to_f64())
    }

    #[getter]
    fn trail_amount(&self) -> Option<f64> {
        match self.ticket().order_type {
            OrderType::TrailAmount { trail_amount, .. } => Some(trail_amount.to_f64()),
            _ => None,
        }
    }

    #[getter]
    fn trail_percent(&self) -> Option<f64> {
        match self.ticket().order_type {
            OrderType::TrailPercent { basis_points, .. } => Some(basis_points as f64 / 100.0),
            _ => None,
        }
    }

    #[getter]
    fn tif(&self) -> &'static str {
        match self.ticket().tif {
            TimeInForce::Day => "DAY",
            TimeInForce::Gtc => "GTC",
            TimeInForce::Ioc => "IOC",
        }
    }

    #[getter]
    fn parent_id(&self) -> i64 {
        self.ticket().parent.map_or(0, |OrderId(id)| id)
    }

    #[getter]
    fn oca_group(&self) -> &str {
        self.ticket().oca.as_ref().map_or("", |oca| &oca.name)
    }

    #[getter]
    fn oca_type(&self) -> u8 {
        self.ticket().oca.as_ref().map_or(0, |oca| match oca.kind {
            OcaKind::Cancel => 1,
            OcaKind::ReduceWithBlock => 2,
            OcaKind::Reduce => 3,
        })
    }

    #[getter]
    fn transmit(&self) -> bool {
        self.ticket().transmit
    }

    #[getter]
    fn outside_rth(&self) -> bool {
        self.ticket().outside_rth
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Ticket({})", json(self.ticket())?))
    }
}

/// Something that the shell must do before the next event.
///
/// Example:
///     >>> from orderloom import Engine, Event
///     >>> from orderloom.actions import log
///     >>> from orderloom.rules import rule
///     >>> from orderloom.config import Settings
///     >>> watch = rule("watch", on="Reading", symbols=["AAPL"], then=log("a reading came"))
///     >>> engine = Engine(Settings(rules=(watch,)).engine_config("one"))
///     >>> (command,) = engine.on_event(1, 0, Event.reading("vix", 0, 17.5)).commands
///     >>> command.kind, command.text
///     ('log', 'a reading came')
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Command {
    pub(crate) said: Arc<Said>,
    pub(crate) place: usize,
}

impl Command {
    pub(crate) fn command(&self) -> &CoreCommand {
        &self.said.commands[self.place]
    }
}

#[pymethods]
impl Command {
    #[getter]
    fn kind(&self) -> &'static str {
        command_kind(self.command())
    }

    #[getter]
    fn ticket(&self) -> Option<Ticket> {
        placed(self.command()).map(|_| Ticket { said: Arc::clone(&self.said), place: self.place })
    }

    #[getter]
    fn role(&self) -> Option<&'static str> {
        placed(self.command()).map(|order| match order.role {
            Role::Entry => "entry",
            Role::Stop => "stop",
            Role::Target => "target",
            Role::Close => "close",
            Role::Single => "single",
        })
    }

    #[getter]
    fn context(&self) -> Option<u64> {
        placed(self.command()).and_then(|order| order.context).map(|context| context.0)
    }

    #[getter]
    fn order_id(&self) -> Option<i64> {
        match self.command() {
            CoreCommand::Place(order) | CoreCommand::Modify(order) => Some(order.ticket.order_id.0),
            CoreCommand::Cancel(order) => Some(order.order_id.0),
            CoreCommand::Alert(incident) => incident.order_id.map(|id| id.0),
            _ => None,
        }
    }

    #[getter]
    fn symbol(&self) -> Option<u32> {
        match self.command() {
            CoreCommand::Place(order) | CoreCommand::Modify(order) => Some(order.ticket.symbol.0),
            CoreCommand::Cancel(order) => Some(order.symbol.0),
            CoreCommand::Alert(incident) => incident.symbol.map(|symbol| symbol.0),
            CoreCommand::Ask(ask) => ask.symbol.map(|symbol| symbol.0),
            CoreCommand::Log(line) | CoreCommand::Notify(line) => line.symbol.map(|symbol| symbol.0),
            CoreCommand::Reconcile(_) => None,
        }
    }

    #[getter]
    fn text(&self) -> Option<&str> {
        match self.command() {
            CoreCommand::Alert(incident) => Some(&incident.text),
            CoreCommand::Log(line) | CoreCommand::Notify(line) => Some(&line.text),
            CoreCommand::Reconcile(reconcile) => Some(&reconcile.reason),
            CoreCommand::Ask(ask) => Some(&ask.name),
            CoreCommand::Place(_) | CoreCommand::Modify(_) | CoreCommand::Cancel(_) => None,
        }
    }

    #[getter]
    fn code(&self) -> PyResult<Option<String>> {
        match self.command() {
            CoreCommand::Alert(incident) => tag(&incident.code).map(Some),
            _ => Ok(None),
        }
    }

    /// The number to name in the answer, and the time after which an answer counts as unknown.
    #[getter]
    fn ask(&self) -> Option<(u64, i64)> {
        match self.command() {
            CoreCommand::Ask(ask) => Some((ask.ask.0, ask.deadline.0)),
            _ => None,
        }
    }

    fn json(&self) -> PyResult<String> {
        json(self.command())
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Command({})", self.json()?))
    }
}

/// What the engine made of an event.
///
/// Example:
///     >>> from orderloom import Engine, Event
///     >>> engine = Engine('{"run": "one", "instruments": []}')
///     >>> signal = Event.signal("7", "AAPL", None, "BUY", 0.9, None, [], 0, None, [])
///     >>> [notice.kind for notice in engine.on_event(1, 0, signal).notices]
///     ['signal_judged']
#[pyclass(frozen, module = "orderloom._core")]
pub(crate) struct Notice {
    pub(crate) said: Arc<Said>,
    pub(crate) place: usize,
}

impl Notice {
    pub(crate) fn notice(&self) -> &CoreNotice {
        &self.said.notices[self.place]
    }
}

#[pymethods]
impl Notice {
    #[getter]
    fn kind(&self) -> &'static str {
        notice_kind(self.notice())
    }

    fn json(&self) -> PyResult<String> {
        json(self.notice())
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Notice({})", self.json()?))
    }
}

pub(crate) const fn command_kind(command: &CoreCommand) -> &'static str {
    match command {
        CoreCommand::Place(_) => "place",
        CoreCommand::Modify(_) => "modify",
        CoreCommand::Cancel(_) => "cancel",
        CoreCommand::Reconcile(_) => "reconcile",
        CoreCommand::Ask(_) => "ask",
        CoreCommand::Alert(_) => "alert",
        CoreCommand::Log(_) => "log",
        CoreCommand::Notify(_) => "notify",
    }
}

pub(crate) const fn notice_kind(notice: &CoreNotice) -> &'static str {
    match notice {
        CoreNotice::SignalJudged { .. } => "signal_judged",
        CoreNotice::RuleFired { .. } => "rule_fired",
        CoreNotice::RuleBlocked { .. } => "rule_blocked",
        CoreNotice::Filled { .. } => "filled",
        CoreNotice::CommissionPaid { .. } => "commission_paid",
        CoreNotice::PositionChanged { .. } => "position_changed",
        CoreNotice::ContextOpened { .. } => "context_opened",
        CoreNotice::ContextScaled { .. } => "context_scaled",
        CoreNotice::ContextConcluded(_) => "context_concluded",
        CoreNotice::OrderChanged { .. } => "order_changed",
        CoreNotice::ModeChanged { .. } => "mode_changed",
        CoreNotice::Reloaded(_) => "reloaded",
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Ticket>()?;
    module.add_class::<Command>()?;
    module.add_class::<Notice>()
}
